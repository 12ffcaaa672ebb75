#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "phasewatt/workload/entity_model.h"

/// What the entity tagger looks at. Training and tagging share these functions, so that they cannot differ; whoever
/// changes them changes kFeatures in entity_model.cpp and trains anew.
namespace phasewatt::workload {

/// How a sentence uses capitals; in the caseless two, capitals say nothing of names.
enum class CaseMode : std::uint8_t { mixed, lower, upper };

/// What a token contains, told at a glance.
struct LetterCases {
  bool upper = false;
  bool lower = false;
};
LetterCases letter_cases(std::string_view token);
/// Of a sentence that has capitals, or small letters, in `upper` and `lower` of its `tokens` tokens.
CaseMode case_mode(std::size_t tokens_with_upper, std::size_t tokens_with_lower, std::size_t tokens_starting_upper);

/// What features of several words are made of; the same for every token of the same bytes in the same case mode.
struct Word {
  std::uint64_t lower = 1;  ///< hash of the lower-cased bytes, digits as 0
  std::uint32_t shape = 1;  ///< "Xx", "X", "x", "0", … in a number
  WordFacts facts;
  std::uint8_t token_class = 0;
  CaseMode mode = CaseMode::mixed;
};

/// A word with its spelling: what its own features are made of.
struct SpelledWord {
  Word word;
  std::uint64_t exact = 1;                ///< hash of the bytes, digits as 0
  std::array<std::uint64_t, 4> prefix{};  ///< hashes of 1…4 bytes, lower-cased
  std::array<std::uint64_t, 4> suffix{};
};

/// The hash of bytes: FNV-like over eight bytes at a time.
std::uint64_t hash_bytes(std::string_view bytes);
/// The hash of a phrase from the `lower` hashes of its words, one by one.
constexpr std::uint64_t extend_phrase(std::uint64_t phrase, std::uint64_t lower) { return mix(phrase * 31 + lower); }

SpelledWord describe_word(const EntityModel& model, std::string_view token, CaseMode mode);

inline constexpr std::size_t kMaxWordFeatures = 51;  ///< so many calls of word_features() for a word
inline constexpr int kReach = 2;                     ///< a word speaks for the tokens up to two before and after it
inline constexpr std::size_t kEdges = 4;             ///< default words around a sentence: kReach before, kReach after

/// Calls sink(offset, hash) for each feature that depends on one word alone: `offset` −kReach…kReach says for which
/// token relative to the word's it speaks.
template <class Sink>
void word_features(const SpelledWord& spelled, Sink&& sink) {
  const Word& word = spelled.word;
  const auto mode = static_cast<std::uint64_t>(word.mode);
  const std::uint64_t caps = word.facts.capitals & 7U;
  const std::uint64_t lists = word.facts.lists & 0x1FU;
  const std::uint64_t cluster = word.facts.cluster;
  const std::uint64_t coarse = word.facts.coarse_cluster;
  for (int offset = -kReach; offset <= kReach; ++offset) {
    const auto place = static_cast<std::uint32_t>(offset + kReach) * 64;
    const auto put = [&](std::uint32_t templ, std::uint64_t value) { sink(offset, feature(place + templ, value)); };
    put(0, word.lower);
    put(1, word.shape);
    put(2, cluster);
    put(3, coarse * 4 + mode);
    put(4, (lists * 8 + caps) * 4 + mode);
    if (offset < -1 || offset > 1) continue;
    put(5, spelled.suffix[2]);
    put(6, spelled.prefix[2]);
    put(7, (caps << 32 | word.shape) * 4 + mode);
    put(8, word.lower * 4 + mode);
    put(9, (coarse << 32 | word.shape) * 4 + mode);
    if (offset != 0) continue;
    put(10, spelled.exact);
    put(11, spelled.prefix[0]);
    put(12, spelled.prefix[1]);
    put(13, spelled.prefix[3]);
    put(14, spelled.suffix[0]);
    put(15, spelled.suffix[1]);
    put(16, spelled.suffix[3]);
    put(17, spelled.suffix[2] ^ (mode + 1) * 0x9E3779B97F4A7C15ULL ^ word.shape);
    put(18, (lists << 32 | word.shape) * 4 + mode);
    put(19, cluster * 4 + mode);
    put(20, 0);
  }
}

/// Places of a sentence's tokens in phrases of the name lists: bit 0 begins one, bit 1 is inside one.
void mark_phrases(const EntityModel& model, std::span<const Word> words, std::span<std::uint8_t> marks);

inline constexpr std::size_t kMaxPairFeatures = 13;  ///< at most so many calls of pair_features() for a token

/// Calls sink(hash) for each feature of token `i` that depends on more than one word. `words` holds kReach default
/// words before the first and after the last token; i counts from 0 for the first token.
template <class Sink>
void pair_features(std::span<const Word> words, std::span<const std::uint8_t> marks, std::size_t i, Sink&& sink) {
  const Word& before2 = words[i];
  const Word& before = words[i + 1];
  const Word& here = words[i + 2];
  const Word& after = words[i + 3];
  constexpr std::uint32_t kPlace = 64 * (2 * kReach + 1);
  const auto put = [&](std::uint32_t templ, std::uint64_t value) { sink(feature(kPlace + templ, value)); };
  const auto pair = [](std::uint64_t a, std::uint64_t b) { return mix(a + 0x632BE59BD9B4E019ULL) + b; };
  const auto mode = static_cast<std::uint64_t>(here.mode);
  put(0, pair(before.lower, here.lower));
  put(1, pair(here.lower, after.lower));
  put(2, pair(before.lower, here.shape));
  put(3, pair(after.lower, here.shape));
  put(4, pair(pair(before.shape, here.shape), after.shape));
  put(5, pair(before.facts.cluster, here.facts.cluster) * 4 + mode);
  put(6, pair(here.facts.cluster, after.facts.cluster) * 4 + mode);
  put(7, pair(pair(before.facts.coarse_cluster, here.shape), after.facts.coarse_cluster) * 4 + mode);
  put(8, pair(before2.lower, before.lower));
  const auto lists = [](const Word& word) { return std::uint64_t{word.facts.lists} & 0x1FU; };
  put(9, pair(lists(before) * 32 + lists(here), here.shape) * 4 + mode);
  put(10, pair(lists(here) * 32 + lists(after), here.shape) * 4 + mode);
  if (i == 0) put(11, pair(here.shape, here.facts.capitals & 7U) * 4 + mode);
  if (marks[i] != 0) put(12, pair(marks[i], here.shape) * 4 + mode);
}

}  // namespace phasewatt::workload
