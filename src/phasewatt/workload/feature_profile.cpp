#include "phasewatt/workload/feature_profile.h"

#include <array>

#include "phasewatt/workload/features.h"

namespace phasewatt::workload {
namespace {

template <class Struct>
struct Member {
  const char* key;
  const char* title;
  int digits;
  bool compared;
  double Struct::*value;
};

constexpr std::array kPaperMembers{
    Member<Features>{"words", "words", 0, false, &Features::words},
    Member<Features>{"characters", "characters", 0, false, &Features::characters},
    Member<Features>{"token_entropy_bits", "entropy bits", 3, true, &Features::token_entropy_bits},
    Member<Features>{"unique_ratio", "unique", 3, false, &Features::unique_ratio},
    Member<Features>{"entity_density", "entity density", 3, true, &Features::entity_density},
    Member<Features>{"causal_question", "causal", 0, true, &Features::causal_question},
    Member<Features>{"reasoning_complexity", "reasoning", 3, true, &Features::reasoning_complexity},
    Member<Features>{"words_per_sentence", "words/sentence", 1, false, &Features::words_per_sentence},
    Member<Features>{"complexity_score", "complexity", 3, true, &Features::complexity_score},
};

class PaperProfile : public FeatureProfile {
 public:
  PaperProfile() {
    fields_.push_back({"prompt_tokens", "tokens", 0});
    for (const auto& m : kPaperMembers) fields_.push_back({m.key, m.title, m.digits, m.compared});
  }

  [[nodiscard]] std::string name() const override { return "paper"; }
  [[nodiscard]] TokenKind token_kind() const override { return TokenKind::word; }
  [[nodiscard]] std::string tokenizer() const override { return "words between white space"; }
  [[nodiscard]] const std::vector<FeatureField>& fields() const override { return fields_; }
  [[nodiscard]] double prompt_tokens() const override { return words_; }

  void extract(const Query& query, std::span<double> out) override {
    const Features f = paper_features(query);
    words_ = f.words;
    out[0] = words_;
    for (std::size_t i = 0; i < kPaperMembers.size(); ++i) out[i + 1] = f.*kPaperMembers[i].value;
  }

 private:
  std::vector<FeatureField> fields_;
  double words_ = 0;
};

constexpr std::array kTextMembers{
    Member<TextFeatures>{"characters", "characters", 0, false, &TextFeatures::characters},
    Member<TextFeatures>{"words", "words", 0, false, &TextFeatures::words},
    Member<TextFeatures>{"sentences", "sentences", 0, false, &TextFeatures::sentences},
    Member<TextFeatures>{"tokens", "tokens", 0, false, &TextFeatures::tokens},
    Member<TextFeatures>{"token_entropy_bits", "entropy bits", 3, true, &TextFeatures::token_entropy_bits},
    Member<TextFeatures>{"unique_ratio", "unique", 3, true, &TextFeatures::unique_ratio},
    Member<TextFeatures>{"entity_density", "entity density", 3, true, &TextFeatures::entity_density},
    Member<TextFeatures>{"reasoning_complexity", "reasoning", 3, true, &TextFeatures::reasoning_complexity},
    Member<TextFeatures>{"words_per_sentence", "words/sentence", 1, true, &TextFeatures::words_per_sentence},
    Member<TextFeatures>{"complexity_score", "complexity", 3, true, &TextFeatures::complexity_score},
};

struct TextPart {
  const char* key;
  const char* title;
  bool together;
  TextFeatures LinguisticFeatures::*value;
};

constexpr std::array kParts{TextPart{"", "", true, &LinguisticFeatures::together},
                            TextPart{"question_", "question's ", false, &LinguisticFeatures::question},
                            TextPart{"context_", "context's ", false, &LinguisticFeatures::context}};

class LinguisticProfile : public FeatureProfile {
 public:
  explicit LinguisticProfile(const LinguisticAnalyser::Options& options)
      : analyser_(options), tokenizer_(options.tokenizer ? options.tokenizer->describe() : "ICU words") {
    fields_.push_back({"prompt_tokens", "prompt tokens", 0});
    fields_.push_back({"causal_question", "causal", 0, true});
    for (const auto& part : kParts)
      for (const auto& m : kTextMembers)
        fields_.push_back({std::string(part.key) + m.key, std::string(part.title) + m.title, m.digits,
                           m.compared && part.together, part.together});
  }

  [[nodiscard]] std::string name() const override { return "linguistic"; }
  [[nodiscard]] TokenKind token_kind() const override { return analyser_.token_kind(); }
  [[nodiscard]] std::string tokenizer() const override { return tokenizer_; }
  [[nodiscard]] const std::vector<FeatureField>& fields() const override { return fields_; }
  [[nodiscard]] double prompt_tokens() const override { return prompt_tokens_; }

  void extract(const Query& query, std::span<double> out) override {
    const LinguisticFeatures f = analyser_.analyse(query);
    std::size_t i = 0;
    out[i++] = prompt_tokens_ = f.prompt_tokens;
    out[i++] = f.causal_question;
    for (const auto& part : kParts)
      for (const auto& m : kTextMembers) out[i++] = f.*part.value.*m.value;
  }

 private:
  LinguisticAnalyser analyser_;
  std::string tokenizer_;
  std::vector<FeatureField> fields_;
  double prompt_tokens_ = 0;
};

}  // namespace

std::unique_ptr<FeatureProfile> paper_profile() { return std::make_unique<PaperProfile>(); }

std::unique_ptr<FeatureProfile> linguistic_profile(const LinguisticAnalyser::Options& options) {
  return std::make_unique<LinguisticProfile>(options);
}

}  // namespace phasewatt::workload
