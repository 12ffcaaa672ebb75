#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/annotator.h"
#include "phasewatt/workload/feature_profile.h"
#include "phasewatt/workload/sample.h"

namespace CLI {
class App;
}

/// What `workload features` and `workload describe` share: which features, of which queries.
namespace phasewatt::cli {

struct FeatureOptions {
  std::string profile = "linguistic";
  std::string tokenizer;  ///< folder or file; empty = words
  std::string annotator;  ///< command; empty = the tagger that ships
  std::string weights;    ///< of the complexity score; empty = the default
  std::string data_dir;
  std::string sample = "all";
  std::uint64_t seed = 1;
};

void add_feature_options(CLI::App& sub, FeatureOptions& options);

/// Queries to numbers, by a profile; entities come from the user's annotator when there is one.
class FeatureSource {
 public:
  static Result<FeatureSource> open(const FeatureOptions& options);

  [[nodiscard]] const workload::FeatureProfile& profile() const { return *profile_; }
  [[nodiscard]] std::size_t width() const { return profile_->fields().size(); }

  struct Row {
    std::vector<double> values;  ///< by profile().fields()
    double prompt_tokens = 0;
  };
  /// One row per query. Calls the annotator for queries that have no entities of their own.
  Result<std::vector<Row>> extract(std::vector<Query>& queries);

  /// Lets the annotator end; to be called after the last extract().
  Status finish() { return annotator_ ? annotator_->finish() : ok(); }

  /// "Profile linguistic; tokens: ICU words; entities: the tagger that ships."
  [[nodiscard]] std::string note() const;

 private:
  FeatureSource() = default;
  Status annotate(std::vector<Query>& queries);

  std::unique_ptr<workload::FeatureProfile> profile_;
  std::unique_ptr<workload::Annotator> annotator_;
  std::string annotator_command_;
};

/// DATA is a dataset's name, or a file: anything with a dot or a slash, anything that exists, and "-".
bool is_file(const std::string& data);

}  // namespace phasewatt::cli
