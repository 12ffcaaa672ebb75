#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <mutex>

#include "apps/cli/gpus.h"
#include "apps/cli/watch_view.h"
#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/signals.h"

namespace phasewatt::cli {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t unix_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

Json to_json(const Error& error) {
  return {{"code", to_string(error.code)}, {"what", error.what}, {"hint", error.hint}};
}

class WatchLines final : public WatchView {
 public:
  WatchLines(WatchHead head, const std::vector<WatchedGpu>& gpus, const Console& console)
      : head_(std::move(head)), gpus_(gpus), console_(console), troubles_(gpus.size()), asked_(gpus.size()) {
    print_head();
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      troubles_[i] = gpus[i].trouble;
      if (troubles_[i]) print_trouble(i, monotonic_now(), monotonic_now());
    }
  }

  void take(const device::SampleRead& read) override {
    const std::scoped_lock lock(mutex_);
    ++reads_;
    auto& trouble = troubles_[read.device];
    if (!read.readings) {
      // Told when it begins, not again at every read that fails.
      const bool news = !trouble;
      trouble = read.readings.error();
      if (news) print_trouble(read.device, read.begin, read.end);
      return;
    }
    trouble.reset();
    for (const auto& signal : device::signals())
      if (read.what.*signal.flag) print_reading(read, signal);
  }

  void refresh(const std::vector<std::optional<Mhz>>& asked) override {
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (asked[i] == asked_[i]) continue;
      asked_[i] = asked[i];
      print({{"gpu", gpus_[i].gpu.index},
             {"signal", "sm_clock_asked"},
             {"unit", "MHz"},
             {"value", asked[i] ? Json(asked[i]->value()) : Json()},
             {"begin_ns", monotonic_now().count()}});
    }
    (void)std::fflush(stdout);
  }

  void finish(std::uint64_t missed) override {
    print({{"end", true}, {"monotonic_ns", monotonic_now().count()}, {"reads", reads_}, {"missed", missed}});
  }

  std::optional<Error> trouble() override {
    const std::scoped_lock lock(mutex_);
    for (const auto& each : troubles_)
      if (each) return each;
    return std::nullopt;
  }

 private:
  void print(const Json& object) const {
    console_.out(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  void print_head() const {
    Json list = Json::array();
    for (const auto& each : gpus_) {
      Json gpu{{"gpu", each.gpu.index}, {"uuid", each.gpu.uuid}, {"name", each.gpu.name}};
      if (each.device) gpu["readings"] = readings_of(each.device->info(), true);
      list.push_back(std::move(gpu));
    }
    print({{"schema", "devices-watch/1"},
           {"simulated", head_.simulated},
           {"library", head_.library},
           {"driver", head_.driver},
           {"monotonic_ns", monotonic_now().count()},
           {"unix_ns", unix_ns()},
           {"interval_ns", head_.interval.count()},
           {"energy_interval_ns", head_.energy_interval.count()},
           {"gpus", list}});
  }

  void print_trouble(std::size_t place, Nanos begin, Nanos end) const {
    print({{"gpu", gpus_[place].gpu.index},
           {"error", to_json(*troubles_[place])},
           {"begin_ns", begin.count()},
           {"end_ns", end.count()},
           {"simulated", head_.simulated}});
  }

  /// By hand, because there are thousands a second.
  void print_reading(const device::SampleRead& read, const device::Signal& signal) const {
    const auto& readings = *read.readings;
    const auto value = signal.value(readings);
    std::string more;
    if (signal.flag == &device::ReadMask::throttle && readings.throttle_mask)
      more = fmt::format(",\"words\":\"{}\"", throttle_words(*readings.throttle_mask));
    if (signal.flag == &device::ReadMask::processes && readings.other_processes)
      more = fmt::format(",\"pids\":[{}]", fmt::join(*readings.other_processes, ","));
    console_.out(
        fmt::format("{{\"gpu\":{},\"signal\":\"{}\",\"unit\":\"{}\",\"value\":{}{},\"begin_ns\":{},\"end_ns\":{},"
                    "\"simulated\":{}}}\n",
                    gpus_[read.device].gpu.index, signal.name, signal.unit, value ? fmt::format("{}", *value) : "null",
                    more, read.begin.count(), read.end.count(), head_.simulated));
  }

  WatchHead head_;
  const std::vector<WatchedGpu>& gpus_;
  const Console& console_;
  std::mutex mutex_;
  std::uint64_t reads_ = 0;
  std::vector<std::optional<Error>> troubles_;
  std::vector<std::optional<Mhz>> asked_;
};

}  // namespace

std::unique_ptr<WatchView> make_watch_lines(const WatchHead& head, const std::vector<WatchedGpu>& gpus,
                                            const Console& console) {
  return std::make_unique<WatchLines>(head, gpus, console);
}

}  // namespace phasewatt::cli
