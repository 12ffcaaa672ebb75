#include "phasewatt/workload/linguistic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "phasewatt/workload/question_words.h"
#include "phasewatt/workload/segments.h"
#include "phasewatt/workload/unicode.h"
#include "phasewatt/workload/word_counts.h"

namespace phasewatt::workload {
namespace {

constexpr double kMaxWeight = 1000;

/// n·log2(n), from a table where most counts are.
double n_log_n(std::uint32_t n) {
  static const auto table = [] {
    std::array<double, 256> values{};
    for (std::size_t i = 1; i < values.size(); ++i) values[i] = static_cast<double>(i) * std::log2(i);
    return values;
  }();
  return n < table.size() ? table[n] : n * std::log2(static_cast<double>(n));
}

/// H = log2(n) − Σ c·log2(c) / n of the counts that sum to n.
double entropy(double total, double weighted) { return total > 0 ? std::log2(total) - weighted / total : 0; }

/// Occurrences of token ids. Keeps a counter per id of the vocabulary and sets back those it used.
class TokenCounts {
 public:
  explicit TokenCounts(std::size_t vocabulary) : counts_(vocabulary) {}

  double entropy_of(std::span<const std::uint32_t> ids) {
    for (const auto id : ids) ++counts_[id];
    double weighted = 0;
    for (const auto id : ids) {
      weighted += n_log_n(counts_[id]);
      counts_[id] = 0;
    }
    return entropy(static_cast<double>(ids.size()), weighted);
  }

 private:
  std::vector<std::uint32_t> counts_;
};

/// Words that lie in a mention at least in part.
std::size_t words_inside(std::span<const WordRange> words, std::span<const EntitySpan> mentions) {
  std::size_t inside = 0;
  std::size_t next = 0;
  for (const WordRange& word : words) {
    while (next < mentions.size() && mentions[next].end <= word.begin) ++next;
    if (next == mentions.size()) break;
    inside += mentions[next].begin < word.end ? 1 : 0;
  }
  return inside;
}

/// What adds up when texts are put together.
struct Sums {
  double characters = 0;
  double words = 0;
  double sentences = 0;
  double tokens = 0;
  double entity_words = 0;
  double markers = 0;
};

Sums operator+(const Sums& a, const Sums& b) {
  return {a.characters + b.characters,     a.words + b.words,    a.sentences + b.sentences, a.tokens + b.tokens,
          a.entity_words + b.entity_words, a.markers + b.markers};
}

}  // namespace

Result<ComplexityWeights> parse_complexity_weights(std::string_view text) {
  ComplexityWeights weights;
  const std::array<double*, 4> fields{&weights.entropy, &weights.unique, &weights.entity, &weights.sentence};
  const Error error{
      ErrorCode::usage, fmt::format("'{}' are no weights of the complexity score", text),
      "give four numbers from 0 to 1000 for entropy, unique ratio, entity density and sentence length, for "
      "example 0.3,0.3,0.2,0.2"};
  std::string_view rest = text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), *fields[i]);
    if (code != std::errc{} || !(*fields[i] >= 0 && *fields[i] <= kMaxWeight)) return error;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const bool last = i + 1 == fields.size();
    if (last != rest.empty()) return error;
    if (!last && rest.front() != ',') return error;
    if (!last) rest.remove_prefix(1);
  }
  return weights;
}

struct LinguisticAnalyser::State {
  /// One part of a query, cut up.
  struct Part {
    std::string_view text;
    Segmenter segmenter;
    std::vector<std::uint32_t> ids;
    Sums sums;
  };

  ComplexityWeights weights;
  std::optional<TokenEncoder> encoder;
  TokenCounts token_counts;
  EntityWorker tagger;
  std::vector<EntitySpan> mentions;
  Part question;
  Part context;
  std::vector<std::uint32_t> ids;
  Segmenter segmenter;
  WordCounts counts;

  explicit State(const Options& options)
      : weights(options.weights),
        token_counts(options.tokenizer ? options.tokenizer->size() : 0),
        tagger(options.tagger) {
    if (options.tokenizer) encoder.emplace(*options.tokenizer);
  }

