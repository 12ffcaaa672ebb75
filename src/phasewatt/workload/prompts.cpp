#include "phasewatt/workload/prompts.h"

#include <fmt/format.h>

#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {

std::string boolq_prompt(std::string_view passage, std::string_view question) {
  return fmt::format("{}\nQuestion: {}?\nAnswer:", first_code_points(passage, kPassageCut), question);
}

std::string hellaswag_prompt(std::string_view activity, std::string_view context,
                             std::span<const std::string, 4> endings) {
  return fmt::format(
      "Activity: {}\nContext: {}\n\nChoose the most plausible ending for the context from the options below:\n"
      "A. {}\nB. {}\nC. {}\nD. {}\nAnswer:",
      activity, context, endings[0], endings[1], endings[2], endings[3]);
}

std::string truthfulqa_prompt(std::string_view question) { return plain_prompt({}, question); }

std::string narrativeqa_prompt(std::string_view summary, std::string_view question) {
  return fmt::format("{}\nQuestion: {}\nAnswer:", first_code_points(summary, kSummaryCut), question);
}

std::string plain_prompt(std::string_view context, std::string_view question) {
  return fmt::format("{}{}Question: {}\nAnswer:", context, context.empty() ? "" : "\n", question);
}

bool complete_question(Query& query) {
  if (count_words(query.question) > 0) return true;
  query.question = query.prompt;
  if (count_words(query.context) > 0) return false;
  query.context.clear();
  return true;
}

}  // namespace phasewatt::workload
