#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "phasewatt/workload/tokenizer_parts.h"

/// What tokenizer.json and vocab.json have in common: a vocabulary in byte-level form, and merges.
namespace phasewatt::workload {

/// bad_input "name: field 'field' what".
Error bad_field(const std::string& name, std::string_view field, std::string_view what, std::string hint = {});

/// The document, which lives in the parser, as an object.
Result<simdjson::dom::object> parse_json_object(simdjson::dom::parser& parser, std::string_view text,
                                                const std::string& name);

/// An id below kMaxTokens.
Result<std::uint32_t> json_id(const simdjson::dom::element& value, const std::string& name, std::string_view field);

/// Tokens as written in the file, by id. Borrows the document's texts.
class WrittenVocab {
 public:
  /// Reads an object of tokens and ids. `field` is where it stands.
  static Result<WrittenVocab> read(simdjson::dom::object object, std::string name, std::string field);

  /// Bytes of all tokens by id. Added tokens at the end that are not in byte-level form are left out.
  [[nodiscard]] Result<std::vector<std::string>> bytes(const std::vector<AddedToken>& added) const;

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view written) const;

 private:
  std::string name_;
  std::string field_;
  std::vector<std::string_view> by_id_;
  std::unordered_map<std::string_view, std::uint32_t> ids_;
};

/// Collects merges in order.
class MergeRules {
 public:
  explicit MergeRules(const WrittenVocab& vocab) : vocab_(vocab) {}

  /// What is wrong with the merge, as an end of a sentence; empty when it was added.
  std::string add(std::string_view left, std::string_view right);
  /// The same for "left right".
  std::string add(std::string_view pair);

  std::vector<MergeRule> take() { return std::move(rules_); }

 private:
  const WrittenVocab& vocab_;
  std::vector<MergeRule> rules_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace phasewatt::workload
