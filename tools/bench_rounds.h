#pragma once

#include <fmt/format.h>

#include <iostream>
#include <string>

#include "phasewatt/base/periodic_worker.h"
#include "tests/bench/rounds.h"
#include "tools/bench_engine.h"

/// An engine whose throughput is compared with itself, in rounds of blocks of texts (rounds.h).
namespace phasewatt::tools {

struct RoundsOptions : EngineOptions {
  int rounds = 100;
  double seconds = 0.5;

  void add_to(CLI::App& app) {
    EngineOptions::add_to(app);
    app.add_option("--rounds", rounds)->check(CLI::Range(1, 100'000));
    app.add_option("--seconds", seconds, "of a block, at least")->check(CLI::Range(0.0, 3600.0));
  }

  /// Texts a second of a block; `text` makes one batch of them.
  template <class Text>
  Result<double> texts_a_second(Text text) const {
    const Nanos begin = monotonic_now();
    for (int texts = 1;; ++texts) {
      PHASEWATT_TRY(text());
      const double took = to_seconds(monotonic_now() - begin);
      if (took >= seconds) return texts / took;
    }
  }

  [[nodiscard]] auto progress() const {
    return [this](int round) {
      std::cerr << fmt::format("\rround {} of {}{}", round, rounds, round == rounds ? "\n" : "") << std::flush;
    };
  }

  /// A table; `what` is beside the engine in one block of each round.
  void print(const bench::Cost& cost, const std::string& conditions, const std::string& what) const {
    std::cout << fmt::format(
        "{}, batch {}, {} rounds of blocks of {} s, {}\n\n| throughput | change | 95 % |\n| --- | --: | --: |\n", model,
        batch, rounds, seconds, conditions);
    const auto line = [](const std::string& name, const bench::Median& percent) {
      std::cout << fmt::format("| {} | {:+.2f} % | {:+.2f} to {:+.2f} % |\n", name, percent.middle, percent.low,
                               percent.high);
    };
    line(what, cost.change);
    line("without again", cost.control);
    std::cout << '\n';
  }
};

}  // namespace phasewatt::tools
