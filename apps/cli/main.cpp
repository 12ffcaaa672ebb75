#include <exception>

#include "apps/cli/commands.h"
#include "apps/cli/exit_code.h"
#include "apps/cli/help.h"
#include "apps/cli/version.h"

namespace phasewatt::cli {
namespace {

/// `good`, unless something failed: then that is said, and its code returned.
int finish(const Status& status, ExitCode good, const Console& console) {
  if (status) return static_cast<int>(good);
  console.fail(status.error());
  return static_cast<int>(exit_code(status.error().code));
}

int run(int argc, char** argv) {
  Console console;
  Action action;
  CLI::App app("phasewatt", "phasewatt");
  app.formatter(std::make_shared<ManualFormatter>());
  app.set_version_flag("--version", version_line());
  app.add_flag("--json", console.json, "print data and errors as JSON");
  app.add_flag("--quiet", console.quiet, "no messages, no progress");
  app.add_flag("--verbose", console.verbose, "more messages");
  app.add_flag("--no-color", console.no_color, "no colour");
  app.require_subcommand(0, 1);
  app.fallthrough();
  add_doctor(app, action);
  add_devices(app, action);
  add_calibrate(app, action);
  add_workload(app, action);
  add_study(app, action);
  add_report(app, action);
  add_model(app, action);
  add_clocks(app, action);
  add_completion(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const ExitCode code = explain_parse_error(app, e, console);
    return finish(code == ExitCode::success ? console.flush() : ok(), code, console);
  }
  if (!action) {
    console.out(manual(""));
    return finish(console.flush(), ExitCode::success, console);
  }
  Status status = action(console);
  if (status) status = console.flush();
  return finish(status, ExitCode::success, console);
}

}  // namespace
}  // namespace phasewatt::cli

int main(int argc, char** argv) {
  try {
    return phasewatt::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    phasewatt::cli::Console{}.fail({phasewatt::ErrorCode::out_of_memory, "out of memory", "use fewer queries or jobs"});
    return static_cast<int>(phasewatt::cli::ExitCode::out_of_memory);
  } catch (const std::exception& e) {
    phasewatt::cli::Console{}.fail(
        {phasewatt::ErrorCode::internal, e.what(), "this is a bug of phasewatt; please report it"});
    return static_cast<int>(phasewatt::cli::ExitCode::internal);
  }
}
