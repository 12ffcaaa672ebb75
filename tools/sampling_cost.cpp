#include <fmt/format.h>

#include <iostream>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/nvml/nvml_device.h"
#include "tests/bench/recorder_rounds.h"
#include "tools/bench_engine.h"

/// How much slower the embedded engine gets while the sensors of its (first) GPU are read as a study reads them, by
/// rounds of blocks of texts (recorder_rounds.h). Sets no clock.
namespace {

using namespace phasewatt;

struct Options : tools::EngineOptions {
  std::string gpu = "0";
  int rounds = 100;
  double seconds = 0.5;
};

/// Texts a second.
Result<double> block(engine::Engine& engine, const tools::BenchBatch& batch, double seconds) {
  tools::Nobody nobody;
  const Nanos begin = monotonic_now();
  for (int texts = 1;; ++texts) {
    PHASEWATT_TRY(batch.generate(engine, nobody));
    const double took = to_seconds(monotonic_now() - begin);
    if (took >= seconds) return texts / took;
  }
}

void print(const char* what, const device::bench::Median& percent) {
  std::cout << fmt::format("| {} | {:+.2f} % | {:+.2f} to {:+.2f} % |\n", what, percent.middle, percent.low,
                           percent.high);
}

Status measure(const Options& options) {
  const auto engine = options.make();
  const tools::BenchBatch batch(options);
  PHASEWATT_ASSIGN(const engine::ModelInfo model, tools::warm_up(*engine, options, batch));
  PHASEWATT_ASSIGN(const auto nvml, device::nvml::Nvml::open());
  PHASEWATT_ASSIGN(const auto gpus, device::nvml::list_gpus(*nvml));
  // The GPU that computes, where the engine says which.
  PHASEWATT_ASSIGN(const std::size_t which,
                   device::nvml::find_gpu(gpus, model.gpus.empty() ? options.gpu : model.gpus.front()));
  PHASEWATT_ASSIGN(const auto card, device::nvml::NvmlDevice::open(nvml, gpus[which]));
  const auto recorder = device::record_in_real_time(*card);
  const auto progress = [&](int round) { std::cerr << fmt::format("\rround {} of {}", round, options.rounds); };
  const auto cost = device::bench::recorder_cost(
      *recorder, options.rounds, [&] { return block(*engine, batch, options.seconds); }, progress);
  std::cerr << '\n';
  PHASEWATT_TRY(cost);
  std::cout << fmt::format(
      "{}, batch {}, {} rounds of blocks of {} s, sensors of {}\n\n"
      "| throughput | change | 95 % |\n| --- | --: | --: |\n",
      options.model, options.batch, options.rounds, options.seconds, card->info().name);
  print("with the recorder", cost->change);
  print("without again", cost->control);
  return ok();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("What reading a GPU's sensors costs the embedded engine's throughput; prints a table");
  options.add_to(app);
  app.add_option("--gpu", options.gpu, "index or UUID, where the engine computes on no GPU (0)");
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 100'000));
  app.add_option("--seconds", options.seconds, "of a block, at least")->check(CLI::Range(0.0, 3600.0));
  CLI11_PARSE(app, argc, argv);
  if (const Status done = measure(options); !done) {
    std::cerr << done.error().what << (done.error().hint.empty() ? "" : " (" + done.error().hint + ")") << '\n';
    return 1;
  }
  return 0;
}
