#include "phasewatt/engine/model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "phasewatt/base/files.h"
#include "phasewatt/engine/model/json_fields.h"

namespace phasewatt::engine::model {
namespace {

using Json = nlohmann::json;

struct FamilyRow {
  Family family;
  const char* model_type;
  const char* architecture;
};
constexpr std::array kFamilies{
    FamilyRow{Family::llama, "llama", "LlamaForCausalLM"},
    FamilyRow{Family::qwen2, "qwen2", "Qwen2ForCausalLM"},
    FamilyRow{Family::mistral, "mistral", "MistralForCausalLM"},
};

// Bounds far above any dense model, so that products of two fit 64 bits many times over.
constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kMostWidth = 1 << 20;
constexpr std::int64_t kMostVocab = 1 << 24;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 32;
constexpr std::int64_t kMostToken = kMostVocab - 1;

void read_family(Fields& in, Config& config) {
  const char* const hint = "supported: llama, qwen2, mistral";
  const auto type = in.text("model_type");
  const auto* const row = std::find_if(kFamilies.begin(), kFamilies.end(),
                                       [&](const FamilyRow& one) { return type && *type == one.model_type; });
  if (!type) return in.bad("model_type", "is missing");
  if (row == kFamilies.end()) return in.unsupported("model_type", fmt::format("is {}", in_quotes(*type)), hint);
  config.family = row->family;
  const Json* architectures = in.find("architectures");
  if (architectures == nullptr) return;
  if (!architectures->is_array() || architectures->size() != 1 || !architectures->front().is_string())
    return in.bad("architectures", "must be a list of one name");
  const auto& name = architectures->front().get_ref<const std::string&>();
  if (name != row->architecture)
    in.unsupported("architectures", fmt::format("is {}, and only {} can be run", in_quotes(name), row->architecture));
}

void read_shape(Fields& in, Config& config) {
  config.layers = in.needed_integer("num_hidden_layers", 1, kMostLayers);
  config.hidden = in.needed_integer("hidden_size", 1, kMostWidth);
  config.heads = in.needed_integer("num_attention_heads", 1, kMostWidth);
  config.kv_heads = in.integer("num_key_value_heads", 1, kMostWidth).value_or(config.heads);
  config.ffn = in.needed_integer("intermediate_size", 1, kMostWidth);
  config.vocab = in.needed_integer("vocab_size", 1, kMostVocab);
  config.max_positions = in.integer("max_position_embeddings", 1, kMostPositions).value_or(2048);
  config.norm_eps = in.number("rms_norm_eps", 0, 1).value_or(1e-6);
  config.tied = in.flag("tie_word_embeddings", false);
  config.head_dim = in.integer("head_dim", 1, kMostWidth).value_or(config.hidden / config.heads);
  if (in.find("head_dim") == nullptr && config.hidden % config.heads != 0)
    in.bad("hidden_size", fmt::format("({}) is no multiple of num_attention_heads ({}), and head_dim is missing",
                                      config.hidden, config.heads));
  if (config.head_dim % 2 != 0 || config.head_dim == 0)
    in.bad("head_dim", fmt::format("is {}, and rotary positions need an even one", config.head_dim));
  if (config.heads * config.head_dim > kMostWidth)
    in.bad("head_dim", fmt::format("times num_attention_heads is above {}", kMostWidth));
  if (config.heads % config.kv_heads != 0)
    in.bad("num_key_value_heads",
           fmt::format("({}) does not divide num_attention_heads ({})", config.kv_heads, config.heads));
}

/// What would change the computation and is not built.
void refuse_variants(Fields& in, const Config& config) {
  const std::string act = in.text("hidden_act").value_or("silu");
  if (act != "silu" && act != "swish")
    in.unsupported("hidden_act", fmt::format("is {}, and only silu can be run", in_quotes(act)));
  for (const char* const bias : {"attention_bias", "mlp_bias"})
    if (in.flag(bias, false)) in.unsupported(bias, "is true, and these biases cannot be run");
  if (in.find("quantization_config") != nullptr)
    in.unsupported("quantization_config", "is there, and quantised weights cannot be run",
                   "use the model's FP16 or BF16 weights");
  if (in.number("partial_rotary_factor", 0, 1).value_or(1) != 1)
    in.unsupported("partial_rotary_factor", "is not 1, and rotary positions on a part of a head cannot be run");
  if (config.family == Family::qwen2 && in.flag("use_sliding_window", false))
    in.unsupported("use_sliding_window", "is true, and windows on some layers alone cannot be run");
  const Json* layers = in.find("layer_types");
  if (layers == nullptr) return;
  const char* const wanted = config.sliding_window ? "sliding_attention" : "full_attention";
  if (!layers->is_array() || layers->size() != static_cast<std::size_t>(config.layers))
    return in.bad("layer_types", "must be a list with one entry for each layer");
  for (const Json& layer : *layers)
    if (!layer.is_string() || layer.get_ref<const std::string&>() != wanted)
      return in.unsupported("layer_types", fmt::format("has an entry other than {}", wanted));
}

void read_scaling(Fields& in, Config& config) {
  const std::string type = in.text("rope_type").value_or(in.text("type").value_or("default"));
  if (type == "default") return;
  if (type != "llama3")
    return in.unsupported("rope_type", fmt::format("is {}, and only llama3 can be run", in_quotes(type)));
  Llama3Scaling scaling;
  scaling.factor = in.needed_number("factor", 1, 1e6);
  scaling.low_freq_factor = in.needed_number("low_freq_factor", 1e-6, 1e6);
  scaling.high_freq_factor = in.needed_number("high_freq_factor", 1e-6, 1e6);
  scaling.original_max_position_embeddings =
      static_cast<double>(in.needed_integer("original_max_position_embeddings", 1, kMostPositions));
  if (scaling.high_freq_factor <= scaling.low_freq_factor) in.bad("high_freq_factor", "must be above low_freq_factor");
  config.rope_scaling = scaling;
}

/// `rope_scaling` beside `rope_theta`, or both in `rope_parameters`, as transformers writes since version 5.
void read_rope(Fields& in, Config& config) {
  constexpr double kMostTheta = 1e12;
  config.rope_theta = in.number("rope_theta", 1, kMostTheta).value_or(10000);
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    const Json* object = in.find(key);
    if (object == nullptr) continue;
    if (!object->is_object()) return in.bad(key, "must be an object");
    Fields fields(*object, in.file(), fmt::format("{}.", key));
    config.rope_theta = fields.number("rope_theta", 1, kMostTheta).value_or(config.rope_theta);
    if (fields.number("partial_rotary_factor", 0, 1).value_or(1) != 1)
      fields.unsupported("partial_rotary_factor", "is not 1");
    read_scaling(fields, config);
    in.take(fields.problem());
  }
}

void read_dtype(Fields& in, Config& config) {
  for (const char* const key : {"torch_dtype", "dtype"}) {
    const auto name = in.text(key);
    if (!name || *name == "auto") continue;
    config.dtype = parse_torch_dtype(*name);
    if (!config.dtype)
      in.unsupported(key, fmt::format("is {}", in_quotes(*name)), "supported: float32, float16, bfloat16");
  }
}

/// One id or a list of ids.
std::vector<std::int64_t> read_tokens(Fields& in, const char* key) {
  const Json* value = in.find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return {in.needed_integer(key, 0, kMostToken)};
  constexpr std::size_t kMost = 64;
  if (value->size() > kMost) in.bad(key, fmt::format("has more than {} ids", kMost));
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < std::min(value->size(), kMost); ++i) {
    const Json& one = (*value)[i];
    if (!one.is_number_unsigned() || one.get<std::uint64_t>() > static_cast<std::uint64_t>(kMostToken)) {
      in.bad(key, fmt::format("must hold token ids from 0 to {}", kMostToken));
      return {};
    }
    out.push_back(one.get<std::int64_t>());
  }
  return out;
}

