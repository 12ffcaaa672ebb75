#include "phasewatt/device/nvml/nvml_device.h"
#include "phasewatt/device/recorder.h"
#include "tools/bench_rounds.h"

/// How much slower the embedded engine gets while the sensors of its (first) GPU are read as a study reads them, by
/// rounds of blocks of texts (rounds.h). Sets no clock.
namespace {

using namespace phasewatt;

struct Options : tools::RoundsOptions {
  std::string gpu = "0";
};

Status measure(const Options& options) {
  PHASEWATT_ASSIGN(const auto nvml, device::nvml::Nvml::open());
  const auto engine = options.make();
  const tools::BenchBatch batch(options);
  PHASEWATT_ASSIGN(const engine::ModelInfo model, tools::warm_up(*engine, options, batch));
  PHASEWATT_ASSIGN(const auto gpus, device::nvml::list_gpus(*nvml));
  // The GPU that computes, where the engine says which.
  PHASEWATT_ASSIGN(const std::size_t which,
                   device::nvml::find_gpu(gpus, model.gpus.empty() ? options.gpu : model.gpus.front()));
  PHASEWATT_ASSIGN(const auto card, device::nvml::NvmlDevice::open(nvml, gpus[which]));
  const auto recorder = device::record_in_real_time(*card);
  tools::Nobody nobody;
  const auto block = [&] { return options.texts_a_second([&] { return batch.generate(*engine, nobody); }); };
  PHASEWATT_ASSIGN(const auto cost, bench::recorder_cost(*recorder, options.rounds, block, options.progress()));
  options.print(
      cost,
      fmt::format("computed on {}, sensors of {}", model.gpus.empty() ? "the CPU" : "that GPU", card->info().name),
      "with the recorder");
  return ok();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("What reading a GPU's sensors costs the embedded engine's throughput; prints a table");
  options.add_to(app);
  app.add_option("--gpu", options.gpu, "index or UUID, where the engine computes on no GPU (0)");
  CLI11_PARSE(app, argc, argv);
  return tools::exit_status(measure(options));
}
