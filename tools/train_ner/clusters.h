#pragma once

#include <cstdint>
#include <vector>

namespace phasewatt::train_ner {

/// Classes of words that stand between alike neighbours: the exchange algorithm (Kneser and Ney 1993; Martin, Liermann,
/// Ney 1998) climbing the likelihood of a class bigram model. `corpus` holds word numbers below `words`, in order of
/// reading; word 0 is "any other word" and keeps class 0. Words must be numbered by falling frequency. Deterministic.
std::vector<std::uint32_t> word_classes(const std::vector<std::uint32_t>& corpus, std::size_t words,
                                        std::size_t classes, int rounds);

}  // namespace phasewatt::train_ner
