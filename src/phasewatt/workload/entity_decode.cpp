#include "phasewatt/workload/entity_decode.h"

namespace phasewatt::workload {

void Decoder::decode(const EntityModel::Transitions& transitions, std::span<const std::uint8_t> classes,
                     std::span<const Scores> scores, std::span<Tag> tags) {
  if (tags.empty()) return;
  constexpr auto kOutside = static_cast<std::size_t>(Tag::outside);
  // Before the first token stands an O.
  Scores best = transitions[classes[0]][kOutside] + scores[0];
  for (std::size_t i = 1; i < tags.size(); ++i) {
    const auto& rows = transitions[classes[i]];
    // Scores stay relative to O, which every tag can go to: |best| stays below 2^15.
    best -= best[kOutside];
    Scores top = rows[0] + best[0];
    Scores from{};
    for (std::size_t tag = 1; tag < kTags; ++tag) {
      const Scores candidate = rows[tag] + best[tag];
      const Scores better = candidate > top;
      top = better ? candidate : top;
      from = better ? Scores{} + static_cast<std::int16_t>(tag) : from;
    }
    from_[i] = from;
    best = top + scores[i];
  }
  std::size_t tag = 0;
  for (std::size_t t = 1; t < kTags; ++t) {
    if (best[t] > best[tag]) tag = t;
  }
  for (std::size_t i = tags.size(); i-- > 0;) {
    tags[i] = static_cast<Tag>(tag);
    if (i > 0) tag = static_cast<std::size_t>(from_[i][tag]);
  }
}

void spans_of_tags(std::span<const Tag> tags, std::vector<EntitySpan>& out) {
  bool open = false;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (tags[i] == Tag::outside) {
      open = false;
      continue;
    }
    const auto lane = static_cast<std::uint8_t>(tags[i]);
    const auto type = static_cast<EntityType>(lane / 2);
    if (lane % 2 == 1 && open && out.back().type == type) {
      out.back().end = static_cast<std::uint32_t>(i + 1);
      continue;
    }
    out.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + 1), type});
    open = true;
  }
}

}  // namespace phasewatt::workload
