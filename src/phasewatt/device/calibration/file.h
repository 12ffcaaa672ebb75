#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"
#include "phasewatt/device/calibration.h"

/// Calibrations on disk: one JSON file per GPU and driver (docs/calibration.md lists the fields).
namespace phasewatt::device {

/// The text of a file: schema "phasewatt-calibration/1", units in the keys, what is not known as null.
std::string to_json(const Calibration& calibration);

/// bad_input names the file and the field. Unknown and missing fields are errors; numbers are finite, times and rates
/// not negative.
Result<Calibration> parse_calibration(std::string_view text, std::string_view name);

/// $XDG_STATE_HOME/phasewatt/calibration, without that variable ~/.local/state/phasewatt/calibration. not_found:
/// neither it nor HOME is set.
Result<std::filesystem::path> calibration_folder();

/// Of a card with a driver. Absent when it was never calibrated with this driver.
Result<std::optional<Calibration>> load_calibration(const std::string& device_id, const std::string& driver);

/// Writes beside and renames, so that nothing half-written is ever read. Makes the folder.
Status save_calibration(const Calibration& calibration);

/// Why a calibration cannot be used although the card has one: "calibrated with driver X, now Y: calibrate again".
/// Absent when it has none of another driver either.
std::optional<std::string> other_driver_note(const std::string& device_id, const std::string& driver);

}  // namespace phasewatt::device
