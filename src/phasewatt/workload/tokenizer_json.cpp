#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "phasewatt/workload/tokenizer_vocab.h"

namespace phasewatt::workload {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// Pre-tokenisers by the expression that tokenizer.json gives.
struct KnownExpression {
  std::string_view expression;
  Presplit presplit;
};
constexpr std::array kExpressions{
    KnownExpression{R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
                    Presplit::llama3},
    KnownExpression{R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
                    Presplit::qwen2},
    KnownExpression{R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Presplit::gpt2},
};

Error unsupported(const std::string& name, std::string_view field, std::string_view found) {
  return {ErrorCode::unsupported, fmt::format("{}: field '{}' is {}, which phasewatt cannot do", name, field, found),
          "supported: byte-level BPE as in Llama 3, Qwen2 and GPT-2, see docs/tokenizers.md"};
}

std::optional<element> find(object parent, std::string_view key) {
  element value;
  if (parent.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

/// The value at `key`, or `otherwise` when it is absent or of another kind.
template <class T>
T value_at(object parent, std::string_view key, T otherwise) {
  const auto value = find(parent, key);
  T found{};
  return value && value->get(found) == simdjson::SUCCESS ? found : otherwise;
}

std::string_view text_at(object parent, std::string_view key) { return value_at(parent, key, std::string_view()); }

bool flag_at(object parent, std::string_view key, bool otherwise) { return value_at(parent, key, otherwise); }

Result<object> object_at(object parent, std::string_view key, const std::string& name, std::string_view field) {
  const auto value = find(parent, key);
  object found;
  if (!value) return bad_field(name, field, "is missing");
  if (value->get(found) != simdjson::SUCCESS) return bad_field(name, field, "is not an object");
  return found;
}

Result<array> array_at(object parent, std::string_view key, const std::string& name, std::string_view field) {
  const auto value = find(parent, key);
  array found;
  if (!value) return bad_field(name, field, "is missing");
  if (value->get(found) != simdjson::SUCCESS) return bad_field(name, field, "is not a list");
  return found;
}

/// The items of a Sequence, or the thing itself.
Result<std::vector<object>> flatten(object thing, std::string_view items, const std::string& name,
                                    const std::string& field) {
  if (text_at(thing, "type") != "Sequence") return std::vector<object>{thing};
  PHASEWATT_ASSIGN(const auto list, array_at(thing, items, name, fmt::format("{}.{}", field, items)));
  std::vector<object> things;
  for (const element item : list) {
    object inner;
    if (item.get(inner) != simdjson::SUCCESS)
      return bad_field(name, fmt::format("{}.{}", field, items), "holds something that is not an object");
    things.push_back(inner);
  }
  return things;
}

Status read_normalizer(object root, const std::string& name, TokenizerParts& parts) {
  parts.nfc = false;
  if (!find(root, "normalizer")) return ok();
  PHASEWATT_ASSIGN(const auto normalizer, object_at(root, "normalizer", name, "normalizer"));
  PHASEWATT_ASSIGN(const auto steps, flatten(normalizer, "normalizers", name, "normalizer"));
  for (const object step : steps) {
    const std::string_view type = text_at(step, "type");
    if (type != "NFC") return unsupported(name, "normalizer.type", fmt::format("'{}'", type));
    parts.nfc = true;
  }
  return ok();
}

Result<Presplit> read_split(object split, const std::string& name) {
  if (text_at(split, "behavior") != "Isolated" || flag_at(split, "invert", false))
    return unsupported(name, "pre_tokenizer", "a Split that is not Isolated");
  PHASEWATT_ASSIGN(const auto pattern, object_at(split, "pattern", name, "pre_tokenizer.pattern"));
  const std::string_view expression = text_at(pattern, "Regex");
  const auto* known = std::find_if(kExpressions.begin(), kExpressions.end(),
                                   [&](const KnownExpression& k) { return k.expression == expression; });
  if (known == kExpressions.end())
    return unsupported(name, "pre_tokenizer.pattern.Regex", fmt::format("'{}'", expression));
  return known->presplit;
}

Status read_presplit(object root, const std::string& name, TokenizerParts& parts) {
  PHASEWATT_ASSIGN(const auto presplit, object_at(root, "pre_tokenizer", name, "pre_tokenizer"));
  PHASEWATT_ASSIGN(const auto steps, flatten(presplit, "pretokenizers", name, "pre_tokenizer"));
  bool byte_level = false;
  for (const object step : steps) {
    const std::string_view type = text_at(step, "type");
    if (byte_level || (type == "Split" && parts.presplit))
      return unsupported(name, "pre_tokenizer", fmt::format("a sequence that goes on with '{}'", type));
    if (type == "Split") {
      PHASEWATT_ASSIGN(parts.presplit, read_split(step, name));
    } else if (type == "ByteLevel") {
      byte_level = true;
      if (flag_at(step, "add_prefix_space", true)) return unsupported(name, "pre_tokenizer.add_prefix_space", "true");
      const bool own_expression = flag_at(step, "use_regex", true);
      if (own_expression && parts.presplit)
        return unsupported(name, "pre_tokenizer.use_regex", "true after another expression");
      if (own_expression) parts.presplit = Presplit::gpt2;
    } else {
      return unsupported(name, "pre_tokenizer.type", fmt::format("'{}'", type));
    }
  }
  if (!byte_level || !parts.presplit) return unsupported(name, "pre_tokenizer", "not a byte-level one");
  return ok();
}

Status read_added(object root, const std::string& name, TokenizerParts& parts) {
  if (!find(root, "added_tokens")) return ok();
  PHASEWATT_ASSIGN(const auto list, array_at(root, "added_tokens", name, "added_tokens"));
  std::size_t index = 0;
  for (const element item : list) {
    const std::string field = fmt::format("added_tokens[{}]", index++);
    object token;
    element id;
    if (item.get(token) != simdjson::SUCCESS) return bad_field(name, field, "is not an object");
    if (token.at_key("id").get(id) != simdjson::SUCCESS) return bad_field(name, field + ".id", "is missing");
    PHASEWATT_ASSIGN(const std::uint32_t number, json_id(id, name, field + ".id"));
    const std::string_view content = text_at(token, "content");
    if (content.empty()) return bad_field(name, field + ".content", "is missing or empty");
    for (const std::string_view flag : {"lstrip", "rstrip", "single_word"})
      if (flag_at(token, flag, false)) return unsupported(name, fmt::format("{}.{}", field, flag), "true");
    if (parts.nfc.value_or(false) && flag_at(token, "normalized", false))
      return unsupported(name, field + ".normalized", "true beside a normalizer");
    parts.added.push_back({std::string(content), number});
  }
  return ok();
}

Status read_merges(object model, const std::string& name, const WrittenVocab& vocab, TokenizerParts& parts) {
  PHASEWATT_ASSIGN(const auto list, array_at(model, "merges", name, "model.merges"));
  MergeRules rules(vocab);
  std::size_t index = 0;
  for (const element item : list) {
    std::string_view text;
    array pair;
    std::string wrong = "is neither 'left right' nor a list of two tokens";
    if (item.get(text) == simdjson::SUCCESS) {
      wrong = rules.add(text);
    } else if (item.get(pair) == simdjson::SUCCESS && pair.size() == 2) {
      std::string_view right;
      if (pair.at(0).get(text) == simdjson::SUCCESS && pair.at(1).get(right) == simdjson::SUCCESS)
        wrong = rules.add(text, right);
    }
    if (!wrong.empty()) return bad_field(name, fmt::format("model.merges[{}]", index), wrong);
    ++index;
  }
  parts.merges = rules.take();
  return ok();
}

Status check_model(object model, const std::string& name) {
  const std::string_view type = text_at(model, "type");
  for (const std::string_view other : {"Unigram", "WordPiece", "WordLevel"})
    if (type == other) return unsupported(name, "model.type", fmt::format("'{}'", type));
  if (type != "BPE")
    return bad_field(name, "model.type", fmt::format("is '{}'", type), "byte-level BPE has type 'BPE'");
  for (const std::string_view affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto text = text_at(model, affix); !text.empty())
      return unsupported(name, fmt::format("model.{}", affix), fmt::format("'{}'", text));
  for (const std::string_view flag : {"byte_fallback", "fuse_unk"})
    if (flag_at(model, flag, false)) return unsupported(name, fmt::format("model.{}", flag), "true");
  if (const double dropout = value_at(model, "dropout", 0.0); dropout != 0)
    return unsupported(name, "model.dropout", fmt::to_string(dropout));
  return ok();
}

}  // namespace

Result<TokenizerParts> read_tokenizer_json(std::string_view text, const std::string& name) {
  simdjson::dom::parser parser;
  PHASEWATT_ASSIGN(const auto root, parse_json_object(parser, text, name));
  if (!find(root, "model")) return bad_field(name, "model", "is missing", "is this the model's tokenizer.json?");
  PHASEWATT_ASSIGN(const auto model, object_at(root, "model", name, "model"));
  PHASEWATT_TRY(check_model(model, name));
  TokenizerParts parts;
  PHASEWATT_TRY(read_normalizer(root, name, parts));
  PHASEWATT_TRY(read_presplit(root, name, parts));
  PHASEWATT_TRY(read_added(root, name, parts));
  PHASEWATT_ASSIGN(const auto list, object_at(model, "vocab", name, "model.vocab"));
  PHASEWATT_ASSIGN(const auto vocab, WrittenVocab::read(list, name, "model.vocab"));
  PHASEWATT_ASSIGN(parts.tokens, vocab.bytes(parts.added));
  PHASEWATT_TRY(read_merges(model, name, vocab, parts));
  parts.whole_pieces = flag_at(model, "ignore_merges", false);
  return parts;
}

Status read_added_tokens(std::string_view text, const std::string& name, TokenizerParts& parts) {
  simdjson::dom::parser parser;
  PHASEWATT_ASSIGN(const auto root, parse_json_object(parser, text, name));
  for (const auto entry : root) {
    PHASEWATT_ASSIGN(const std::uint32_t id, json_id(entry.value, name, entry.key));
    parts.added.push_back({std::string(entry.key), id});
  }
  return ok();
}

Status read_tokenizer_config(std::string_view text, const std::string& name, TokenizerParts& parts) {
  simdjson::dom::parser parser;
  PHASEWATT_ASSIGN(const auto root, parse_json_object(parser, text, name));
  parts.tokenizer_class = text_at(root, "tokenizer_class");
  parts.bos_token = text_at(root, "bos_token");
  object bos;
  if (const auto value = find(root, "bos_token"); value && value->get(bos) == simdjson::SUCCESS)
    parts.bos_token = text_at(bos, "content");
  if (!find(root, "added_tokens_decoder")) return ok();
  PHASEWATT_ASSIGN(const auto added, object_at(root, "added_tokens_decoder", name, "added_tokens_decoder"));
  for (const auto entry : added) {
    const std::string field = fmt::format("added_tokens_decoder.{}", entry.key);
    object token;
    if (entry.value.get(token) != simdjson::SUCCESS) return bad_field(name, field, "is not an object");
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(entry.key.data(), entry.key.data() + entry.key.size(), id);
    if (error != std::errc{} || end != entry.key.data() + entry.key.size() || id >= kMaxTokens)
      return bad_field(name, field, "has no id for a name");
    const std::string_view content = text_at(token, "content");
    if (content.empty()) return bad_field(name, field + ".content", "is missing or empty");
    parts.added.push_back({std::string(content), id});
  }
  return ok();
}

}  // namespace phasewatt::workload
