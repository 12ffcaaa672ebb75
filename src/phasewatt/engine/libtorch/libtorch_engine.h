#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/engine/engine.h"

/// The embedded engine on libtorch: real models, FP32 on the CPU, phases marked on the monotonic clock. Needs no torch
/// header to include. The life of a batch: docs/engine.md.
namespace phasewatt::engine::libtorch {

/// Text to a model's tokens and back. The tokenizers are the workload room's; the app hands them in.
class TextTokens {
 public:
  virtual ~TextTokens() = default;
  /// `begin`: the beginning-of-sequence token comes first, when the model has one.
  [[nodiscard]] virtual std::vector<std::int64_t> encode(std::string_view text, bool begin) const = 0;
  [[nodiscard]] virtual Result<std::string> decode(std::span<const std::int64_t> ids) const = 0;
};

/// Opens the tokenizer of a model folder.
using OpenTokens = std::function<Result<std::unique_ptr<TextTokens>>(const std::string& folder)>;

/// How passes are issued. graph: our kernels, decode steps as CUDA graphs. eager: one operator of libtorch at a time,
/// as a usual engine does that waits for its host. The CPU knows eager only.
enum class Runtime { graph, eager };

struct LibtorchOptions {
  OpenTokens open_tokens;       ///< empty: every model gets arbitrary ids, as a synthetic one does
  std::uint64_t seed = 1;       ///< of random weights and arbitrary ids
  int threads = 0;              ///< of the CPU's arithmetic; 0 = as many as libtorch takes
  std::string device = "auto";  ///< "cpu", "cuda", "cuda:1"; auto: a GPU where libtorch sees one
  std::string dtype = "auto";   ///< "f32", "f16", "bf16"; auto: the weights' own on a GPU, f32 on the CPU
  Runtime runtime = Runtime::graph;
};

/// `load` takes a model folder or synthetic:ID. A synthetic model's prompts and options are arbitrary ids, as many as
/// the request says, and its answers are left out (no text, no log-probabilities), because they mean nothing.
///
/// Prefill gives the first token of an answer, so n tokens are one prefill span and n - 1 decode spans. Scoring: the
/// prefill takes the context without its last token, and each option pass the last token of the context and the option
/// without its own, so that n tokens of an option take n positions.
std::unique_ptr<Engine> make_libtorch_engine(LibtorchOptions options);

/// Release of libtorch this build was made with, "1.13.1".
std::string libtorch_version();

}  // namespace phasewatt::engine::libtorch
