#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/device/nvml/nvml_api.h"

/// The GPUs that NVML knows, what state each is in, and which of them is meant. All functions are thread-safe.
namespace phasewatt::device::nvml {

enum class GpuCondition {
  usable,
  mig,            ///< split into MIG instances: the card's power is nobody's alone
  vgpu,           ///< a virtual GPU, or a card that serves some: likewise
  lost,           ///< fell off the bus
  not_permitted,  ///< this user or container may not look at it
  failed,         ///< NVML says something else; `trouble` tells
};
std::string_view to_string(GpuCondition state);

/// One GPU. What a GPU in trouble does not tell stays empty.
struct NvmlGpu {
  unsigned int index = 0;  ///< NVML's (order of the PCI bus), as nvidia-smi shows it
  nvmlDevice_t handle = nullptr;
  std::string uuid;
  std::string name;
  std::string pci_bus_id;  ///< "00000000:17:00.0"
  std::optional<bool> persistence;
  GpuCondition state = GpuCondition::usable;
  std::optional<Error> trouble;  ///< why it is not usable and what to do; absent when it is
};

/// All of them, in NVML's order. A GPU that cannot be looked at is in the list, with its state. An error only when not
/// even their number is known.
Result<std::vector<NvmlGpu>> list_gpus(const Nvml& nvml);

/// Place in `gpus` of the one that `selector` names: an index ("0"), a UUID or an unambiguous beginning of one
/// ("GPU-8f3a"), or a PCI id with or without its domain ("17:00.0", "0000:17:00.0"). not_found or usage otherwise, with
/// what there is in the hint.
Result<std::size_t> find_gpu(std::span<const NvmlGpu> gpus, std::string_view selector);

/// Ok when a study may measure this GPU; else its trouble.
Status check_usable(const NvmlGpu& gpu);

/// What CUDA would enumerate.
struct VisibleGpus {
  std::vector<std::size_t> gpus;      ///< places in the list, in CUDA's order
  std::optional<std::string> cut_at;  ///< the entry at which the enumeration ended, because nothing answers to it
  bool mig_instance = false;          ///< an entry names a MIG instance; its card is listed when it is known
  bool duplicate = false;             ///< a GPU is named twice, and CUDA then shows none
};

/// Reads a value of CUDA_VISIBLE_DEVICES as CUDA does: absent = all; entries are indices or beginnings of UUIDs, in
/// the order in which they shall be enumerated; the enumeration ends before the first that names nothing ("-1" and an
/// empty value hide all). Indices are taken as NVML's, which is CUDA's order with CUDA_DEVICE_ORDER=PCI_BUS_ID.
VisibleGpus visible_gpus(std::span<const NvmlGpu> gpus, std::optional<std::string_view> value);
/// Of this process's environment.
VisibleGpus visible_gpus(std::span<const NvmlGpu> gpus);

}  // namespace phasewatt::device::nvml
