#pragma once

#include "apps/cli/console.h"
#include "apps/cli/feature_options.h"

/// The two verbs of `phasewatt workload`.
namespace phasewatt::cli {

struct FeaturesOptions {
  FeatureOptions features;
  std::string data;
  std::string format = "table";
};
Status print_features(const FeaturesOptions& options, const Console& console);

struct DescribeOptions {
  FeatureOptions features;
  std::vector<std::string> data;  ///< empty: the paper's four datasets
  std::string quality;            ///< file or results database; empty = none
  std::string output;             ///< folder of a report; empty = none
  bool force = false;
  bool markdown = false;
};
Status print_description(const DescribeOptions& options, const Console& console);

}  // namespace phasewatt::cli
