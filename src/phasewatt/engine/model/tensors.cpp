#include "phasewatt/engine/model/tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "phasewatt/engine/model/json_fields.h"

namespace phasewatt::engine::model {
namespace {

constexpr const char* kHead = "lm_head.weight";

std::string words(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

bool may_be_extra(const std::string& name, const Config& config) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tied && name == kHead);
}

}  // namespace

std::string layer_prefix(std::int64_t layer) { return fmt::format("model.layers.{}.", layer); }

std::vector<TensorSpec> needed_tensors(const Config& config) {
  const std::int64_t q = config.heads * config.head_dim;
  const std::int64_t kv = config.kv_heads * config.head_dim;
  std::vector<TensorSpec> out;
  out.push_back({"model.embed_tokens.weight", {config.vocab, config.hidden}});
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const auto add = [&, prefix = layer_prefix(layer)](const char* name, std::vector<std::int64_t> shape) {
      out.push_back({prefix + name, std::move(shape)});
    };
    add("input_layernorm.weight", {config.hidden});
    add("self_attn.q_proj.weight", {q, config.hidden});
    add("self_attn.k_proj.weight", {kv, config.hidden});
    add("self_attn.v_proj.weight", {kv, config.hidden});
    if (config.qkv_bias) {
      add("self_attn.q_proj.bias", {q});
      add("self_attn.k_proj.bias", {kv});
      add("self_attn.v_proj.bias", {kv});
    }
    add("self_attn.o_proj.weight", {config.hidden, q});
    add("post_attention_layernorm.weight", {config.hidden});
    add("mlp.gate_proj.weight", {config.ffn, config.hidden});
    add("mlp.up_proj.weight", {config.ffn, config.hidden});
    add("mlp.down_proj.weight", {config.hidden, config.ffn});
  }
  out.push_back({"model.norm.weight", {config.hidden}});
  if (!config.tied) out.push_back({kHead, {config.vocab, config.hidden}});
  return out;
}

std::vector<std::string> tensor_problems(const Config& config, const WeightFiles& weights) {
  std::vector<std::string> problems;
  std::unordered_set<std::string> needed;
  for (const TensorSpec& spec : needed_tensors(config)) {
    needed.insert(spec.name);
    const auto found = weights.find(spec.name);
    if (!found) {
      problems.push_back(fmt::format("tensor {} is missing (expected {})", spec.name, words(spec.shape)));
      continue;
    }
    if (!std::equal(spec.shape.begin(), spec.shape.end(), found->shape.begin(), found->shape.end()))
      problems.push_back(
          fmt::format("tensor {}: expected the shape {}, found {}", spec.name, words(spec.shape), words(found->shape)));
    if (!can_hold_weights(found->dtype))
      problems.push_back(
          fmt::format("tensor {}: expected F32, F16 or BF16, found {}", spec.name, to_string(found->dtype)));
  }
  for (const std::string& name : weights.names())
    if (!needed.contains(name) && !may_be_extra(name, config))
      problems.push_back(fmt::format("tensor {} has no place in a {} model of {} layers", in_quotes(name),
                                     to_string(config.family), config.layers));
  return problems;
}

Status check_tensors(const Config& config, const WeightFiles& weights, const std::string& folder) {
  const auto problems = tensor_problems(config, weights);
  if (problems.empty()) return ok();
  const std::string others = problems.size() > 1 ? fmt::format(", and {} more", problems.size() - 1) : "";
  return Error{ErrorCode::bad_input, fmt::format("{}: {}{}", folder, problems.front(), others),
               fmt::format("phasewatt model info {} lists what is wrong", folder)};
}

WeightSummary summarise_weights(const Config& config, const WeightFiles& weights) {
  WeightSummary out;
  std::map<Dtype, double> elements;
  for (const TensorSpec& spec : needed_tensors(config)) {
    const auto found = weights.find(spec.name);
    if (!found) continue;
    const auto bytes = static_cast<double>(found->bytes.size());
    out.bytes += bytes;
    elements[found->dtype] += bytes / static_cast<double>(size_of(found->dtype));
  }
  double most = -1;
  for (const auto& [dtype, count] : elements) {
    out.elements += count;
    if (count > most) out.dtype = dtype;
    most = std::max(most, count);
  }
  out.mixed = elements.size() > 1;
  return out;
}

}  // namespace phasewatt::engine::model