void read_bos(Fields& in, Config& config) {
  // Some folders give a list; its first id is what a text begins with.
  const auto ids = read_tokens(in, "bos_token_id");
  if (!ids.empty()) config.bos = ids.front();
}

}  // namespace

std::string_view to_string(Family family) {
  for (const FamilyRow& row : kFamilies)
    if (row.family == family) return row.model_type;
  return "llama";
}

double Config::parameters() const {
  const auto h = static_cast<double>(hidden);
  const auto q = static_cast<double>(heads * head_dim);
  const auto kv = static_cast<double>(kv_heads * head_dim);
  const double layer = h * (2 * q + 2 * kv) + 3 * h * static_cast<double>(ffn) + 2 * h + (qkv_bias ? q + 2 * kv : 0);
  return static_cast<double>(layers) * layer + (tied ? 1 : 2) * static_cast<double>(vocab) * h + h;
}

double Config::kv_bytes_per_token(Dtype cache) const {
  return 2.0 * static_cast<double>(layers) * static_cast<double>(kv_heads * head_dim) *
         static_cast<double>(size_of(cache));
}

Result<Config> parse_config(std::string_view config_text, std::string_view config_name,
                            std::optional<std::string_view> generation_text, std::string_view generation_name) {
  constexpr int kMostDepth = 16;
  PHASEWATT_ASSIGN(const Json json, parse_object(config_text, config_name, kMostDepth, false));
  Fields in(json, std::string(config_name));
  Config config;
  read_family(in, config);
  if (in.problem()) return *in.problem();  // the fields of another architecture mean something else
  read_shape(in, config);
  config.qkv_bias = config.family == Family::qwen2;
  if (config.family == Family::mistral) config.sliding_window = in.integer("sliding_window", 1, kMostPositions);
  refuse_variants(in, config);
  read_rope(in, config);
  read_dtype(in, config);
  read_bos(in, config);
  config.eos = read_tokens(in, "eos_token_id");
  if (in.problem()) return *in.problem();

  if (generation_text) {
    PHASEWATT_ASSIGN(const Json generation, parse_object(*generation_text, generation_name, kMostDepth, false));
    Fields more(generation, std::string(generation_name));
    if (more.find("eos_token_id") != nullptr) config.eos = read_tokens(more, "eos_token_id");
    if (more.find("bos_token_id") != nullptr) read_bos(more, config);
    if (more.problem()) return *more.problem();
  }
  for (const std::int64_t id : config.eos)
    if (id >= config.vocab)
      return Error{
          ErrorCode::bad_input,
          fmt::format("{}: the end-of-sequence id {} is not below vocab_size ({})", config_name, id, config.vocab),
          {}};
  return config;
}

