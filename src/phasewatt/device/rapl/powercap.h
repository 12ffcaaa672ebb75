#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"

/// Linux's powercap tree (Documentation/power/powercap/powercap.rst of the kernel), read only.
namespace phasewatt::device::rapl {

/// One zone that counts energy: a folder `intel-rapl:<n>` or `intel-rapl:<n>:<m>`, on AMD's CPUs too.
struct Zone {
  std::filesystem::path folder;
  std::string name;                  ///< "package-0", "core", "uncore", "dram", "psys"
  std::uint64_t range_uj = 0;        ///< greatest value of energy_uj, after which it starts again at 0
  std::optional<Watts> power_limit;  ///< of its first constraint; AMD's have none

  [[nodiscard]] std::filesystem::path energy_file() const { return folder / "energy_uj"; }
  [[nodiscard]] bool is_package() const { return name.starts_with("package-"); }
};

/// PHASEWATT_POWERCAP_ROOT (not in a setuid program), else /sys/class/powercap.
std::filesystem::path default_root();

/// The zones below `root`, by folder name. The MMIO interface (`intel-rapl-mmio:*`) counts the same packages a second
/// time and is left out. Errors: not_found when there is no powercap tree or no such zone in it, bad_input for a zone
/// whose files do not say what they must, naming the file.
Result<std::vector<Zone>> find_zones(const std::filesystem::path& root);

/// A decimal number with white space around it; nullopt for anything else. Pure.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// Does `folder` lie in a sysfs, and not in a tree that somebody made? False when it cannot be told.
bool in_sysfs(const std::filesystem::path& folder);

}  // namespace phasewatt::device::rapl
