#include "phasewatt/workload/line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "phasewatt/workload/packed_file.h"

namespace phasewatt::workload {
namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Length of the line at the front of `text` with its end; 0 when its end is not there yet. `last`: nothing follows.
std::size_t line_length(std::string_view text, bool last) {
  const std::size_t lf = text.find('\n');
  const std::size_t cr = text.substr(0, lf).find('\r');
  if (cr == std::string_view::npos) return lf != std::string_view::npos ? lf + 1 : (last ? text.size() : 0);
  if (cr + 1 == lf) return lf + 1;
  if (cr + 1 == text.size() && !last) return 0;  // an LF may follow
  return cr + 1;
}

}  // namespace

LineReader::LineReader(std::string name) : name_(std::move(name)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::filesystem::path& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return Error{error == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("cannot open '{}': {}", path.string(), std::strerror(error)), "check the path"};
  }
  LineReader reader(standard_input ? "standard input" : path.string());
  struct stat about {};
  if (::fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) reader.size_ = static_cast<std::uint64_t>(about.st_size);
  if (S_ISDIR(about.st_mode)) {
    ::close(fd);
    return Error{ErrorCode::io, fmt::format("{}: is a folder", path.string()), "name a file"};
  }
  reader.file_ = std::make_unique<PackedFile>(fd);
  return reader;
}

LineReader LineReader::over(std::string_view text, std::string name) {
  LineReader reader(std::move(name));
  reader.rest_ = text;
  reader.size_ = text.size();
  return reader;
}

std::uint64_t LineReader::position() const { return file_ ? file_->position() : given_; }

Error LineReader::bad(std::int64_t line, std::string_view what, std::string hint) const {
  return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", name_, line, what), std::move(hint)};
}

Result<bool> LineReader::refill() {
  if (!file_ || ended_) return false;
  // What is left moves to the front, in the same memory.
  buffer_.erase(0, buffer_.size() - rest_.size());
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + kBlock);
  const auto got = file_->read(buffer_.data() + kept, kBlock);
  buffer_.resize(kept + (got ? *got : 0));
  rest_ = buffer_;
  if (!got && got.error().code == ErrorCode::bad_input) return bad(number_ + 1, got.error().what, got.error().hint);
  if (!got) return Error{got.error().code, fmt::format("{}: {}", name_, got.error().what), got.error().hint};
  ended_ = *got == 0;
  return !ended_;
}

Result<char> LineReader::peek() {
  std::size_t at = 0;
  while (true) {
    if (number_ == 0 && at == 0 && rest_.substr(0, kByteOrderMark.size()) == kByteOrderMark) at = kByteOrderMark.size();
    for (; at < rest_.size(); ++at)
      if (std::string_view(" \t\r\n").find(rest_[at]) == std::string_view::npos) return rest_[at];
    if (rest_.size() > kMaxLineBytes) return '\0';
    PHASEWATT_ASSIGN(const bool more, refill());
    if (!more) return '\0';
  }
}

Result<bool> LineReader::next() {
  std::size_t length = line_length(rest_, !file_ || ended_);
  while (length == 0) {
    if (rest_.size() > kMaxLineBytes) break;
    PHASEWATT_ASSIGN(const bool more, refill());
    if (!more && rest_.empty()) return false;
    length = line_length(rest_, !more);
  }
  ++number_;
  if (length > kMaxLineBytes || (length == 0 && rest_.size() > kMaxLineBytes))
    return bad(number_, fmt::format("a line longer than {} MiB", kMaxLineBytes >> 20U),
               "one record per line; in CSV, perhaps a quote that is never closed");
  line_ = rest_.substr(0, length);
  rest_.remove_prefix(length);
  given_ += length;
  if (number_ == 1 && line_.substr(0, kByteOrderMark.size()) == kByteOrderMark)
    line_.remove_prefix(kByteOrderMark.size());
  if (line_.find('\0') != std::string_view::npos)
    return bad(number_, "a NUL byte", "the file is damaged or not a text file");
  if (!simdjson::validate_utf8(line_.data(), line_.size()))
    return bad(number_, "not valid UTF-8", "save the file as UTF-8");
  return true;
}

}  // namespace phasewatt::workload
