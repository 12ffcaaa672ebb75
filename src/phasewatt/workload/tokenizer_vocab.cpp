#include "phasewatt/workload/tokenizer_vocab.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/json_error.h"

namespace phasewatt::workload {
namespace {

constexpr std::int16_t kNoByte = -1;

/// Byte by character of the byte-level form: printable Latin-1 stands for itself, the other bytes for U+0100 and on in
/// their order.
std::array<std::int16_t, 0x144> byte_level_table() {
  std::array<std::int16_t, 0x144> bytes{};
  bytes.fill(kNoByte);
  std::size_t next = 0x100;
  for (std::int16_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    bytes.at(printable ? static_cast<std::size_t>(byte) : next++) = byte;
  }
  return bytes;
}

}  // namespace

std::optional<std::string> bytes_of_byte_level(std::string_view written) {
  static const auto table = byte_level_table();
  std::string bytes;
  bytes.reserve(written.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    std::size_t code_point = static_cast<std::uint8_t>(written[i]);
    if (code_point >= 0x80) {
      // All characters of the form have one or two bytes.
      if (code_point < 0xC2 || code_point > 0xC5 || i + 1 == written.size()) return std::nullopt;
      code_point = (code_point & 0x1FU) << 6U | (static_cast<std::uint8_t>(written[++i]) & 0x3FU);
    }
    if (code_point >= table.size() || table.at(code_point) == kNoByte) return std::nullopt;
    bytes.push_back(static_cast<char>(table.at(code_point)));
  }
  return bytes;
}

Status check_tokenizer_text(std::string_view text, const std::string& name) {
  if (text.size() > kMaxTokenizerFileBytes)
    return Error{ErrorCode::bad_input, fmt::format("{}: longer than {} MiB", name, kMaxTokenizerFileBytes >> 20U),
                 "is this a tokenizer?"};
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos)
    return Error{ErrorCode::bad_input,
                 fmt::format("{}:{}: not valid UTF-8", name, 1 + std::count(text.begin(), text.begin() + at, '\n')),
                 "download the file again"};
  return ok();
}

Error bad_field(const std::string& name, std::string_view field, std::string_view what, std::string hint) {
  return {ErrorCode::bad_input, fmt::format("{}: field '{}' {}", name, field, what), std::move(hint)};
}

Result<simdjson::dom::object> parse_json_object(simdjson::dom::parser& parser, std::string_view text,
                                                const std::string& name) {
  PHASEWATT_TRY(check_tokenizer_text(text, name));
  simdjson::dom::element document;
  simdjson::dom::object object;
  if (const auto error = parser.parse(text.data(), text.size()).get(document); error != simdjson::SUCCESS)
    return json_error(error, name, "the file may have been cut off; download it again");
  if (document.get(object) != simdjson::SUCCESS)
    return Error{ErrorCode::bad_input, fmt::format("{}: not a JSON object", name), {}};
  return object;
}

Result<std::uint32_t> json_id(const simdjson::dom::element& value, const std::string& name, std::string_view field) {
  std::uint64_t id = 0;
  if (value.get(id) != simdjson::SUCCESS) return bad_field(name, field, "is not a whole number from 0 on");
  if (id >= kMaxTokens) return bad_field(name, field, fmt::format("is {}, beyond the limit of {}", id, kMaxTokens));
  return static_cast<std::uint32_t>(id);
}

