#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"
#include "phasewatt/engine/model/config.h"

/// Models without weights of their own: "synthetic:llama-3.1-8b" has the shape of an architecture that ships with the
/// program and random weights. Times and energies are those of the shape; what it says means nothing.
namespace phasewatt::engine::model {

inline constexpr std::string_view kSyntheticPrefix = "synthetic:";

/// "llama-3.1-8b" of "synthetic:llama-3.1-8b"; nothing when it is not synthetic.
std::optional<std::string> synthetic_arch(std::string_view model);

/// The shape of a shipped architecture or of an arch file. not_found with the nearest id. RoPE is plain, the context is
/// not limited, and no token ends a text.
Result<Config> synthetic_config(const std::string& arch_id_or_path);

}  // namespace phasewatt::engine::model
