#include "phasewatt/device/rapl/rapl_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "phasewatt/base/text.h"

namespace phasewatt::device::rapl {

namespace {

std::string_view to_string(RaplScope scope) {
  switch (scope) {
    case RaplScope::packages: return "packages";
    case RaplScope::memory: return "memory";
    case RaplScope::system: return "system";
  }
  return {};
}

bool belongs(const Zone& zone, RaplScope scope) {
  switch (scope) {
    case RaplScope::packages: return zone.is_package();
    case RaplScope::memory: return zone.name == "dram";
    case RaplScope::system: return zone.name == "psys";
  }
  return false;
}

// Root alone may read the counters since CVE-2020-8694 (Linux 5.10). The group of the user who asks is the narrowest
// opening that needs no setting up.
constexpr const char* kOpenCounters =
    "open the counters to your group until the next boot: sudo chgrp \"$(id -gn)\" "
    "/sys/class/powercap/intel-rapl:*/energy_uj && sudo chmod g+r /sys/class/powercap/intel-rapl:*/energy_uj (who may "
    "read them can spy on other programs through the power they draw, CVE-2020-8694; for good: docs/other-devices.md)";

Error cannot_open(const std::filesystem::path& file, int number) {
  if (number == EACCES || number == EPERM)
    return {ErrorCode::permission, fmt::format("'{}' may not be read by this user", file.string()), kOpenCounters};
  return {number == ENOENT ? ErrorCode::not_found : ErrorCode::io,
          fmt::format("cannot open '{}': {}", file.string(), std::strerror(number)),
          {}};
}

/// The counter from its beginning: sysfs makes the text anew at each read of offset 0.
Result<std::uint64_t> read_counter(int file, const Zone& zone) {
  std::array<char, 64> text{};
  ssize_t length = 0;
  do length = ::pread(file, text.data(), text.size(), 0);
  while (length < 0 && errno == EINTR);
  if (length < 0)
    return Error{ErrorCode::io, fmt::format("cannot read '{}': {}", zone.energy_file().string(), std::strerror(errno)),
                 "was the driver intel_rapl unloaded? start again"};
  const auto number = parse_number({text.data(), static_cast<std::size_t>(length)});
  if (number && *number <= zone.range_uj) return *number;
  return Error{ErrorCode::bad_input,
               fmt::format("'{}' holds '{}', not a number up to {}", zone.energy_file().string(),
                           trim({text.data(), static_cast<std::size_t>(length)}), zone.range_uj),
               "this counter cannot be used: measure without the host's energy"};
}

}  // namespace

Result<std::unique_ptr<RaplDevice>> RaplDevice::open(RaplScope scope, const std::vector<Zone>& zones) {
  std::unique_ptr<RaplDevice> device(new RaplDevice);
  std::vector<std::string> names;
  std::optional<Watts> cap = Watts(0);
  for (const auto& zone : zones) {
    UniqueFd file(::open(zone.energy_file().c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return cannot_open(zone.energy_file(), errno);
    PHASEWATT_ASSIGN(const std::uint64_t first, read_counter(file.get(), zone));
    device->counters_.push_back({zone, std::move(file), WrapCounter(zone.range_uj, first)});
    names.push_back(zone.name);
    if (cap && zone.power_limit)
      *cap += *zone.power_limit;
    else
      cap.reset();
  }
  if (zones.empty()) return Error{ErrorCode::not_found, fmt::format("no RAPL counter of the {}", to_string(scope)), {}};
  device->info_.id = fmt::format("rapl:{}", to_string(scope));
  device->info_.name = fmt::format("host {} ({})", to_string(scope), join(names, ", "));
  device->info_.driver = "powercap intel-rapl";
  device->info_.readable.energy = true;
  device->info_.simulated = !in_sysfs(zones.front().folder);
  if (device->info_.simulated) device->info_.name += " (SIMULATED)";
  if (scope == RaplScope::packages) device->info_.power_cap = cap;
  return device;
}

Result<Joules> RaplDevice::energy() {
  std::uint64_t total_uj = 0;
  for (auto& counter : counters_) {
    PHASEWATT_ASSIGN(const std::uint64_t raw, read_counter(counter.file.get(), counter.zone));
    total_uj += counter.wraps.add(raw).value();  // read_counter checked the range
  }
  return Joules(static_cast<double>(total_uj) * 1e-6);
}

Result<Readings> RaplDevice::read(const ReadMask& what) {
  Readings out;
  if (what.energy) {
    PHASEWATT_ASSIGN(out.energy, energy());
  }
  out.at = std::chrono::steady_clock::now().time_since_epoch();
  return out;
}

void RaplDevice::wait(Nanos span) { std::this_thread::sleep_for(span); }

Nanos RaplDevice::longest_safe_interval(Watts watts) const {
  std::uint64_t shortest = counters_.front().zone.range_uj;
  for (const auto& counter : counters_) shortest = std::min(shortest, counter.zone.range_uj);
  // Beyond a century (a range of 64 bits) the number is no matter.
  return from_seconds(std::min(static_cast<double>(shortest) * 1e-6 / watts.value(), 3e9));
}

Result<std::unique_ptr<RaplDevice>> open_rapl(RaplScope scope, const std::filesystem::path& root) {
  const auto where = root.empty() ? default_root() : root;
  PHASEWATT_ASSIGN(auto zones, find_zones(where));
  std::erase_if(zones, [&](const Zone& zone) { return !belongs(zone, scope); });
  if (zones.empty())
    return Error{ErrorCode::not_found, fmt::format("'{}' has no counter of the {}", where.string(), to_string(scope)),
                 "servers mostly have no psys, and AMD's no dram: measure the packages"};
  return RaplDevice::open(scope, zones);
}

}  // namespace phasewatt::device::rapl
