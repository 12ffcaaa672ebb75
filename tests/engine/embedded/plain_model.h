#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/safetensors.h"

/// A decoder in double precision, one token and one number at a time, written from the papers and not from the runtime:
/// no cache, no batch, no shared matrices. Slow, and short enough to be read.
namespace phasewatt::engine::tests {

class PlainModel {
 public:
  using Row = std::vector<double>;

  PlainModel(const model::Config& config, const model::WeightFiles& weights) : c_(config), weights_(weights) {}

  /// Logits of all positions.
  [[nodiscard]] std::vector<Row> logits(const std::vector<std::int64_t>& ids) const {
    const Row embedding = weight("model.embed_tokens.weight");
    std::vector<Row> x;
    for (const auto id : ids) {
      const auto at = embedding.begin() + id * c_.hidden;
      x.emplace_back(at, at + c_.hidden);
    }
    for (std::int64_t layer = 0; layer < c_.layers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      add(x, attention(normed(x, prefix + "input_layernorm.weight"), prefix + "self_attn."));
      add(x, feed_forward(normed(x, prefix + "post_attention_layernorm.weight"), prefix + "mlp."));
    }
    return product(normed(x, "model.norm.weight"), c_.tied ? "model.embed_tokens" : "lm_head", c_.vocab, false);
  }

 private:
  [[nodiscard]] Row weight(const std::string& name) const {
    const auto view = weights_.find(name).value();
    Row out;
    for (std::size_t i = 0; i < view.bytes.size(); i += model::size_of(view.dtype)) {
      if (view.dtype == model::Dtype::f32) {
        float value = 0;
        std::memcpy(&value, view.bytes.data() + i, sizeof value);
        out.push_back(static_cast<double>(value));
      } else {
        std::uint16_t bits = 0;
        std::memcpy(&bits, view.bytes.data() + i, sizeof bits);
        out.push_back(view.dtype == model::Dtype::bf16 ? from_bf16(bits) : from_f16(bits));
      }
    }
    return out;
  }

  static double from_bf16(std::uint16_t bits) {
    const double mantissa = 1 + (bits & 0x7F) / 128.0;
    const int exponent = (bits >> 7) & 0xFF;
    const double size = exponent == 0 ? (mantissa - 1) * std::ldexp(1, -126) : std::ldexp(mantissa, exponent - 127);
    return (bits & 0x8000) != 0 ? -size : size;
  }
  static double from_f16(std::uint16_t bits) {
    const double mantissa = 1 + (bits & 0x3FF) / 1024.0;
    const int exponent = (bits >> 10) & 0x1F;
    const double size = exponent == 0 ? (mantissa - 1) * std::ldexp(1, -14) : std::ldexp(mantissa, exponent - 15);
    return (bits & 0x8000) != 0 ? -size : size;
  }

  static void add(std::vector<Row>& x, const std::vector<Row>& y) {
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
  }

  [[nodiscard]] std::vector<Row> normed(std::vector<Row> x, const std::string& name) const {
    const Row gain = weight(name);
    for (Row& row : x) {
      double squares = 0;
      for (const double value : row) squares += value * value;
      const double scale = 1 / std::sqrt(squares / static_cast<double>(row.size()) + c_.norm_eps);
      for (std::size_t i = 0; i < row.size(); ++i) row[i] *= scale * gain[i];
    }
    return x;
  }

  [[nodiscard]] std::vector<Row> product(const std::vector<Row>& x, const std::string& name, std::int64_t outputs,
                                         bool bias) const {
    const Row matrix = weight(name + ".weight");
    const Row shift = bias ? weight(name + ".bias") : Row(static_cast<std::size_t>(outputs), 0);
    std::vector<Row> out;
    for (const Row& row : x) {
      Row& y = out.emplace_back(shift);
      for (std::size_t o = 0; o < y.size(); ++o)
        for (std::size_t i = 0; i < row.size(); ++i) y[o] += matrix[o * row.size() + i] * row[i];
    }
    return out;
  }

