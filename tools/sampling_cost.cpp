#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <random>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/nvml/nvml_device.h"
#include "phasewatt/device/recorder.h"
#include "tools/bench_engine.h"

/// How much slower the embedded engine gets while the sensors of its GPU are read as a study reads them. Rounds of
/// three blocks of texts in random order: with the recorder, without, without again; each block gives a throughput.
/// Prints the median over the rounds of with / without − 1, and of without again / without − 1, which would be 0 on a
/// quiet machine, each with its distribution-free 95 % interval. Sets no clock.
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

void print(const char* what, std::vector<double> percent) {
  std::sort(percent.begin(), percent.end());
  const auto n = static_cast<double>(percent.size());
  const auto at = [&](double rank) {
    return percent[static_cast<std::size_t>(std::clamp(std::floor(rank), 0.0, n - 1))];
  };
  std::cout << fmt::format("| {} | {:+.2f} % | {:+.2f} to {:+.2f} % |\n", what, at(n / 2),
                           at(n / 2 - 0.98 * std::sqrt(n)), at(n / 2 + 0.98 * std::sqrt(n)));
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
  std::mt19937 random(1);
  std::vector<double> change;
  std::vector<double> control;
  for (int round = 0; round < options.rounds; ++round) {
    std::array<std::size_t, 3> order{0, 1, 2};
    std::shuffle(order.begin(), order.end(), random);
    std::array<double, 3> rate{};
    for (const std::size_t of : order) {
      if (of == 0) recorder->start();
      PHASEWATT_ASSIGN(rate[of], block(*engine, batch, options.seconds));
      if (of == 0) PHASEWATT_TRY(recorder->stop());
    }
    change.push_back(100 * (rate[0] / rate[1] - 1));
    control.push_back(100 * (rate[2] / rate[1] - 1));
  }
  std::cout << fmt::format(
      "{}, batch {}, {} rounds of blocks of {} s\n\n| throughput | change | 95 % |\n| --- | --: | --: |\n",
      options.model, options.batch, options.rounds, options.seconds);
  print("with the recorder", std::move(change));
  print("without again", std::move(control));
  return ok();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("What reading a GPU's sensors costs the embedded engine's throughput; prints a table");
  options.add_to(app);
  app.add_option("--gpu", options.gpu, "index or UUID, where the engine computes on no GPU (0)");
  app.add_option("--rounds", options.rounds)->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "of a block, at least")->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  if (const Status done = measure(options); !done) {
    std::cerr << done.error().what << (done.error().hint.empty() ? "" : " (" + done.error().hint + ")") << '\n';
    return 1;
  }
  return 0;
}
