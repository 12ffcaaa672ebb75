#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace phasewatt::workload {

/// One word of a text.
struct WordRange {
  std::uint32_t begin = 0;  ///< bytes
  std::uint32_t end = 0;
  bool cased = false;  ///< lower-casing may change it: it has an ASCII capital or a byte beyond ASCII
};

/// Words and sentences as Unicode's text segmentation (UAX #29) defines them, by ICU's root rules. A word is a segment
/// that holds a letter, a number, a kana or an ideograph (ICU's word status of 100 and above); a sentence is a segment
/// with at least one word. ASCII text is cut into words without ICU, which costs a tenth; a property test holds the two
/// equal. Invalid UTF-8 is read as U+FFFD. Keeps its memory from text to text; not thread-safe.
class Segmenter {
 public:
  Segmenter();
  Segmenter(Segmenter&&) noexcept;
  Segmenter& operator=(Segmenter&&) noexcept;
  ~Segmenter();

  /// Cuts `text` (less than 2 GiB); the results are valid until the next call.
  void cut(std::string_view text);
  /// Cuts into words alone.
  void cut_words(std::string_view text);
  [[nodiscard]] const std::vector<WordRange>& words() const { return words_; }
  /// Begins of the sentences that hold a word, in bytes, ascending.
  [[nodiscard]] const std::vector<std::uint32_t>& sentences() const { return sentences_; }

  /// For tests: the same through ICU alone.
  void cut_with_icu(std::string_view text);

 private:
  struct Icu;

  void cut_ascii_words(std::string_view text);
  void cut_icu_words(std::string_view text);
  void cut_sentences();
  void to_utf16(std::string_view text, bool ascii);

  std::unique_ptr<Icu> icu_;
  std::vector<WordRange> words_;
  std::vector<std::uint32_t> sentences_;
};

}  // namespace phasewatt::workload
