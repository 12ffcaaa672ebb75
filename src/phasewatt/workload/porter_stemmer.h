#pragma once

#include <string>
#include <string_view>

namespace phasewatt::workload {

/// Stem of a lower-case ASCII word as NLTK 3.8's `PorterStemmer` gives it in its default mode, NLTK_EXTENSIONS:
/// Porter's algorithm ("An algorithm for suffix stripping", Program 14(3), 1980, 130–137) with the changes listed in
/// docs/quality-scores.md. Digits and any other byte count as consonants. Pure and thread-safe; time is linear in the
/// word's length.
std::string porter_stem(std::string_view word);

}  // namespace phasewatt::workload
