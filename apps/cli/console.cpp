#include "apps/cli/console.h"

#include <fmt/format.h>
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
std::string_view g_stop_message;  // set before the handler is installed

extern "C" void phasewatt_on_signal(int /*signal*/) {
  const int saved = errno;
  if (g_stop.exchange(true)) ::_exit(static_cast<int>(ExitCode::interrupted));
  // A message that cannot be written must not stop the stopping.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, g_stop_message.data(), g_stop_message.size());
  errno = saved;
}

/// For a terminal: control characters of a file's or a program's text as \xNN; line breaks stay.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F ? fmt::format("\\x{:02X}", byte) : std::string(1, c);
  }
  return out;
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
  std::fprintf(stderr, "phasewatt: error: %s\n", printable(error.what).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "phasewatt: hint: %s\n", printable(error.hint).c_str());
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

void install_stop_signals(std::string_view message) {
  g_stop_message = message;
  struct sigaction action {};
  action.sa_handler = phasewatt_on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool>& stop_flag() { return g_stop; }

}  // namespace phasewatt::cli
