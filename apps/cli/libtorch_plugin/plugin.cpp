#include "apps/cli/libtorch_plugin/plugin.h"

#include <utility>

using namespace phasewatt::engine;

phasewatt::engine::Engine* phasewatt_make_libtorch_engine(libtorch::LibtorchOptions* options) {
  return libtorch::make_libtorch_engine(std::move(*options)).release();
}

void phasewatt_check_libtorch_options(const libtorch::LibtorchOptions* options,
                                      std::optional<phasewatt::Error>* wrong) {
  if (auto checked = libtorch::check_options(*options); !checked) *wrong = std::move(checked).error();
}

const char* phasewatt_libtorch_release() {
  static const std::string release = libtorch::libtorch_version();
  return release.c_str();
}
