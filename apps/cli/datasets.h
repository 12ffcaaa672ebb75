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

/// workload::load_dataset, with the source told relative to the data directory: the same rows give the same study on
/// any machine.
Result<workload::Dataset> load_dataset(const workload::DatasetSpec& spec, const DataDir& data_dir);

/// Draws the sample and computes features and token counts (kind: word) of each query.
Result<replay::DatasetInput> prepare(const workload::Dataset& dataset, const workload::SampleSpec& sample,
                                     std::uint64_t seed);

}  // namespace phasewatt::cli
