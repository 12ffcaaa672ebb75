#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "phasewatt/base/result.h"
#include "phasewatt/base/unique_fd.h"
#include "phasewatt/device/lease/helper_process.h"
#include "phasewatt/device/lease/protocol.h"

namespace phasewatt::device::lease {

/// How to find somebody who may change clocks.
struct LeaseOptions {
  std::filesystem::path socket = kSocketPath;  ///< of the daemon
  /// Present: root may start the helper as a child where no daemon listens.
  std::optional<HelperOptions> helper = HelperOptions::from_environment();
};

/// A connection to phasewatt-clockd, as daemon or as child. While it is open and speaks, its locks hold. Thread-safe.
class LeaseConnection {
 public:
  /// Connects to the daemon, or starts the helper when this process is root and there is none. Errors: permission (not
  /// in the group), not_found (no daemon, not root).
  static Result<std::unique_ptr<LeaseConnection>> open(const LeaseOptions& options);
  /// Starts the helper as a child, whoever we are.
  static Result<std::unique_ptr<LeaseConnection>> start_helper(const HelperOptions& options);

  /// One request and its reply, whatever the verdict. An error: the connection is gone, and with it every lock; from
  /// then on the same error comes back.
  Result<Reply> ask(Op op, const std::string& gpu = {}, std::uint32_t value = 0);

  /// Of the child; absent for the daemon.
  [[nodiscard]] std::optional<pid_t> helper_pid() const;

 private:
  explicit LeaseConnection(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<Reply> exchange(const Request& request);
  Error lose(const std::string& what);

  std::mutex mutex_;
  std::optional<HelperProcess> helper_;  ///< outlives the socket, whose end makes it end
  UniqueFd socket_;
  HelperOptions helper_options_;
  std::uint32_t sequence_ = 0;
  bool answered_ = false;  ///< the helper has spoken at least once
  std::optional<Error> lost_;
  std::optional<Verdict> last_word_;  ///< what the helper said, unasked, before it closed
};

/// A verdict other than ok as an error with its next step; `gpu` as the user names it.
Error to_error(const Reply& reply, const std::string& gpu);

}  // namespace phasewatt::device::lease
