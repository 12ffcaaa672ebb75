#include "apps/cli/libtorch_wiring.h"

#ifdef PHASEWATT_HAS_LIBTORCH
#include "apps/cli/model_tokens.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"
#endif

namespace phasewatt::cli {

#ifdef PHASEWATT_HAS_LIBTORCH

using namespace engine::libtorch;

std::string libtorch_release() { return libtorch_version(); }

Result<EngineMaker> libtorch_engine(const replay::Study& study) {
  LibtorchOptions options;
  options.open_tokens = open_text_tokens;
  options.seed = study.seed;
  options.threads = study.threads;
  options.device = study.engine_device;
  options.dtype = study.dtype;
  options.runtime = study.runtime == "eager" ? Runtime::eager : Runtime::graph;
  return EngineMaker([options](const std::string& device) {
    LibtorchOptions chosen = options;
    if (!device.empty() && chosen.device == "auto") chosen.device = device;
    return make_libtorch_engine(std::move(chosen));
  });
}

#else

std::string libtorch_release() { return {}; }

Result<EngineMaker> libtorch_engine(const replay::Study& study) {
  return Error{ErrorCode::unsupported, study.source + ": this phasewatt was built without the engine 'libtorch'",
               kLibtorchHint};
}

#endif

}  // namespace phasewatt::cli
