#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "phasewatt/workload/segments.h"

/// What a text asks and how it argues, by documented lists of words (docs/features.md). Case does not matter. Pure and
/// thread-safe.
namespace phasewatt::workload {

/// Whether the question asks for a cause, an effect, a manner or an explanation: it holds "why", "explain" and the
/// like, or "how" whose next word is no measure ("how many"), or a phrase such as "what causes" or "what happens if".
/// `words` are those of `question`.
bool is_causal(std::string_view question, std::span<const WordRange> words);

/// Discourse markers of reasoning among the words of a text (cause, consequence, condition, concession, contrast,
/// comparison); a phrase counts once.
std::size_t count_markers(std::string_view text, std::span<const WordRange> words);

/// The part of a text that asks: from the first to the last sentence that ends with a question mark, each cut at its
/// begin; all of it when there is no question mark. `sentences` are the begins of its sentences.
std::string_view asking_part(std::string_view text, std::span<const std::uint32_t> sentences);

}  // namespace phasewatt::workload
