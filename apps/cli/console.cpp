#include "apps/cli/console.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "apps/cli/exit_code.h"

namespace phasewatt::cli {
namespace {

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler may touch it");

extern "C" void phasewatt_on_signal(int /*signal*/) {
  const int saved = errno;
  if (g_stop.exchange(true)) ::_exit(static_cast<int>(ExitCode::interrupted));
  constexpr std::string_view kMessage =
      "\nphasewatt: stopping after what is in flight; finished points are kept (press again to quit at once)\n";
  // A message that cannot be written must not stop the stopping.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
  errno = saved;
}

}  // namespace

void Console::out(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), stdout); }

void Console::say(std::string_view text) const {
  if (!quiet) std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

void Console::detail(std::string_view text) const {
  if (verbose) say(text);
}

void Console::fail(const Error& error) const {
  std::fflush(stdout);  // what was printed before the error stands before it
  if (json) {
    const nlohmann::ordered_json object{
        {"error", {{"code", to_string(error.code)}, {"what", error.what}, {"hint", error.hint}}}};
    std::fprintf(stderr, "%s\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::fprintf(stderr, "phasewatt: error: %s\n", error.what.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "phasewatt: hint: %s\n", error.hint.c_str());
}

Status Console::flush() const {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return ok();
  return Error{ErrorCode::io, std::string("cannot write to standard output: ") + std::strerror(errno),
               "is the disk full?"};
}

bool Console::color() const {
  return !no_color && !json && std::getenv("NO_COLOR") == nullptr && ::isatty(STDOUT_FILENO) == 1;
}

bool Console::progress() const { return !quiet && !json && ::isatty(STDERR_FILENO) == 1; }

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = phasewatt_on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool>& stop_flag() { return g_stop; }

}  // namespace phasewatt::cli
