#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

namespace phasewatt {

/// The whole file as bytes. not_found or io, naming the file.
Result<std::string> read_file(const std::filesystem::path& path);

/// Writes through a temporary file beside `path` and renames it, so that a reader sees the old content or the new one
/// and a failure leaves nothing half-written. Overwrites; callers that must not, check first.
Status write_file(const std::filesystem::path& path, std::string_view content);

/// Lower-case hexadecimal SHA-256 (OpenSSL).
std::string sha256_hex(std::string_view bytes);

/// First eight bytes of the SHA-256 as a big-endian number: the seed of the counter-based generator.
std::uint64_t sha256_u64(std::string_view bytes);

}  // namespace phasewatt
