#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

namespace phasewatt::engine {

/// Stands wherever a quality of the simulated engine shows.
inline constexpr std::string_view kSimulatedQualityLabel = "simulated, calibrated to the published table";

/// How well a simulated model answers a query: a three-parameter item-response model (docs/simulated-quality.md).
/// Nothing is inferred or generated. The difficulty comes from the query's features (paper profile) plus noise that all
/// models share, the ability from the model and the dataset, fitted so that the means match the paper's Table VII.
/// Immutable after parsing; all const members are thread-safe.
class QualityModel {
 public:
  /// The model that ships with the program.
  static Result<QualityModel> shipped();
  /// Reads the format of files/quality.toml; errors (bad_input) name the file `name`, line and key.
  static Result<QualityModel> parse(std::string_view text, std::string_view name);

  /// Is there an ability for this pair? Ids as in records.h: "llama-3.2-1b", "boolq".
  [[nodiscard]] bool knows(std::string_view model, std::string_view dataset) const;

  /// Quality 0..1: 0 or 1 for classification, a ROUGE-L-like score for generation. Depends on the seed, the model, the
  /// query's dataset, id and features alone: never on batch, clock, repeat or order. Absent for a model or dataset that
  /// was not fitted, or when the query's task is not the dataset's.
  [[nodiscard]] std::optional<double> quality(std::string_view model, const Query& query, const Features& features,
                                              std::uint64_t seed) const;

  /// The part of the difficulty that the features explain, in standard deviations of the noise; for reports and tests.
  [[nodiscard]] std::optional<double> feature_difficulty(std::string_view dataset, const Features& features) const;

 private:
  static constexpr std::size_t kFeatures = 2;
  struct Feature {
    double weight = 0;  ///< difficulty per standard deviation
    double mean = 0;    ///< within the dataset, over the paper's sample
    double deviation = 1;
  };
  struct Dataset {
    Task task = Task::classification;
    double discrimination = 1;  ///< logits per unit of difficulty
    double floor = 0;           ///< chance of a right guess; classification only
    double model_noise = 0;     ///< what one model finds hard and another does not; generation only
    std::array<Feature, kFeatures> features{};
    std::map<std::string, double, std::less<>> abilities;  ///< by model id
    [[nodiscard]] double difficulty(const Features& x) const;
  };
  [[nodiscard]] const Dataset* find(std::string_view dataset) const;
  std::map<std::string, Dataset, std::less<>> datasets_;
};

}  // namespace phasewatt::engine