Result<Config> read_config(const std::filesystem::path& folder) {
  const auto config_path = folder / "config.json";
  const auto generation_path = folder / "generation_config.json";
  auto config_text = read_file(config_path);
  if (!config_text && config_text.error().code == ErrorCode::not_found)
    return Error{ErrorCode::not_found, fmt::format("'{}' has no config.json", folder.string()),
                 "name the folder of a Hugging Face model, with config.json and model.safetensors"};
  if (!config_text) return std::move(config_text).error();
  auto generation_text = read_file(generation_path);
  if (!generation_text && generation_text.error().code != ErrorCode::not_found)
    return std::move(generation_text).error();
  return parse_config(*config_text, config_path.string(),
                      generation_text ? std::optional<std::string_view>(*generation_text) : std::nullopt,
                      generation_path.string());
}

std::vector<float> rope_frequencies(const Config& config) {
  const auto half = static_cast<std::size_t>(config.head_dim / 2);
  std::vector<float> out(half);
  for (std::size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    out[i] = 1.0F / std::pow(static_cast<float>(config.rope_theta), exponent);
  }
  if (!config.rope_scaling) return out;
  const auto factor = static_cast<float>(config.rope_scaling->factor);
  const auto low = static_cast<float>(config.rope_scaling->low_freq_factor);
  const auto high = static_cast<float>(config.rope_scaling->high_freq_factor);
  const auto original = static_cast<float>(config.rope_scaling->original_max_position_embeddings);
  for (float& frequency : out) {
    const float wavelength = 2.0F * std::numbers::pi_v<float> / frequency;
    if (wavelength < original / high) continue;
    if (wavelength > original / low) {
      frequency /= factor;
      continue;
    }
    const float smooth = (original / wavelength - low) / (high - low);
    frequency = (1.0F - smooth) * frequency / factor + smooth * frequency;
  }
  return out;
}

}  // namespace phasewatt::engine::model
