#pragma once

#include <span>
#include <string>
#include <string_view>

/// The paper's prompts (docs/features.md). Cuts are in code points. Pure and thread-safe.
namespace phasewatt::workload {

inline constexpr std::size_t kPassageCut = 1500;  ///< BoolQ
inline constexpr std::size_t kSummaryCut = 2000;  ///< NarrativeQA

std::string boolq_prompt(std::string_view passage, std::string_view question);
std::string hellaswag_prompt(std::string_view activity, std::string_view context,
                             std::span<const std::string, 4> endings);
std::string truthfulqa_prompt(std::string_view question);
std::string narrativeqa_prompt(std::string_view summary, std::string_view question);

/// For queries of the user's own that give no prompt: the context uncut, when there is one, and the question.
std::string plain_prompt(std::string_view context, std::string_view question);

}  // namespace phasewatt::workload
