#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/engine/model/dtype.h"

/// What a Hugging Face folder says of its model. Which fields are read and what else is refused: docs/models.md.
namespace phasewatt::engine::model {

/// The decoders that can be run. They differ in biases, in the window of attention and in defaults.
enum class Family : std::uint8_t { llama, qwen2, mistral };
std::string_view to_string(Family family);  ///< "llama", as `model_type` is written

/// RoPE scaling of Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
struct Llama3Scaling {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_position_embeddings = 8192;  ///< tokens
};

/// The shape of a dense decoder-only transformer with grouped-query attention, RMS norm, rotary positions and a gated
/// SiLU feed-forward network.
struct Config {
  Family family = Family::llama;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  ///< divides heads
  std::int64_t head_dim = 0;  ///< even
  std::int64_t ffn = 0;
  std::int64_t vocab = 0;
  bool tied = false;                            ///< input and output embedding are one matrix
  bool qkv_bias = false;                        ///< biases on the query, key and value projections
  double rope_theta = 10000;                    ///< base of the rotary frequencies
  std::optional<Llama3Scaling> rope_scaling{};  ///< absent: plain RoPE
  double norm_eps = 1e-6;
  std::int64_t max_positions = 0;                ///< tokens the model was made for
  std::optional<std::int64_t> sliding_window{};  ///< a token sees this many keys, its own among them; absent: all
  std::optional<Dtype> dtype{};                  ///< as the file says; what counts is in the tensors
  std::optional<std::int64_t> bos{};
  std::vector<std::int64_t> eos{};  ///< generation ends at any of these; may be empty

  [[nodiscard]] double parameters() const;  ///< all weights, a tied embedding once
  /// Keys and values of all layers for one token.
  [[nodiscard]] double kv_bytes_per_token(Dtype cache) const;
};

/// `config_text` is config.json, `generation_text` generation_config.json where there is one: its end-of-sequence ids
/// replace those of config.json, as Hugging Face's `generate` does. Names stand in messages. Errors: bad_input (file
/// and field), unsupported (an architecture or a value that is valid but cannot be run).
Result<Config> parse_config(std::string_view config_text, std::string_view config_name,
                            std::optional<std::string_view> generation_text = {},
                            std::string_view generation_name = "generation_config.json");

/// Reads both files of a folder. not_found: there is no config.json.
Result<Config> read_config(const std::filesystem::path& folder);

/// Rotary frequencies in radians per position, head_dim/2 of them, scaled as the config says. In single precision, as
/// the reference computes them: at position 8000 the last bit of a frequency is worth 5e-4 radians.
/// Source: Llama 3.1's reference code (`apply_scaling`), the same as `rope_type` "llama3" of Hugging Face transformers.
std::vector<float> rope_frequencies(const Config& config);

}  // namespace phasewatt::engine::model
