#include "phasewatt/engine/model/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include "phasewatt/base/files.h"
#include "phasewatt/base/unique_fd.h"
#include "phasewatt/engine/model/json_fields.h"

namespace phasewatt::engine::model {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // as the reference reader
constexpr std::size_t kMostRank = 16;
constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

Error bad(std::string_view file, const std::string& what) {
  return {ErrorCode::bad_input, fmt::format("{}: {}", file, what), "the file is damaged or was not fully downloaded"};
}

/// bytes = product of the shape × size of an element, without overflow.
std::optional<std::uint64_t> bytes_of(const TensorEntry& entry) {
  std::uint64_t bytes = size_of(entry.dtype);
  for (const std::int64_t dimension : entry.shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dimension), &bytes)) return std::nullopt;
  return bytes;
}

/// A list of non-negative 63-bit integers.
std::optional<std::vector<std::int64_t>> integers(const Json& object, const char* key, std::size_t most) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > most) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const Json& one : *found) {
    if (!one.is_number_unsigned() || one.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
    out.push_back(one.get<std::int64_t>());
  }
  return out;
}

/// An entry of the header; offsets still count from the end of the header.
Result<TensorEntry> read_entry(const std::string& name, const Json& json, std::string_view file) {
  const auto wrong = [&](std::string_view what) {
    return bad(file, fmt::format("tensor {}: {}", in_quotes(name), what));
  };
  if (!json.is_object()) return wrong("is not an object");
  const auto dtype = json.find("dtype");
  if (dtype == json.end() || !dtype->is_string()) return wrong("dtype is missing or no string");
  const auto& dtype_name = dtype->get_ref<const std::string&>();
  const auto known = parse_dtype(dtype_name);
  if (!known)
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: tensor {}: dtype is {}", file, in_quotes(name), in_quotes(dtype_name)),
                 "use the model's F32, F16 or BF16 weights"};
  auto shape = integers(json, "shape", kMostRank);
  if (!shape) return wrong(fmt::format("shape must be a list of at most {} integers", kMostRank));
  const auto offsets = integers(json, "data_offsets", 2);
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1])
    return wrong("data_offsets must be two ascending integers");
  TensorEntry entry{name, *known, *std::move(shape), static_cast<std::uint64_t>((*offsets)[0]),
                    static_cast<std::uint64_t>((*offsets)[1])};
  const auto bytes = bytes_of(entry);
  if (!bytes || *bytes != entry.end - entry.begin)
    return wrong(fmt::format("its shape needs {} bytes, its data_offsets span {}",
                             bytes ? std::to_string(*bytes) : "too many", entry.end - entry.begin));
  return entry;
}

bool is_there(const fs::path& path) {
  std::error_code ec;
  return fs::exists(path, ec);
}

}  // namespace

Result<std::vector<TensorEntry>> parse_safetensors(std::span<const std::byte> front, std::uint64_t file_bytes,
                                                   std::string_view name) {
  if (file_bytes < kLengthBytes || front.size() < kLengthBytes)
    return bad(name, fmt::format("has {} bytes, too few for a header", file_bytes));
  std::uint64_t header_bytes = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;)
    header_bytes = header_bytes << 8 | std::to_integer<std::uint64_t>(front[i]);
  if (header_bytes > kMostHeaderBytes)
    return bad(name, fmt::format("its header claims {} bytes, above {}", header_bytes, kMostHeaderBytes));
  if (header_bytes > file_bytes - kLengthBytes || header_bytes > front.size() - kLengthBytes)
    return bad(name, fmt::format("its header claims {} bytes, and the file has {}", header_bytes, file_bytes));
  const std::string_view text(reinterpret_cast<const char*>(front.data()) + kLengthBytes, header_bytes);
  constexpr int kMostDepth = 4;
  PHASEWATT_ASSIGN(const Json header, parse_object(text, name, kMostDepth, true));

  std::vector<TensorEntry> entries;
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") continue;
    PHASEWATT_ASSIGN(auto entry, read_entry(key, value, name));
    entries.push_back(std::move(entry));
  }
  // Empty tensors share a place with the one after them.
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  const std::uint64_t data_bytes = file_bytes - kLengthBytes - header_bytes;
  std::uint64_t next = 0;
  for (TensorEntry& entry : entries) {
    if (entry.end > data_bytes)
      return bad(name, fmt::format("tensor {} ends at byte {} of {}", in_quotes(entry.name), entry.end, data_bytes));
    if (entry.begin != next)
      return bad(name, fmt::format("tensor {} begins at byte {}, where {} is expected", in_quotes(entry.name),
                                   entry.begin, next));
    next = entry.end;
    entry.begin += kLengthBytes + header_bytes;
    entry.end += kLengthBytes + header_bytes;
  }
  if (next != data_bytes) return bad(name, fmt::format("{} bytes belong to no tensor", data_bytes - next));
  return entries;
}

