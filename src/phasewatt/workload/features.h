#pragma once

#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"

/// The paper profile: the features behind Tables I to V of the paper. Formulas: docs/features.md. All functions are
/// pure and thread-safe.
namespace phasewatt::workload {

/// Features of a prompt. An empty or blank text gives zeros. Any bytes are taken; text that is not UTF-8 means little.
Features paper_features(std::string_view prompt);
Features paper_features(const Query& query);

/// Length of the prompt in tokens of kind TokenKind::word.
int prompt_tokens(const Query& query);

/// Length of each choice in tokens of kind TokenKind::word; empty when there are no choices.
std::vector<int> option_tokens(const Query& query);

}  // namespace phasewatt::workload
