#include "phasewatt/engine/embedded/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "phasewatt/base/files.h"

namespace phasewatt::engine::embedded {

std::string joined_option(const std::string& prompt, const std::string& option) {
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t'; };
  const bool apart = prompt.empty() || blank(prompt.back()) || option.empty() || blank(option.front());
  return apart ? option : " " + option;
}

std::vector<std::int64_t> BatchTokens::arbitrary(const Request& request, std::size_t which, int count) const {
  std::mt19937_64 random(sha256_u64(fmt::format("{}\n{}\n{}", seed_, request.query->id, which)));
  std::vector<std::int64_t> out(static_cast<std::size_t>(std::max(1, count)));
  for (auto& id : out) id = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(config_.vocab));
  return out;
}

Result<TokenRequest> BatchTokens::encode(const Request& request, bool options) const {
  const Query& query = *request.query;
  TokenRequest out;
  out.prompt = tokens_ != nullptr ? tokens_->encode(query.prompt, true) : arbitrary(request, 0, request.prompt_tokens);
  if (!options) return out;
  const std::size_t count = tokens_ != nullptr ? query.choices.size() : request.option_tokens.size();
  if (count == 0)
    return Error{ErrorCode::bad_input, fmt::format("query '{}' has no options to score", query.id),
                 "score only queries with choices"};
  for (std::size_t k = 0; k < count; ++k)
    out.options.push_back(tokens_ != nullptr ? tokens_->encode(joined_option(query.prompt, query.choices[k]), false)
                                             : arbitrary(request, k + 1, request.option_tokens[k]));
  return out;
}

Status BatchTokens::check(const TokenRequest& request, const std::string& query_id, std::int64_t room) const {
  const auto bad = [&](const std::string& what) {
    return Error{ErrorCode::bad_input, fmt::format("query '{}': {}", query_id, what), {}};
  };
  const auto known = [&](const std::vector<std::int64_t>& ids) {
    return std::all_of(ids.begin(), ids.end(), [&](std::int64_t id) { return id >= 0 && id < config_.vocab; });
  };
  if (request.prompt.empty()) return bad("its prompt has no tokens");
  std::size_t longest = 0;
  for (const auto& option : request.options) {
    if (option.empty()) return bad("an option has no tokens");
    if (!known(option)) return bad("an option has a token that the model does not know");
    longest = std::max(longest, option.size());
  }
  if (!known(request.prompt)) return bad("its prompt has a token that the model does not know");
  const auto needed = static_cast<std::int64_t>(request.prompt.size() + longest) + room;
  if (needed > config_.max_positions)
    return bad(fmt::format("needs {} positions, and the model has {}", needed, config_.max_positions));
  return ok();
}

Result<std::vector<TokenRequest>> BatchTokens::encode(std::span<const Request> batch, bool options,
                                                      std::int64_t room) const {
  if (batch.empty()) return Error{ErrorCode::bad_input, "a batch without requests", {}};
  std::vector<TokenRequest> out;
  for (const Request& request : batch) {
    PHASEWATT_ASSIGN(auto one, encode(request, options));
    PHASEWATT_TRY(check(one, request.query->id, room));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace phasewatt::engine::embedded
