#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"

/// The tokens a model itself sees: byte-level BPE as in Llama 3, Qwen2 and GPT-2, read from the model's own files, with
/// the same ids as Hugging Face `tokenizers` and `tiktoken` give. What is read and how: docs/tokenizers.md.
namespace phasewatt::workload {

struct TokenizerParts;
struct TokenizerTables;

struct EncodeOptions {
  /// Text that spells an added token ("<|eot_id|>") becomes that token. Otherwise it is ordinary text.
  bool special_tokens = false;
  /// The beginning-of-sequence token comes first, when the model has one.
  bool bos = false;
};

/// A vocabulary and its rules. Immutable; copies share one set of tables. Thread-safe.
class Tokenizer {
 public:
  /// Reads a folder or one of its files: tokenizer.json; else vocab.json with merges.txt; else a file *.tiktoken; else
  /// tokenizer.model in tiktoken form. Errors: not_found, io, bad_input (file and line or field), unsupported (a kind
  /// of tokenizer that is not known; says what was found).
  static Result<Tokenizer> open(const std::filesystem::path& dir_or_file);

  /// From what the files said. `file` stands in messages and in describe().
  static Result<Tokenizer> build(const TokenizerParts& parts, const std::string& file);

  /// "llama-3" or "qwen2.5" for these vocabularies; of others "gpt2-like", "llama-3-like" or "qwen2-like".
  [[nodiscard]] const std::string& name() const;
  /// "llama-3, 128256 tokens, vocabulary 0123456789abcdef, from DIR/tokenizer.json".
  [[nodiscard]] std::string describe() const;
  /// The first 16 digits of a SHA-256 over all tokens but the added ones: equal for the same vocabulary in any form.
  [[nodiscard]] const std::string& fingerprint() const;
  /// Number of ids, added tokens included: ids are 0 to size() - 1.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::optional<std::uint32_t> bos() const;
  /// The id of an added token.
  [[nodiscard]] std::optional<std::uint32_t> added_token(std::string_view content) const;

  /// Appends the ids of a text. Any bytes may be given: a byte that is not part of valid UTF-8 counts as a symbol, and
  /// decode() gives it back. For many texts make one TokenEncoder per thread: this makes one for each call.
  void encode(std::string_view text, std::vector<std::uint32_t>& out, EncodeOptions options = {}) const;
  [[nodiscard]] std::size_t count(std::string_view text, EncodeOptions options = {}) const;

  /// The bytes behind ids, added tokens as they are written. Of a text that was encoded these are its own bytes, or its
  /// NFC form where the model asks for that. bad_input for an id that is not below size().
  [[nodiscard]] Result<std::string> decode(std::span<const std::uint32_t> ids) const;

 private:
  friend class TokenEncoder;
  explicit Tokenizer(std::shared_ptr<const TokenizerTables> tables) : tables_(std::move(tables)) {}

  std::shared_ptr<const TokenizerTables> tables_;
};

/// Encodes text after text, keeping a cache of pieces (1 MiB) and scratch memory as large as the longest text or piece
/// needed. Keeps the tokenizer's tables alive. Not thread-safe: one per thread.
class TokenEncoder {
 public:
  explicit TokenEncoder(const Tokenizer& tokenizer);
  TokenEncoder(TokenEncoder&& other) noexcept;
  TokenEncoder& operator=(TokenEncoder&& other) noexcept;
  TokenEncoder(const TokenEncoder&) = delete;
  TokenEncoder& operator=(const TokenEncoder&) = delete;
  ~TokenEncoder();

  /// As in Tokenizer.
  void encode(std::string_view text, std::vector<std::uint32_t>& out, EncodeOptions options = {});
  [[nodiscard]] std::size_t count(std::string_view text, EncodeOptions options = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace phasewatt::workload
