#include "phasewatt/engine/embedded/runner.h"

#include <fmt/format.h>
#include <unistd.h>

namespace phasewatt::engine::embedded {

std::int64_t total_tokens(std::span<const Piece> pieces) {
  std::int64_t sum = 0;
  for (const Piece& piece : pieces) sum += static_cast<std::int64_t>(piece.tokens.size());
  return sum;
}

std::int64_t cache_step(std::int64_t tokens) {
  constexpr std::int64_t kStep = 256;
  return (tokens + kStep - 1) / kStep * kStep;
}

double host_memory() {
  return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

Status check_memory(double bytes, double have, const std::string& whose) {
  if (bytes <= have) return ok();
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  return Error{ErrorCode::out_of_memory,
               fmt::format("weights and cache need {:.1f} GiB, and {} has {:.1f}", bytes / kGiB, whose, have / kGiB),
               "take a smaller model or batch"};
}

Error no_memory(const std::string& whose) {
  return {ErrorCode::out_of_memory, fmt::format("the {} memory does not suffice", whose),
          "take a smaller model or batch"};
}

PhaseSpan counted_span(Phase phase, std::span<const Piece> pieces, const model::Config& config,
                       const model::Storage& storage) {
  PhaseSpan span;
  span.phase = phase;
  span.batch = static_cast<int>(pieces.size());
  span.tokens = static_cast<double>(total_tokens(pieces));
  std::vector<model::SequencePass> passes;
  for (const Piece& piece : pieces)
    passes.push_back({static_cast<std::int64_t>(piece.tokens.size()), piece.past, piece.logits, false});
  const auto counts = model::count_pass(config, passes, storage);
  span.bytes = counts.bytes();
  span.flops = counts.flops;
  return span;
}

}  // namespace phasewatt::engine::embedded
