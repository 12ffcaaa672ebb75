#include "apps/cli/help.h"

#include "apps/cli/commands.h"
#include "phasewatt/base/embedded.h"
#include "phasewatt/base/text.h"

namespace phasewatt::cli {

std::span<const EmbeddedFile> manual_files();

namespace {

/// The deepest command that was given.
const CLI::App* innermost(const CLI::App* app) {
  while (true) {
    const auto given = app->get_subcommands();
    if (given.empty()) return app;
    app = given.front();
  }
}

std::vector<std::string> valid_words(const CLI::App* app, bool flags) {
  std::vector<std::string> words;
  for (const CLI::App* level = app; level != nullptr; level = level->get_parent())
    if (flags)
      for (const auto* option : level->get_options())
        for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  if (!flags)
    for (const auto* sub : app->get_subcommands([](const CLI::App* /*all*/) { return true; }))
      words.push_back(sub->get_name());
  return words;
}

}  // namespace

std::string command_path(const CLI::App* app) {
  std::string path;
  for (; app != nullptr && app->get_parent() != nullptr; app = app->get_parent())
    path.insert(0, path.empty() ? app->get_name() : app->get_name() + " ");
  return path;
}

std::string manual(const std::string& command) {
  std::string name = command.empty() ? "phasewatt" : command;
  for (char& c : name)
    if (c == ' ') c = '-';
  const auto* file = find_embedded(manual_files(), name + ".md");
  return file == nullptr ? std::string() : std::string(file->content);
}

std::string ManualFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  const std::string page = manual(command_path(innermost(app)));
  return page.empty() ? CLI::Formatter::make_help(app, std::move(name), mode) : page;
}

ExitCode explain_parse_error(const CLI::App& app, const CLI::ParseError& error, const Console& console) {
  if (dynamic_cast<const CLI::CallForHelp*>(&error) != nullptr ||
      dynamic_cast<const CLI::CallForAllHelp*>(&error) != nullptr) {
    console.out(manual(command_path(innermost(&app))));
    return ExitCode::success;
  }
  if (dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr) {
    console.out(std::string(error.what()) + "\n");
    return ExitCode::success;
  }
  const CLI::App* at = innermost(&app);
  const std::string path = command_path(at);
  std::string hint = "see phasewatt " + path + (path.empty() ? "" : " ") + "--help";
  const auto extras = app.remaining(true);
  if (!extras.empty()) {
    const bool flag = extras.front().starts_with("-");
    const std::string near = nearest(extras.front().substr(0, extras.front().find('=')), valid_words(at, flag));
    if (!near.empty()) hint = "did you mean '" + near + "'? " + hint;
    console.fail({ErrorCode::usage,
                  std::string(flag ? "unknown flag '" : "unexpected argument '") + extras.front() + "'", hint});
  } else {
    console.fail({ErrorCode::usage, error.what(), hint});
  }
  return ExitCode::usage;
}

}  // namespace phasewatt::cli
