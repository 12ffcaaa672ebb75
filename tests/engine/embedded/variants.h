#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "phasewatt/engine/embedded/embedded_engine.h"
#include "phasewatt/engine/embedded/runner.h"
#include "tests/engine/model/tiny_folder.h"

/// Tiny models of every supported variant, and what tests of an engine on them need.
namespace phasewatt::engine::tests {

inline std::vector<std::pair<std::string, nlohmann::json>> variants() {
  using model::tests::tiny_config;
  const nlohmann::json scaling{{"rope_type", "llama3"},
                               {"factor", 8.0},
                               {"low_freq_factor", 1.0},
                               {"high_freq_factor", 4.0},
                               {"original_max_position_embeddings", 32}};
  const auto with = [](nlohmann::json json, const std::vector<std::pair<std::string, nlohmann::json>>& fields) {
    for (const auto& [key, value] : fields) json[key] = value;
    return json;
  };
  return {{"llama", tiny_config()},
          {"llama without groups", with(tiny_config(), {{"num_key_value_heads", 4}})},
          {"llama3 tied",
           with(tiny_config(), {{"rope_scaling", scaling}, {"tie_word_embeddings", true}, {"head_dim", 16}})},
          {"llama3", with(tiny_config(), {{"rope_scaling", scaling}, {"head_dim", 16}})},
          {"qwen2", tiny_config("qwen2")},
          {"qwen2 tied", with(tiny_config("qwen2"), {{"tie_word_embeddings", true}})},
          {"mistral", tiny_config("mistral")},
          {"mistral with a window", with(tiny_config("mistral"), {{"sliding_window", 8}})}};
}

/// Text of numbers, each one id: "3 17 5".
class NumberTokens final : public embedded::TextTokens {
 public:
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text, bool /*begin*/) const override {
    std::istringstream in{std::string(text)};
    std::vector<std::int64_t> out;
    for (std::int64_t id = 0; in >> id;) out.push_back(id);
    return out;
  }
  [[nodiscard]] Result<std::string> decode(std::span<const std::int64_t> ids) const override {
    std::string out;
    for (const auto id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
    return out;
  }
};

inline std::string words(const std::vector<std::int64_t>& ids) { return NumberTokens().decode(ids).value(); }

inline embedded::OpenTokens open_numbers() {
  return [](const std::string&) -> Result<std::unique_ptr<embedded::TextTokens>> {
    return std::unique_ptr<embedded::TextTokens>(std::make_unique<NumberTokens>());
  };
}

inline std::vector<std::int64_t> random_ids(std::mt19937& random, std::size_t count, std::int64_t vocab = 61) {
  std::vector<std::int64_t> out(count);
  for (auto& id : out) id = 3 + static_cast<std::int64_t>(random() % static_cast<unsigned>(vocab - 3));
  return out;
}

/// Requests over queries they own.
class Batch {
 public:
  void add(const std::vector<std::int64_t>& prompt, const std::vector<std::vector<std::int64_t>>& options = {}) {
    auto query = std::make_unique<Query>();
    query->id = "test/" + std::to_string(queries_.size());
    query->prompt = words(prompt);
    for (const auto& option : options) query->choices.push_back(words(option));
    Request request;
    request.index = static_cast<std::uint32_t>(queries_.size());
    request.query = query.get();
    request.prompt_tokens = static_cast<int>(prompt.size());
    for (const auto& option : options) request.option_tokens.push_back(static_cast<int>(option.size()));
    queries_.push_back(std::move(query));
    requests_.push_back(request);
  }
  [[nodiscard]] std::span<const Request> all() const { return requests_; }

 private:
  std::vector<std::unique_ptr<Query>> queries_;
  std::vector<Request> requests_;
};

class Spans final : public PhaseListener {
 public:
  void on_span(const PhaseSpan& span) override { all.push_back(span); }
  [[nodiscard]] std::vector<PhaseSpan> of(Phase phase) const {
    std::vector<PhaseSpan> out;
    std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](const PhaseSpan& s) { return s.phase == phase; });
    return out;
  }
  std::vector<PhaseSpan> all;
};

/// What the suites are about: each program that includes one defines these for its engine, on the CPU in single
/// precision with one thread.
std::unique_ptr<Engine> number_engine();
/// A decoder with room for so much; logits row by row.
using Forward = std::function<std::vector<double>(std::span<const embedded::Piece>)>;
Forward make_forward(const model::Config& config, const model::WeightFiles& weights, std::int64_t slots,
                     std::int64_t tokens);

}  // namespace phasewatt::engine::tests
