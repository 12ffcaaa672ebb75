#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phasewatt::workload {

/// The distinct words of one text, as written and lower-cased, counted in one pass with memory that is kept from text
/// to text. Words are Python's `str.split()`. Not thread-safe; views point into the text and into this object.
class WordCounts {
 public:
  struct Entry {
    std::string_view word;
    std::uint64_t hash = 0;
    std::uint32_t count = 0;
    bool cased = false;  ///< lower-casing may change it: it has an ASCII capital or a byte beyond ASCII
  };

  void count(std::string_view text);

  [[nodiscard]] std::size_t words() const { return words_; }
  /// Words whose first character is upper case.
  [[nodiscard]] std::size_t upper_first() const { return upper_first_; }
  /// Occurrences of the characters "as a result", in any case.
  [[nodiscard]] std::size_t as_a_result() const { return as_a_result_; }
  [[nodiscard]] const std::vector<Entry>& distinct() const { return exact_.entries; }
  [[nodiscard]] const std::vector<Entry>& distinct_lower() const { return lower_.entries; }

 private:
  /// Open addressing; a slot is 1 + the index of an entry, 0 when free.
  struct Table {
    std::vector<std::uint32_t> slots;
    std::vector<Entry> entries;
    void reset(std::size_t most_words);
    void add(const Entry& entry);
  };

  void add_word(const Entry& word, std::string_view text);
  void fold_case();

  Table exact_;
  Table lower_;
  std::string arena_;  ///< lower-cased words
  std::size_t words_ = 0;
  std::size_t upper_first_ = 0;
  std::size_t as_a_result_ = 0;
};

}  // namespace phasewatt::workload
