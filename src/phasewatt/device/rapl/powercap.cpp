#include "phasewatt/device/rapl/powercap.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"

namespace phasewatt::device::rapl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kZonePrefix = "intel-rapl:";

Error no_powercap(const fs::path& root) {
  return {ErrorCode::not_found, fmt::format("no RAPL energy counter in '{}'", root.string()),
          "on Intel or AMD hardware load the driver: sudo modprobe intel_rapl_msr; virtual machines and containers "
          "mostly have none"};
}

Result<std::uint64_t> read_number(const fs::path& file) {
  PHASEWATT_ASSIGN(const std::string text, read_file(file));
  if (const auto number = parse_number(text)) return *number;
  return Error{ErrorCode::bad_input, fmt::format("'{}' holds no number", file.string()),
               "the kernel writes a decimal number there: is this a powercap tree?"};
}

Result<Zone> read_zone(const fs::path& folder) {
  Zone zone;
  zone.folder = folder;
  PHASEWATT_ASSIGN(const std::string name, read_file(folder / "name"));
  zone.name = std::string(trim(name));
  PHASEWATT_ASSIGN(zone.range_uj, read_number(folder / "max_energy_range_uj"));
  if (zone.range_uj == 0)
    return Error{ErrorCode::bad_input, fmt::format("'{}' is 0", (folder / "max_energy_range_uj").string()),
                 "without its range the counter cannot be followed over a wrap"};
  const auto limit = read_number(folder / "constraint_0_power_limit_uw");
  if (limit && *limit > 0) zone.power_limit = Watts(static_cast<double>(*limit) * 1e-6);
  return zone;
}

}  // namespace

fs::path default_root() {
  const char* named = ::secure_getenv("PHASEWATT_POWERCAP_ROOT");
  return named != nullptr && *named != '\0' ? named : "/sys/class/powercap";
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const std::string_view digits = trim(text);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

bool in_sysfs(const fs::path& folder) {
  struct statfs about {};
  return ::statfs(folder.c_str(), &about) == 0 && about.f_type == SYSFS_MAGIC;
}

Result<std::vector<Zone>> find_zones(const fs::path& root) {
  std::error_code ec;
  std::vector<fs::path> folders;
  for (fs::directory_iterator each(root, ec), end; !ec && each != end; each.increment(ec))
    if (each->path().filename().string().starts_with(kZonePrefix)) folders.push_back(each->path());
  std::sort(folders.begin(), folders.end());
  std::vector<Zone> zones;
  for (const auto& folder : folders) {
    if (!fs::exists(folder / "energy_uj", ec)) continue;  // a zone that limits power without counting it
    PHASEWATT_ASSIGN(auto zone, read_zone(folder));
    zones.push_back(std::move(zone));
  }
  if (zones.empty()) return no_powercap(root);
  return zones;
}

}  // namespace phasewatt::device::rapl
