#pragma once

#include <string>
#include <vector>

#include "phasewatt/analysis/table.h"
#include "phasewatt/base/records.h"

/// Start here: from the rows of a study to what they say. Everything in this room is a pure function without I/O: the
/// same rows give the same findings, bit for bit, and any thread may call anything. docs/tables.md says of each table
/// and figure what its columns mean, by which formula, and which published value stands beside.
namespace phasewatt::analysis {

/// What a study says.
struct Findings {
  std::string study;             ///< the study's name
  Environment environment;       ///< where the numbers came from; `simulated()` marks all that follows
  std::string verdict_sentence;  ///< which clock, what it saves, what it costs; never empty
  std::vector<std::string>
      sentences;                ///< remarks a reader needs: void points, missing repeats, tables left out and why
  std::vector<Table> tables;    ///< in reading order; the first is "headline" unless there is nothing to compare
  std::vector<Figure> figures;  ///< in reading order
};

/// Everything a study says. Never fails: what cannot be computed is an empty cell or a left-out table, and a sentence
/// says why. Points that are void enter nothing but the counts.
Findings analyse(const StudyData& data);

}  // namespace phasewatt::analysis
