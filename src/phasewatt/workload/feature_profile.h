#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/workload/linguistic.h"

/// Feature profiles as tables and files see them: a list of named numbers per query.
namespace phasewatt::workload {

/// One number of a query.
struct FeatureField {
  std::string key;        ///< column name, "question_words"
  std::string title;      ///< heading for people
  int digits = 0;         ///< after the point, for people
  bool compared = false;  ///< goes into statistics over queries (Tables III to X)
  bool shown = true;      ///< in a table for people, which has no room for all
};

/// Computes the fields of one query after the other; keeps its memory. Not thread-safe: one per thread.
class FeatureProfile {
 public:
  virtual ~FeatureProfile() = default;

  [[nodiscard]] virtual std::string name() const = 0;  ///< "paper", "linguistic"
  [[nodiscard]] virtual TokenKind token_kind() const = 0;
  /// Whose tokens: "words (str.split)", "ICU words", "llama-3, 128256 tokens, …".
  [[nodiscard]] virtual std::string tokenizer() const = 0;
  [[nodiscard]] virtual const std::vector<FeatureField>& fields() const = 0;
  /// Fills `out`, one value per field, all finite.
  virtual void extract(const Query& query, std::span<double> out) = 0;
  /// Length of the whole prompt in tokens; of the last query given to extract().
  [[nodiscard]] virtual double prompt_tokens() const = 0;
};

std::unique_ptr<FeatureProfile> paper_profile();
std::unique_ptr<FeatureProfile> linguistic_profile(const LinguisticAnalyser::Options& options);

}  // namespace phasewatt::workload
