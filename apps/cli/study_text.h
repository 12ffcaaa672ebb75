#pragma once

#include <string>

#include "phasewatt/base/records.h"
#include "phasewatt/replay/estimate.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/store/reader.h"

/// What the study commands print, as text for people and as JSON. Pure functions. An empty `digest` is left out.
namespace phasewatt::cli {

std::string plan_text(const StudyPlan& plan, const replay::PlanEstimate& estimate);
std::string plan_json(const StudyPlan& plan, const replay::PlanEstimate& estimate);

std::string summary_text(const replay::RunSummary& summary, const store::StudySummary& state, const std::string& db);
std::string summary_json(const replay::RunSummary& summary, const store::StudySummary& state, const std::string& db);

std::string status_text(const store::StudySummary& state, const std::string& digest);
std::string status_json(const store::StudySummary& state, const std::string& digest);

}  // namespace phasewatt::cli
