#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "phasewatt/workload/entities.h"
#include "phasewatt/workload/entity_model.h"
#include "phasewatt/workload/entity_tokens.h"

namespace phasewatt::workload {

/// The best tag sequence of one sentence (Viterbi 1967). Keeps scratch memory; not thread-safe.
class Decoder {
 public:
  /// `classes`, `scores` (each within ±4000) and `tags` have one element per token, at most kMaxSentenceTokens.
  void decode(const EntityModel::Transitions& transitions, std::span<const std::uint8_t> classes,
              std::span<const Scores> scores, std::span<Tag> tags);

 private:
  std::array<Scores, kMaxSentenceTokens> from_;
};

/// Appends the mentions of a tag sequence; an inside tag that continues nothing begins a mention.
void spans_of_tags(std::span<const Tag> tags, std::vector<EntitySpan>& out);

}  // namespace phasewatt::workload
