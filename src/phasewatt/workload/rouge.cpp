#include <bit>
#include <unordered_map>

#include "phasewatt/workload/porter_stemmer.h"
#include "phasewatt/workload/scores.h"
#include "phasewatt/workload/token_matches.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

using Ids = std::vector<std::uint32_t>;

/// Numbers for tokens, the same number for the same token.
class TokenNumbers {
 public:
  Ids operator()(std::string_view text) {
    Ids ids;
    for (auto& token : rouge_tokens(text))
      ids.push_back(numbers_.try_emplace(std::move(token), static_cast<std::uint32_t>(numbers_.size())).first->second);
    return ids;
  }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

std::vector<std::uint64_t> bigrams(const Ids& ids) {
  std::vector<std::uint64_t> pairs;
  for (std::size_t i = 1; i < ids.size(); ++i) pairs.push_back(std::uint64_t{ids[i - 1]} << 32U | ids[i]);
  return pairs;
}

Rouge rouge_of(const Ids& reference, const Ids& prediction) {
  Rouge result;
  result.rouge_1 = score_of(common_count(reference, prediction), reference.size(), prediction.size());
  const auto pairs = bigrams(reference);
  const auto predicted_pairs = bigrams(prediction);
  result.rouge_2 = score_of(common_count(pairs, predicted_pairs), pairs.size(), predicted_pairs.size());
  result.rouge_l = score_of(common_subsequence(reference, prediction), reference.size(), prediction.size());
  return result;
}

bool is_token_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::vector<std::string> rouge_tokens(std::string_view text) {
  // Lower-casing first matters beyond ASCII too: the Kelvin sign becomes a k, and İ an i with a dot that splits.
  const std::string lower = to_lower(text);
  std::vector<std::string> tokens;
  for (auto begin = lower.begin(); begin != lower.end();) {
    begin = std::find_if(begin, lower.end(), is_token_byte);
    const auto end = std::find_if_not(begin, lower.end(), is_token_byte);
    if (begin == end) break;
    const std::string_view token(begin, end);
    constexpr std::size_t kUnstemmed = 3;
    tokens.push_back(token.size() > kUnstemmed ? porter_stem(token) : std::string(token));
    begin = end;
  }
  return tokens;
}

Rouge rouge(std::string_view reference, std::string_view prediction) {
  TokenNumbers numbers;
  const Ids ids = numbers(reference);
  return rouge_of(ids, numbers(prediction));
}

std::optional<Rouge> rouge(std::span<const std::string> references, std::string_view prediction) {
  TokenNumbers numbers;
  const Ids predicted = numbers(prediction);
  std::optional<Rouge> best;
  for (const auto& reference : references) {
    const Rouge next = rouge_of(numbers(reference), predicted);
    if (!best) best = next;
    for (const auto measure : {&Rouge::rouge_1, &Rouge::rouge_2, &Rouge::rouge_l})
      if ((next.*measure).f1 > ((*best).*measure).f1) (*best).*measure = next.*measure;
  }
  return best;
}

std::size_t common_subsequence(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  // Crochemore, Iliopoulos, Pinzon and Reid 2001: one bit per element of a, set where the column of the table does not
  // grow; 64 cells of the table at a time. The mask of one element of b is made from its places in a when needed, which
  // keeps memory linear.
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> places;
  for (std::size_t i = 0; i < a.size(); ++i) places[a[i]].push_back(i);
  constexpr std::size_t kBits = 64;
  const std::size_t words = (a.size() + kBits - 1) / kBits;
  std::vector<std::uint64_t> flat(words, ~std::uint64_t{0});
  std::vector<std::uint64_t> mask(words, 0);
  for (const auto element : b) {
    const auto found = places.find(element);
    if (found == places.end()) continue;
    for (const auto i : found->second) mask[i / kBits] |= std::uint64_t{1} << (i % kBits);
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < words; ++w) {
      const std::uint64_t matched = flat[w] & mask[w];
      const std::uint64_t sum = flat[w] + matched;
      const std::uint64_t sum_and_carry = sum + carry;
      carry = static_cast<std::uint64_t>(sum < matched || sum_and_carry < sum);
      flat[w] = sum_and_carry | (flat[w] & ~mask[w]);
    }
    for (const auto i : found->second) mask[i / kBits] = 0;
  }
  std::size_t length = 0;
  for (const auto word : flat) length += static_cast<std::size_t>(std::popcount(~word));
  return length;
}

}  // namespace phasewatt::workload
