#include "apps/nvml_sim/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace phasewatt::device::nvml {

/// What a handle points to: its place in the list is the card's index.
struct nvmlDevice_st {  // NOLINT(readability-identifier-naming): named by the interface
  char place = 0;
};

namespace {

using sim::live::EventKind;
using sim::live::LiveRig;

/// Below this a sleep would overshoot by more than the wait itself.
constexpr std::int64_t kSpinNs = 200'000;

std::array<nvmlDevice_st, sim::live::kMaxGpus> handles;

struct Session {
  std::mutex mutex;
  unsigned int depth = 0;
  std::shared_ptr<LiveRig> rig;
};

Session& the_session() {
  static Session session;
  return session;
}

void spend_until(std::int64_t until) {
  const std::int64_t left = until - sim::live::monotonic_now();
  if (left > kSpinNs) {
    const timespec at{until / 1'000'000'000, until % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) continue;
    return;
  }
  while (sim::live::monotonic_now() < until) continue;
}

/// The events that stand in the way of initialisation, on any card.
nvmlReturn_t refused(LiveRig& rig) {
  nvmlReturn_t result = NVML_SUCCESS;
  for (std::size_t gpu = 0; gpu < rig.gpu_count(); ++gpu) {
    const auto looked = rig.with(gpu, [&](LiveGpu& card, GpuState& state, std::int64_t) {
      if (card.active(state, EventKind::driver_not_loaded) != nullptr) result = NVML_ERROR_DRIVER_NOT_LOADED;
      if (card.active(state, EventKind::driver_mismatch) != nullptr) result = NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    });
    if (!looked) return NVML_ERROR_OPERATING_SYSTEM;
  }
  return result;
}

nvmlReturn_t code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::permission: return NVML_ERROR_NO_PERMISSION;
    case ErrorCode::unsupported: return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    case ErrorCode::io: return NVML_ERROR_OPERATING_SYSTEM;
    default: return NVML_ERROR_UNKNOWN;
  }
}

Result<std::shared_ptr<LiveRig>> open_rig() {
  PHASEWATT_ASSIGN(const auto options, LiveRig::Options::from_environment());
  return LiveRig::open(options);
}

}  // namespace

nvmlReturn_t open_session() {
  auto& session = the_session();
  const std::scoped_lock guard(session.mutex);
  if (session.depth == 0) {
    auto rig = open_rig();
    if (!rig) {
      (void)std::fputs(fmt::format("phasewatt-nvml-sim: {}\n", to_string(rig.error())).c_str(), stderr);
      return code_of(rig.error());
    }
    if (const auto result = refused(**rig); result != NVML_SUCCESS) return result;
    session.rig = *std::move(rig);
  }
  ++session.depth;
  return NVML_SUCCESS;
}

nvmlReturn_t close_session() {
  auto& session = the_session();
  const std::scoped_lock guard(session.mutex);
  if (session.depth == 0) return NVML_ERROR_UNINITIALIZED;
  if (--session.depth == 0) session.rig.reset();
  return NVML_SUCCESS;
}

std::shared_ptr<LiveRig> session() {
  auto& session = the_session();
  const std::scoped_lock guard(session.mutex);
  return session.rig;
}

nvmlDevice_t handle_of(std::size_t gpu) { return &handles[gpu]; }

std::size_t index_of(nvmlDevice_t device) {
  for (std::size_t i = 0; i < handles.size(); ++i) {
    if (device == &handles[i]) return i;
  }
  return handles.size();
}

nvmlReturn_t on_device(nvmlDevice_t device, const DeviceCall& call, const CallCost& cost) {
  const std::int64_t begin = sim::live::monotonic_now();
  const auto rig = session();
  if (!rig) return NVML_ERROR_UNINITIALIZED;
  const std::size_t index = index_of(device);
  if (index >= rig->gpu_count()) return NVML_ERROR_INVALID_ARGUMENT;
  double seconds = cost ? cost(rig->config().gpus[index].spec) : 0;
  nvmlReturn_t result = NVML_ERROR_UNKNOWN;
  const auto done = rig->with(index, [&](LiveGpu& gpu, GpuState& state, std::int64_t now) {
    if (const auto* slow = gpu.active(state, EventKind::slow_calls); slow != nullptr) seconds += slow->value * 1e-3;
    result = gpu.active(state, EventKind::gpu_lost) != nullptr ? NVML_ERROR_GPU_IS_LOST : call(gpu, state, now);
  });
  if (!done) return NVML_ERROR_OPERATING_SYSTEM;
  spend_until(begin + from_seconds(seconds).count());
  return result;
}

nvmlReturn_t put_text(const std::string& text, char* out, unsigned int length) {
  if (out == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (text.size() >= length) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::copy(text.begin(), text.end(), out);
  out[text.size()] = 0;
  return NVML_SUCCESS;
}

unsigned int whole(double value) { return static_cast<unsigned int>(std::llround(std::max(0.0, value))); }

}  // namespace phasewatt::device::nvml
