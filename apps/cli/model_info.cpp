#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>

#include "apps/cli/model.h"
#include "phasewatt/base/text.h"
#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/engine/model/tensors.h"
#include "phasewatt/workload/tokenizer.h"

namespace phasewatt::cli {
namespace {

namespace fs = std::filesystem;
namespace model = engine::model;
using Json = nlohmann::ordered_json;

/// All that is said of a model, before it is words or JSON.
struct Description {
  std::string id;  ///< as given
  bool synthetic = false;
  model::Config config;
  model::Dtype dtype = model::Dtype::f16;  ///< of the weights, or what they will be made as
  double weight_bytes = 0;
  std::size_t files = 0;
  std::string tokenizer;                     ///< empty: none
  std::vector<std::string> notes;            ///< worth knowing, in no one's way
  std::vector<std::string> problems;         ///< it cannot be run
  ErrorCode trouble = ErrorCode::bad_input;  ///< of the first of them
};

void add_weights(const fs::path& folder, Description& out) {
  const auto weights = model::WeightFiles::open(folder);
  if (!weights) {
    out.dtype = out.config.dtype.value_or(model::Dtype::f32);
    out.problems.push_back(to_string(weights.error()));
    out.trouble = weights.error().code;
    return;
  }
  const auto summary = model::summarise_weights(out.config, *weights);
  out.dtype = summary.dtype;
  out.weight_bytes = summary.bytes;
  out.files = weights->files();
  out.problems = model::tensor_problems(out.config, *weights);
  if (summary.mixed) out.notes.emplace_back("the weights have more than one type; the most frequent one is named");
  if (out.config.dtype && *out.config.dtype != summary.dtype)
    out.notes.push_back(
        fmt::format("config.json says {}, the weights are {}", to_string(*out.config.dtype), to_string(summary.dtype)));
}

void add_tokenizer(const fs::path& folder, Description& out) {
  const auto tokenizer = workload::Tokenizer::open(folder);
  if (!tokenizer) {
    if (out.problems.empty()) out.trouble = tokenizer.error().code;
    out.problems.push_back("tokenizer: " + to_string(tokenizer.error()));
    return;
  }
  out.tokenizer = tokenizer->describe();
  if (tokenizer->size() > static_cast<std::size_t>(out.config.vocab))
    out.problems.push_back(fmt::format("the tokenizer has {} tokens, the model {}: ids from {} on have no embedding",
                                       tokenizer->size(), out.config.vocab, out.config.vocab));
}

Result<Description> describe(const std::string& given) {
  Description out;
  out.id = given;
  if (const auto arch = model::synthetic_arch(given)) {
    PHASEWATT_ASSIGN(out.config, model::synthetic_config(*arch));
    out.synthetic = true;
    out.dtype = out.config.dtype.value_or(model::Dtype::f16);
    out.weight_bytes = out.config.parameters() * static_cast<double>(model::size_of(out.dtype));
    out.notes.emplace_back("random weights: time and energy are those of the shape, what it says means nothing");
    return out;
  }
  PHASEWATT_ASSIGN(out.config, model::read_config(given));
  add_weights(given, out);
  add_tokenizer(given, out);
  if (out.config.eos.empty()) out.notes.emplace_back("no end-of-sequence token: texts end at their greatest length");
  return out;
}

Json scaling_json(const std::optional<model::Llama3Scaling>& scaling) {
  if (!scaling) return {};
  return {{"type", "llama3"},
          {"factor", scaling->factor},
          {"low_freq_factor", scaling->low_freq_factor},
          {"high_freq_factor", scaling->high_freq_factor},
          {"original_max_position_embeddings", scaling->original_max_position_embeddings}};
}

Json to_json(const Description& d) {
  const model::Config& c = d.config;
  return {{"id", d.id},
          {"synthetic", d.synthetic},
          {"architecture", model::to_string(c.family)},
          {"parameters", c.parameters()},
          {"layers", c.layers},
          {"hidden", c.hidden},
          {"heads", c.heads},
          {"kv_heads", c.kv_heads},
          {"head_dim", c.head_dim},
          {"ffn", c.ffn},
          {"vocab", c.vocab},
          {"tied", c.tied},
          {"qkv_bias", c.qkv_bias},
          {"rope_theta", c.rope_theta},
          {"rope_scaling", scaling_json(c.rope_scaling)},
          {"sliding_window", c.sliding_window ? Json(*c.sliding_window) : Json()},
          {"eos_token_ids", c.eos},
          {"dtype", model::to_string(d.dtype)},
          {"weight_bytes", d.files > 0 || d.synthetic ? Json(d.weight_bytes) : Json()},
          {"weight_files", d.files},
          {"kv_bytes_per_token", c.kv_bytes_per_token(d.dtype)},
          {"tokenizer", d.tokenizer.empty() ? Json() : Json(d.tokenizer)},
          {"notes", d.notes},
          {"problems", d.problems},
          {"usable", d.problems.empty()}};
}

std::string line(std::string_view name, const std::string& text) { return fmt::format("{:<13} {}\n", name, text); }

std::string count_words(double count) {
  if (count >= 1e9) return fmt::format("{:.3f} B", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.3f} M", count / 1e6);
  return fmt::format("{:.0f}", count);
}

std::string rope_words(const model::Config& config) {
  std::string out = fmt::format("theta {:g}", config.rope_theta);
  if (const auto& scaling = config.rope_scaling)
    out +=
        fmt::format(", scaled as Llama 3.1: factor {:g}, low {:g}, high {:g}, original context {:g}", scaling->factor,
                    scaling->low_freq_factor, scaling->high_freq_factor, scaling->original_max_position_embeddings);
  return out;
}

std::string to_text(const Description& d) {
  const model::Config& c = d.config;
  std::string out = line("model", d.id + (d.synthetic ? " (SYNTHETIC: random weights)" : ""));
  out +=
      line("architecture", fmt::format("{}: {} layer{}, hidden {}, {} heads of {}, {} KV heads, FFN {}, vocabulary {}",
                                       model::to_string(c.family), c.layers, c.layers == 1 ? "" : "s", c.hidden,
                                       c.heads, c.head_dim, c.kv_heads, c.ffn, c.vocab));
  out += line("parameters", fmt::format("{}, {}{}", count_words(c.parameters()),
                                        c.tied ? "input and output embedding are one" : "output projection of its own",
                                        c.qkv_bias ? ", biases on Q, K and V" : ""));
  out += line("positions", rope_words(c) + (c.sliding_window ? fmt::format(", window {}", *c.sliding_window) : ""));
  std::string weights = "none";
  if (d.synthetic) weights = fmt::format("{:.0f} bytes as {}, random", d.weight_bytes, to_string(d.dtype));
  if (d.files > 0)
    weights = fmt::format("{:.0f} bytes, {}, in {} file{}", d.weight_bytes, to_string(d.dtype), d.files,
                          d.files == 1 ? "" : "s");
  out += line("weights", weights);
  out +=
      line("KV cache", fmt::format("{:.0f} bytes per token in {}", c.kv_bytes_per_token(d.dtype), to_string(d.dtype)));
  out += line("tokenizer", d.tokenizer.empty() ? "none" : d.tokenizer);
  std::vector<std::string> ids;
  for (const auto id : c.eos) ids.push_back(std::to_string(id));
  out += line("end tokens", ids.empty() ? "none" : join(ids, ", "));
  for (const auto& note : d.notes) out += line("note", note);
  constexpr std::size_t kMostLines = 20;
  for (std::size_t i = 0; i < std::min(d.problems.size(), kMostLines); ++i) out += line("problem", d.problems[i]);
  if (d.problems.size() > kMostLines)
    out += line("problem", fmt::format("... and {} more; --json lists all", d.problems.size() - kMostLines));
  return out;
}

}  // namespace

Status print_model(const std::string& given, const Console& console) {
  PHASEWATT_ASSIGN(const Description description, describe(given));
  console.out(console.json ? to_json(description).dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                           : to_text(description));
  if (description.problems.empty()) return ok();
  return Error{description.trouble,
               fmt::format("'{}' cannot be run: {} problem{}", given, description.problems.size(),
                           description.problems.size() == 1 ? "" : "s"),
               "standard output lists what is wrong"};
}

}  // namespace phasewatt::cli
