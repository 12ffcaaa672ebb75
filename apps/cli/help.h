#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "apps/cli/console.h"
#include "apps/cli/exit_code.h"

namespace phasewatt::cli {

/// "study run" for the command at which the parser stands, "" for the program itself.
std::string command_path(const CLI::App* app);

/// --help prints the manual page (docs/cli/<command>.md), so that help and manual cannot drift apart.
class ManualFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

/// Prints help, version or what was wrong with the flags (with the nearest valid one); returns the exit code.
ExitCode explain_parse_error(const CLI::App& app, const CLI::ParseError& error, const Console& console);

}  // namespace phasewatt::cli
