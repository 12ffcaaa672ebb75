// A client to be killed: locks a clock through the daemon's socket, or through a helper of its own, and holds it.
//   hold_clock --socket PATH GPU MHZ
//   hold_clock --helper PROGRAM GPU MHZ [HELPER_ARGUMENT...]
// Prints "locked MHZ HELPER_PID" (0 for the daemon), then "lost REASON" should the lock be lost. Ends when its standard
// input does. With MHZ 0 it switches between two clocks without pause instead, as fast as it may.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "phasewatt/device/lease/lease_client.h"

namespace {

using namespace phasewatt;

int fail(const Error& error) {
  fmt::print("failed {}\n", to_string(error));
  return 1;
}

bool input_ended(int wait_ms) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return ::poll(&input, 1, wait_ms) > 0;
}

Result<std::unique_ptr<device::LeaseClient>> open(std::span<const std::string> words) {
  const bool child = words[0] == "--helper";
  auto connection = child ? device::lease::LeaseConnection::start_helper({words[1], {words.begin() + 4, words.end()}})
                          : device::lease::LeaseConnection::open({words[1], std::nullopt});
  if (!connection) return std::move(connection).error();
  return device::LeaseClient::open(words[2], std::move(connection).value());
}

int run(std::span<const std::string> words) {
  auto client = open(words);
  if (!client) return fail(client.error());
  const double mhz = std::atof(words[3].c_str());
  const auto locked = (*client)->lock(Mhz(mhz > 0 ? mhz : 1200));
  if (!locked) return fail(locked.error());
  fmt::print("locked {} {}\n", locked->value(), (*client)->helper_pid().value_or(0));
  std::fflush(stdout);
  bool low = false;
  while (!input_ended(mhz > 0 ? 20 : 0)) {
    if (mhz <= 0) (void)(*client)->lock(Mhz((low = !low) ? 600 : 1200));
    if (const auto held = (*client)->held(); !held) {
      fmt::print("lost {}\n", to_string(held.error()));
      return 3;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) return 2;
  // Whoever started this in the background may have had it ignored.
  std::signal(SIGINT, SIG_DFL);
  return run(words);
}