Result<WrittenVocab> WrittenVocab::read(simdjson::dom::object object, std::string name, std::string field) {
  WrittenVocab vocab;
  vocab.name_ = std::move(name);
  vocab.field_ = std::move(field);
  const std::size_t count = std::distance(object.begin(), object.end());
  if (count == 0) return bad_field(vocab.name_, vocab.field_, "has no tokens");
  if (count > kMaxTokens)
    return bad_field(vocab.name_, vocab.field_, fmt::format("has {} tokens, more than {}", count, kMaxTokens));
  vocab.by_id_.resize(count);
  vocab.ids_.reserve(count);
  for (const auto entry : object) {
    const auto bad = [&](std::string_view what, std::string hint = {}) {
      return bad_field(vocab.name_, fmt::format("{}.{}", vocab.field_, entry.key), what, std::move(hint));
    };
    std::uint64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS) return bad("is not a whole number from 0 on");
    if (entry.key.empty()) return bad_field(vocab.name_, vocab.field_, fmt::format("has an empty token, id {}", id));
    if (id >= count)
      return bad(fmt::format("is {}, but {} tokens have the ids 0 to {}", id, count, count - 1),
                 "ids have a gap, or one is there twice");
    if (!vocab.by_id_[id].empty()) return bad(fmt::format("is {}, the id of '{}'", id, vocab.by_id_[id]));
    if (!vocab.ids_.emplace(entry.key, static_cast<std::uint32_t>(id)).second) return bad("is there twice");
    vocab.by_id_[id] = entry.key;
  }
  return vocab;
}

Result<std::vector<std::string>> WrittenVocab::bytes(const std::vector<AddedToken>& added) const {
  std::unordered_set<std::string_view> contents;
  for (const auto& token : added) contents.insert(token.content);
  std::size_t count = by_id_.size();
  while (count > 0 && !bytes_of_byte_level(by_id_[count - 1]) && contents.contains(by_id_[count - 1])) --count;
  std::vector<std::string> tokens;
  tokens.reserve(count);
  for (std::size_t id = 0; id < count; ++id) {
    auto token = bytes_of_byte_level(by_id_[id]);
    if (!token)
      return bad_field(name_, fmt::format("{}.{}", field_, by_id_[id]), "is not in the byte-level form",
                       "only byte-level BPE is read");
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

std::optional<std::uint32_t> WrittenVocab::find(std::string_view written) const {
  const auto found = ids_.find(written);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::string MergeRules::add(std::string_view left, std::string_view right) {
  const auto left_id = vocab_.find(left);
  const auto right_id = vocab_.find(right);
  if (!left_id || !right_id) return fmt::format("merges '{}', which is not in the vocabulary", left_id ? right : left);
  const std::string both = std::string(left) + std::string(right);
  const auto result = vocab_.find(both);
  if (!result) return fmt::format("makes '{}', which is not in the vocabulary", both);
  if (!seen_.insert(std::uint64_t{*left_id} << 32U | *right_id).second)
    return fmt::format("merges '{}' and '{}' a second time", left, right);
  rules_.push_back({*left_id, *right_id, *result});
  return {};
}

std::string MergeRules::add(std::string_view pair) {
  const std::size_t space = pair.find(' ');
  if (space == std::string_view::npos || pair.find(' ', space + 1) != std::string_view::npos)
    return "is not two tokens with one space between";
  return add(pair.substr(0, space), pair.substr(space + 1));
}

Result<TokenizerParts> read_vocab_merges(std::string_view vocab, const std::string& vocab_name, std::string_view merges,
                                         const std::string& merges_name) {
  simdjson::dom::parser parser;
  PHASEWATT_ASSIGN(const auto object, parse_json_object(parser, vocab, vocab_name));
  PHASEWATT_ASSIGN(const auto written, WrittenVocab::read(object, vocab_name, "vocab"));
  PHASEWATT_TRY(check_tokenizer_text(merges, merges_name));
  MergeRules rules(written);
  for (std::size_t line = 1; !merges.empty(); ++line) {
    std::string_view pair = merges.substr(0, merges.find('\n'));
    merges.remove_prefix(std::min(pair.size() + 1, merges.size()));
    if (pair.ends_with('\r')) pair.remove_suffix(1);
    if (pair.empty() || (line == 1 && pair.starts_with("#version"))) continue;
    if (const std::string wrong = rules.add(pair); !wrong.empty())
      return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", merges_name, line, wrong), {}};
  }
  TokenizerParts parts;
  PHASEWATT_ASSIGN(parts.tokens, written.bytes({}));
  parts.merges = rules.take();
  return parts;
}

}  // namespace phasewatt::workload
