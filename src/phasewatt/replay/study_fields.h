#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/toml_reader.h"
#include "phasewatt/replay/study.h"

/// What the parts of a study's parser share. Internal to replay.
namespace phasewatt::replay {

using Words = std::vector<std::string>;

/// The whole of `text` as a number; absent when it is none.
std::optional<int> whole(std::string_view text);
/// A number of `low` to `high`; otherwise the table fails.
int bounded(TomlTable& table, std::string_view key, int otherwise, int low, int high);
/// One of `valid`; otherwise the table fails, and names the nearest.
std::string one_of(TomlTable& table, std::string_view key, std::string otherwise, const Words& valid);

/// Fills in the study's engine and its device, which must fit together. bad_input and unsupported name file and line.
Status read_engine_and_device(std::optional<TomlTable>& engine, std::optional<TomlTable>& device, Study& study);

}  // namespace phasewatt::replay
