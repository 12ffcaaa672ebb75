#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/base/unique_fd.h"

namespace phasewatt::device::lease {

/// How phasewatt-clockd is started as a child.
struct HelperOptions {
  std::filesystem::path program;       ///< empty: beside this program, else in ../libexec/phasewatt
  std::vector<std::string> arguments;  ///< "--state-dir", "--nvml-library", …

  /// The installed helper, with the NVML library that PHASEWATT_NVML_LIBRARY names (not in a setuid program).
  static HelperOptions from_environment();
};

/// A phasewatt-clockd of our own at the other end of a socket pair, for those who are root where no daemon runs. It is
/// a process in a session of its own: Ctrl-C and the death of this process reach it as a closed socket, upon which it
/// takes the clocks back and ends.
class HelperProcess {
 public:
  /// Starts it; not_found when there is no such program, io when the system refuses. That it runs is known from its
  /// first answer alone.
  static Result<HelperProcess> start(const HelperOptions& options);

  HelperProcess(HelperProcess&& other) noexcept;
  HelperProcess& operator=(HelperProcess&&) = delete;
  /// Waits some seconds for its end: close the socket before, so that it ends.
  ~HelperProcess();

  /// Our end of the socket pair, once.
  UniqueFd take_socket() { return std::move(socket_); }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// After it has ended unasked: what it said on standard error; empty when it said nothing.
  std::string last_words();

  /// Runs `phasewatt-clockd --restore` with the same options and waits for it: what is left when the helper was killed.
  static Status restore(const HelperOptions& options);

 private:
  HelperProcess() = default;

  pid_t pid_ = -1;
  UniqueFd socket_;
  UniqueFd stderr_;
};

}  // namespace phasewatt::device::lease
