#include "crf.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "phasewatt/workload/entity_features.h"

namespace phasewatt::train_ner {
namespace {

using namespace workload;
using Lanes = std::array<float, kLanes>;

constexpr std::size_t kOutside = static_cast<std::size_t>(Tag::outside);

bool allowed(std::size_t from, std::size_t to) { return to == kOutside || to % 2 == 0 || from == to || from + 1 == to; }

std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  return mix(mix(state) + 0x1234567);
}

double next_unit(std::uint64_t& state) { return static_cast<double>(next_random(state) >> 11) * 0x1p-53; }

}  // namespace

Example Trainer::example(const Sentence& sentence) {
  const std::size_t n = std::min(sentence.tokens.size(), std::size_t{256});
  Example result;
  std::size_t upper = 0, lower = 0, starting = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto cases = letter_cases(sentence.tokens[i]);
    upper += cases.upper;
    lower += cases.lower;
    starting += sentence.tokens[i][0] >= 'A' && sentence.tokens[i][0] <= 'Z';
  }
  const CaseMode mode = case_mode(upper, lower, starting);
  std::vector<Word> words(n + kEdges);
  std::vector<std::vector<std::uint32_t>> by_token(n);
  const auto number = [&](std::uint64_t hash) {
    const auto [it, fresh] = numbers_.try_emplace(hash, static_cast<std::uint32_t>(counts_.size()));
    if (fresh) {
      counts_.push_back(0);
      hashes_.push_back(hash);
    }
    ++counts_[it->second];
    return it->second;
  };
  for (std::size_t i = 0; i < n; ++i) {
    const SpelledWord word = describe_word(lexicon_, sentence.tokens[i], mode);
    words[i + kReach] = word.word;
    result.classes.push_back(word.word.token_class);
    word_features(word, [&](int offset, std::uint64_t hash) {
      const auto at = static_cast<std::ptrdiff_t>(i) + offset;
      if (at >= 0 && at < static_cast<std::ptrdiff_t>(n))
        by_token[static_cast<std::size_t>(at)].push_back(number(hash));
    });
  }
  std::vector<std::uint8_t> marks(n);
  mark_phrases(lexicon_, words, marks);
  for (std::size_t i = 0; i < n; ++i) {
    pair_features(std::span<const Word>(words), std::span<const std::uint8_t>(marks), i,
                  [&](std::uint64_t hash) { by_token[i].push_back(number(hash)); });
    result.features.insert(result.features.end(), by_token[i].begin(), by_token[i].end());
    result.ends.push_back(static_cast<std::uint32_t>(result.features.size()));
  }
  result.tags.assign(sentence.tags.begin(), sentence.tags.begin() + static_cast<std::ptrdiff_t>(n));
  return result;
}

void Trainer::add(const Sentence& sentence, double share) {
  Item item;
  item.share = share;
  item.written = {example(sentence), example(lower_cased(sentence)), example(upper_cased(sentence))};
  items_.push_back(std::move(item));
}

/// Each sentence was counted three times over, as the features that do not see capitals are the same in all.
void Trainer::drop_rare() {
  std::vector<std::uint32_t> renumbered(counts_.size(), 0xFFFFFFFFU);
  std::vector<std::uint64_t> kept;
  std::vector<std::uint32_t> kept_counts;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] < options_.min_count) continue;
    renumbered[i] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(hashes_[i]);
    kept_counts.push_back(counts_[i]);
  }
  for (auto& item : items_) {
    for (auto& example : item.written) {
      std::vector<std::uint32_t> features;
      std::size_t begin = 0;
      for (auto& end : example.ends) {
        for (; begin < end; ++begin) {
          const auto number = renumbered[example.features[begin]];
          if (number != 0xFFFFFFFFU) features.push_back(number);
        }
        end = static_cast<std::uint32_t>(features.size());
      }
      features.shrink_to_fit();
      example.features = std::move(features);
    }
  }
  hashes_ = std::move(kept);
  counts_ = std::move(kept_counts);
  weights_.assign(hashes_.size(), {});
  numbers_.clear();
}

