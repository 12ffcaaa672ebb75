#include "phasewatt/device/lease/lease_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <system_error>

namespace phasewatt::device {

namespace {
/// A helper that lets this user switch no sooner is not waited for.
constexpr std::uint32_t kLongestWaitMs = 10'000;
}  // namespace

using lease::Op;
using lease::Reply;
using lease::Verdict;

Result<std::unique_ptr<LeaseClient>> LeaseClient::open(std::string gpu,
                                                       std::unique_ptr<lease::LeaseConnection> connection) {
  PHASEWATT_ASSIGN(const Reply reply, connection->ask(Op::read, gpu));
  if (reply.verdict != Verdict::ok) return to_error(reply, gpu);
  // Three beats may be lost or late before the lease runs out.
  const Nanos interval = std::chrono::milliseconds(std::max(1U, reply.lease_ms / 4));
  try {
    return std::unique_ptr<LeaseClient>(new LeaseClient(std::move(gpu), std::move(connection), interval));
  } catch (const std::system_error& e) {
    return Error{ErrorCode::io, fmt::format("cannot start the thread that keeps the lease: {}", e.what()), {}};
  }
}

LeaseClient::LeaseClient(std::string gpu, std::unique_ptr<lease::LeaseConnection> connection, Nanos interval)
    : gpu_(std::move(gpu)),
      connection_(std::move(connection)),
      interval_(interval),
      heart_([this](const std::stop_token& stop) { beat(stop); }) {}

LeaseClient::~LeaseClient() {
  try {
    heart_.request_stop();
    heart_.join();
    // Asked for, so that it is done when this returns.
    const auto reply = connection_->ask(Op::read, gpu_);
    if (reply && (reply->present & lease::is_yours) != 0 && (reply->present & lease::has_lock) != 0)
      (void)connection_->ask(Op::reset, gpu_);
  } catch (const std::exception&) {
    // The end of the connection does the same a moment later.
  }
}

Result<Mhz> LeaseClient::lock(Mhz clock) {
  const double mhz = std::round(clock.value());
  if (!(mhz >= 1 && mhz <= lease::kHighestMhz))
    return Error{ErrorCode::bad_input, fmt::format("{} MHz is no clock", clock.value()), "ask for a supported clock"};
  PHASEWATT_ASSIGN(const Reply reply, ask(Op::lock, static_cast<std::uint32_t>(mhz)));
  return Mhz(reply.locked_mhz);
}

Status LeaseClient::reset() {
  PHASEWATT_TRY(ask(Op::reset));
  return ok();
}

Status LeaseClient::held() {
  PHASEWATT_TRY(connection_->ask(Op::beat));
  return ok();
}

Result<Reply> LeaseClient::read() { return ask(Op::read); }

Result<Reply> LeaseClient::ask(Op op, std::uint32_t value) {
  while (true) {
    PHASEWATT_ASSIGN(const Reply reply, connection_->ask(op, gpu_, value));
    if (reply.verdict == Verdict::ok) return reply;
    if (reply.verdict != Verdict::rate_limited || reply.wait_ms > kLongestWaitMs) return to_error(reply, gpu_);
    // The heart beats meanwhile.
    std::this_thread::sleep_for(std::chrono::milliseconds(reply.wait_ms + 1));
  }
}

void LeaseClient::beat(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, interval_, [&] { return stop.stop_requested(); }))
    if (!connection_->ask(Op::beat)) return;  // lost for good; the next call of the owner hears why
}

}  // namespace phasewatt::device
