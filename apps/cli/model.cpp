#include "apps/cli/model.h"

#include "apps/cli/commands.h"

namespace phasewatt::cli {

void add_model(CLI::App& app, Action& action) {
  auto* model = app.add_subcommand("model", "what a model is");
  model->require_subcommand(1);

  auto* info = model->add_subcommand("info", "shape, size and soundness of a model's folder");
  auto wanted = std::make_shared<std::string>();
  info->add_option("DIR", *wanted)->required();
  info->callback([&action, wanted] { action = [wanted](const Console& c) { return print_model(*wanted, c); }; });
}

}  // namespace phasewatt::cli
