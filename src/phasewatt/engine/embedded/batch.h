#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/engine/embedded/embedded_engine.h"
#include "phasewatt/engine/model/config.h"

/// Requests as token ids. Internal to engine.
namespace phasewatt::engine::embedded {

struct TokenRequest {
  std::vector<std::int64_t> prompt;                ///< ≥ 1 id
  std::vector<std::vector<std::int64_t>> options;  ///< ≥ 1 id each; only when wanted
};

/// Turns requests into ids: by the model's tokenizer, or, without one, into arbitrary ids of the lengths that the
/// request states, the same for the same query, seed and vocabulary.
class BatchTokens {
 public:
  BatchTokens(const model::Config& config, const TextTokens* tokens, std::uint64_t seed)
      : config_(config), tokens_(tokens), seed_(seed) {}

  /// bad_input: no request, no options where they are wanted, an option or prompt without tokens, an id beyond the
  /// vocabulary, or more tokens than the model has positions (`room`: how many are to follow the prompt).
  [[nodiscard]] Result<std::vector<TokenRequest>> encode(std::span<const Request> batch, bool options,
                                                         std::int64_t room) const;

 private:
  [[nodiscard]] Result<TokenRequest> encode(const Request& request, bool options) const;
  [[nodiscard]] std::vector<std::int64_t> arbitrary(const Request& request, std::size_t which, int count) const;
  [[nodiscard]] Status check(const TokenRequest& request, const std::string& query_id, std::int64_t room) const;

  const model::Config& config_;
  const TextTokens* tokens_;
  std::uint64_t seed_;
};

}  // namespace phasewatt::engine::embedded
