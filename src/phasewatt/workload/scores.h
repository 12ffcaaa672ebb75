#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"

/// Quality of an answer against what is known to be right, 0 to 1. Definitions, tie rule and sources:
/// docs/quality-scores.md. All functions are pure and thread-safe and take any bytes.
namespace phasewatt::workload {

// ---------------------------------------------------------------------------------------------- options

/// The option a model prefers.
struct OptionChoice {
  std::size_t index = 0;  ///< highest score; of several equally high ones the first
  bool tied = false;      ///< another option has exactly the same score
  /// 1 when it is the right one, else 0.
  [[nodiscard]] double accuracy(std::size_t answer) const { return index == answer ? 1.0 : 0.0; }
};

/// The option with the highest summed log-likelihood (natural logarithm); `acc` of lm-evaluation-harness. Absent when
/// there is no option or a value is NaN or +∞; −∞ is a probability of 0 and may lose.
std::optional<OptionChoice> choose_option(std::span<const double> logprobs);

/// The same over log-likelihood / length; `acc_norm` when the lengths are characters, `acc_bytes` when they are bytes,
/// per token with Request::option_tokens. Absent also when a length is not positive or the two differ in size.
std::optional<OptionChoice> choose_option(std::span<const double> logprobs, std::span<const int> lengths);

/// Lengths of options as lm-evaluation-harness counts them: of the option alone, without the space that joins it to the
/// prompt.
std::vector<int> option_characters(std::span<const std::string> options);  ///< Unicode code points
std::vector<int> option_bytes(std::span<const std::string> options);       ///< bytes of UTF-8

// ---------------------------------------------------------------------------------------------- ROUGE

struct Score {
  double precision = 0;  ///< of the prediction
  double recall = 0;     ///< of the reference
  double f1 = 0;         ///< harmonic mean; 0 when both are 0
  friend bool operator==(const Score&, const Score&) = default;
};

struct Rouge {
  Score rouge_1;  ///< single tokens, each matched as often as it stands in both
  Score rouge_2;  ///< pairs of neighbours, likewise
  Score rouge_l;  ///< longest common subsequence of the whole texts
};

/// Tokens of Google's rouge_score with its stemmer on: lower-case, split at everything but a–z and 0–9, Porter stems
/// (porter_stemmer.h) of tokens longer than three characters.
std::vector<std::string> rouge_tokens(std::string_view text);

/// ROUGE (Lin 2004) as rouge_score 0.1.2 computes it with use_stemmer=True. A text without tokens scores 0 everywhere,
/// a text with one token 0 in ROUGE-2. O(n·m/64) time, O(n+m) memory.
Rouge rouge(std::string_view reference, std::string_view prediction);

/// The best of several references, for each of the three measures the one with the highest F1, the first of equals, as
/// `score_multi` does. Absent without a reference.
std::optional<Rouge> rouge(std::span<const std::string> references, std::string_view prediction);

/// Length of the longest common subsequence of two sequences of numbers. O(n·m/64) time, O(n+m) memory.
std::size_t common_subsequence(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

// ---------------------------------------------------------------------------------------------- answers

/// Words of an answer as SQuAD v1.1's evaluation normalises it: lower-case, without ASCII punctuation, without the
/// words a, an, the, split at white space.
std::vector<std::string> answer_words(std::string_view answer);

struct AnswerMatch {
  double exact = 0;  ///< 1 when the words are the same in the same order, else 0
  double f1 = 0;     ///< of the words as a multiset; 1 when both answers have no word, 0 when one has none
};

/// Exact match and token F1 of SQuAD (Rajpurkar et al. 2016). Two answers without a word match, as in SQuAD 2.0's
/// script; v1.1's gives them exact 1 and F1 0.
AnswerMatch match_answer(std::string_view reference, std::string_view prediction);

/// The best of several references, for each of the two measures. Absent without a reference.
std::optional<AnswerMatch> match_answer(std::span<const std::string> references, std::string_view prediction);

// ---------------------------------------------------------------------------------------------- outcomes

/// Quality of a real engine's answer to a query: accuracy by summed log-likelihood when options were scored, ROUGE-L F1
/// against the best reference when text was generated. Absent when nothing was answered or nothing is known to be
/// right.
std::optional<double> answer_quality(const Query& query, const Outcome& outcome);

}  // namespace phasewatt::workload
