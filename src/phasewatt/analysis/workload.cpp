#include "phasewatt/analysis/workload.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "phasewatt/analysis/ablation.h"
#include "phasewatt/analysis/pattern_tables.h"
#include "phasewatt/analysis/quality_tables.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

/// With qualities that are within 0..1, one per query, of models that have one; the first of a name counts.
WorkloadData with_sound_qualities(const WorkloadData& data) {
  WorkloadData sound = data;
  std::set<std::string> names;
  std::erase_if(sound.qualities, [&](const ModelQuality& model) { return !names.insert(model.model).second; });
  for (ModelQuality& model : sound.qualities) {
    model.values.resize(data.queries.size());
    for (auto& value : model.values)
      if (value && !(*value >= 0 && *value <= 1)) value.reset();
  }
  std::erase_if(sound.qualities, [](const ModelQuality& model) {
    return std::none_of(model.values.begin(), model.values.end(), [](const auto& value) { return value.has_value(); });
  });
  return sound;
}

/// The sentence on what was left out goes apart: it is the last thing to read.
WorkloadFindings difficulty(const WorkloadData& data, std::vector<std::string>& remarks) {
  WorkloadFindings findings;
  const WorkloadData sound = with_sound_qualities(data);
  if (sound.qualities.empty() || !lengths_finite(data)) return findings;
  const WorkloadView workload(sound);
  const auto normalised = mean_normalised_quality(sound);
  const LabelSets labels = label_sets(workload, normalised);
  AucFindings areas = auc_findings(workload, labels);

  std::vector<std::string> left_out;
  const auto add = [&](Table table, const std::string& why) {
    if (!table.rows.empty())
      findings.tables.push_back(std::move(table));
    else
      left_out.push_back(table.title.substr(0, table.title.find(':')) + " (" + why + ")");
  };
  add(quality_table(workload), "no dataset");
  add(correlations_table(workload), "no feature");
  add(selection_table(workload), "no feature");
  add(ablation_table(workload, labels), "fewer than five easy or five hard queries that all models answered");
  add(std::move(areas.table), areas.why_empty);
  add(patterns_table(workload), "needs small and large models that answered the same queries");
  add(thresholds_table(workload), "no thresholds for the features at hand");
  Figure figure = length_quality_figure(workload, normalised);
  if (!figure.data.rows.empty()) findings.figures.push_back(std::move(figure));
  findings.sentences = std::move(areas.sentences);
  if (!left_out.empty()) remarks.push_back("Left out about answer quality: " + join(left_out, "; ") + ".");
  return findings;
}

void append(std::vector<std::string>& to, std::vector<std::string> from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

WorkloadFindings describe_difficulty(const WorkloadData& data) {
  std::vector<std::string> remarks;
  WorkloadFindings findings = difficulty(data, remarks);
  append(findings.sentences, std::move(remarks));
  return findings;
}

WorkloadFindings describe_workload(const WorkloadData& data) {
  WorkloadFindings findings = describe_queries(data);
  std::vector<std::string> remarks;
  WorkloadFindings quality = difficulty(data, remarks);
  std::move(quality.tables.begin(), quality.tables.end(), std::back_inserter(findings.tables));
  std::move(quality.figures.begin(), quality.figures.end(), std::back_inserter(findings.figures));
  append(quality.sentences, std::move(findings.sentences));
  append(quality.sentences, std::move(remarks));
  findings.sentences = std::move(quality.sentences);
  return findings;
}

}  // namespace phasewatt::analysis
