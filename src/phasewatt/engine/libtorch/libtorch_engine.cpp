#include "phasewatt/engine/libtorch/libtorch_engine.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include "phasewatt/engine/libtorch/passes.h"

namespace phasewatt::engine::libtorch {

Result<std::unique_ptr<Passes>> make_passes(const LibtorchOptions& options, const model::Config& config,
                                            const model::WeightFiles* files) {
  const auto stored = files != nullptr ? files->find("model.embed_tokens.weight")->dtype : model::Dtype::f16;
  PHASEWATT_ASSIGN(const std::vector<at::Device> devices, choose_devices(options));
  PHASEWATT_ASSIGN(const at::ScalarType type, choose_type(options, devices[0], stored));
  PHASEWATT_ASSIGN(const model::Config part, share_config(config, devices.size()));
  PHASEWATT_ASSIGN(auto team, on_device(devices[0], [&]() -> Result<std::unique_ptr<Team>> {
                     return std::make_unique<Team>(make_groups(devices));
                   }));
  // All of them before the first is filled; ranks on the CPU share one memory.
  const double bytes = element_bytes({devices[0], type}) * part.parameters();
  for (const at::Device& device : devices) {
    const double wanted = device.is_cpu() ? bytes * static_cast<double>(devices.size()) : bytes;
    PHASEWATT_TRY(on_device(device, [&] { return check_memory_of(device, wanted); }));
  }
  std::vector<std::unique_ptr<Rank>> ranks(devices.size());
  PHASEWATT_TRY(team->run([&](std::size_t i) {
    return on_device(devices[i], [&]() -> Status {
      const Place place{devices[i], type};
      const Share share{i, devices.size()};
      auto weights = files != nullptr ? load_weights(config, *files, place, share)
                                      : random_weights(config, options.seed, place, share);
      ranks[i] = std::make_unique<Rank>(std::make_unique<Decoder>(part, std::move(weights), place, team->groups()[i]));
      if (place.device.is_cpu() || options.runtime != Runtime::graph) return ok();
      PHASEWATT_ASSIGN(ranks[i]->graphs, make_graph_runtime(*ranks[i]->decoder));
      return ok();
    });
  }));
  return on_device(devices[0], [&]() -> Result<std::unique_ptr<Passes>> {
    return std::make_unique<Passes>(config, std::move(team), std::move(ranks));
  });
}

Status check_options(const LibtorchOptions& options) {
  PHASEWATT_ASSIGN(const std::vector<at::Device> devices, choose_devices(options));
  PHASEWATT_TRY(choose_type(options, devices[0], model::Dtype::f16));
  return ok();
}

std::unique_ptr<Engine> make_libtorch_engine(LibtorchOptions options) {
  EngineInfo info;
  info.id = "libtorch";
  const auto devices = choose_devices(options);
  info.runtime = devices.ok() && devices->front().is_cuda() && options.runtime == Runtime::graph ? "graph" : "eager";
  if (options.threads > 0) at::set_num_threads(options.threads);
  embedded::EmbeddedOptions common{options.open_tokens, options.seed, options.threads};
  return embedded::make_embedded_engine(
      std::move(info), std::move(common),
      [options = std::move(options)](const model::Config& config,
                                     const model::WeightFiles* files) -> Result<std::unique_ptr<embedded::Runner>> {
        PHASEWATT_ASSIGN(auto passes, make_passes(options, config, files));
        return std::unique_ptr<embedded::Runner>(std::move(passes));
      });
}

std::string libtorch_version() { return TORCH_VERSION; }

}  // namespace phasewatt::engine::libtorch
