#include "apps/cli/clock_helper.h"

#include <unistd.h>

#if __has_include("phasewatt/device/lease/lease_connection.h")
#include "phasewatt/device/lease/lease_connection.h"

namespace phasewatt::cli {

using namespace device::lease;

struct AskedClocks::Connection {
  std::unique_ptr<LeaseConnection> helper;
};

// Only a daemon is asked: a helper of our own would know no lock but its own.
AskedClocks::AskedClocks() {
  auto helper = LeaseConnection::open({kSocketPath, std::nullopt});
  if (helper) connection_ = std::make_unique<Connection>(Connection{*std::move(helper)});
}

std::optional<Mhz> AskedClocks::of(const std::string& uuid) {
  if (!connection_) return std::nullopt;
  const auto reply = connection_->helper->ask(Op::read, uuid);
  if (!reply) connection_.reset();
  if (!reply || reply->verdict != Verdict::ok || (reply->present & has_lock) == 0) return std::nullopt;
  return Mhz(reply->locked_mhz);
}

Result<std::string> may_lock_clocks() {
  auto helper = LeaseConnection::open({kSocketPath, std::nullopt});
  if (helper) return std::string("phasewatt-clockd listens and serves this user");
  if (::geteuid() == 0) return std::string("as root, phasewatt starts phasewatt-clockd when a study wants clocks");
  Error error = std::move(helper).error();
  error.what += ": only observing is possible, at the stock clock";
  return error;
}

}  // namespace phasewatt::cli

#else

namespace phasewatt::cli {

struct AskedClocks::Connection {};
AskedClocks::AskedClocks() = default;
std::optional<Mhz> AskedClocks::of(const std::string& /*uuid*/) { return std::nullopt; }

Result<std::string> may_lock_clocks() {
  return Error{ErrorCode::unsupported, "this build has no clock helper: only observing is possible, at the stock clock",
               "build phasewatt with phasewatt-clockd"};
}

}  // namespace phasewatt::cli

#endif

namespace phasewatt::cli {
AskedClocks::~AskedClocks() = default;
}  // namespace phasewatt::cli
