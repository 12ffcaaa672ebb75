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

/// Release of the libtorch behind the engine, loading it. unsupported: this program was built without, or it cannot be
/// loaded; the hint says how to get it.
Result<std::string> libtorch_release();

/// Errors as libtorch_release().
Result<EngineMaker> libtorch_engine(const replay::Study& study);

}  // namespace phasewatt::cli
