#include "phasewatt/engine/embedded/cpu_decoder.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <functional>
#include <thread>

#include "phasewatt/engine/embedded/cpu_product.h"

namespace phasewatt::engine::embedded {
namespace {

using Index = Eigen::Index;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<Matrix>;
using ConstRows = Eigen::Map<const Matrix>;
using Vector = Eigen::Map<Eigen::VectorXf>;
using ConstVector = Eigen::Map<const Eigen::VectorXf>;

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

}  // namespace

CpuDecoder::CpuDecoder(const model::Config& config, CpuWeights weights, int threads)
    : config_(config),
      weights_(std::move(weights)),
      frequencies_(model::rope_frequencies(config)),
      threads_(std::max(1, threads)),
      cache_(at(config.layers)) {}

void CpuDecoder::allocate(std::int64_t slots, std::int64_t tokens) {
  for (Cache& layer : cache_) layer = {};  // not two caches in memory
  const std::size_t size = at(slots * tokens * config_.kv_heads * config_.head_dim);
  for (Cache& layer : cache_) layer = {Values(size), Values(size)};
  slots_ = slots;
  capacity_ = tokens;
}

Values CpuDecoder::product(const Values& x, const Values& weight, std::int64_t inputs) const {
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / inputs;
  const std::int64_t outputs = static_cast<std::int64_t>(weight.size()) / inputs;
  Values y(at(rows * outputs));
  const Product product{x.data(), weight.data(), y.data(), rows, inputs, outputs};
  // A thread costs some 20 µs: worth it from some 10 million operations on.
  const std::int64_t parts = std::clamp<std::int64_t>(rows * outputs * inputs / 5'000'000, 1, threads_);
  std::vector<std::jthread> others;
  for (std::int64_t part = 1; part < parts; ++part)
    others.emplace_back([&product, begin = outputs * part / parts, end = outputs * (part + 1) / parts] {
      multiply(product, begin, end);
    });
  multiply(product, 0, outputs / parts);
  return y;
}

Values CpuDecoder::norm(const Values& x, const Values& weight) const {
  Values out(x.size());
  const auto width = static_cast<Index>(weight.size());
  const ConstVector gain(weight.data(), width);
  for (std::size_t row = 0; row < x.size(); row += weight.size()) {
    const ConstVector in(x.data() + row, width);
    const float scale =
        1 / std::sqrt(in.squaredNorm() / static_cast<float>(width) + static_cast<float>(config_.norm_eps));
    Vector(out.data() + row, width) = (in * scale).cwiseProduct(gain);
  }
  return out;
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

/// One token's heads over the keys up to its own position.
void CpuDecoder::attend(const Cache& cache, std::int64_t slot, std::int64_t position, const float* queries,
                        float* out) const {
  const std::int64_t dim = config_.head_dim;
  const std::int64_t first =
      config_.sliding_window ? std::max<std::int64_t>(0, position + 1 - *config_.sliding_window) : 0;
  const Index count = position + 1 - first;
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  for (std::int64_t head = 0; head < config_.heads; ++head) {
    const std::int64_t kv_head = head / (config_.heads / config_.kv_heads);
    const std::int64_t begin = ((slot * config_.kv_heads + kv_head) * capacity_ + first) * dim;
    const ConstRows keys(cache.keys.data() + begin, count, dim);
    const ConstRows values(cache.values.data() + begin, count, dim);
    Eigen::VectorXf shares = keys * (ConstVector(queries + head * dim, dim) * scale);
    shares = (shares.array() - shares.maxCoeff()).exp();
    Vector(out + head * dim, dim).noalias() = values.transpose() * (shares / shares.sum());
  }
}

Values CpuDecoder::attention(std::size_t layer, Values qkv, std::span<const Piece> pieces, const Values& cos_sin) {
  const std::int64_t dim = config_.head_dim;
  const std::int64_t width = (config_.heads + 2 * config_.kv_heads) * dim;
  Cache& cache = cache_[layer];
  Values out(at(total_tokens(pieces) * config_.heads * dim));
  std::int64_t row = 0;
  for (const Piece& piece : pieces) {
    const std::int64_t end = piece.past + static_cast<std::int64_t>(piece.tokens.size());
    for (std::int64_t position = piece.past; position < end; ++position, ++row) {
      float* token = qkv.data() + row * width;
      const float* keys = token + config_.heads * dim;
      for (std::int64_t head = 0; head < config_.heads + config_.kv_heads; ++head)
        rotate(token + head * dim, cos_sin.data() + row * dim);
      for (std::int64_t head = 0; head < config_.kv_heads; ++head) {
        const std::int64_t to = ((piece.slot * config_.kv_heads + head) * capacity_ + position) * dim;
        std::copy_n(keys + head * dim, dim, cache.keys.data() + to);
        std::copy_n(keys + (config_.kv_heads + head) * dim, dim, cache.values.data() + to);
      }
      attend(cache, piece.slot, position, token, out.data() + row * config_.heads * dim);
    }
  }
  return out;
}

Values CpuDecoder::forward(std::span<const Piece> pieces) {
  const std::int64_t hidden = config_.hidden;
  Values x;        // tokens × hidden
  Values cos_sin;  // tokens × head_dim
  std::vector<std::int64_t> wanted;
  for (const Piece& piece : pieces) {
    const auto count = static_cast<std::int64_t>(piece.tokens.size());
    for (std::int64_t i = 0; i < count; ++i) {
      if (i >= count - piece.logits) wanted.push_back(static_cast<std::int64_t>(x.size()));
      const auto embedding = weights_.embedding.begin() + piece.tokens[at(i)] * hidden;
      x.insert(x.end(), embedding, embedding + hidden);
      const auto position = static_cast<float>(piece.past + i);
      for (const float frequency : frequencies_) cos_sin.push_back(std::cos(position * frequency));
      for (const float frequency : frequencies_) cos_sin.push_back(std::sin(position * frequency));
    }
  }
  const auto add = [&](const Values& y) { std::transform(x.begin(), x.end(), y.begin(), x.begin(), std::plus<>{}); };
  const auto rows = static_cast<Index>(x.size()) / hidden;
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const CpuWeights::Layer& layer = weights_.layers[i];
    Values qkv = product(norm(x, layer.input_norm), layer.qkv, hidden);
    if (const auto width = static_cast<Index>(layer.qkv_bias.size()); width > 0)
      Rows(qkv.data(), rows, width).rowwise() += ConstVector(layer.qkv_bias.data(), width).transpose();
    add(product(attention(i, std::move(qkv), pieces, cos_sin), layer.output, config_.heads * config_.head_dim));
    Values gate_up = product(norm(x, layer.ffn_norm), layer.gate_up, hidden);
    const Rows halves(gate_up.data(), rows, 2 * config_.ffn);
    const auto gate = halves.leftCols(config_.ffn).array();
    Values inner(at(rows * config_.ffn));
    Rows(inner.data(), rows, config_.ffn) = gate / (1 + (-gate).exp()) * halves.rightCols(config_.ffn).array();
    add(product(inner, layer.down, config_.ffn));
  }
  Values last;
  for (const std::int64_t from : wanted) last.insert(last.end(), x.begin() + from, x.begin() + from + hidden);
  return product(norm(last, weights_.last_norm), weights_.head.empty() ? weights_.embedding : weights_.head, hidden);
}

}  // namespace phasewatt::engine::embedded
