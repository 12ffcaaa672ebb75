#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/annotator.h"
#include "phasewatt/workload/feature_profile.h"
#include "phasewatt/workload/sample.h"

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

  /// "Profile linguistic; token kind icu_word; entities by the tagger that ships; complexity weights 0.3, …".
  [[nodiscard]] std::string note() const;
  /// Where entities come from: "the tagger that ships", a command in quotes, "none".
  [[nodiscard]] std::string entities() const;
  /// Of the complexity score, in words.
  [[nodiscard]] const std::string& weights() const { return weights_; }
  /// What an annotator found that counts nowhere, and how often it had to be started again; empty when neither.
  [[nodiscard]] std::string annotator_note() const;

 private:
  FeatureSource() = default;
  Status annotate(std::vector<Query>& queries);

  std::unique_ptr<workload::FeatureProfile> profile_;
  std::unique_ptr<workload::Annotator> annotator_;
  std::string annotator_command_;
  std::string weights_ = "complexity weights of the paper";
  std::map<std::string, std::size_t> other_labels_;
  int restarts_ = 0;
};

/// DATA is a file and no dataset's name: anything with a slash, "-", a dataset's name only where it names a file, and
/// of the rest what has a dot or exists.
bool is_file(const std::string& data);

}  // namespace phasewatt::cli
