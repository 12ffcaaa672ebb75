#include "phasewatt/workload/tokenizer_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/tokenizer.h"

namespace phasewatt::workload {
namespace {

Error bad(const std::string& file, const std::string& what) {
  return {ErrorCode::bad_input, fmt::format("{}: {}", file, what), {}};
}

std::string fingerprint_of(const std::vector<std::string>& tokens) {
  std::string all;
  for (const auto& token : tokens) {
    for (unsigned shift = 0; shift < 32; shift += 8) all.push_back(static_cast<char>(token.size() >> shift & 0xFFU));
    all += token;
  }
  return sha256_hex(all).substr(0, 16);
}

Result<TokenTable> make_tokens(const TokenizerParts& parts, const std::string& file) {
  const auto& tokens = parts.tokens;
  TokenTable table(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].size() > kMaxTokenBytes)
      return bad(file, fmt::format("token {} is longer than {} bytes", id, kMaxTokenBytes));
    if (table.add(tokens[id])) continue;
    const std::size_t first = *table.find(tokens[id]);
    if (parts.lines.empty()) return bad(file, fmt::format("token {} has the same bytes as token {}", id, first));
    return bad(fmt::format("{}:{}", file, parts.lines[id]),
               fmt::format("token {} has the same bytes as token {} of line {}", id, first, parts.lines[first]));
  }
  return table;
}

/// tiktoken's rule written as merges: each way to cut a token in two tokens, with the token's id as rank.
MergeTable merges_of_ranks(const TokenTable& tokens) {
  struct Ranked {
    TokenId left, right, whole;
  };
  std::vector<Ranked> all;
  for (TokenId id = 0; id < tokens.size(); ++id) {
    const std::string_view whole = tokens.bytes(id);
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
      const auto left = tokens.find(whole.substr(0, cut));
      if (!left) continue;
      if (const auto right = tokens.find(whole.substr(cut))) all.push_back({*left, *right, id});
    }
  }
  MergeTable merges(all.size());
  for (const auto& [left, right, whole] : all) merges.add(left, right, {whole, whole});
  return merges;
}

Result<MergeTable> make_merges(const TokenizerParts& parts, const TokenTable& tokens, const std::string& file) {
  if (!parts.merges) return merges_of_ranks(tokens);
  MergeTable merges(parts.merges->size());
  std::uint32_t rank = 0;
  for (const auto& [left, right, result] : *parts.merges) {
    if (std::max({left, right, result}) >= tokens.size())
      return bad(file, fmt::format("merge {} names an added token", rank));
    if (!merges.add(left, right, {rank, result})) return bad(file, fmt::format("merge {} is there twice", rank));
    ++rank;
  }
  return merges;
}

Status add_added_tokens(const TokenizerParts& parts, const std::string& file, TokenizerTables& tables) {
  auto added = parts.added;
  std::stable_sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  const std::size_t own = tables.model.tokens.size();
  for (auto& [content, id] : added) {
    if (content.empty()) return bad(file, fmt::format("added token {} is empty", id));
    const std::size_t size = own + tables.beyond.size();
    const auto known = tables.added.find(content);
    if (known && *known != id)
      return bad(file, fmt::format("added token '{}' has the ids {} and {}", content, *known, id));
    if (known) continue;  // two files say the same
    if (id > size)
      return bad(file,
                 fmt::format("added token '{}' has id {}, but ids {} to {} are not given", content, id, size, id - 1));
    if (id < size) {
      const std::string_view there = id < own ? tables.model.tokens.bytes(id) : tables.beyond[id - own];
      if (there != content)
        return bad(file, fmt::format("added token '{}' has id {}, which is '{}'", content, id, there));
    } else {
      tables.beyond.push_back(content);
    }
    tables.added.add(std::move(content), id);
  }
  return ok();
}

}  // namespace

void AddedTokens::add(std::string content, TokenId id) {
  first_bytes_.at(static_cast<std::uint8_t>(content.front())) = true;
  if (std::find(lengths_.begin(), lengths_.end(), content.size()) == lengths_.end()) {
    lengths_.push_back(content.size());
    std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
  }
  ids_.emplace(std::move(content), id);
}

std::optional<TokenId> AddedTokens::find(const std::string& content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

AddedTokens::Found AddedTokens::find_in(std::string_view text) const {
  std::string candidate;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!first_bytes_[static_cast<std::uint8_t>(text[at])]) continue;
    for (const std::size_t length : lengths_) {
      if (length > text.size() - at) continue;
      candidate.assign(text, at, length);
      if (const auto id = find(candidate)) return {at, length, *id};
    }
  }
  return {};
}

Result<Tokenizer> Tokenizer::build(const TokenizerParts& parts, const std::string& file) {
  TokenizerTables tables;
  tables.file = file;
  tables.fingerprint = fingerprint_of(parts.tokens);
  PHASEWATT_ASSIGN(tables.model.tokens, make_tokens(parts, file));
  PHASEWATT_ASSIGN(tables.model.merges, make_merges(parts, tables.model.tokens, file));
  tables.model.whole_pieces = parts.whole_pieces;
  if (const auto byte = tables.model.index_bytes())
    return bad(file, fmt::format("the byte 0x{:02x} is no token, but a byte-level vocabulary has all 256", *byte));
  PHASEWATT_TRY(add_added_tokens(parts, file, tables));
  // After what is wrong with the content, which would also make the family unknown.
  PHASEWATT_ASSIGN(const auto family, identify_family(parts, tables.fingerprint, file));
  tables.name = family.name;
  tables.presplit = family.presplit;
  tables.nfc = family.nfc;
  const std::string bos = parts.bos_token.empty() ? "<|begin_of_text|>" : parts.bos_token;
  tables.bos = tables.added.find(bos);
  return Tokenizer(std::make_shared<const TokenizerTables>(std::move(tables)));
}

const std::string& Tokenizer::name() const { return tables_->name; }
const std::string& Tokenizer::fingerprint() const { return tables_->fingerprint; }
std::size_t Tokenizer::size() const { return tables_->model.tokens.size() + tables_->beyond.size(); }
std::optional<std::uint32_t> Tokenizer::bos() const { return tables_->bos; }

std::string Tokenizer::describe() const {
  return fmt::format("{}, {} tokens, vocabulary {}, from {}", name(), size(), fingerprint(), tables_->file);
}

std::optional<std::uint32_t> Tokenizer::added_token(std::string_view content) const {
  return tables_->added.find(std::string(content));
}

Result<std::string> Tokenizer::decode(std::span<const std::uint32_t> ids) const {
  const std::size_t own = tables_->model.tokens.size();
  std::string text;
  for (const std::uint32_t id : ids) {
    if (id >= size())
      return Error{ErrorCode::bad_input, fmt::format("token id {} is not below {}", id, size()),
                   "are the ids of another tokenizer?"};
    text += id < own ? tables_->model.tokens.bytes(id) : std::string_view(tables_->beyond[id - own]);
  }
  return text;
}

}  // namespace phasewatt::workload
