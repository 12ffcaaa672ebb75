#pragma once

#include <span>
#include <string>
#include <string_view>

#include "phasewatt/base/records.h"

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

/// For those that give a prompt: where no question stands beside it, the prompt is the question. False when a context
/// does all the same: the prompt holds it, and its words would count twice.
bool complete_question(Query& query);
inline constexpr std::string_view kContextBesidePrompt = "stands beside 'prompt' without 'question'";
inline constexpr const char* kContextBesidePromptHint =
    "the prompt is the whole text for the model: leave the context out, or give 'question' as well";

}  // namespace phasewatt::workload
