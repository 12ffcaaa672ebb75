#include "phasewatt/device/calibration/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "phasewatt/base/files.h"

namespace phasewatt::device {
namespace {

namespace fs = std::filesystem;

/// Ids and drivers come from a driver library: nothing in them may name another folder.
std::string file_part(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    out += plain ? c : '_';
  }
  return out;
}

std::string file_stem(const std::string& device_id) { return file_part(device_id) + "@"; }
std::string file_name(const std::string& device_id, const std::string& driver) {
  return file_stem(device_id) + file_part(driver) + ".json";
}

Result<std::optional<Calibration>> read_one(const fs::path& path) {
  auto text = read_file(path);
  if (!text && text.error().code == ErrorCode::not_found) return std::optional<Calibration>();
  if (!text) return std::move(text).error();
  PHASEWATT_ASSIGN(auto calibration, parse_calibration(*text, path.string()));
  return std::optional(std::move(calibration));
}

}  // namespace

Result<fs::path> calibration_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
  };
  // The XDG base directory specification: a relative path there is to be ignored.
  if (const fs::path state = variable("XDG_STATE_HOME"); state.is_absolute())
    return state / "phasewatt" / "calibration";
  if (const std::string home = variable("HOME"); !home.empty())
    return fs::path(home) / ".local" / "state" / "phasewatt" / "calibration";
  return Error{ErrorCode::not_found, "neither XDG_STATE_HOME nor HOME is set: there is no place for calibrations",
               "export XDG_STATE_HOME"};
}

Result<std::optional<Calibration>> load_calibration(const std::string& device_id, const std::string& driver) {
  const auto folder = calibration_folder();
  if (!folder) return std::optional<Calibration>();
  const fs::path path = *folder / file_name(device_id, driver);
  PHASEWATT_ASSIGN(auto found, read_one(path));
  if (found && (found->device_id != device_id || found->driver != driver))
    return Error{ErrorCode::bad_input,
                 fmt::format("{}: is of GPU '{}' with driver '{}', not what its name says", path.string(),
                             found->device_id, found->driver),
                 "remove it, and run phasewatt calibrate"};
  return found;
}

Status save_calibration(const Calibration& calibration) {
  PHASEWATT_ASSIGN(const fs::path folder, calibration_folder());
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec)
    return Error{ErrorCode::io, fmt::format("cannot make '{}': {}", folder.string(), ec.message()),
                 "name another place in XDG_STATE_HOME"};
  return write_file(folder / file_name(calibration.device_id, calibration.driver), to_json(calibration));
}

std::optional<std::string> other_driver_note(const std::string& device_id, const std::string& driver) {
  const auto folder = calibration_folder();
  if (!folder) return std::nullopt;
  std::error_code ec;
  std::optional<Calibration> latest;
  for (fs::directory_iterator entry(*folder, ec), end; !ec && entry != end; entry.increment(ec)) {
    if (!entry->path().filename().string().starts_with(file_stem(device_id))) continue;
    const auto found = read_one(entry->path());
    if (!found || !*found || (*found)->device_id != device_id || (*found)->driver == driver) continue;
    if (!latest || (*found)->made_utc > latest->made_utc) latest = **found;
  }
  if (!latest) return std::nullopt;
  return fmt::format("calibrated with driver {}, now {}: calibrate again", latest->driver, driver);
}

}  // namespace phasewatt::device
