#pragma once

#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/engine/engine.h"
#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/counts.h"

/// What the embedded engine needs of whoever does the arithmetic. Internal to engine.
namespace phasewatt::engine::embedded {

/// What a pass does for one sequence. Its keys and values go into the cache at `slot`, from position `past` on.
struct Piece {
  std::int64_t slot = 0;
  std::int64_t past = 0;                 ///< tokens of the sequence that are in the cache
  std::span<const std::int64_t> tokens;  ///< ≥ 1 ids below the vocabulary's size
  std::int64_t logits = 1;               ///< logits are wanted at this many positions, the last ones
};

constexpr std::int64_t kNoId = -1;

std::int64_t total_tokens(std::span<const Piece> pieces);

/// A loaded model and its passes, each with its span. Two pieces of one pass must not share a slot. Not thread-safe.
class Runner {
 public:
  virtual ~Runner() = default;

  [[nodiscard]] virtual const model::Config& config() const = 0;
  [[nodiscard]] virtual double weight_element_bytes() const = 0;
  /// As ModelInfo::gpus.
  [[nodiscard]] virtual std::vector<std::string> gpus() const { return {}; }

  /// Room in the cache for `slots` sequences of `tokens` each; keeps what it has when that is enough. out_of_memory.
  virtual Status reserve(std::int64_t slots, std::int64_t tokens) = 0;
  virtual Status drop_cache() = 0;

  /// A pass; the best next id at each position whose logits are wanted, kNoId where they are no numbers.
  virtual Result<std::vector<std::int64_t>> best_ids(Phase phase, std::span<const Piece> pieces,
                                                     PhaseListener& listener) = 0;
  /// A pass of options; the log-probability of `ids`, one for each position whose logits are wanted; NaN as above.
  virtual Result<std::vector<double>> log_probabilities(std::span<const Piece> pieces,
                                                        const std::vector<std::int64_t>& ids,
                                                        PhaseListener& listener) = 0;
};

/// The cache grows in steps, so that a slightly longer prompt does not move it.
std::int64_t cache_step(std::int64_t tokens);

/// Bytes of this machine's memory.
double host_memory();
/// out_of_memory: `bytes` are more than `have`, which is what `whose` ("this machine") has.
Status check_memory(double bytes, double have, const std::string& whose);
/// out_of_memory: an allocation failed in the memory of `whose` ("host's").
Error no_memory(const std::string& whose);

/// The value of `work`, or out_of_memory where it cannot allocate.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return no_memory("host's");
  }
}

/// The span of a pass with its tokens, bytes and FLOPs, not yet timed: it is from handing in the tokens to having what
/// is made of them on the host.
PhaseSpan counted_span(Phase phase, std::span<const Piece> pieces, const model::Config& config,
                       const model::Storage& storage);

}  // namespace phasewatt::engine::embedded
