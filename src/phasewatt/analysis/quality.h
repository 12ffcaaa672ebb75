#pragma once

#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"

/// Mean qualities from a study's rows. The store keeps one mean per model and query over all points, so quality is not
/// told apart by clock.
namespace phasewatt::analysis {

/// Which queries: `dataset` empty = all, `task` absent = both.
struct QualityFilter {
  std::string dataset;
  std::optional<Task> task;
};

/// Unweighted mean over the model's rows, 0..1; absent when there are none.
std::optional<double> mean_quality(const StudyData& data, const std::string& model, const QualityFilter& filter);

/// Unweighted mean over `datasets` of the means, as Table VII averages; absent when a dataset has none.
std::optional<double> mean_quality(const StudyData& data, const std::string& model,
                                   const std::vector<std::string>& datasets);

}  // namespace phasewatt::analysis
