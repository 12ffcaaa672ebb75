#include "phasewatt/base/files.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

namespace phasewatt {
namespace {

struct FileCloser {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

Error system_error(ErrorCode code, std::string_view doing, const std::filesystem::path& path, int number) {
  return {code, std::string(doing) + " '" + path.string() + "': " + std::strerror(number), {}};
}

std::array<unsigned char, 32> sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec))
    return Error{ErrorCode::bad_input, "cannot read '" + path.string() + "': it is a folder", "name a file"};
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    const int number = errno;
    Error error = system_error(number == ENOENT ? ErrorCode::not_found : ErrorCode::io, "cannot open", path, number);
    if (number == ENOENT) error.hint = "check the path";
    return error;
  }
  std::string content;
  std::array<char, 1 << 16> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get()))
    content.append(buffer.data(), n);
  if (std::ferror(file.get()) != 0) return system_error(ErrorCode::io, "cannot read", path, errno);
  return content;
}

Status write_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path temporary = path.string() + ".tmp." + std::to_string(::getpid());
  const auto fail = [&](std::string_view doing) -> Status {
    Error error = system_error(ErrorCode::io, doing, path, errno);
    std::remove(temporary.c_str());
    return error;
  };
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) return fail("cannot write");
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  const bool synced = written && std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0;
  if (std::fclose(file) != 0 || !synced) return fail("cannot write");
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return fail("cannot replace");
  return ok();
}

std::string sha256_hex(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const unsigned char b : sha256(bytes)) {
    out += kHex[b >> 4U];
    out += kHex[b & 15U];
  }
  return out;
}

std::uint64_t sha256_u64(std::string_view bytes) {
  const auto digest = sha256(bytes);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8U | digest[i];
  return value;
}

}  // namespace phasewatt
