#pragma once

#include "corpus.h"
#include "lexicon.h"

namespace phasewatt::train_ner {

/// Made-up questions from templates, one a line, whose {PER}, {ORG}, {LOC} are filled with mentions of the sentences
/// and, half the time, names of the lists. Every second one starts with a capital and ends with a question mark.
Result<std::vector<Sentence>> make_questions(const std::filesystem::path& templates, std::size_t count,
                                             const std::vector<Sentence>& sentences, const std::vector<NameList>& lists,
                                             std::uint64_t seed);

}  // namespace phasewatt::train_ner
