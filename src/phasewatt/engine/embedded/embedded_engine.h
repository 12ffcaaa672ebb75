#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/engine/engine.h"

/// The engine that runs models inside this program: real models, phases marked on the monotonic clock. Who does the
/// arithmetic is a Runner: the CPU's is here, libtorch's in engine/libtorch. The life of a batch: docs/engine.md.
namespace phasewatt::engine {

namespace model {
struct Config;
class WeightFiles;
}  // namespace model

namespace embedded {

class Runner;

/// Text to a model's tokens and back. The tokenizers are the workload room's; the app hands them in.
class TextTokens {
 public:
  virtual ~TextTokens() = default;
  /// `begin`: the beginning-of-sequence token comes first, when the model has one.
  [[nodiscard]] virtual std::vector<std::int64_t> encode(std::string_view text, bool begin) const = 0;
  [[nodiscard]] virtual Result<std::string> decode(std::span<const std::int64_t> ids) const = 0;
};

/// An option as it is encoded: it follows its prompt as a word of its own.
std::string joined_option(const std::string& prompt, const std::string& option);

/// Opens the tokenizer of a model folder.
using OpenTokens = std::function<Result<std::unique_ptr<TextTokens>>(const std::string& folder)>;

struct EmbeddedOptions {
  OpenTokens open_tokens;  ///< empty: every model gets arbitrary ids, as a synthetic one does
  std::uint64_t seed = 1;  ///< of random weights and arbitrary ids
  int threads = 0;         ///< of the CPU's arithmetic; 0 = 1
};

/// The CPU without libtorch, in single precision: no more than Eigen is needed, and small models run fast enough.
///
/// `load` takes a model folder or synthetic:ID. A synthetic model's prompts and options are arbitrary ids, as many as
/// the request says, and its answers are left out (no text, no log-probabilities), because they mean nothing.
///
/// Prefill gives the first token of an answer, so n tokens are one prefill span and n - 1 decode spans. Scoring: the
/// prefill takes the context without its last token, and each option pass the last token of the context and the option
/// without its own, so that n tokens of an option take n positions.
std::unique_ptr<Engine> make_cpu_engine(EmbeddedOptions options);

/// Puts a model where it is to run. `files`: its checked weights; null: random ones.
using MakeRunner =
    std::function<Result<std::unique_ptr<Runner>>(const model::Config& config, const model::WeightFiles* files)>;

/// An engine on other runners; it makes a runner for each model that is loaded. `info` says who it is.
std::unique_ptr<Engine> make_embedded_engine(EngineInfo info, EmbeddedOptions options, MakeRunner make_runner);

}  // namespace embedded
}  // namespace phasewatt::engine
