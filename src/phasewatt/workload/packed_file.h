#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

namespace phasewatt::workload {

/// The bytes of an open file, unpacked when its first two bytes are gzip's (RFC 1952; several members follow one
/// another, NUL bytes after the last are padding). zlib's own gzread() is not used because it passes over whatever
/// follows the last member. Owns the descriptor. Not thread-safe.
class PackedFile {
 public:
  explicit PackedFile(int descriptor) : descriptor_(descriptor) {}
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;
  ~PackedFile();

  /// Writes up to `size` bytes to `to`; gives their number, 0 at the end. What comes before damage is given first. The
  /// error's `what` says what is wrong and not in which file: io, out_of_memory, bad_input for damaged gzip.
  Result<std::size_t> read(char* to, std::size_t size);

  /// Bytes of the file that were used so far.
  [[nodiscard]] std::uint64_t position() const { return taken_ - rest_.size(); }

 private:
  enum class Kind { unknown, plain, gzip };

  /// Has at least `bytes` in `rest_`, or all there are.
  Status fill(std::size_t bytes);
  Result<std::size_t> read_descriptor(char* to, std::size_t size);
  Status find_kind();
  Result<std::size_t> read_plain(char* to, std::size_t size);
  Result<std::size_t> read_gzip(char* to, std::size_t size);
  /// Goes to the next member; false at the end of the file.
  Result<bool> next_member();

  int descriptor_;
  Kind kind_ = Kind::unknown;
  z_stream stream_{};
  bool in_member_ = false;
  std::string input_;
  std::string_view rest_;  ///< of `input_`, not yet used
  std::uint64_t taken_ = 0;
};

}  // namespace phasewatt::workload
