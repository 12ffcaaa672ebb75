#include "phasewatt/device/nvml/nvml_device.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <thread>

#include "phasewatt/base/periodic_worker.h"

namespace phasewatt::device::nvml {
namespace {

/// The GPU itself, or NVML, is gone; any other failure concerns one reading.
bool is_gone(nvmlReturn_t code) {
  return code == NVML_ERROR_GPU_IS_LOST || code == NVML_ERROR_RESET_REQUIRED || code == NVML_ERROR_UNINITIALIZED ||
         code == NVML_ERROR_DRIVER_NOT_LOADED || code == NVML_ERROR_LIB_RM_VERSION_MISMATCH;
}

/// The number in a field, whatever its type; absent when the field failed.
std::optional<double> number(const nvmlFieldValue_t& field) {
  if (field.nvmlReturn != NVML_SUCCESS) return std::nullopt;
  switch (field.valueType) {
    case NVML_VALUE_TYPE_DOUBLE: return field.value.dVal;
    case NVML_VALUE_TYPE_UNSIGNED_INT: return field.value.uiVal;
    case NVML_VALUE_TYPE_UNSIGNED_LONG: return static_cast<double>(field.value.ulVal);
    case NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: return static_cast<double>(field.value.ullVal);
    case NVML_VALUE_TYPE_SIGNED_LONG_LONG: return static_cast<double>(field.value.sllVal);
    case NVML_VALUE_TYPE_SIGNED_INT: return field.value.siVal;
    case NVML_VALUE_TYPE_UNSIGNED_SHORT: return field.value.usVal;
  }
  return std::nullopt;
}

nvmlFieldValue_t wanted(unsigned int id) {
  nvmlFieldValue_t field{};
  field.fieldId = id;
  field.scopeId = NVML_POWER_SCOPE_GPU;
  field.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
  return field;
}

/// Whether nvmlDeviceGetPowerUsage tells the power of the moment. GA100 is compute capability 8.0. A card that does not
/// tell its capability counts as a new one: an average taken for the moment would be the worse mistake.
bool usage_is_instant(const NvmlFunctions& call, nvmlDevice_t gpu) {
  int major = 0;
  int minor = 0;
  if (call.cuda_capability == nullptr || call.cuda_capability(gpu, &major, &minor) != NVML_SUCCESS) return false;
  return major < 8 || (major == 8 && minor == 0);
}

/// SM clocks at the highest memory clock, which is the one under load; ascending.
std::vector<Mhz> supported_clocks(const NvmlFunctions& call, nvmlDevice_t gpu) {
  if (call.supported_memory_clocks == nullptr || call.supported_graphics_clocks == nullptr) return {};
  std::array<unsigned int, 64> memory{};
  std::array<unsigned int, 1024> graphics{};
  auto count = static_cast<unsigned int>(memory.size());
  if (call.supported_memory_clocks(gpu, &count, memory.data()) != NVML_SUCCESS || count == 0) return {};
  const unsigned int highest = *std::max_element(memory.begin(), memory.begin() + count);
  count = static_cast<unsigned int>(graphics.size());
  if (call.supported_graphics_clocks(gpu, highest, &count, graphics.data()) != NVML_SUCCESS) return {};
  std::sort(graphics.begin(), graphics.begin() + count);
  const auto end = std::unique(graphics.begin(), graphics.begin() + count);
  std::vector<Mhz> clocks;
  for (auto each = graphics.begin(); each != end; ++each) clocks.emplace_back(*each);
  return clocks;
}

std::optional<Watts> power_cap(const NvmlFunctions& call, nvmlDevice_t gpu) {
  for (const auto limit : {call.enforced_power_limit, call.power_limit}) {
    unsigned int milliwatts = 0;
    if (limit != nullptr && limit(gpu, &milliwatts) == NVML_SUCCESS) return Watts(milliwatts * 1e-3);
  }
  return std::nullopt;
}

std::optional<double> memory_bytes(const NvmlFunctions& call, nvmlDevice_t gpu) {
  nvmlMemory_t memory{};
  if (call.memory_info == nullptr || call.memory_info(gpu, &memory) != NVML_SUCCESS) return std::nullopt;
  return static_cast<double>(memory.total);
}

/// Process ids by a call that says how much room it needs; the list may grow between two calls.
template <class Info, class Call>
nvmlReturn_t list_processes(Call call, nvmlDevice_t gpu, std::vector<std::uint32_t>& out) {
  std::vector<Info> infos(16);
  auto count = static_cast<unsigned int>(infos.size());
  auto code = call(gpu, &count, infos.data());
  for (int tries = 0; code == NVML_ERROR_INSUFFICIENT_SIZE && tries < 4; ++tries) {
    infos.resize(count + 16U);
    count = static_cast<unsigned int>(infos.size());
    code = call(gpu, &count, infos.data());
  }
  if (code != NVML_SUCCESS) return code;
  const auto own = static_cast<unsigned int>(::getpid());
  for (unsigned int i = 0; i < count; ++i)
    if (infos[i].pid != own) out.push_back(infos[i].pid);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return code;
}

}  // namespace

NvmlDevice::NvmlDevice(std::shared_ptr<const Nvml> nvml, const NvmlGpu& gpu)
    : nvml_(std::move(nvml)), gpu_(gpu.handle), index_(gpu.index) {
  const auto& call = nvml_->call();
  info_.id = gpu.uuid;
  info_.name = gpu.name;
  info_.driver = nvml_->driver_version().value_or("");
  info_.simulated = nvml_->simulated();
  info_.supported_clocks = supported_clocks(call, gpu_);
  info_.power_cap = power_cap(call, gpu_);
  info_.memory_bytes = memory_bytes(call, gpu_);
}

Result<std::unique_ptr<NvmlDevice>> NvmlDevice::open(std::shared_ptr<const Nvml> nvml, const NvmlGpu& gpu) {
  if (gpu.handle == nullptr)
    return gpu.trouble.value_or(Error{ErrorCode::not_found, fmt::format("GPU {} gave no handle", gpu.index), {}});
  auto device = std::unique_ptr<NvmlDevice>(new NvmlDevice(std::move(nvml), gpu));
  PHASEWATT_TRY(device->find_capabilities());
  return device;
}

/// Tries each reading once; what came back is what the card has.
Status NvmlDevice::find_capabilities() {
  Readings seen;
  // As if all were there, so that each is tried.
  instant_ = average_ = PowerSource::field;
  if (const auto code = read_fields(true, true, seen); is_gone(code))
    return nvml_error(code, fmt::format("cannot open GPU {}", index_));
  const bool usage_instant = usage_is_instant(nvml_->call(), gpu_);
  if (!seen.power_instant) instant_ = usage_instant ? PowerSource::usage : PowerSource::none;
  if (!seen.power_average) average_ = usage_instant ? PowerSource::none : PowerSource::usage;

  info_.readable = {instant_ != PowerSource::none, average_ != PowerSource::none, true, true, true, true, true, true};
  PHASEWATT_ASSIGN(const Readings all, read(info_.readable));
  info_.readable = {.power_instant = all.power_instant.has_value(),
                    .power_average = all.power_average.has_value(),
                    .energy = all.energy.has_value(),
                    .clocks = all.sm_clock.has_value(),
                    .temperature = all.temperature.has_value(),
                    .throttle = all.throttle_mask.has_value(),
                    .utilization = all.gpu_utilization.has_value(),
                    .processes = all.other_processes.has_value()};
  if (!all.power_instant) instant_ = PowerSource::none;
  if (!all.power_average) average_ = PowerSource::none;
  return ok();
}

Result<Readings> NvmlDevice::read(const ReadMask& what) {
  Readings out;
  const auto& has = info_.readable;
  // What changes fastest comes first; the energy counter, whose call takes milliseconds, after it.
  std::array codes{
      what.power_instant || what.power_average ? read_power(what, out) : NVML_SUCCESS,
      what.clocks && has.clocks ? read_clocks(out) : NVML_SUCCESS,
      what.throttle && has.throttle ? read_throttle(out) : NVML_SUCCESS,
      what.temperature && has.temperature ? read_temperature(out) : NVML_SUCCESS,
      what.energy && has.energy ? read_energy(out) : NVML_SUCCESS,
      what.utilization && has.utilization ? read_utilization(out) : NVML_SUCCESS,
      what.processes && has.processes ? read_processes(out) : NVML_SUCCESS,
  };
  const auto gone = std::find_if(codes.begin(), codes.end(), is_gone);
  if (gone != codes.end()) return nvml_error(*gone, fmt::format("cannot read GPU {}", index_));
  out.at = monotonic_now();
  return out;
}

void NvmlDevice::wait(Nanos span) {
  if (span > Nanos(0)) std::this_thread::sleep_for(span);
}

nvmlReturn_t NvmlDevice::read_power(const ReadMask& what, Readings& out) const {
  const bool instant = what.power_instant && instant_ == PowerSource::field;
  const bool average = what.power_average && average_ == PowerSource::field;
  const auto code = instant || average ? read_fields(instant, average, out) : NVML_SUCCESS;
  return is_gone(code) ? code : read_usage(what, out);
}

nvmlReturn_t NvmlDevice::read_fields(bool instant, bool average, Readings& out) const {
  const auto& call = nvml_->call();
  if (call.field_values == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
  std::array<nvmlFieldValue_t, 2> fields{};
  int count = 0;
  if (instant) fields[static_cast<std::size_t>(count++)] = wanted(NVML_FI_DEV_POWER_INSTANT);
  if (average) fields[static_cast<std::size_t>(count++)] = wanted(NVML_FI_DEV_POWER_AVERAGE);
  const auto code = call.field_values(gpu_, count, fields.data());
  if (code != NVML_SUCCESS) return code;
  for (const auto& field : std::span(fields).first(static_cast<std::size_t>(count))) {
    if (is_gone(field.nvmlReturn)) return field.nvmlReturn;
    const auto milliwatts = number(field);
    if (!milliwatts) continue;
    (field.fieldId == NVML_FI_DEV_POWER_INSTANT ? out.power_instant : out.power_average) = Watts(*milliwatts * 1e-3);
  }
  return NVML_SUCCESS;
}

nvmlReturn_t NvmlDevice::read_usage(const ReadMask& what, Readings& out) const {
  const bool instant = what.power_instant && instant_ == PowerSource::usage;
  const bool average = what.power_average && average_ == PowerSource::usage;
  const auto call = nvml_->call().power_usage;
  if (!(instant || average) || call == nullptr) return NVML_SUCCESS;
  unsigned int milliwatts = 0;
  const auto code = call(gpu_, &milliwatts);
  if (code == NVML_SUCCESS) (instant ? out.power_instant : out.power_average) = Watts(milliwatts * 1e-3);
  return code;
}

nvmlReturn_t NvmlDevice::read_energy(Readings& out) const {
  const auto& call = nvml_->call();
  unsigned long long millijoules = 0;
  auto code = NVML_ERROR_FUNCTION_NOT_FOUND;
  if (call.total_energy != nullptr) code = call.total_energy(gpu_, &millijoules);
  if (code == NVML_SUCCESS) out.energy = Joules(static_cast<double>(millijoules) * 1e-3);
  return code;
}

nvmlReturn_t NvmlDevice::read_clocks(Readings& out) const {
  const auto call = nvml_->call().clock_info;
  if (call == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
  unsigned int mhz = 0;
  const auto code = call(gpu_, NVML_CLOCK_SM, &mhz);
  if (code != NVML_SUCCESS) return code;
  out.sm_clock = Mhz(mhz);
  if (call(gpu_, NVML_CLOCK_MEM, &mhz) == NVML_SUCCESS) out.memory_clock = Mhz(mhz);
  return code;
}

nvmlReturn_t NvmlDevice::read_temperature(Readings& out) const {
  const auto call = nvml_->call().temperature;
  if (call == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
  unsigned int celsius = 0;
  const auto code = call(gpu_, NVML_TEMPERATURE_GPU, &celsius);
  if (code == NVML_SUCCESS) out.temperature = Celsius(celsius);
  return code;
}

nvmlReturn_t NvmlDevice::read_throttle(Readings& out) const {
  const auto call = nvml_->call().clocks_event_reasons;
  if (call == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
  unsigned long long reasons = 0;
  const auto code = call(gpu_, &reasons);
  if (code == NVML_SUCCESS) out.throttle_mask = reasons;
  return code;
}

nvmlReturn_t NvmlDevice::read_utilization(Readings& out) const {
  const auto call = nvml_->call().utilization;
  if (call == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
  nvmlUtilization_t share{};
  const auto code = call(gpu_, &share);
  if (code != NVML_SUCCESS) return code;
  out.gpu_utilization = share.gpu * 0.01;
  out.memory_utilization = share.memory * 0.01;
  return code;
}

nvmlReturn_t NvmlDevice::read_processes(Readings& out) const {
  const auto& call = nvml_->call();
  std::vector<std::uint32_t> found;
  auto code = NVML_ERROR_FUNCTION_NOT_FOUND;
  if (call.compute_processes != nullptr)
    code = list_processes<nvmlProcessInfo_t>(call.compute_processes, gpu_, found);
  else if (call.compute_processes_v1 != nullptr)
    code = list_processes<nvmlProcessInfo_v1_t>(call.compute_processes_v1, gpu_, found);
  if (code == NVML_SUCCESS) out.other_processes = std::move(found);
  return code;
}

}  // namespace phasewatt::device::nvml
