#pragma once

#include <functional>
#include <memory>
#include <string>

#include "phasewatt/engine/engine.h"
#include "phasewatt/replay/study.h"

/// The embedded engine, where this program was built with it.
namespace phasewatt::cli {

/// Makes an engine; `device` replaces the study's "auto", empty leaves it.
using EngineMaker = std::function<std::unique_ptr<engine::Engine>(const std::string& device)>;

/// Release of the libtorch this program was built with; empty when it was built without.
std::string libtorch_release();

/// How to get it.
inline constexpr const char* kLibtorchHint =
    "install libtorch (Debian: apt-get install libtorch-dev libopenblas0-pthread; for a GPU: pip install torch) and "
    "build phasewatt again; docs/engine.md has the commands";

/// unsupported: this program was built without libtorch.
Result<EngineMaker> libtorch_engine(const replay::Study& study);

}  // namespace phasewatt::cli
