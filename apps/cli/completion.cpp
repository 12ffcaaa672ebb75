#include <fmt/format.h>

#include <functional>

#include "apps/cli/commands.h"
#include "apps/cli/help.h"
#include "phasewatt/base/text.h"

namespace phasewatt::cli {
namespace {

/// A command and the words that may follow it, read off the parser, so that completion cannot drift from the program.
struct Words {
  std::string path;
  std::vector<std::string> subcommands;
  std::vector<std::string> flags;
};

std::vector<const CLI::App*> children(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* /*all*/) { return true; });
}

void collect(const CLI::App& app, const std::vector<std::string>& inherited, std::vector<Words>& all) {
  Words words{command_path(&app), {}, inherited};
  std::vector<std::string> global;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) words.flags.push_back("--" + name);
  if (app.get_parent() == nullptr) global = words.flags;
  for (const auto* sub : children(app)) words.subcommands.push_back(sub->get_name());
  all.push_back(words);
  for (const auto* sub : children(app)) collect(*sub, app.get_parent() == nullptr ? global : inherited, all);
}

std::string bash_script(const std::vector<Words>& all) {
  std::string cases;
  for (const auto& words : all) {
    const std::string wanted =
        join(words.subcommands, " ") + (words.subcommands.empty() ? "" : " ") + join(words.flags, " ");
    cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", words.path, wanted);
  }
  return fmt::format(R"(_phasewatt() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in
      -*) ;;
      *) case " {} " in *" ${{path:+$path }}${{COMP_WORDS[i]}} "*|*" ${{COMP_WORDS[i]}} "*) path="${{path:+$path }}${{COMP_WORDS[i]}}" ;; esac ;;
    esac
  done
  case "$path" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- "$cur"))
}}
complete -o filenames -F _phasewatt phasewatt
)",
                     [&] {
                       std::string names;
                       for (const auto& words : all)
                         names += (names.empty() ? "" : " ") + words.path.substr(words.path.rfind(' ') + 1);
                       return names;
                     }(),
                     cases);
}

std::string fish_script(const std::vector<Words>& all) {
  std::string script = "complete -c phasewatt\n";
  for (const auto& words : all) {
    std::string condition = "__fish_use_subcommand";
    if (!words.path.empty()) {
      condition.clear();
      std::string_view rest = words.path;
      while (!rest.empty()) {
        const auto space = rest.find(' ');
        condition +=
            fmt::format("{}__fish_seen_subcommand_from {}", condition.empty() ? "" : "; and ", rest.substr(0, space));
        rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
      }
    }
    for (const auto& sub : words.subcommands)
      script += fmt::format("complete -c phasewatt -f -n '{}' -a {}\n", condition, sub);
    for (const auto& flag : words.flags)
      script += fmt::format("complete -c phasewatt -n '{}' -l {}\n", condition, flag.substr(2));
  }
  return script;
}

Status print_completion(const CLI::App& root, const std::string& shell, const Console& console) {
  std::vector<Words> all;
  collect(root, {}, all);
  if (shell == "bash") {
    console.out(bash_script(all));
  } else if (shell == "zsh") {
    console.out("#compdef phasewatt\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(all));
  } else if (shell == "fish") {
    console.out(fish_script(all));
  } else {
    const std::vector<std::string> shells{"bash", "zsh", "fish"};
    return Error{ErrorCode::usage, "unknown shell '" + shell + "'", did_you_mean(shell, shells)};
  }
  return ok();
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("completion", "shell completion");
  auto shell = std::make_shared<std::string>();
  sub->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  sub->callback([&app, &action, shell] {
    action = [&app, shell](const Console& console) { return print_completion(app, *shell, console); };
  });
}

}  // namespace phasewatt::cli
