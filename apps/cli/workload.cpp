#include "apps/cli/workload.h"

#include "apps/cli/commands.h"

namespace phasewatt::cli {

void add_workload(CLI::App& app, Action& action) {
  auto* workload = app.add_subcommand("workload", "what the queries are");
  workload->require_subcommand(1);

  auto* features = workload->add_subcommand("features", "features of each query");
  auto wanted = std::make_shared<FeaturesOptions>();
  features->add_option("DATA", wanted->data)->required();
  features->add_option("--format", wanted->format)->check(CLI::IsMember({"table", "csv", "jsonl"}));
  add_feature_options(*features, wanted->features);
  features->callback([&action, wanted] { action = [wanted](const Console& c) { return print_features(*wanted, c); }; });

  auto* describe = workload->add_subcommand("describe", "statistics of the queries, and what goes with their quality");
  auto options = std::make_shared<DescribeOptions>();
  describe->add_option("DATA", options->data);
  describe->add_option("--quality", options->quality);
  describe->add_option("--output", options->output);
  describe->add_flag("--force", options->force);
  describe->add_flag("--markdown", options->markdown);
  add_feature_options(*describe, options->features);
  describe->callback(
      [&action, options] { action = [options](const Console& c) { return print_description(*options, c); }; });
}

}  // namespace phasewatt::cli