  /// Radians per position of the pair (i, i + d/2).
  [[nodiscard]] double frequency(std::int64_t i) const {
    const double plain = std::pow(c_.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(c_.head_dim));
    if (!c_.rope_scaling) return plain;
    const auto& s = *c_.rope_scaling;
    const double turns = s.original_max_position_embeddings * plain / (2 * M_PI);
    const double kept = std::clamp((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0.0, 1.0);
    return kept * plain + (1 - kept) * plain / s.factor;
  }

  /// Element i of head h of a row at a position, rotated.
  [[nodiscard]] double rotated(const Row& row, std::int64_t head, std::int64_t i, std::size_t position) const {
    const std::int64_t d = c_.head_dim;
    const std::int64_t half = d / 2;
    const double angle = static_cast<double>(position) * frequency(i % half);
    const auto at = [&](std::int64_t k) { return row[static_cast<std::size_t>(head * d + k)]; };
    return i < half ? at(i) * std::cos(angle) - at(i + half) * std::sin(angle)
                    : at(i) * std::cos(angle) + at(i - half) * std::sin(angle);
  }

  [[nodiscard]] std::vector<Row> rotated_all(const std::vector<Row>& rows, std::int64_t heads) const {
    std::vector<Row> out;
    for (std::size_t t = 0; t < rows.size(); ++t) {
      Row& row = out.emplace_back();
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < c_.head_dim; ++i) row.push_back(rotated(rows[t], h, i, t));
    }
    return out;
  }

  [[nodiscard]] std::vector<Row> attention(const std::vector<Row>& x, const std::string& prefix) const {
    const std::int64_t d = c_.head_dim;
    const auto queries = rotated_all(product(x, prefix + "q_proj", c_.heads * d, c_.qkv_bias), c_.heads);
    const auto keys = rotated_all(product(x, prefix + "k_proj", c_.kv_heads * d, c_.qkv_bias), c_.kv_heads);
    const auto values = product(x, prefix + "v_proj", c_.kv_heads * d, c_.qkv_bias);
    std::vector<Row> out(x.size(), Row(static_cast<std::size_t>(c_.heads * d), 0));
    for (std::size_t t = 0; t < x.size(); ++t) {
      const auto window = static_cast<std::size_t>(c_.sliding_window.value_or(static_cast<std::int64_t>(x.size())));
      const std::size_t first = t + 1 > window ? t + 1 - window : 0;
      for (std::int64_t h = 0; h < c_.heads; ++h) {
        const std::int64_t kv = h / (c_.heads / c_.kv_heads);
        Row shares;
        double sum = 0;
        for (std::size_t s = first; s <= t; ++s) {
          double dot = 0;
          for (std::int64_t i = 0; i < d; ++i)
            dot += queries[t][static_cast<std::size_t>(h * d + i)] * keys[s][static_cast<std::size_t>(kv * d + i)];
          shares.push_back(std::exp(dot / std::sqrt(static_cast<double>(d))));
          sum += shares.back();
        }
        for (std::size_t s = first; s <= t; ++s)
          for (std::int64_t i = 0; i < d; ++i)
            out[t][static_cast<std::size_t>(h * d + i)] +=
                shares[s - first] / sum * values[s][static_cast<std::size_t>(kv * d + i)];
      }
    }
    return product(out, prefix + "o_proj", c_.hidden, false);
  }

  [[nodiscard]] std::vector<Row> feed_forward(const std::vector<Row>& x, const std::string& prefix) const {
    auto gate = product(x, prefix + "gate_proj", c_.ffn, false);
    const auto up = product(x, prefix + "up_proj", c_.ffn, false);
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t i = 0; i < gate[t].size(); ++i) gate[t][i] *= up[t][i] / (1 + std::exp(-gate[t][i]));
    return product(gate, prefix + "down_proj", c_.hidden, false);
  }

  const model::Config& c_;
  const model::WeightFiles& weights_;
};

}  // namespace phasewatt::engine::tests
