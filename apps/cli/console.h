#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

namespace phasewatt::cli {

/// How the program talks: data on stdout, messages on stderr, colour and progress only on a terminal.
struct Console {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_color = false;

  /// Data. A full disk is noticed by flush().
  void out(std::string_view text) const;
  /// A message for people; nothing with --quiet.
  void say(std::string_view text) const;
  /// A message for the curious; only with --verbose.
  void detail(std::string_view text) const;
  /// An error: what happened and what to do next; as one JSON object on stderr with --json.
  void fail(const Error& error) const;
  /// Flushes stdout; io when what was printed did not arrive (disk full). A closed pipe ends the program by SIGPIPE.
  [[nodiscard]] Status flush() const;

  [[nodiscard]] bool color() const;
  [[nodiscard]] bool progress() const;  ///< stderr is a terminal and --quiet is not given
};

/// SIGINT and SIGTERM ask for a stop that keeps all finished work; the second one ends the program at once.
/// `message` is written at the first one; it must live as long as the program.
void install_stop_signals(std::string_view message);
/// Set by those signals.
const std::atomic<bool>& stop_flag();

}  // namespace phasewatt::cli
