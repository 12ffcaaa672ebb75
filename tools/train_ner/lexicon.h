#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/workload/entity_model.h"

namespace phasewatt::train_ner {

/// A name list: one name a line; `list` is the bit that its words get. Names of several words become phrases (places
/// only).
struct NameList {
  std::filesystem::path path;
  workload::WordList list;
};

/// What is known of words from unlabelled text and name lists, by the hash of the lower-cased word.
using Lexicon = std::unordered_map<std::uint64_t, workload::WordFacts>;

/// Reads the texts (plain, or .jsonl with "passage" and "question"), counts capitals inside sentences and induces
/// `classes` fine and 48 coarse word classes. `extra` is text by sentence from elsewhere (the training corpora).
Result<Lexicon> build_lexicon(const std::vector<std::filesystem::path>& texts, const std::vector<std::string>& extra,
                              const std::vector<NameList>& lists, std::size_t classes, std::size_t min_count);

}  // namespace phasewatt::train_ner
