// librocm_smi64, simulated: answers from one structure (rocm_sim.h). Variants leave symbols out: PHASEWATT_ROCM_SIM_OLD
// what came after ROCm 4, PHASEWATT_ROCM_SIM_BROKEN a function that is required.
#include "tests/other_devices/rocm_sim/rocm_sim.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace phasewatt::device::rocm {

// The definitions below must be what the entry-point list says.
#define PHASEWATT_DECLARE(need, member, result, parameters, symbol) extern "C" result symbol parameters;
PHASEWATT_RSMI(PHASEWATT_DECLARE)
#undef PHASEWATT_DECLARE

namespace {

SimRocm& sim() {
  static SimRocm state;
  return state;
}

SimGpu* find(std::uint32_t device) {
  return device < sim().gpus.size() && device < sim().count.value ? &sim().gpus[device] : nullptr;
}

template <class T, class Out>
rsmi_status_t give(const Answer<T>& answer, Out* out) {
  if (out == nullptr) return RSMI_STATUS_INVALID_ARGS;
  if (answer.status == RSMI_STATUS_SUCCESS) *out = answer.value;
  return answer.status;
}

template <class T, class Out>
rsmi_status_t give(std::uint32_t device, Answer<T> SimGpu::*member, Out* out) {
  const SimGpu* gpu = find(device);
  return gpu == nullptr ? RSMI_STATUS_INVALID_ARGS : give(gpu->*member, out);
}

rsmi_status_t put_text(const char* text, char* out, std::size_t length) {
  if (text == nullptr) return RSMI_STATUS_NOT_SUPPORTED;
  const std::string_view all(text);
  const std::size_t copied = std::min(all.size(), length - 1);
  std::memcpy(out, all.data(), copied);
  out[copied] = '\0';
  return copied < all.size() ? RSMI_STATUS_INSUFFICIENT_SIZE : RSMI_STATUS_SUCCESS;
}

template <class Layout>
void put_clock(const SimClock& clock, Layout& out) {
  out.num_supported = clock.count;
  out.current = clock.current;
  std::copy(clock.hz.begin(), clock.hz.end(), out.frequency);
}

}  // namespace