  void cut(Part& part, std::string_view text, const std::optional<std::vector<EntitySpan>>& given) {
    part.text = text;
    part.ids.clear();
    part.sums = {};
    part.segmenter.cut(text);
    const auto& words = part.segmenter.words();
    if (encoder) encoder->encode(text, part.ids);
    part.sums.characters = static_cast<double>(count_code_points(text));
    part.sums.words = static_cast<double>(words.size());
    part.sums.sentences = static_cast<double>(part.segmenter.sentences().size());
    part.sums.tokens = static_cast<double>(encoder ? part.ids.size() : words.size());
    if (words.empty()) return;
    if (!given) tagger.tag(text, mentions);
    part.sums.entity_words = static_cast<double>(words_inside(words, given ? *given : mentions));
    part.sums.markers = static_cast<double>(count_markers(text, words));
  }

  /// Features of the parts together; one of them may be empty.
  TextFeatures features(std::initializer_list<const Part*> parts) {
    Sums sums;
    std::size_t bytes = 0;
    for (const Part* part : parts) {
      sums = sums + part->sums;
      bytes += part->text.size();
    }
    TextFeatures f;
    f.characters = sums.characters;
    f.tokens = sums.tokens;
    if (sums.words == 0) return f;
    counts.begin(bytes);
    for (const Part* part : parts)
      for (const WordRange& word : part->segmenter.words())
        counts.add(part->text, part->text.substr(word.begin, word.end - word.begin), word.cased);
    counts.finish();

    f.words = sums.words;
    f.sentences = sums.sentences;
    f.token_entropy_bits = encoder ? token_entropy(parts) : word_entropy();
    f.unique_ratio = static_cast<double>(counts.distinct_folded()) / sums.words;
    f.entity_density = sums.entity_words / sums.words;
    f.reasoning_complexity = std::min(1.0, 10 * sums.markers / sums.words);
    f.words_per_sentence = sums.words / sums.sentences;
    f.complexity_score = weights.entropy * std::min(f.token_entropy_bits / 10, 1.0) + weights.unique * f.unique_ratio +
                         weights.entity * f.entity_density +
                         weights.sentence * std::min(f.words_per_sentence / 33, 1.0);
    return f;
  }

  double word_entropy() const {
    double weighted = 0;
    for (const auto& entry : counts.entries()) weighted += entry.count > 1 ? n_log_n(entry.count) : 0;
    return entropy(static_cast<double>(counts.words()), weighted);
  }

  double token_entropy(std::initializer_list<const Part*> parts) {
    if (parts.size() == 1) return token_counts.entropy_of((*parts.begin())->ids);
    ids.clear();
    for (const Part* part : parts) ids.insert(ids.end(), part->ids.begin(), part->ids.end());
    return token_counts.entropy_of(ids);
  }

  double tokens_of(std::string_view prompt) {
    if (!encoder) {
      segmenter.cut_words(prompt);
      return static_cast<double>(segmenter.words().size());
    }
    ids.clear();
    encoder->encode(prompt, ids);
    return static_cast<double>(ids.size());
  }

  /// What asks: the question; of a prompt that is not told apart, its sentences with a question mark.
  [[nodiscard]] bool causal(bool told_apart) {
    const auto& words = question.segmenter.words();
    if (told_apart) return is_causal(question.text, words);
    const std::string_view asking = asking_part(question.text, question.segmenter.sentences());
    if (asking.size() == question.text.size()) return is_causal(question.text, words);
    segmenter.cut_words(asking);
    return is_causal(asking, segmenter.words());
  }

  LinguisticFeatures analyse(const Query& query) {
    const bool told_apart = query.question != query.prompt;
    cut(question, query.question, query.question_entities);
    cut(context, query.context, query.context_entities);
    LinguisticFeatures f;
    f.question = features({&question});
    f.context = features({&context});
    f.together = query.context.empty() ? f.question : features({&question, &context});
    f.causal_question = causal(told_apart) ? 1 : 0;
    f.prompt_tokens = told_apart ? tokens_of(query.prompt) : f.question.tokens;
    return f;
  }
};

LinguisticAnalyser::LinguisticAnalyser(const Options& options) : state_(std::make_unique<State>(options)) {}
LinguisticAnalyser::LinguisticAnalyser(LinguisticAnalyser&&) noexcept = default;
LinguisticAnalyser& LinguisticAnalyser::operator=(LinguisticAnalyser&&) noexcept = default;
LinguisticAnalyser::~LinguisticAnalyser() = default;

LinguisticFeatures LinguisticAnalyser::analyse(const Query& query) { return state_->analyse(query); }

TokenKind LinguisticAnalyser::token_kind() const { return state_->encoder ? TokenKind::bpe : TokenKind::icu_word; }

}  // namespace phasewatt::workload
