#pragma once

#include <CLI/CLI.hpp>

#include <functional>

#include "apps/cli/console.h"
#include "phasewatt/base/result.h"

/// One function per verb adds its command and its options to the parser and says what to run.
namespace phasewatt::cli {

/// What the parsed command line asks for; empty until a verb was given.
using Action = std::function<Status(const Console&)>;

void add_doctor(CLI::App& app, Action& action);
void add_devices(CLI::App& app, Action& action);
void add_calibrate(CLI::App& app, Action& action);
void add_workload(CLI::App& app, Action& action);
void add_study(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_model(CLI::App& app, Action& action);
void add_clocks(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

/// The manual page of a command ("study run"), the same text that --help prints; empty when there is none.
std::string manual(const std::string& command);

}  // namespace phasewatt::cli
