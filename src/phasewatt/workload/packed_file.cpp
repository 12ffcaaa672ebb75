#include "phasewatt/workload/packed_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace phasewatt::workload {
namespace {

constexpr std::size_t kPackedBlock = std::size_t{256} << 10U;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr int kGzipOnly = MAX_WBITS + 16;  // zlib.h, inflateInit2

Error damaged(std::string what) { return {ErrorCode::bad_input, std::move(what), "fetch or pack it again"}; }

}  // namespace

PackedFile::~PackedFile() {
  if (kind_ == Kind::gzip) inflateEnd(&stream_);
  ::close(descriptor_);
}

Result<std::size_t> PackedFile::read_descriptor(char* to, std::size_t size) {
  while (true) {
    const ssize_t got = ::read(descriptor_, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{ErrorCode::io, std::strerror(errno), {}};
    taken_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
}

Status PackedFile::fill(std::size_t bytes) {
  while (rest_.size() < bytes) {
    input_.erase(0, input_.size() - rest_.size());
    const std::size_t kept = input_.size();
    input_.resize(kept + kPackedBlock);
    const auto got = read_descriptor(input_.data() + kept, kPackedBlock);
    input_.resize(kept + (got ? *got : 0));
    rest_ = input_;
    if (!got) return got.error();
    if (*got == 0) break;
  }
  return ok();
}

Status PackedFile::find_kind() {
  PHASEWATT_TRY(fill(kGzipMagic.size()));
  if (!rest_.starts_with(kGzipMagic)) {
    kind_ = Kind::plain;
    return ok();
  }
  if (inflateInit2(&stream_, kGzipOnly) != Z_OK) return Error{ErrorCode::out_of_memory, "no memory to unpack it", {}};
  kind_ = Kind::gzip;
  in_member_ = true;
  return ok();
}

Result<std::size_t> PackedFile::read(char* to, std::size_t size) {
  if (kind_ == Kind::unknown) PHASEWATT_TRY(find_kind());
  return kind_ == Kind::gzip ? read_gzip(to, size) : read_plain(to, size);
}

Result<std::size_t> PackedFile::read_plain(char* to, std::size_t size) {
  if (rest_.empty()) return read_descriptor(to, size);
  const std::size_t count = rest_.copy(to, size);
  rest_.remove_prefix(count);
  return count;
}

Result<bool> PackedFile::next_member() {
  do {
    PHASEWATT_TRY(fill(1));
    if (rest_.empty()) return false;
    rest_.remove_prefix(std::min(rest_.find_first_not_of('\0'), rest_.size()));
  } while (rest_.empty());
  PHASEWATT_TRY(fill(kGzipMagic.size()));
  if (!rest_.starts_with(kGzipMagic)) return damaged("bytes that are not gzip follow the gzip data");
  inflateReset(&stream_);
  in_member_ = true;
  return true;
}

Result<std::size_t> PackedFile::read_gzip(char* to, std::size_t size) {
  stream_.next_out = reinterpret_cast<Bytef*>(to);
  stream_.avail_out = static_cast<uInt>(size);
  while (stream_.avail_out == size) {
    if (!in_member_) {
      PHASEWATT_ASSIGN(const bool more, next_member());
      if (!more) return std::size_t{0};
    }
    PHASEWATT_TRY(fill(1));
    // zlib reads from next_in and does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest_.data()));
    stream_.avail_in = static_cast<uInt>(rest_.size());
    const int code = inflate(&stream_, Z_NO_FLUSH);
    rest_.remove_prefix(rest_.size() - stream_.avail_in);
    if (code == Z_STREAM_END) in_member_ = false;
    if (code == Z_OK || code == Z_STREAM_END || stream_.avail_out < size) continue;
    if (code == Z_BUF_ERROR && rest_.empty()) return damaged("the gzip file ends early");
    if (code == Z_MEM_ERROR) return Error{ErrorCode::out_of_memory, "no memory to unpack it", {}};
    return damaged(fmt::format("damaged gzip: {}", stream_.msg != nullptr ? stream_.msg : "of an unknown kind"));
  }
  return size - stream_.avail_out;
}

}  // namespace phasewatt::workload
