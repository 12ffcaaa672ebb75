#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "phasewatt/workload/bpe_model.h"
#include "phasewatt/workload/tokenizer_parts.h"

namespace phasewatt::workload {

/// Finds added tokens in text: the leftmost, of those the longest.
class AddedTokens {
 public:
  struct Found {
    std::size_t at = std::string_view::npos;
    std::size_t bytes = 0;
    TokenId id = 0;
  };

  void add(std::string content, TokenId id);
  [[nodiscard]] std::optional<TokenId> find(const std::string& content) const;
  /// at = npos when there is none.
  [[nodiscard]] Found find_in(std::string_view text) const;

 private:
  std::unordered_map<std::string, TokenId> ids_;
  std::array<bool, 256> first_bytes_{};
  std::vector<std::size_t> lengths_;  ///< the different ones, longest first
};

/// Everything a Tokenizer shares with its copies and encoders.
struct TokenizerTables {
  BpeModel model;
  Presplit presplit = Presplit::llama3;
  bool nfc = false;
  AddedTokens added;
  std::vector<std::string> beyond;  ///< added tokens whose ids follow the model's
  std::optional<TokenId> bos;
  std::string name;
  std::string file;
  std::string fingerprint;
};

/// What kind of tokenizer it is.
struct TokenizerFamily {
  std::string name;
  Presplit presplit = Presplit::llama3;
  bool nfc = false;
};

/// From what the files say, or else from the vocabulary itself, the tokenizer's class, the names of added tokens.
/// unsupported, saying what was found, when none of these is known.
Result<TokenizerFamily> identify_family(const TokenizerParts& parts, std::string_view fingerprint,
                                        const std::string& file);

}  // namespace phasewatt::workload