Result<std::unordered_map<std::string, std::string>> parse_index(std::string_view text, std::string_view name) {
  constexpr int kMostDepth = 8;
  PHASEWATT_ASSIGN(const Json json, parse_object(text, name, kMostDepth, false));
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) return bad(name, "weight_map is missing or no object");
  std::unordered_map<std::string, std::string> out;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) return bad(name, fmt::format("weight_map: {} names no file", in_quotes(tensor)));
    const auto& path = file.get_ref<const std::string&>();
    if (path.empty() || path == "." || path == ".." || path.find_first_of(std::string_view("/\\\0", 3)) != path.npos)
      return bad(name, fmt::format("weight_map: {} names {}, which is no plain file name", in_quotes(tensor),
                                   in_quotes(path)));
    out.emplace(tensor, path);
  }
  return out;
}

Result<MappedFile> MappedFile::open(const fs::path& path) {
  const auto failed = [&](int error) {
    return Error{error == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("cannot read '{}': {}", path.string(), std::generic_category().message(error)),
                 {}};
  };
  // O_NONBLOCK: a pipe of that name must not hold the program up.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return failed(errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return failed(errno);
  if (!S_ISREG(info.st_mode))
    return Error{ErrorCode::bad_input, fmt::format("'{}' is not a regular file", path.string()), {}};
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile({});
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (at == MAP_FAILED) return failed(errno);
  return MappedFile({static_cast<const std::byte*>(at), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}
MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Status WeightFiles::add(const fs::path& path) {
  PHASEWATT_ASSIGN(MappedFile file, MappedFile::open(path));
  PHASEWATT_ASSIGN(auto entries, parse_safetensors(file.bytes(), file.bytes().size(), path.string()));
  for (TensorEntry& entry : entries) {
    std::string name = entry.name;
    if (!places_.emplace(name, Place{files_.size(), std::move(entry)}).second)
      return bad(path.string(), fmt::format("tensor {} is in another file too", in_quotes(name)));
    names_.push_back(std::move(name));
  }
  files_.push_back(std::move(file));
  return ok();
}

Result<WeightFiles> WeightFiles::open(const fs::path& folder) {
  WeightFiles out;
  if (const fs::path single = folder / kSingle; is_there(single)) {
    PHASEWATT_TRY(out.add(single));
  } else if (const fs::path index = folder / kIndex; is_there(index)) {
    PHASEWATT_ASSIGN(const std::string text, read_file(index));
    PHASEWATT_ASSIGN(const auto map, parse_index(text, index.string()));
    std::set<std::string> files;
    for (const auto& [tensor, file] : map) files.insert(file);
    for (const std::string& file : files) PHASEWATT_TRY(out.add(folder / file));
    for (const auto& [tensor, file] : map)
      if (!out.places_.contains(tensor))
        return bad(index.string(), fmt::format("tensor {} is not in {}", in_quotes(tensor), in_quotes(file)));
  } else if (is_there(folder / "pytorch_model.bin") || is_there(folder / "pytorch_model.bin.index.json")) {
    return Error{ErrorCode::unsupported, fmt::format("'{}' holds its weights as pytorch_model.bin", folder.string()),
                 "save the model again as safetensors: model.save_pretrained(DIR)"};
  } else {
    return Error{ErrorCode::not_found, fmt::format("'{}' has no {} and no {}", folder.string(), kSingle, kIndex), {}};
  }
  std::sort(out.names_.begin(), out.names_.end());
  return out;
}

std::optional<TensorView> WeightFiles::find(const std::string& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return std::nullopt;
  const TensorEntry& entry = found->second.entry;
  return TensorView{entry.dtype, entry.shape,
                    files_[found->second.file].bytes().subspan(entry.begin, entry.end - entry.begin)};
}

}  // namespace phasewatt::engine::model
