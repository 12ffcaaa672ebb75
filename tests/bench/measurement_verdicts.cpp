// How often a point's verdict is right: every invalid condition injected alone, and clean runs, over many seeds on the
// simulated GPU in virtual time. Prints a table; docs/benchmarks.md has one.
//
//   measurement_verdicts [--seeds N]
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "phasewatt/sim/random.h"
#include "tests/replay/conditions.h"

namespace {

using namespace phasewatt;                        // NOLINT(google-build-using-namespace): a program of one file
using namespace phasewatt::replay::sensor_world;  // NOLINT(google-build-using-namespace)

double inside(std::uint64_t seed) {
  const double u = sim::uniform(sim::philox(seed, {1, 2, 3, 4})[0]);
  return kInsideFrom + (kInsideTo - kInsideFrom) * u;
}

bool right(const Condition& condition, const RunRecord& record) {
  if (condition.any_of.empty()) return record.validity == Validity::valid;
  for (const Reason reason : condition.any_of)
    if (has(record, reason)) return record.validity != Validity::valid;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  int seeds = 200;
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::string_view(argv[i]) == "--seeds") seeds = std::max(1, std::atoi(argv[i + 1]));
  fmt::print("{:<22} {:>6} {:>9}  {}\n", "condition", "seeds", "right", "reasons given");
  bool all = true;
  for (const Condition& condition : conditions()) {
    int good = 0;
    std::map<std::string, int> reasons;
    for (int seed = 1; seed <= seeds; ++seed) {
      Options options;
      options.seed = static_cast<std::uint64_t>(seed);
      options.gpu = quick_card();
      condition.inject(options, inside(options.seed));
      const RunRecord record = measure(options);
      good += right(condition, record) ? 1 : 0;
      for (const Reason reason : record.reasons) ++reasons[std::string(to_string(reason))];
    }
    std::string given;
    for (const auto& [reason, count] : reasons) given += fmt::format("{} {}  ", reason, count);
    fmt::print("{:<22} {:>6} {:>8.1f}%  {}\n", condition.name, seeds, 100.0 * good / seeds, given);
    all = all && (condition.any_of.empty() ? good >= seeds * 99 / 100 : good == seeds);
  }
  return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
