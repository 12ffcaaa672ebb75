#pragma once

#include <optional>
#include <string>

namespace phasewatt::analysis {

/// Billions of parameters from a model id, "qwen2.5-14b" → 14; absent when the id does not end in "-<number>b".
std::optional<double> model_billions(const std::string& id);

}  // namespace phasewatt::analysis
