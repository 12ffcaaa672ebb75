#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"

/// What the files of a tokenizer say, form by form, from memory. `name` stands for the file in messages. Errors are
/// bad_input, naming file and line or JSON field, or unsupported, saying what was found. Pure and thread-safe. Forms:
/// docs/tokenizers.md.
namespace phasewatt::workload {

/// How text is cut before merging (pretokenize.h).
enum class Presplit { gpt2, llama3, qwen2 };

/// A token that stands beside the merges and is found in the text as written.
struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
};

/// `left` and `right`, side by side, become `result`. All are token ids.
struct MergeRule {
  std::uint32_t left = 0;
  std::uint32_t right = 0;
  std::uint32_t result = 0;
};

struct TokenizerParts {
  std::vector<std::string> tokens;  ///< bytes by id, without the added tokens
  std::vector<std::size_t> lines;   ///< where each token stands; empty where a token has a name to be called by
  /// Earlier ones merge first. Absent in tiktoken files: any two neighbours that make a token merge, lower ids first.
  std::optional<std::vector<MergeRule>> merges;
  bool whole_pieces = false;
  std::vector<AddedToken> added;
  std::optional<Presplit> presplit;  ///< where the files say it
  std::optional<bool> nfc;           ///< likewise
  std::string tokenizer_class;       ///< tokenizer_config.json's
  std::string bos_token;             ///< likewise
};

/// Most tokens, longest token and longest file that are read.
inline constexpr std::size_t kMaxTokens = std::size_t{1} << 22U;
inline constexpr std::size_t kMaxTokenBytes = 1024;
inline constexpr std::size_t kMaxTokenizerFileBytes = std::size_t{128} << 20U;

/// Hugging Face tokenizer.json: model BPE, byte-level.
Result<TokenizerParts> read_tokenizer_json(std::string_view text, const std::string& name);

/// vocab.json and merges.txt.
Result<TokenizerParts> read_vocab_merges(std::string_view vocab, const std::string& vocab_name, std::string_view merges,
                                         const std::string& merges_name);

/// Lines "base64 rank".
Result<TokenizerParts> read_tiktoken(std::string_view text, const std::string& name);

/// Adds what added_tokens.json and special_tokens.json say: an object of names and ids.
Status read_added_tokens(std::string_view text, const std::string& name, TokenizerParts& parts);

/// Adds what tokenizer_config.json says.
Status read_tokenizer_config(std::string_view text, const std::string& name, TokenizerParts& parts);

/// The bytes behind the byte-level form of a token, in which each byte is written as one printable character (GPT-2's
/// bytes_to_unicode); nothing when some character stands for no byte.
std::optional<std::string> bytes_of_byte_level(std::string_view written);

/// The file is too long, or not valid UTF-8.
Status check_tokenizer_text(std::string_view text, const std::string& name);

}  // namespace phasewatt::workload
