#include "clusters.h"

#include <cmath>
#include <map>
#include <utility>

namespace phasewatt::train_ner {
namespace {

using Neighbours = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // word, times

double x_log_x(double x) { return x > 0 ? x * std::log(x) : 0; }

class Exchange {
 public:
  Exchange(const std::vector<std::uint32_t>& corpus, std::size_t words, std::size_t classes)
      : classes_(classes),
        class_of_(words),
        after_(words),
        before_(words),
        pairs_(classes * classes),
        left_(classes),
        right_(classes),
        table_(1U << 20) {
    for (std::size_t i = 0; i < table_.size(); ++i) table_[i] = static_cast<float>(x_log_x(static_cast<double>(i)));
    for (std::size_t w = 1; w < words; ++w) class_of_[w] = static_cast<std::uint32_t>(1 + (w - 1) % (classes - 1));
    std::vector<std::map<std::uint32_t, std::uint32_t>> after(words), before(words);
    for (std::size_t i = 1; i < corpus.size(); ++i) {
      ++after[corpus[i - 1]][corpus[i]];
      ++before[corpus[i]][corpus[i - 1]];
      ++pairs_[class_of_[corpus[i - 1]] * classes + class_of_[corpus[i]]];
      ++left_[class_of_[corpus[i - 1]]];
      ++right_[class_of_[corpus[i]]];
    }
    for (std::size_t w = 0; w < words; ++w) {
      after_[w].assign(after[w].begin(), after[w].end());
      before_[w].assign(before[w].begin(), before[w].end());
    }
  }

  void round() {
    for (std::uint32_t w = 1; w < class_of_.size(); ++w) move(w);
  }
  std::vector<std::uint32_t> result() && { return std::move(class_of_); }

 private:
  float f(std::int64_t n) const {
    return static_cast<std::size_t>(n) < table_.size() ? table_[static_cast<std::size_t>(n)]
                                                       : static_cast<float>(x_log_x(static_cast<double>(n)));
  }

  /// Takes the word out of its class and puts it where the likelihood grows most. Pairs of a word with itself count
  /// with its class of before, which the next round mends.
  void move(std::uint32_t w) {
    std::vector<std::int32_t> out(classes_), in(classes_);
    std::int32_t total_out = 0, total_in = 0;
    for (const auto& [v, n] : after_[w])
      if (v != w) {
        out[class_of_[v]] += static_cast<std::int32_t>(n);
        total_out += static_cast<std::int32_t>(n);
      }
    for (const auto& [v, n] : before_[w])
      if (v != w) {
        in[class_of_[v]] += static_cast<std::int32_t>(n);
        total_in += static_cast<std::int32_t>(n);
      }
    std::vector<std::uint32_t> outs, ins;
    for (std::uint32_t c = 0; c < classes_; ++c) {
      if (out[c] != 0) outs.push_back(c);
      if (in[c] != 0) ins.push_back(c);
    }
    shift(class_of_[w], outs, ins, out, in, total_out, total_in, -1);
    double best = -1e300;
    std::uint32_t to = class_of_[w];
    for (std::uint32_t c = 1; c < classes_; ++c) {
      double gain = 0;
      for (const auto d : outs) gain += gain_of(pairs_[c * classes_ + d], out[d]);
      for (const auto d : ins) gain += gain_of(pairs_[d * classes_ + c], in[d]);
      gain -= gain_of(left_[c], total_out) + gain_of(right_[c], total_in);
      if (gain > best) {
        best = gain;
        to = c;
      }
    }
    class_of_[w] = to;
    shift(to, outs, ins, out, in, total_out, total_in, 1);
  }

  double gain_of(std::int64_t count, std::int32_t more) const { return f(count + more) - f(count); }

  void shift(std::uint32_t c, const std::vector<std::uint32_t>& outs, const std::vector<std::uint32_t>& ins,
             const std::vector<std::int32_t>& out, const std::vector<std::int32_t>& in, std::int32_t total_out,
             std::int32_t total_in, int sign) {
    for (const auto d : outs) pairs_[c * classes_ + d] += sign * out[d];
    for (const auto d : ins) pairs_[d * classes_ + c] += sign * in[d];
    left_[c] += std::int64_t{sign} * total_out;
    right_[c] += std::int64_t{sign} * total_in;
  }

  std::size_t classes_;
  std::vector<std::uint32_t> class_of_;
  std::vector<Neighbours> after_, before_;
  std::vector<std::int32_t> pairs_;
  std::vector<std::int64_t> left_, right_;
  std::vector<float> table_;
};

}  // namespace

std::vector<std::uint32_t> word_classes(const std::vector<std::uint32_t>& corpus, std::size_t words,
                                        std::size_t classes, int rounds) {
  Exchange exchange(corpus, words, classes);
  for (int i = 0; i < rounds; ++i) exchange.round();
  return std::move(exchange).result();
}

}  // namespace phasewatt::train_ner
