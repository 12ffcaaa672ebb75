#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

namespace phasewatt::workload {

class PackedFile;  // keeps zlib out of this header

/// The longest line that readers take, in bytes.
inline constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20U;

/// The lines of a UTF-8 text file, one at a time, so that a file of any length takes the memory of its longest line.
/// gzip is told by its first bytes. A line ends with LF, CRLF or CR; a byte-order mark at the front is dropped. Every
/// error is bad_input and names file and line: a NUL byte, invalid UTF-8, a line beyond kMaxLineBytes, gzip that is
/// damaged, ends early or is followed by other bytes. Not thread-safe.
class LineReader {
 public:
  /// Opens a file, or standard input for "-". not_found, io.
  static Result<LineReader> open(const std::filesystem::path& path);
  /// Reads from memory; the text must outlive the reader. `name` stands in messages.
  static LineReader over(std::string_view text, std::string name);

  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  /// The first character to come that is not white space; NUL when there is none. Reads nothing away.
  Result<char> peek();
  /// Goes to the next line; false at the end.
  Result<bool> next();
  /// The current line with its end; valid until next() is called.
  [[nodiscard]] std::string_view line() const { return line_; }
  /// Number of the current line, from 1.
  [[nodiscard]] std::int64_t number() const { return number_; }
  [[nodiscard]] const std::string& name() const { return name_; }

  /// How far the file is read, in its own (compressed) bytes, and its size where it has one: for progress.
  [[nodiscard]] std::uint64_t position() const;
  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }

 private:
  explicit LineReader(std::string name);
  /// Makes more text available behind `rest_`; false when there is none.
  Result<bool> refill();
  [[nodiscard]] Error bad(std::int64_t line, std::string_view what, std::string hint) const;

  std::string name_;
  std::unique_ptr<PackedFile> file_;  ///< none when the text is in memory
  bool ended_ = false;                ///< the file gives no more
  std::string buffer_;
  std::string_view rest_;  ///< not yet given out
  std::string_view line_;
  std::int64_t number_ = 0;
  std::optional<std::uint64_t> size_;
  std::uint64_t given_ = 0;  ///< bytes of a text in memory that were given out
};

}  // namespace phasewatt::workload
