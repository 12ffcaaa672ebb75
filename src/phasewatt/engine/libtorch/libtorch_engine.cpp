#include "phasewatt/engine/libtorch/libtorch_engine.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include "phasewatt/engine/libtorch/passes.h"

namespace phasewatt::engine::libtorch {
namespace {

using RunnerResult = Result<std::unique_ptr<embedded::Runner>>;

RunnerResult make_passes(const LibtorchOptions& options, const model::Config& config, const model::WeightFiles* files) {
  const auto stored = files != nullptr ? files->find("model.embed_tokens.weight")->dtype : model::Dtype::f16;
  PHASEWATT_ASSIGN(const Place place, choose_place(options, stored));
  return on_device(place.device, [&]() -> RunnerResult {
    PHASEWATT_TRY(check_memory_of(place.device, element_bytes(place) * config.parameters()));
    auto weights = files != nullptr ? load_weights(config, *files, place) : random_weights(config, options.seed, place);
    auto decoder = std::make_unique<Decoder>(config, std::move(weights), place);
    std::unique_ptr<GraphRuntime> graphs;
    if (place.device.is_cuda() && options.runtime == Runtime::graph) {
      PHASEWATT_ASSIGN(graphs, make_graph_runtime(*decoder));
    }
    return std::unique_ptr<embedded::Runner>(std::make_unique<Passes>(std::move(decoder), std::move(graphs)));
  });
}

}  // namespace

std::unique_ptr<Engine> make_libtorch_engine(LibtorchOptions options) {
  EngineInfo info;
  info.id = "libtorch";
  const auto device = choose_device(options);
  info.runtime = device.ok() && device->is_cuda() && options.runtime == Runtime::graph ? "graph" : "eager";
  if (options.threads > 0) at::set_num_threads(options.threads);
  embedded::EmbeddedOptions common{options.open_tokens, options.seed, options.threads};
  return embedded::make_embedded_engine(
      std::move(info), std::move(common),
      [options = std::move(options)](const model::Config& config, const model::WeightFiles* files) {
        return make_passes(options, config, files);
      });
}

std::string libtorch_version() { return TORCH_VERSION; }

}  // namespace phasewatt::engine::libtorch
