#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "phasewatt/base/result.h"

/// The numbers of the entity tagger and their file: rows of tag scores by feature, scores of tag pairs, and what is
/// known of single words (clusters, capitals, name lists).
namespace phasewatt::workload {

/// Lanes of a score row. O has no weights of its own: scores are relative to it.
enum class Tag : std::uint8_t {
  begin_person,
  in_person,
  begin_organization,
  in_organization,
  begin_location,
  in_location,
  outside
};
inline constexpr std::size_t kTags = 7;
inline constexpr std::size_t kLanes = 8;  ///< kTags and one unused

/// Eight scores in one register; units of 1/kScoreUnit nats.
using Scores = std::int16_t __attribute__((vector_size(16)));
inline constexpr int kScoreUnit = 24;
inline constexpr std::int16_t kForbidden = -6000;
inline constexpr std::int16_t kMaxTransition = 1000;

/// Kinds of tokens that have transition scores of their own.
inline constexpr std::size_t kTokenClasses = 8;

/// 64 bits from 64 bits, well mixed (the finaliser of SplitMix64, one multiplication less).
constexpr std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0x9E3779B97F4A7C15ULL;
  return x ^ (x >> 29);
}

/// One feature: what kind (`templ`) and which value.
constexpr std::uint64_t feature(std::uint32_t templ, std::uint64_t value) {
  return mix(value + (templ + 1) * 0xD6E8FEB86659FD93ULL);
}

/// What is known of a word, or of a phrase, beyond its letters.
struct WordFacts {
  std::uint8_t cluster = 0;         ///< 1…255, 0 unknown
  std::uint8_t coarse_cluster = 0;  ///< 1…63, 0 unknown
  std::uint8_t capitals = 0;        ///< low 3 bits: how often it is seen capitalised, 0 unknown, 1 never … 7 always
  std::uint8_t lists = 0;           ///< bits: name lists it is on, see WordList
};

enum WordList : std::uint8_t {
  first_name = 1,
  last_name = 2,
  place = 4,
  large_place = 8,
  country = 16,
  place_phrase = 32,         ///< as a phrase of several words
  starts_place_phrase = 64,  ///< the first word of such a phrase
};

class EntityModel {
 public:
  /// Eight features in one cache line.
  struct alignas(64) Bucket {
    std::array<std::int8_t, 48> weights;  ///< 8 × (kTags − 1)
    std::array<std::uint16_t, 8> checks;  ///< 0: free
  };
  struct LexiconEntry {
    std::uint32_t check = 0;  ///< 0: free
    WordFacts facts;
  };
  using Transitions = std::array<std::array<Scores, kTags>, kTokenClasses>;  ///< [class of this][tag before][tag]

  static Result<EntityModel> parse(std::string_view bytes, std::string_view name);
  [[nodiscard]] std::string serialize() const;

  /// The row of a feature; zeros when the model has none. A foreign feature hits by chance in one of 8,000 looks.
  [[nodiscard]] Scores row(std::uint64_t hash) const {
    const Bucket& bucket = buckets_[bucket_of(hash)];
    const std::uint16_t check = check_of(hash);
#if defined(__SSE2__)
    const __m128i checks = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.checks.data()));
    const auto found = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_cmpeq_epi16(checks, _mm_set1_epi16(static_cast<std::int16_t>(check)))));
    if (found == 0) return Scores{};
    const std::size_t slot = static_cast<unsigned>(std::countr_zero(found)) / 2;
#else
    std::size_t slot = 0;
    while (slot < 8 && bucket.checks[slot] != check) ++slot;
    if (slot == 8) return Scores{};
#endif
    return widen(bucket, slot);
  }
  /// Asks the memory for the feature's row.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[bucket_of(hash)]); }
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(((hash >> 32) * buckets_.size()) >> 32);
  }
  static std::uint16_t check_of(std::uint64_t hash) {
    const auto check = static_cast<std::uint16_t>(hash);
    return check == 0 ? std::uint16_t{1} : check;
  }

  /// By the hash of a lower-cased word or phrase.
  [[nodiscard]] WordFacts facts(std::uint64_t hash) const;

  [[nodiscard]] const Transitions& transitions() const { return transitions_; }

  // For the training tool.
  EntityModel(std::size_t buckets, std::size_t lexicon);
  bool put_row(std::uint64_t hash, const std::array<std::int8_t, kTags - 1>& weights);  ///< false: no room
  bool put_facts(std::uint64_t hash, const WordFacts& facts);
  Transitions& transitions() { return transitions_; }

 private:
  static Scores widen(const Bucket& bucket, std::size_t slot) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, bucket.weights.data() + slot * (kTags - 1), 8);  // two bytes more, still in the line
    bytes &= 0x0000FFFFFFFFFFFFULL;
    using Bytes = std::int8_t __attribute__((vector_size(8)));
    Bytes narrow;
    std::memcpy(&narrow, &bytes, 8);
    return __builtin_convertvector(narrow, Scores);
  }
  [[nodiscard]] std::size_t entry_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(((hash >> 32) * lexicon_.size()) >> 32);
  }

  Transitions transitions_{};
  std::vector<Bucket> buckets_;
  std::vector<LexiconEntry> lexicon_;
};

/// Writes the checksum that parse() asks for into the header of a model file's bytes (tools and fuzzers); nothing when
/// they are shorter than a header.
void seal_entity_model(std::string& bytes);

}  // namespace phasewatt::workload
