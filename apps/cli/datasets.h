#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/replay/plan.h"
#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/sample.h"

/// Datasets as the commands need them: loaded, sampled, with features and token counts.
namespace phasewatt::cli {

using DataDir = std::optional<std::filesystem::path>;

/// Absent when `text` is empty; not_found when it names no folder.
Result<DataDir> parse_data_dir(const std::string& text);

/// Draws the sample and computes features and token counts (kind: word) of each query.
Result<replay::DatasetInput> prepare(const workload::Dataset& dataset, const workload::SampleSpec& sample, std::uint64_t seed);

}  // namespace phasewatt::cli
