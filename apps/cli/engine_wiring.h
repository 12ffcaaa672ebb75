#pragma once

#include <functional>
#include <memory>
#include <string>

#include "phasewatt/engine/engine.h"
#include "phasewatt/replay/study.h"

/// The engines that run models inside this program: the CPU's, and libtorch's where the program was built with it.
namespace phasewatt::cli {

/// Makes an engine; `device` replaces the study's "auto", empty leaves it.
using EngineMaker = std::function<std::unique_ptr<engine::Engine>(const std::string& device)>;

/// Release of the libtorch behind the engine, loading it. unsupported: this program was built without, or it cannot be
/// loaded; the hint says how to get it.
Result<std::string> libtorch_release();

/// The engine of a study whose engine is real. Errors as libtorch_release(), for libtorch's.
Result<EngineMaker> real_engine(const replay::Study& study);
/// Whether libtorch has the study's device and computes in its type there, before a model is loaded: an error names the
/// study's line. The study's engine was made before, here and below: real_engine().
Status check_engine(const replay::Study& study);
/// "engine cpu, threads 1", for the plan's notes.
std::string describe_engine(const replay::Study& study);

}  // namespace phasewatt::cli
