#pragma once

#include <string>
#include <utility>
#include <vector>

#include "phasewatt/analysis/table.h"

namespace phasewatt::report {

/// Everything one report says, in the order in which a reader meets it. Plain text throughout: the writers escape.
struct Page {
  std::string title;
  std::string program_version;  ///< "0.1.0"
  bool simulated = false;       ///< puts the SIMULATED banner on the page
  /// What the banner says after that word, without a full stop: which of the numbers are simulated.
  std::string banner = "these numbers come from a simulated GPU, not from a measurement";
  std::vector<std::string> sentences;                           ///< the answer in words, first
  std::vector<std::pair<std::string, std::string>> provenance;  ///< "GPU" → "…": where the numbers come from
  std::vector<analysis::Table> tables;
  std::vector<analysis::Figure> figures;
};

}  // namespace phasewatt::report
