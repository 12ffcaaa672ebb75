#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/engine/model/dtype.h"

/// Reads safetensors files: eight bytes of header length (little endian), a JSON header, then the elements. Every
/// offset is checked before anything is looked at. Format: https://huggingface.co/docs/safetensors.
namespace phasewatt::engine::model {

/// One tensor of a file: its elements are bytes [begin, end) of the file, row-major, little endian, not aligned.
struct TensorEntry {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;  ///< empty: one element
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The tensors of a file by place. `front` is the file's beginning, header included; `file_bytes` its whole size. As
/// the reference reader demands: header of at most 100 MB, no name twice, tensors that follow each other without hole
/// or overlap up to the file's end, bytes = product of the shape × size of an element. bad_input naming file and
/// tensor; unsupported for an element type that is not known.
Result<std::vector<TensorEntry>> parse_safetensors(std::span<const std::byte> front, std::uint64_t file_bytes,
                                                   std::string_view name);

/// A tensor in mapped memory; valid as long as the WeightFiles it came from.
struct TensorView {
  Dtype dtype = Dtype::f32;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A file mapped into memory, read-only. A file that another program cuts short meanwhile ends this one (SIGBUS).
class MappedFile {
 public:
  /// not_found, io; bad_input when it is not a regular file.
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

/// The weights of a model folder: model.safetensors, or the files that model.safetensors.index.json names. Immutable;
/// thread-safe.
class WeightFiles {
 public:
  /// not_found: neither is there. unsupported: weights of another format are there instead.
  static Result<WeightFiles> open(const std::filesystem::path& folder);

  /// Nothing when there is no tensor of that name.
  [[nodiscard]] std::optional<TensorView> find(const std::string& name) const;
  /// Names, sorted.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] std::size_t files() const { return files_.size(); }

 private:
  struct Place {
    std::size_t file = 0;
    TensorEntry entry;
  };
  WeightFiles() = default;
  Status add(const std::filesystem::path& path);

  std::vector<MappedFile> files_;
  std::unordered_map<std::string, Place> places_;
  std::vector<std::string> names_;
};

/// The files an index names for each tensor. A name with a folder in it is bad_input: an index must not lead elsewhere.
Result<std::unordered_map<std::string, std::string>> parse_index(std::string_view text, std::string_view name);

}  // namespace phasewatt::engine::model
