#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/entities.h"
#include "phasewatt/workload/tokenizer.h"

/// The linguistic profile: features that measure what their names promise, of the question and of the context, apart
/// and together. Definitions: docs/features.md.
namespace phasewatt::workload {

/// Shares of the complexity score; each ≥ 0, they need not sum to 1.
struct ComplexityWeights {
  double entropy = 0.3;   ///< of min(token_entropy_bits / 10, 1)
  double unique = 0.3;    ///< of unique_ratio
  double entity = 0.2;    ///< of entity_density
  double sentence = 0.2;  ///< of min(words_per_sentence / 33, 1)
};

/// "0.3,0.3,0.2,0.2" in the order above; usage otherwise.
Result<ComplexityWeights> parse_complexity_weights(std::string_view text);

/// Features of a text. All are 0 for a text without words, but `characters`, and `tokens` where blanks are tokens.
struct TextFeatures {
  double characters = 0;            ///< Unicode code points
  double words = 0;                 ///< as ICU cuts them
  double sentences = 0;             ///< that hold a word
  double tokens = 0;                ///< of the tokenizer; words when there is none
  double token_entropy_bits = 0;    ///< Shannon entropy of the token distribution, base 2
  double unique_ratio = 0;          ///< distinct lower-cased words / words
  double entity_density = 0;        ///< words inside PER, ORG and LOC mentions / words
  double reasoning_complexity = 0;  ///< min(1, 10 · markers / words)
  double words_per_sentence = 0;
  double complexity_score = 0;
};

struct LinguisticFeatures {
  TextFeatures question;
  TextFeatures context;
  TextFeatures together;       ///< question and context; the prompt's template and the choices are no part of it
  double causal_question = 0;  ///< 1 when the question asks for a cause, an effect, a manner or an explanation
  double prompt_tokens = 0;    ///< tokens of the whole prompt, as the model sees it
};

/// Computes the features of one query after the other, in memory that does not grow with their number. One per thread.
class LinguisticAnalyser {
 public:
  struct Options {
    std::optional<Tokenizer> tokenizer;  ///< absent: tokens are ICU words
    EntityTagger tagger = EntityTagger::shipped();
    ComplexityWeights weights;
  };

  explicit LinguisticAnalyser(const Options& options);
  LinguisticAnalyser(LinguisticAnalyser&&) noexcept;
  LinguisticAnalyser& operator=(LinguisticAnalyser&&) noexcept;
  ~LinguisticAnalyser();

  /// Entities are those given with the query; else the tagger's.
  LinguisticFeatures analyse(const Query& query);
  [[nodiscard]] TokenKind token_kind() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace phasewatt::workload