extern "C" {

int rsmi_phasewatt_simulated() { return 1; }

rsmi_status_t rsmi_init(std::uint64_t) {
  if (sim().init == RSMI_STATUS_SUCCESS) ++sim().started;
  return sim().init;
}

rsmi_status_t rsmi_shut_down() {
  --sim().started;
  return RSMI_STATUS_SUCCESS;
}

#ifndef PHASEWATT_ROCM_SIM_BROKEN
rsmi_status_t rsmi_num_monitor_devices(std::uint32_t* count) { return give(sim().count, count); }
#endif

rsmi_status_t rsmi_status_string(rsmi_status_t status, const char** text) {
  *text = status == RSMI_STATUS_PERMISSION ? "Permission denied" : "Something failed";
  return RSMI_STATUS_SUCCESS;
}

rsmi_status_t rsmi_version_get(rsmi_version_t* version) {
  *version = {1, 0, 0, "sim"};  // as Debian's packages say, whatever they are
  return RSMI_STATUS_SUCCESS;
}

rsmi_status_t rsmi_version_str_get(rsmi_sw_component_t, char* version, std::uint32_t length) {
  const auto& driver = sim().driver;
  return driver.status == RSMI_STATUS_SUCCESS ? put_text(driver.value, version, length) : driver.status;
}

rsmi_status_t rsmi_dev_name_get(std::uint32_t device, char* name, std::size_t length) {
  const SimGpu* gpu = find(device);
  return gpu == nullptr ? RSMI_STATUS_INVALID_ARGS : put_text(gpu->name, name, length);
}

rsmi_status_t rsmi_dev_unique_id_get(std::uint32_t device, std::uint64_t* id) {
  return give(device, &SimGpu::unique_id, id);
}

rsmi_status_t rsmi_dev_pci_id_get(std::uint32_t device, std::uint64_t* bdf) {
  return give(device, &SimGpu::pci_id, bdf);
}

rsmi_status_t rsmi_dev_memory_total_get(std::uint32_t device, rsmi_memory_type_t, std::uint64_t* bytes) {
  return give(device, &SimGpu::memory_bytes, bytes);
}

rsmi_status_t rsmi_dev_power_cap_get(std::uint32_t device, std::uint32_t, std::uint64_t* microwatts) {
  return give(device, &SimGpu::cap_microwatts, microwatts);
}

rsmi_status_t rsmi_dev_power_ave_get(std::uint32_t device, std::uint32_t, std::uint64_t* microwatts) {
  ++sim().power_calls;
  return give(device, &SimGpu::average_microwatts, microwatts);
}

#ifndef PHASEWATT_ROCM_SIM_OLD
rsmi_status_t rsmi_dev_power_get(std::uint32_t device, std::uint64_t* microwatts, RSMI_POWER_TYPE* type) {
  ++sim().power_calls;
  SimPower power;
  const rsmi_status_t status = give(device, &SimGpu::power, &power);
  if (status == RSMI_STATUS_SUCCESS) *microwatts = power.microwatts;
  *type = status == RSMI_STATUS_SUCCESS ? power.type : RSMI_INVALID_POWER;
  return status;
}

rsmi_status_t rsmi_dev_energy_count_get(std::uint32_t device, std::uint64_t* count, float* resolution,
                                        std::uint64_t* timestamp) {
  ++sim().energy_calls;
  const rsmi_status_t status = give(device, &SimGpu::energy_count, count);
  if (status != RSMI_STATUS_SUCCESS) return status;
  *resolution = sim().gpus[device].energy_resolution;
  *timestamp = 1;
  return status;
}
#endif

rsmi_status_t rsmi_dev_gpu_clk_freq_get(std::uint32_t device, rsmi_clk_type_t type, rsmi_frequencies_room_t* out) {
  ++sim().clock_calls;
  SimClock clock;
  const rsmi_status_t status = give(device, type == RSMI_CLK_TYPE_MEM ? &SimGpu::memory : &SimGpu::shader, &clock);
  if (status != RSMI_STATUS_SUCCESS) return status;
  if (sim().layout == FrequencyLayout::five) {
    rsmi_frequencies_v5_t five{};
    put_clock(clock, five);
    std::memcpy(out, &five, sizeof five);
  } else if (sim().layout == FrequencyLayout::six) {
    rsmi_frequencies_v6_t six{};
    six.has_deep_sleep = sim().deep_sleep;
    put_clock(clock, six);
    std::memcpy(out, &six, sizeof six);
  }
  return status;
}

rsmi_status_t rsmi_dev_temp_metric_get(std::uint32_t device, std::uint32_t sensor, rsmi_temperature_metric_t,
                                       std::int64_t* millidegrees) {
  ++sim().other_calls;
  const SimGpu* gpu = find(device);
  if (gpu == nullptr || sensor >= gpu->millidegrees.size()) return RSMI_STATUS_INVALID_ARGS;
  return give(gpu->millidegrees[sensor], millidegrees);
}

rsmi_status_t rsmi_dev_busy_percent_get(std::uint32_t device, std::uint32_t* percent) {
  ++sim().other_calls;
  return give(device, &SimGpu::busy_percent, percent);
}

rsmi_status_t rsmi_dev_memory_busy_percent_get(std::uint32_t device, std::uint32_t* percent) {
  ++sim().other_calls;
  return give(device, &SimGpu::memory_busy_percent, percent);
}

}  // extern "C"
}  // namespace phasewatt::device::rocm

extern "C" phasewatt::device::rocm::SimRocm* phasewatt_rocm_sim() { return &phasewatt::device::rocm::sim(); }
