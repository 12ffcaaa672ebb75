#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

namespace phasewatt::workload {

/// A program of the user's that finds named entities: docs/annotators.md.
struct AnnotatorOptions {
  std::string command;                               ///< for `/bin/sh -c`, with the program's environment and folder
  std::chrono::milliseconds reply_timeout{120'000};  ///< from the last reply, or from the start, to the next reply
  int restarts = 2;                                  ///< how often in all a dead or silent command is started again
  std::size_t in_flight = 32;                        ///< requests sent and not answered, at most; ≥ 1
  std::size_t reply_bytes = std::size_t{4} << 20U;   ///< longest line of a reply
};

struct AnnotatorText {
  std::string_view id;
  std::string_view text;
};

struct Annotations {
  std::vector<std::vector<EntitySpan>> entities;  ///< one list per text, in bytes, ordered
  std::map<std::string, std::size_t> other;       ///< entities with a label that has no type, by label
  int restarts = 0;                               ///< how often the command had to be started again
};

/// Starts the command, has it annotate all texts and ends it. The command lives in a process group of its own, which is
/// ended with this call at the latest; no text does not start it. Errors: bad_input (a text that is not UTF-8, a reply
/// that breaks the protocol), not_found (no such command), io (the command ends or is silent too often, the operating
/// system refuses). The messages show the end of what the command wrote to its standard error. Changes no signal's
/// disposition; calls in several threads do not disturb each other.
Result<Annotations> annotate(std::span<const AnnotatorText> texts, const AnnotatorOptions& options);

}  // namespace phasewatt::workload
