#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "phasewatt/device/clock_control.h"
#include "phasewatt/device/lease/lease_connection.h"

namespace phasewatt::device {

/// The clock of a real GPU, through phasewatt-clockd. A thread of its own keeps the lease alive, whatever the caller is
/// busy with; when this process ends, dies or stands still, the helper takes the clock back. Thread-safe.
class LeaseClient final : public ClockControl {
 public:
  /// The clock of the GPU with that UUID. Changes nothing yet; fails when the helper does not know the GPU or it is
  /// split by MIG. Opening is not consent: whoever opens has asked the user (--allow-clock-control).
  static Result<std::unique_ptr<LeaseClient>> open(std::string gpu, std::unique_ptr<lease::LeaseConnection> connection);

  /// Gives the clock back and waits until it is.
  ~LeaseClient() override;
  LeaseClient(const LeaseClient&) = delete;
  LeaseClient& operator=(const LeaseClient&) = delete;

  /// Waits out the helper's limit on switches, up to 10 s a time.
  Result<Mhz> lock(Mhz clock) override;
  Status reset() override;
  Status held() override;

  /// What the helper knows and sees of the GPU.
  Result<lease::Reply> read();

  /// Of a helper that runs as our child; absent for the daemon.
  [[nodiscard]] std::optional<pid_t> helper_pid() const { return connection_->helper_pid(); }

 private:
  LeaseClient(std::string gpu, std::unique_ptr<lease::LeaseConnection> connection, Nanos interval);
  Result<lease::Reply> ask(lease::Op op, std::uint32_t value = 0);
  void beat(const std::stop_token& stop);

  std::string gpu_;
  std::unique_ptr<lease::LeaseConnection> connection_;
  Nanos interval_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread heart_;  ///< last: it ends before what it uses
};

}  // namespace phasewatt::device
