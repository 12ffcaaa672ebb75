#pragma once

#include <optional>

#include "phasewatt/engine/libtorch/libtorch_engine.h"

/// The embedded engine as a file of its own, phasewatt-libtorch.so. The program loads it when a study asks for it: to
/// start libtorch takes half a second, with CUDA more, and no other command needs it. Program and file are of one
/// build.
extern "C" {

/// Takes what `options` holds; the caller owns the engine.
phasewatt::engine::Engine* phasewatt_make_libtorch_engine(phasewatt::engine::libtorch::LibtorchOptions* options);

/// As check_options; `wrong` stays empty where nothing is.
void phasewatt_check_libtorch_options(const phasewatt::engine::libtorch::LibtorchOptions* options,
                                      std::optional<phasewatt::Error>* wrong);

/// "1.13.1"; lives as long as the program.
const char* phasewatt_libtorch_release();
}
