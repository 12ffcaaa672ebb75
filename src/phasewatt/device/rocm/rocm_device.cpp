#include "phasewatt/device/rocm/rocm_device.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "phasewatt/base/text.h"
#include "phasewatt/device/rocm/frequencies.h"

namespace phasewatt::device::rocm {
namespace {

constexpr std::uint32_t kSensor = 0;  // of power; a card has one
// What the driver's table of metrics holds where a card does not fill it.
constexpr std::uint64_t kUnfilled = std::numeric_limits<std::uint64_t>::max();

Watts from_microwatts(std::uint64_t microwatts) { return Watts(static_cast<double>(microwatts) * 1e-6); }

/// "0000:03:00.0" from ROCm SMI's packing: domain in the upper half, then bus, device and function.
std::string pci_address(std::uint64_t bdf) {
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", bdf >> 32U, (bdf >> 8U) & 0xffU, (bdf >> 3U) & 0x1fU, bdf & 0x7U);
}

}  // namespace

Result<std::unique_ptr<RocmDevice>> RocmDevice::open(std::shared_ptr<const RsmiLibrary> library, std::uint32_t index) {
  std::unique_ptr<RocmDevice> device(new RocmDevice(std::move(library), index));
  PHASEWATT_TRY(device->identify());
  PHASEWATT_TRY(device->find_capabilities());
  return device;
}

template <class Function, class... Arguments>
Result<bool> RocmDevice::fetch(const char* what, Function function, Arguments... arguments) const {
  if (function == nullptr) return false;
  const rsmi_status_t status = function(arguments...);
  if (status == RSMI_STATUS_SUCCESS) return true;
  if (is_absent(status) || (opened_ && is_passing(status))) return false;
  return library_->error(fmt::format("cannot read the {} of {}", what, info_.id), status);
}

Status RocmDevice::identify() {
  const auto& api = library_->api();
  info_.id = fmt::format("rocm:{}", index_);
  info_.driver = library_->versions();
  info_.simulated = library_->simulated();

  std::uint64_t number = 0;
  PHASEWATT_ASSIGN(const bool has_pci, fetch("PCI address", api.pci_id, index_, &number));
  if (has_pci) info_.id = "pci:" + pci_address(number);
  // The form in which HIP and ROCR_VISIBLE_DEVICES know a card; consumer cards have no unique id.
  PHASEWATT_ASSIGN(const bool has_id, fetch("unique id", api.unique_id, index_, &number));
  if (has_id && number != 0) info_.id = fmt::format("GPU-{:016x}", number);

  std::array<char, 256> name{};
  PHASEWATT_ASSIGN(const bool has_name, fetch("name", api.name, index_, name.data(), name.size() - 1));
  info_.name = has_name ? std::string(trim(name.data())) : std::string();
  if (info_.name.empty()) info_.name = "AMD GPU";

  PHASEWATT_ASSIGN(const bool has_cap, fetch("power cap", api.power_cap, index_, kSensor, &number));
  if (has_cap && number != 0) info_.power_cap = from_microwatts(number);
  PHASEWATT_ASSIGN(const bool has_memory, fetch("memory size", api.memory_total, index_, RSMI_MEM_TYPE_VRAM, &number));
  if (has_memory) info_.memory_bytes = static_cast<double>(number);

  rsmi_frequencies_room_t room;
  poison(room);
  PHASEWATT_ASSIGN(const bool has_clocks, fetch("clocks", api.clock_frequencies, index_, RSMI_CLK_TYPE_SYS, &room));
  if (has_clocks)
    if (const auto frequencies = read_frequencies(room)) info_.supported_clocks = supported_clocks(*frequencies);

  return ok();
}

Status RocmDevice::find_capabilities() {
  PHASEWATT_ASSIGN(const auto edge, temperature());
  if (!edge) sensor_ = RSMI_TEMP_TYPE_JUNCTION;
  PHASEWATT_ASSIGN(const Readings now, read({.power_instant = true,
                                             .power_average = true,
                                             .energy = true,
                                             .clocks = true,
                                             .temperature = true,
                                             .throttle = true,
                                             .utilization = true,
                                             .processes = true}));
  info_.readable.power_instant = now.power_instant.has_value();
  info_.readable.power_average = now.power_average.has_value();
  info_.readable.energy = now.energy.has_value();
  info_.readable.clocks = now.sm_clock.has_value();
  info_.readable.temperature = now.temperature.has_value();
  info_.readable.utilization = now.gpu_utilization.has_value();
  opened_ = true;
  return ok();
}

Result<std::optional<Watts>> RocmDevice::current_power() const {
  std::uint64_t microwatts = 0;
  RSMI_POWER_TYPE type = RSMI_INVALID_POWER;
  PHASEWATT_ASSIGN(const bool there, fetch("power", library_->api().power, index_, &microwatts, &type));
  if (!there || type != RSMI_CURRENT_POWER) return std::optional<Watts>();
  return std::optional(from_microwatts(microwatts));
}

Result<std::optional<Watts>> RocmDevice::average_power() const {
  std::uint64_t microwatts = 0;
  PHASEWATT_ASSIGN(const bool there,
                   fetch("average power", library_->api().power_average, index_, kSensor, &microwatts));
  if (!there) return std::optional<Watts>();
  return std::optional(from_microwatts(microwatts));
}

Result<std::optional<Joules>> RocmDevice::energy() {
  std::uint64_t count = 0;
  std::uint64_t timestamp = 0;
  float resolution = 0;  // µJ per count
  PHASEWATT_ASSIGN(const bool there,
                   fetch("energy counter", library_->api().energy_count, index_, &count, &resolution, &timestamp));
  if (!there || count == kUnfilled || !std::isfinite(resolution) || resolution <= 0) return std::optional<Joules>();
  // Counters that fall back are known (ROCm/amdsmi issue 115); a lower reading is no energy.
  if (count < last_count_) return std::optional<Joules>();
  last_count_ = count;
  return std::optional(Joules(static_cast<double>(count) * static_cast<double>(resolution) * 1e-6));
}

Result<std::optional<Mhz>> RocmDevice::clock(rsmi_clk_type_t type) const {
  rsmi_frequencies_room_t room;
  poison(room);
  PHASEWATT_ASSIGN(const bool there, fetch("clock", library_->api().clock_frequencies, index_, type, &room));
  if (!there) return std::optional<Mhz>();
  const auto frequencies = read_frequencies(room);
  return frequencies ? frequencies->current : std::optional<Mhz>();
}

Result<std::optional<Celsius>> RocmDevice::temperature() const {
  std::int64_t millidegrees = 0;
  PHASEWATT_ASSIGN(const bool there, fetch("temperature", library_->api().temperature, index_,
                                           static_cast<std::uint32_t>(sensor_), RSMI_TEMP_CURRENT, &millidegrees));
  if (!there) return std::optional<Celsius>();
  return std::optional(Celsius(static_cast<double>(millidegrees) * 1e-3));
}

Result<std::optional<double>> RocmDevice::utilization(decltype(RsmiApi::busy_percent) function) const {
  std::uint32_t percent = 0;
  PHASEWATT_ASSIGN(const bool there, fetch("utilisation", function, index_, &percent));
  if (!there || percent > 100) return std::optional<double>();
  return std::optional(percent / 100.0);
}

Result<Readings> RocmDevice::read(const ReadMask& what) {
  Readings out;
  if (what.power_instant) {
    PHASEWATT_ASSIGN(out.power_instant, current_power());
  }
  if (what.power_average) {
    PHASEWATT_ASSIGN(out.power_average, average_power());
  }
  if (what.energy) {
    PHASEWATT_ASSIGN(out.energy, energy());
  }
  if (what.clocks) {
    PHASEWATT_ASSIGN(out.sm_clock, clock(RSMI_CLK_TYPE_SYS));
    PHASEWATT_ASSIGN(out.memory_clock, clock(RSMI_CLK_TYPE_MEM));
  }
  if (what.temperature) {
    PHASEWATT_ASSIGN(out.temperature, temperature());
  }
  if (what.utilization) {
    PHASEWATT_ASSIGN(out.gpu_utilization, utilization(library_->api().busy_percent));
    PHASEWATT_ASSIGN(out.memory_utilization, utilization(library_->api().memory_busy_percent));
  }
  out.at = std::chrono::steady_clock::now().time_since_epoch();
  return out;
}

void RocmDevice::wait(Nanos span) { std::this_thread::sleep_for(span); }

Result<std::vector<std::unique_ptr<RocmDevice>>> open_rocm_devices(const std::string& library) {
  PHASEWATT_ASSIGN(const auto loaded, RsmiLibrary::open(library));
  std::uint32_t count = 0;
  if (const auto status = loaded->api().device_count(&count); status != RSMI_STATUS_SUCCESS)
    return loaded->error("cannot count the AMD GPUs", status);
  if (count == 0)
    return Error{ErrorCode::not_found, "ROCm SMI sees no AMD GPU",
                 "check lspci for the card, and dmesg for messages of amdgpu"};
  std::vector<std::unique_ptr<RocmDevice>> devices;
  for (std::uint32_t index = 0; index < count; ++index) {
    PHASEWATT_ASSIGN(auto device, RocmDevice::open(loaded, index));
    devices.push_back(std::move(device));
  }
  return devices;
}

Result<std::vector<DeviceInfo>> list_rocm_devices(const std::string& library) {
  PHASEWATT_ASSIGN(const auto devices, open_rocm_devices(library));
  std::vector<DeviceInfo> infos;
  infos.reserve(devices.size());
  for (const auto& device : devices) infos.push_back(device->info());
  return infos;
}

}  // namespace phasewatt::device::rocm