double Trainer::learn(const Example& example, float rate) {
  const std::size_t n = example.tags.size();
  static thread_local std::vector<Lanes> scores, alpha, beta;
  static thread_local std::vector<std::uint32_t> active, ends;
  scores.assign(n, {});
  alpha.assign(n, {});
  beta.assign(n, {});
  active.clear();
  ends.clear();
  const auto threshold = static_cast<std::uint64_t>(options_.dropout * 65536.0);
  const auto scale = static_cast<float>(1.0 / (1.0 - options_.dropout));
  std::size_t begin = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t bits = 0;
    for (int k = 0; begin < example.ends[i]; ++begin, ++k) {
      bits = k % 4 == 0 ? next_random(random_) : bits >> 16;
      if ((bits & 0xFFFF) < threshold) continue;
      active.push_back(example.features[begin]);
      const Row& row = weights_[active.back()];
      for (std::size_t t = 0; t < kLanes; ++t) scores[i][t] += row.w[t];
    }
    for (auto& s : scores[i]) s *= scale;
    if (example.tags[i] != Tag::outside) scores[i][kOutside] += static_cast<float>(options_.missed);
    ends.push_back(static_cast<std::uint32_t>(active.size()));
  }
  std::array<Matrix, kTokenClasses> factors;
  for (std::size_t c = 0; c < kTokenClasses; ++c) {
    for (std::size_t a = 0; a < kTags; ++a) {
      for (std::size_t b = 0; b < kTags; ++b) factors[c][a][b] = allowed(a, b) ? std::exp(transitions_[c][a][b]) : 0.0F;
    }
  }
  double log_z = 0;
  static thread_local std::vector<Lanes> emit;
  emit.assign(n, {});
  for (std::size_t i = 0; i < n; ++i) {
    const float top = *std::max_element(scores[i].begin(), scores[i].begin() + kTags);
    for (std::size_t t = 0; t < kTags; ++t) emit[i][t] = std::exp(scores[i][t] - top);
    const Matrix& m = factors[example.classes[i]];
    Lanes a{};
    if (i == 0) {
      a = m[kOutside];
    } else {
      for (std::size_t f = 0; f < kTags; ++f)
        for (std::size_t t = 0; t < kTags; ++t) a[t] += alpha[i - 1][f] * m[f][t];
    }
    float sum = 0;
    for (std::size_t t = 0; t < kTags; ++t) sum += a[t] *= emit[i][t];
    for (std::size_t t = 0; t < kTags; ++t) alpha[i][t] = a[t] / sum;
    log_z += std::log(static_cast<double>(sum)) + static_cast<double>(top);
  }
  for (std::size_t t = 0; t < kTags; ++t) beta[n - 1][t] = 1;
  for (std::size_t i = n - 1; i-- > 0;) {
    const Matrix& m = factors[example.classes[i + 1]];
    float sum = 0;
    for (std::size_t f = 0; f < kTags; ++f) {
      for (std::size_t t = 0; t < kTags; ++t) beta[i][f] += m[f][t] * emit[i + 1][t] * beta[i + 1][t];
      sum += beta[i][f];
    }
    for (auto& b : beta[i]) b /= sum;
  }
  double log_p = 0;
  const auto step = [&](float& w, float& g, float gradient) {
    g += gradient * gradient;
    w += rate * gradient / std::sqrt(g + 1e-2F);
  };
  const auto l2 = static_cast<float>(options_.l2);
  begin = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto gold = static_cast<std::size_t>(example.tags[i]);
    const std::size_t before = i == 0 ? kOutside : static_cast<std::size_t>(example.tags[i - 1]);
    log_p += static_cast<double>(scores[i][gold] + transitions_[example.classes[i]][before][gold]);
    Lanes node{};
    float sum = 0;
    for (std::size_t t = 0; t < kTags; ++t) sum += node[t] = alpha[i][t] * beta[i][t];
    for (auto& p : node) p = -p / sum;
    node[gold] += 1;
    // Pairs: the probability of (f, t) at (i − 1, i).
    auto& trans = transitions_[example.classes[i]];
    auto& trans_g = transition_g_[example.classes[i]];
    const Matrix& m = factors[example.classes[i]];
    Matrix edge{};
    float total = 0;
    for (std::size_t f = 0; f < kTags; ++f) {
      const float from = i == 0 ? (f == kOutside ? 1.0F : 0.0F) : alpha[i - 1][f];
      for (std::size_t t = 0; t < kTags; ++t) total += edge[f][t] = from * m[f][t] * emit[i][t] * beta[i][t];
    }
    for (std::size_t f = 0; f < kTags; ++f) {
      for (std::size_t t = 0; t < kTags; ++t) {
        const float gradient = (f == before && t == gold ? 1.0F : 0.0F) - edge[f][t] / total - l2 * trans[f][t];
        if (allowed(f, t)) step(trans[f][t], trans_g[f][t], gradient);
      }
    }
    node[kOutside] = 0;
    node[kLanes - 1] = 0;
    float largest = 0;
    for (const float p : node) largest = std::max(largest, std::abs(p));
    if (largest < 1e-3F) {
      begin = ends[i];
      continue;
    }
    for (; begin < ends[i]; ++begin) {
      Row& row = weights_[active[begin]];
      for (std::size_t t = 0; t < kLanes; ++t) {
        const float gradient = node[t] - l2 * row.w[t];
        row.g[t] += gradient * gradient;
        row.w[t] += rate * gradient / std::sqrt(row.g[t] + 1e-2F);
      }
    }
  }
  return log_z - log_p;
}

