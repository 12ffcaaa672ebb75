#pragma once

#include <functional>
#include <memory>
#include <string>

#include "phasewatt/device/nvml/nvml_types.h"
#include "phasewatt/sim/live/rig.h"

/// What stands between the C functions and the rig: initialisation by count, handles, what a call costs, and the events
/// that make any call fail. Thread-safe.
namespace phasewatt::device::nvml {

using sim::live::Feature;
using sim::live::GpuState;
using sim::live::LiveGpu;

/// nvmlInit: opens the rig at the first of nested calls. Why it cannot is said on stderr, because the interface has no
/// words for it.
nvmlReturn_t open_session();
nvmlReturn_t close_session();

/// The rig of the open session; null before nvmlInit and after the last nvmlShutdown.
std::shared_ptr<sim::live::LiveRig> session();

nvmlDevice_t handle_of(std::size_t gpu);
/// Index of a handle's card, or gpu_count when it is no handle.
std::size_t index_of(nvmlDevice_t device);

/// One call about a card: checks session, handle and events, runs `call` on the card at this instant, and takes as much
/// time as the call takes on a real card (`seconds`, from its spec).
using DeviceCall = std::function<nvmlReturn_t(LiveGpu& gpu, GpuState& state, std::int64_t now)>;
using CallCost = std::function<double(const sim::GpuSpec& spec)>;
nvmlReturn_t on_device(nvmlDevice_t device, const DeviceCall& call, const CallCost& cost = {});

/// Writes one value, once the pointer has been looked at.
template <class T, class V>
nvmlReturn_t put(T* out, V value) {
  *out = static_cast<T>(value);
  return NVML_SUCCESS;
}

/// A string into a caller's buffer; NVML_ERROR_INSUFFICIENT_SIZE when it does not fit with its end.
nvmlReturn_t put_text(const std::string& text, char* out, unsigned int length);

/// MHz and mW as the interface gives them: whole numbers.
unsigned int whole(double value);

}  // namespace phasewatt::device::nvml
