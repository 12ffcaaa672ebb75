#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
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
  const std::atomic<bool>* stop = nullptr;           ///< set by a signal, for example: ends a wait within a second
};

struct AnnotatorText {
  std::string_view id;
  std::string_view text;
};

struct Annotations {
  std::vector<std::vector<EntitySpan>> entities;  ///< one list per text, in bytes, ordered
  std::map<std::string, std::size_t> other;       ///< entities with a label that has no type, by label
  int restarts = 0;                               ///< how often the command had to be started again so far
};

/// An annotator at work: the command starts with the first text and serves all that follow, so that its model is loaded
/// once. It lives in a process group of its own, which ends with this object at the latest. Changes no signal's
/// disposition. Not thread-safe; several annotators do not disturb each other.
class Annotator {
 public:
  explicit Annotator(AnnotatorOptions options);
  Annotator(const Annotator&) = delete;
  Annotator& operator=(const Annotator&) = delete;
  ~Annotator();

  /// Has the command annotate these texts. Errors: bad_input (a text that is not UTF-8, a reply that breaks the
  /// protocol), not_found (no such command), io (the command ends or is silent too often, the operating system
  /// refuses), interrupted (`stop` was set). The messages show the end of what the command wrote to its standard error.
  /// No call may follow an error.
  Result<Annotations> annotate(std::span<const AnnotatorText> texts);

  /// Lets the command end; an error when it says more than it was asked. No call may follow.
  Status finish();

 private:
  class Conversation;
  std::unique_ptr<Conversation> conversation_;
};

/// An annotator for these texts alone.
Result<Annotations> annotate(std::span<const AnnotatorText> texts, const AnnotatorOptions& options);

}  // namespace phasewatt::workload
