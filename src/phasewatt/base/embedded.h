#pragma once

#include <span>
#include <string_view>

namespace phasewatt {

/// A file that was compiled into the program (cmake/embed.cmake). Lives as long as the process.
struct EmbeddedFile {
  std::string_view name;     ///< path relative to the embedding folder
  std::string_view content;  ///< the bytes, verbatim
};

/// The file of that name, or nullptr.
const EmbeddedFile* find_embedded(std::span<const EmbeddedFile> files, std::string_view name);

}  // namespace phasewatt
