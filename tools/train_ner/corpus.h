#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/workload/entities.h"
#include "phasewatt/workload/entity_model.h"

/// Labelled sentences for training and scoring the entity tagger.
namespace phasewatt::train_ner {

struct Sentence {
  std::vector<std::string> tokens;
  std::vector<workload::Tag> tags;
  std::string text;                         ///< as written; from "# text = ", or else the tokens joined by blanks
  std::vector<EntitySpan> spans;  ///< mentions, in bytes of `text`
};

/// Reads IOB1 or IOB2 columns: "token … tag" or, with a numeric first column, "id token tag …". Sentences end at blank
/// lines; lines "# …" are comments. Labels map to PER (person), ORG (group, corporation) and LOC (location); all others
/// are O.
Result<std::vector<Sentence>> read_corpus(const std::filesystem::path& path);

/// Reads questions labelled by bytes, one JSON object a line: {"text", "cased", "entities": [[begin, end, "PER"], …]}.
/// Their tokens are the tagger's own. `field` names which of the two ways of writing is taken.
Result<std::vector<Sentence>> read_questions(const std::filesystem::path& path, const char* field);

/// Parts tokens as the tagger's own tokeniser does ("Coca-Cola" to "Coca - Cola"); tags go along.
void retokenize(std::vector<Sentence>& sentences);

/// ASCII-lower-cased copy; bytes stay in place.
Sentence lower_cased(const Sentence& sentence);
Sentence upper_cased(const Sentence& sentence);

}  // namespace phasewatt::train_ner
