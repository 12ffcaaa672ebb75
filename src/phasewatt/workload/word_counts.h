#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phasewatt::workload {

/// The distinct words of texts, as written and lower-cased, counted in one pass with memory that is kept from count to
/// count. Not thread-safe; views point into the texts and into this object.
class WordCounts {
 public:
  struct Entry {
    std::string_view word;
    std::uint64_t hash = 0;
    std::uint32_t count = 0;   ///< occurrences as written; 0 when the word came up only by lower-casing
    std::uint32_t others = 0;  ///< occurrences of cased words that are this one when lower-cased
    bool cased = false;        ///< lower-casing may change it: it has an ASCII capital or a byte beyond ASCII
    /// Occurrences of words that are this one when lower-cased.
    [[nodiscard]] std::uint32_t folded() const { return others + (cased ? 0 : count); }
  };

  /// The words of one text as Python's `str.split()` has them.
  void count(std::string_view text);

  /// Words that were cut elsewhere: begin(), add() for each, finish(). `bytes` is the size of all texts together.
  void begin(std::size_t bytes);
  /// `word` lies in `text`; `cased` says whether lower-casing may change it.
  void add(std::string_view text, std::string_view word, bool cased);
  void finish();

  [[nodiscard]] std::size_t words() const { return words_; }
  /// Of the text that count() was given.
  [[nodiscard]] std::size_t code_points() const { return code_points_; }
  /// Words whose first character is upper case.
  [[nodiscard]] std::size_t upper_first() const { return upper_first_; }
  /// Occurrences of the characters "as a result", in any case.
  [[nodiscard]] std::size_t as_a_result() const { return as_a_result_; }
  /// Distinct lower-cased words: the entries whose folded() is not 0.
  [[nodiscard]] std::size_t distinct_folded() const { return distinct_folded_; }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  Entry& find_or_insert(std::string_view word, std::uint64_t hash);
  void grow(std::size_t slots);
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  ///< open addressing: 1 + the index of an entry, 0 when free
  std::vector<std::uint32_t> cased_;  ///< indices of the entries that are cased
  std::string arena_;                 ///< lower-cased words
  std::size_t words_ = 0;
  std::size_t code_points_ = 0;
  std::size_t upper_first_ = 0;
  std::size_t as_a_result_ = 0;
  std::size_t distinct_folded_ = 0;
};

}  // namespace phasewatt::workload
