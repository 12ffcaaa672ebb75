#pragma once

#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// The port to whatever runs a model. A simulated twin lives in engine/sim.
namespace phasewatt::engine {

/// Receives the marked phases while a batch runs; called on the engine's thread, must return quickly.
class PhaseListener {
 public:
  virtual ~PhaseListener() = default;
  virtual void on_span(const PhaseSpan& span) = 0;
};

/// What an engine is and can do; constant over its life.
struct EngineInfo {
  std::string id;       ///< "sim", "libtorch", "openai"
  std::string runtime;  ///< "eager", "graph"
  bool simulated = false;
  bool can_generate = true;
  bool can_score = true;
  bool can_repeat = false;          ///< repeat() works
  std::vector<std::string> models;  ///< ids that load() accepts; empty = any path
};

struct ModelInfo {
  std::string id;
  double parameters = 0;  ///< count
  double weight_bytes = 0;
  TokenKind token_kind = TokenKind::word;
  std::vector<std::string> gpus{};  ///< NVML's UUIDs, "GPU-…", of the GPUs it runs on; empty: none, or simulated ones
};

/// Something that can prefill, decode and score. Not thread-safe: one thread drives one engine. `load` comes first,
/// then `begin_point`, then any number of batches.
class Engine {
 public:
  virtual ~Engine() = default;

  [[nodiscard]] virtual const EngineInfo& info() const = 0;

  /// Makes `model` the current one. Unknown: not_found, with the nearest known id in the hint. Does not fit:
  /// out_of_memory.
  virtual Result<ModelInfo> load(const std::string& model) = 0;

  /// A point begins: caches are dropped. The simulated twin puts its GPU into the state that belongs to the point's
  /// key alone, so that results depend neither on the order of points nor on interruptions.
  virtual Status begin_point(const RunPoint& point) = 0;

  /// Prefill and decode of one batch (1..point.batch requests); one Outcome per request, in order. Reports one prefill
  /// span and one span per decode step.
  virtual Result<std::vector<Outcome>> generate(std::span<const Request> batch, const Decoding& decoding,
                                                PhaseListener& listener) = 0;

  /// Log-likelihood scoring of every request's options: one context pass (prefill span), then option passes (score
  /// spans) that share it.
  virtual Result<std::vector<Outcome>> score(std::span<const Request> batch, PhaseListener& listener) = 0;

  /// One phase of the batch `times` times back to back, for sensors that are slow against it: whole prefills; decode
  /// steps at the fixed context of prompt + context_tokens; the option passes of a scoring. Reports a span for each.
  /// unsupported: the engine cannot.
  virtual Status repeat(Phase phase, std::span<const Request> /*batch*/, int /*context_tokens*/, int /*times*/,
                        PhaseListener& /*listener*/) {
    return Error{ErrorCode::unsupported, "this engine cannot repeat the phase " + std::string(to_string(phase)), {}};
  }
};

}  // namespace phasewatt::engine
