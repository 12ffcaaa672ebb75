#include "apps/cli/libtorch_plugin/plugin.h"

#include <utility>

using namespace phasewatt::engine;

phasewatt::engine::Engine* phasewatt_make_libtorch_engine(libtorch::LibtorchOptions* options) {
  return libtorch::make_libtorch_engine(std::move(*options)).release();
}

const char* phasewatt_libtorch_release() {
  static const std::string release = libtorch::libtorch_version();
  return release.c_str();
}
