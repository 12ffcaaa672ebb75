#pragma once

#include <string>
#include <string_view>

/// Unicode normalisation form C, which some tokenizers ask for.
namespace phasewatt::workload {

/// The text in form C: the text itself when it is in that form already, else a view of `scratch`, which is overwritten.
/// Bytes that are not valid UTF-8 stay as they are and are normalised around. Thread-safe.
std::string_view to_nfc(std::string_view text, std::string& scratch);

}  // namespace phasewatt::workload
