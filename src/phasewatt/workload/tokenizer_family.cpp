#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "phasewatt/workload/tokenizer_tables.h"

namespace phasewatt::workload {
namespace {

struct KnownVocabulary {
  std::string_view fingerprint;
  std::string_view name;
  Presplit presplit;
};
constexpr std::array kVocabularies{
    KnownVocabulary{"5861169db03f237c", "llama-3", Presplit::llama3},
    KnownVocabulary{"33bc5cb3ea15d950", "qwen2.5", Presplit::qwen2},
};

struct KnownClass {
  std::string_view name;
  Presplit presplit;
};
constexpr std::array kClasses{
    KnownClass{"Qwen2Tokenizer", Presplit::qwen2},   KnownClass{"Qwen2TokenizerFast", Presplit::qwen2},
    KnownClass{"QWenTokenizer", Presplit::qwen2},    KnownClass{"GPT2Tokenizer", Presplit::gpt2},
    KnownClass{"GPT2TokenizerFast", Presplit::gpt2},
};

/// A class that says nothing about the kind of tokenizer.
bool is_general(std::string_view tokenizer_class) {
  return tokenizer_class.empty() || tokenizer_class == "PreTrainedTokenizerFast";
}

std::string_view like(Presplit presplit) {
  switch (presplit) {
    case Presplit::gpt2: return "gpt2-like";
    case Presplit::llama3: return "llama-3-like";
    case Presplit::qwen2: return "qwen2-like";
  }
  return "";
}

bool has_added(const TokenizerParts& parts, std::initializer_list<std::string_view> contents) {
  return std::all_of(contents.begin(), contents.end(), [&](std::string_view content) {
    return std::any_of(parts.added.begin(), parts.added.end(),
                       [&](const AddedToken& token) { return token.content == content; });
  });
}

std::optional<Presplit> guess_presplit(const TokenizerParts& parts) {
  for (const auto& known : kClasses)
    if (parts.tokenizer_class == known.name) return known.presplit;
  if (!is_general(parts.tokenizer_class)) return std::nullopt;
  if (has_added(parts, {"<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>"})) return Presplit::llama3;
  if (has_added(parts, {"<|im_start|>", "<|object_ref_start|>", "<|vision_start|>"})) return Presplit::qwen2;
  return std::nullopt;
}

Error unknown_family(const TokenizerParts& parts, std::string_view fingerprint, const std::string& file) {
  std::string added;
  for (std::size_t i = 0; i < std::min<std::size_t>(parts.added.size(), 4); ++i)
    added += fmt::format("{}'{}'", i == 0 ? ", added " : " ", parts.added[i].content);
  return {ErrorCode::unsupported,
          fmt::format("{}: cannot tell how this tokenizer cuts text into pieces: {}, {} tokens, vocabulary {}{}", file,
                      parts.tokenizer_class.empty() ? "no tokenizer_class"
                                                    : fmt::format("tokenizer_class '{}'", parts.tokenizer_class),
                      parts.tokens.size(), fingerprint, added),
          "give the model's tokenizer.json, which says so; known are Llama 3, Qwen2 and GPT-2"};
}

}  // namespace

Result<TokenizerFamily> identify_family(const TokenizerParts& parts, std::string_view fingerprint,
                                        const std::string& file) {
  TokenizerFamily family;
  const auto* known = std::find_if(kVocabularies.begin(), kVocabularies.end(),
                                   [&](const KnownVocabulary& v) { return v.fingerprint == fingerprint; });
  auto presplit = parts.presplit;
  if (!presplit) presplit = known != kVocabularies.end() ? known->presplit : guess_presplit(parts);
  if (!presplit) return unknown_family(parts, fingerprint, file);
  family.presplit = *presplit;
  family.nfc = parts.nfc.value_or(*presplit == Presplit::qwen2);
  family.name = known != kVocabularies.end() && known->presplit == *presplit ? known->name : like(*presplit);
  return family;
}

}  // namespace phasewatt::workload
