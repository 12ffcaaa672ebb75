#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "phasewatt/workload/scores.h"

/// What ROUGE-N and the token F1 have in common; not for users of the room.
namespace phasewatt::workload {

/// Size of the intersection of two multisets.
template <class T>
std::size_t common_count(std::vector<T> a, std::vector<T> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::size_t common = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j)
      ++common, ++i, ++j;
    else if (*i < *j)
      ++i;
    else
      ++j;
  }
  return common;
}

/// Precision, recall and F1 of `hits` in a prediction and a reference of that many items; an empty side gives 0.
inline Score score_of(std::size_t hits, std::size_t reference, std::size_t prediction) {
  Score score;
  if (hits == 0) return score;
  score.precision = static_cast<double>(hits) / static_cast<double>(prediction);
  score.recall = static_cast<double>(hits) / static_cast<double>(reference);
  score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

}  // namespace phasewatt::workload
