#pragma once

#include <array>
#include <string>
#include <vector>

#include "corpus.h"

namespace phasewatt::train_ner {

/// Exact-span counts by type; index 3 is all types together (micro).
struct Score {
  std::array<std::size_t, 4> found{}, right{}, wanted{};
  [[nodiscard]] double precision(std::size_t type) const;
  [[nodiscard]] double recall(std::size_t type) const;
  [[nodiscard]] double f1(std::size_t type) const;
};

enum class Tokens { given, own };  ///< the corpus's tokens, or the raw text

Score score(const workload::EntityTagger& tagger, const std::vector<Sentence>& sentences, Tokens tokens);

/// One line: micro P, R, F1 and F1 by type.
std::string line(const std::string& name, const Score& score);

}  // namespace phasewatt::train_ner
