#include "phasewatt/workload/scores.h"

namespace phasewatt::workload {

std::optional<double> answer_quality(const Query& query, const Outcome& outcome) {
  if (query.task == Task::classification) {
    const auto choice = choose_option(outcome.option_logprobs);
    if (!choice || !query.answer || outcome.option_logprobs.size() != query.choices.size()) return std::nullopt;
    return choice->accuracy(static_cast<std::size_t>(*query.answer));
  }
  if (!outcome.text) return std::nullopt;
  const auto scores = rouge(query.references, *outcome.text);
  return scores ? std::optional(scores->rouge_l.f1) : std::nullopt;
}

}  // namespace phasewatt::workload