void Trainer::run() {
  drop_rare();
  random_ = options_.seed;
  std::vector<std::uint32_t> order(items_.size());
  std::iota(order.begin(), order.end(), 0U);
  for (int epoch = 0; epoch < options_.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next_random(random_) % i]);
    double loss = 0;
    std::size_t done = 0;
    for (const auto index : order) {
      const Item& item = items_[index];
      const double progress =
          (epoch + static_cast<double>(done++) / static_cast<double>(order.size())) / options_.epochs;
      if (next_unit(random_) >= item.share) continue;
      const double draw = next_unit(random_);
      const std::size_t way = draw < options_.lower ? 1 : draw < options_.lower + options_.upper ? 2 : 0;
      loss += learn(item.written[way], static_cast<float>(options_.rate * (1.0 - progress)));
    }
    std::fprintf(stderr, "epoch %d: loss %.0f\n", epoch + 1, loss);
  }
}

std::size_t Trainer::write(EntityModel& model) const {
  const auto rounded = [](float w, int limit) {
    return std::clamp(static_cast<int>(std::lround(w * static_cast<float>(kScoreUnit))), -limit, limit);
  };
  std::vector<std::pair<float, std::uint32_t>> order;
  for (std::uint32_t i = 0; i < hashes_.size(); ++i) {
    float largest = 0;
    for (const float w : weights_[i].w) largest = std::max(largest, std::abs(w));
    // A row is worth its place the more it says and the more often it is asked.
    if (rounded(largest, 127) != 0) order.emplace_back(-largest * std::cbrt(static_cast<float>(counts_[i])), i);
  }
  std::sort(order.begin(), order.end());
  std::size_t room = 0;
  for (const auto& [weight, i] : order) {
    std::array<std::int8_t, kTags - 1> row{};
    for (std::size_t t = 0; t < row.size(); ++t) row[t] = static_cast<std::int8_t>(rounded(weights_[i].w[t], 127));
    room += model.put_row(hashes_[i], row) ? 1 : 0;
  }
  for (std::size_t c = 0; c < kTokenClasses; ++c) {
    for (std::size_t f = 0; f < kTags; ++f) {
      for (std::size_t t = 0; t < kTags; ++t) {
        model.transitions()[c][f][t] =
            allowed(f, t) ? static_cast<std::int16_t>(rounded(transitions_[c][f][t], kMaxTransition)) : kForbidden;
      }
    }
  }
  std::fprintf(stderr, "features: %zu learnt, %zu worth a row, %zu with room\n", hashes_.size(), order.size(), room);
  return room;
}

}  // namespace phasewatt::train_ner
