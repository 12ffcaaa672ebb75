#include "phasewatt/engine/embedded/cpu_decoder.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>

#include "phasewatt/engine/embedded/cpu_product.h"
#include "phasewatt/engine/embedded/cpu_threads.h"

namespace phasewatt::engine::embedded {
namespace {

using Vector = Eigen::Map<Eigen::VectorXf>;
using ConstVector = Eigen::Map<const Eigen::VectorXf>;
using Array = Eigen::Map<Eigen::ArrayXf>;
using ConstArray = Eigen::Map<const Eigen::ArrayXf>;

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

auto buffer(std::int64_t size) { return std::make_unique_for_overwrite<float[]>(at(size)); }

/// An exponential or a cosine takes as long as so many of the operations that threads_for counts.
constexpr std::int64_t kFunction = 64;

}  // namespace

CpuDecoder::CpuDecoder(const model::Config& config, CpuWeights weights, int threads)
    : config_(config),
      weights_(std::move(weights)),
      frequencies_(model::rope_frequencies(config)),
      threads_(std::max(1, threads)),
      cache_(at(config.layers)) {
  const auto pack = [](Values& weight, std::int64_t inputs) { weight = to_panels(weight, inputs); };
  pack(weights_.embedding, config.hidden);
  pack(weights_.head, config.hidden);
  for (CpuWeights::Layer& layer : weights_.layers) {
    pack(layer.qkv, config.hidden);
    pack(layer.output, config.heads * config.head_dim);
    pack(layer.gate_up, config.hidden);
    pack(layer.down, config.ffn);
  }
}

void CpuDecoder::allocate(std::int64_t slots, std::int64_t tokens) {
  tokens = in_whole_panels(tokens);
  for (Cache& layer : cache_) layer = {};  // not two caches in memory
  const std::size_t size = at(slots * tokens * config_.kv_heads * config_.head_dim);
  for (Cache& layer : cache_) layer = {Values(size), Values(size)};
  slots_ = slots;
  capacity_ = tokens;
}

/// To start and to await threads costs a few µs, in which one thread does some 100 thousand multiplications. All or
/// one: OpenMP would end threads that one step leaves out, and start them anew in the next.
int CpuDecoder::threads_for(std::int64_t operations) const { return operations < 150'000 ? 1 : threads_; }

void CpuDecoder::embed(const Tokens& tokens, float* x, float* cos_sin) const {
  const std::int64_t hidden = config_.hidden;
  const std::int64_t half = config_.head_dim / 2;
  const auto rows = static_cast<std::int64_t>(tokens.size());
  share(threads_for(rows * (hidden + 2 * half * kFunction)), rows, [&](std::int64_t row, int /*thread*/) {
    const Token& token = tokens[at(row)];
    for (std::int64_t i = 0; i < hidden; ++i)
      x[row * hidden + i] = weights_.embedding[at(in_panels(token.id, i, hidden))];
    float* const to = cos_sin + row * 2 * half;
    for (std::int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(token.position) * frequencies_[at(i)];
      to[i] = std::cos(angle);
      to[i + half] = std::sin(angle);
    }
  });
}

void CpuDecoder::product(const float* x, std::int64_t x_stride, std::int64_t rows, const Values& weight,
                         std::int64_t inputs, std::int64_t outputs, float* out) const {
  constexpr std::int64_t kRows = 48;
  const std::int64_t blocks = (rows + kRows - 1) / kRows;
  const std::int64_t parts = in_whole_panels(outputs) / kPanel * blocks;
  share(threads_for(rows * inputs * outputs), parts, [&](std::int64_t part, int /*thread*/) {
    const std::int64_t row = part % blocks * kRows;
    const std::int64_t output = part / blocks * kPanel;
    multiply({x + row * x_stride, x_stride, weight.data() + output * inputs, kPanel, out + row * outputs + output,
              outputs, std::min(kRows, rows - row), inputs, std::min(kPanel, outputs - output)});
  });
}

void CpuDecoder::norm(const float* x, std::int64_t rows, const Values& weight, float* out) const {
  const auto width = static_cast<std::int64_t>(weight.size());
  const ConstVector gain(weight.data(), width);
  share(threads_for(2 * rows * width), rows, [&](std::int64_t row, int /*thread*/) {
    const ConstVector in(x + row * width, width);
    const float scale =
        1 / std::sqrt(in.squaredNorm() / static_cast<float>(width) + static_cast<float>(config_.norm_eps));
    Vector(out + row * width, width) = (in * scale).cwiseProduct(gain);
  });
}

/// Rotates the first half of a head against the second. `cos_sin`: the cosines of a position, then its sines.
void CpuDecoder::rotate(float* head, const float* cos_sin) const {
  const std::int64_t half = config_.head_dim / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const float first = head[i];
    const float second = head[i + half];
    head[i] = first * cos_sin[i] - second * cos_sin[i + half];
    head[i + half] = second * cos_sin[i] + first * cos_sin[i + half];
  }
}

void CpuDecoder::cache_rows(std::size_t layer, const Tokens& tokens, const float* cos_sin, float* qkv) {
  const std::int64_t dim = config_.head_dim;
  const std::int64_t width = (config_.heads + 2 * config_.kv_heads) * dim;
  const Values& bias = weights_.layers[layer].qkv_bias;
  Cache& cache = cache_[layer];
  const auto rows = static_cast<std::int64_t>(tokens.size());
  share(threads_for(4 * rows * width), rows, [&](std::int64_t row, int /*thread*/) {
    float* const queries = qkv + row * width;
    if (!bias.empty()) Vector(queries, width) += ConstVector(bias.data(), width);
    for (std::int64_t head = 0; head < config_.heads + config_.kv_heads; ++head)
      rotate(queries + head * dim, cos_sin + row * dim);
    const float* keys = queries + config_.heads * dim;
    const float* values = keys + config_.kv_heads * dim;
    for (std::int64_t head = 0; head < config_.kv_heads; ++head, keys += dim, values += dim) {
      const std::int64_t begin = (tokens[at(row)].slot * config_.kv_heads + head) * capacity_ * dim;
      const std::int64_t position = tokens[at(row)].position;
      for (std::int64_t i = 0; i < dim; ++i) cache.keys[at(begin + in_panels(position, i, dim))] = keys[i];
      std::copy_n(values, dim, cache.values.data() + begin + position * dim);
    }
  });
}

/// One token's heads of a group over the keys up to its own position. `scores`: room for heads of a group × capacity.
void CpuDecoder::attend(const Cache& cache, const Token& token, std::int64_t kv_head, const float* queries,
                        float* scores, float* out) const {
  const std::int64_t dim = config_.head_dim;
  const std::int64_t group = config_.heads / config_.kv_heads;
  const std::int64_t end = token.position + 1;
  const std::int64_t first = config_.sliding_window ? std::max<std::int64_t>(0, end - *config_.sliding_window) : 0;
  const std::int64_t begin = (token.slot * config_.kv_heads + kv_head) * capacity_ * dim;
  const float* const keys = cache.keys.data() + begin;
  // Whole panels; what is before `first` or after the position is not looked at.
  for (std::int64_t panel = first / kPanel * kPanel; panel < end; panel += kPanel)
    multiply({queries, dim, keys + panel * dim, kPanel, scores + panel, capacity_, group, dim, kPanel});
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  for (std::int64_t head = 0; head < group; ++head) {
    Array shares(scores + head * capacity_ + first, end - first);
    shares = ((shares - shares.maxCoeff()) * scale).exp();
    shares *= 1 / shares.sum();
  }
  const float* const values = cache.values.data() + begin + first * dim;
  multiply({scores + first, capacity_, values, dim, out, dim, group, end - first, dim});
}

void CpuDecoder::attention(const Cache& cache, const Tokens& tokens, const float* qkv, float* scores,
                           float* out) const {
  const std::int64_t group = config_.heads / config_.kv_heads;
  const std::int64_t queries = group * config_.head_dim;
  const std::int64_t width = (config_.heads + 2 * config_.kv_heads) * config_.head_dim;
  std::int64_t keys = 0;
  for (const Token& token : tokens) keys += token.position + 1;
  const auto count = static_cast<std::int64_t>(tokens.size()) * config_.kv_heads;
  share(threads_for(keys * config_.heads * (2 * config_.head_dim + kFunction)), count, [&](std::int64_t i, int thread) {
    const std::int64_t row = i / config_.kv_heads;
    const std::int64_t head = i % config_.kv_heads;
    attend(cache, tokens[at(row)], head, qkv + row * width + head * queries, scores + thread * group * capacity_,
           out + i * queries);
  });
}

void CpuDecoder::activate(float* gate_up, std::int64_t rows) const {
  const std::int64_t ffn = config_.ffn;
  share(threads_for(rows * ffn * kFunction), rows, [&](std::int64_t row, int /*thread*/) {
    Array gate(gate_up + row * 2 * ffn, ffn);
    gate = gate / (1 + (-gate).exp()) * ConstArray(gate_up + (row * 2 + 1) * ffn, ffn);
  });
}

void CpuDecoder::add(float* x, const float* y, std::int64_t rows) const {
  const std::int64_t hidden = config_.hidden;
  share(threads_for(rows * hidden), rows, [&](std::int64_t row, int /*thread*/) {
    Vector(x + row * hidden, hidden) += ConstVector(y + row * hidden, hidden);
  });
}

Values CpuDecoder::forward(std::span<const Piece> pieces) {
  Tokens tokens;
  std::vector<std::int64_t> wanted;
  for (const Piece& piece : pieces) {
    const auto count = static_cast<std::int64_t>(piece.tokens.size());
    for (std::int64_t i = 0; i < count; ++i) {
      if (i >= count - piece.logits) wanted.push_back(static_cast<std::int64_t>(tokens.size()));
      tokens.push_back({piece.slot, piece.past + i, piece.tokens[at(i)]});
    }
  }
  const auto rows = static_cast<std::int64_t>(tokens.size());
  const std::int64_t hidden = config_.hidden;
  const std::int64_t heads = config_.heads * config_.head_dim;
  const std::int64_t qkv_width = heads + 2 * config_.kv_heads * config_.head_dim;
  const Buffer x = buffer(rows * hidden);
  const Buffer y = buffer(rows * hidden);  // what is normed, and what is added to x
  const Buffer cos_sin = buffer(rows * config_.head_dim);
  const Buffer qkv = buffer(rows * qkv_width);
  const Buffer attended = buffer(rows * heads);
  const Buffer gate_up = buffer(rows * 2 * config_.ffn);
  const Buffer scores = buffer(threads_ * config_.heads / config_.kv_heads * capacity_);
  embed(tokens, x.get(), cos_sin.get());
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const CpuWeights::Layer& layer = weights_.layers[i];
    norm(x.get(), rows, layer.input_norm, y.get());
    product(y.get(), hidden, rows, layer.qkv, hidden, qkv_width, qkv.get());
    cache_rows(i, tokens, cos_sin.get(), qkv.get());
    attention(cache_[i], tokens, qkv.get(), scores.get(), attended.get());
    product(attended.get(), heads, rows, layer.output, heads, hidden, y.get());
    add(x.get(), y.get(), rows);
    norm(x.get(), rows, layer.ffn_norm, y.get());
    product(y.get(), hidden, rows, layer.gate_up, hidden, 2 * config_.ffn, gate_up.get());
    activate(gate_up.get(), rows);
    product(gate_up.get(), 2 * config_.ffn, rows, layer.down, config_.ffn, hidden, y.get());
    add(x.get(), y.get(), rows);
  }
  const auto last = static_cast<std::int64_t>(wanted.size());
  Values logits(at(last * config_.vocab));
  const Buffer of_last = buffer(2 * last * hidden);  // as they are, then normed
  for (std::int64_t i = 0; i < last; ++i)
    std::copy_n(x.get() + wanted[at(i)] * hidden, hidden, &of_last[at(i * hidden)]);
  norm(of_last.get(), last, weights_.last_norm, of_last.get() + last * hidden);
  product(of_last.get() + last * hidden, hidden, last, weights_.head.empty() ? weights_.embedding : weights_.head,
          hidden, config_.vocab, logits.data());
  return logits;
}

}  // namespace phasewatt::engine::embedded
