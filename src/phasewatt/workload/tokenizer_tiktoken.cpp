#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "phasewatt/workload/tokenizer_parts.h"

namespace phasewatt::workload {
namespace {

constexpr std::uint8_t kNotBase64 = 0xFF;

std::array<std::uint8_t, 256> base64_table() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotBase64);
  std::uint8_t value = 0;
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
    values.at(static_cast<std::uint8_t>(c)) = value++;
  return values;
}

/// RFC 4648 with padding; nothing when it is not that.
std::optional<std::string> decode_base64(std::string_view text) {
  static const auto values = base64_table();
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t value = values.at(static_cast<std::uint8_t>(c));
    if (value == kNotBase64) return std::nullopt;
    bits = bits << 6U | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xFFU));
    }
  }
  // Bits left over must be zero, so that a token is written in one way only.
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

struct RankedToken {
  std::string bytes;
  std::size_t rank = 0;
};

/// What is wrong with the line, or its token.
Result<RankedToken> read_line(std::string_view line) {
  const auto bad = [](std::string what) { return Error{ErrorCode::bad_input, std::move(what), {}}; };
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return bad("not of the form 'base64 rank'");
  RankedToken token;
  auto bytes = decode_base64(line.substr(0, space));
  if (!bytes) return bad("the token is not valid base64");
  if (bytes->size() > kMaxTokenBytes) return bad(fmt::format("a token longer than {} bytes", kMaxTokenBytes));
  token.bytes = std::move(*bytes);
  const std::string_view rank = line.substr(space + 1);
  const auto [end, error] = std::from_chars(rank.data(), rank.data() + rank.size(), token.rank);
  if (error != std::errc{} || end != rank.data() + rank.size()) return bad("the rank is not a whole number");
  if (token.rank >= kMaxTokens) return bad(fmt::format("rank {} is beyond the limit of {}", token.rank, kMaxTokens));
  return token;
}

}  // namespace

Result<TokenizerParts> read_tiktoken(std::string_view text, const std::string& name) {
  const auto bad = [&](std::size_t line, std::string_view what) {
    return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", name, line, what), {}};
  };
  // A SentencePiece model is a protocol buffer whose first field has this tag; Llama 2's has the same file name.
  if (text.starts_with('\n') && text.size() > 2)
    return Error{ErrorCode::unsupported, fmt::format("{}: not a tiktoken file, perhaps a SentencePiece model", name),
                 "byte-level BPE is read; Llama 2 and older have another kind"};
  PHASEWATT_TRY(check_tokenizer_text(text, name));
  TokenizerParts parts;
  parts.whole_pieces = true;
  const auto line_count = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) +
                          (text.empty() || text.ends_with('\n') ? 0 : 1);
  std::vector<std::size_t>& lines = parts.lines;  // where each rank stands, 0 for nowhere
  std::size_t count = 0;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto token = read_line(line);
    if (!token) return bad(number, token.error().what);
    // It leaves a gap, and could make a small file take much memory.
    if (token->rank > line_count)
      return bad(number,
                 fmt::format("rank {} in a file of {} line{}", token->rank, line_count, line_count == 1 ? "" : "s"));
    if (token->rank >= lines.size()) {
      lines.resize(token->rank + 1);
      parts.tokens.resize(token->rank + 1);
    }
    if (lines[token->rank] != 0)
      return bad(number, fmt::format("rank {} is that of line {} too", token->rank, lines[token->rank]));
    lines[token->rank] = number;
    parts.tokens[token->rank] = std::move(token->bytes);
    ++count;
  }
  if (count == 0) return bad(1, "no tokens");
  if (count != lines.size()) {
    const auto gap = std::find(lines.begin(), lines.end(), std::size_t{0}) - lines.begin();
    return Error{ErrorCode::bad_input,
                 fmt::format("{}: no token has rank {}, but ranks go up to {}", name, gap, lines.size() - 1),
                 "the file may have been cut; download it again"};
  }
  return parts;
}

}  // namespace phasewatt::workload
