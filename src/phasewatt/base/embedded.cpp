#include "phasewatt/base/embedded.h"

namespace phasewatt {

const EmbeddedFile* find_embedded(std::span<const EmbeddedFile> files, std::string_view name) {
  for (const auto& file : files)
    if (file.name == name) return &file;
  return nullptr;
}

}  // namespace phasewatt
