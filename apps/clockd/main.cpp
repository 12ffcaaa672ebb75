#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <span>

#include "apps/clockd/server.h"
#include "phasewatt/base/embedded.h"

namespace phasewatt::clockd {

std::span<const EmbeddedFile> manual_files();

namespace {

constexpr int kSystemdSocket = 3;  // sd_listen_fds(3): the first descriptor of a socket-activated service

struct Options {
  ServerOptions server;
  ClockRange range;
  std::filesystem::path socket = device::lease::kSocketPath;
  std::string library = "libnvidia-ml.so.1";
  std::optional<int> inherited;
  bool restore = false;
  bool help = false;
  bool version = false;
};

Error usage(const std::string& what) { return {ErrorCode::usage, what, "see phasewatt-clockd --help"}; }

Result<double> number(const std::string& text, double least, double most) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc() && end == text.data() + text.size() && value >= least && value <= most) return value;
  return usage(fmt::format("'{}' is no number from {} to {}", text, least, most));
}

Result<gid_t> find_group(const std::string& name) {
  const auto* group = ::getgrnam(name.c_str());
  if (group != nullptr) return group->gr_gid;
  return Error{ErrorCode::not_found, "there is no group '" + name + "'", "make it: sudo groupadd --system " + name};
}

/// Sets `target` to a number within the bounds.
template <class T>
Status set_number(T& target, const std::string& text, double least, double most) {
  PHASEWATT_ASSIGN(const double value, number(text, least, most));
  target = static_cast<T>(value);
  return ok();
}

/// A flag with its value, which is empty for the flags that take none.
Status take(Options& o, const std::string& flag, const std::string& value) {
  constexpr double kMhz = device::lease::kHighestMhz;
  double seconds = 0;
  if (flag == "min-mhz") return set_number(o.range.least, value, 0, kMhz);
  if (flag == "max-mhz") return set_number(o.range.most, value, 0, kMhz);
  if (flag == "switches-per-second") return set_number(o.server.limits.switches_per_second, value, 1, 1000);
  if (flag == "inherited-fd") return set_number(o.inherited.emplace(), value, 3, 1023);
  if (flag == "lease") {
    PHASEWATT_TRY(set_number(seconds, value, 0.1, 60));
    o.server.limits.lease = from_seconds(seconds);
  }
  if (flag == "group") {
    PHASEWATT_ASSIGN(o.server.group, find_group(value));
  }
  if (flag == "socket") o.socket = value;
  if (flag == "state-dir") o.server.state_dir = value;
  if (flag == "audit-file") o.server.audit_file = value;
  if (flag == "nvml-library") o.library = value;
  if (flag == "restore") o.restore = true;
  if (flag == "help") o.help = true;
  if (flag == "version") o.version = true;
  return ok();
}

Result<Options> parse(int argc, char** argv) {
  static constexpr std::array kValueFlags{"socket",  "group", "state-dir",           "audit-file",   "min-mhz",
                                          "max-mhz", "lease", "switches-per-second", "nvml-library", "inherited-fd"};
  static constexpr std::array kPlainFlags{"restore", "help", "version"};
  Options options;
  // For whoever starts the program by hand; a service's library is named by its unit, where people look.
  const char* library = std::getenv("INVOCATION_ID") == nullptr ? ::secure_getenv("PHASEWATT_NVML_LIBRARY") : nullptr;
  if (library != nullptr) options.library = library;
  const std::span words(argv, static_cast<std::size_t>(argc));
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string word = words[i];
    const auto is = [&](const char* flag) { return word == std::string("--") + flag; };
    const bool valued = std::any_of(kValueFlags.begin(), kValueFlags.end(), is);
    if (!valued && std::none_of(kPlainFlags.begin(), kPlainFlags.end(), is))
      return usage("unknown flag '" + word + "'");
    if (valued && i + 1 == words.size()) return usage(word + " needs a value");
    auto taken = take(options, word.substr(2), valued ? words[++i] : "");
    if (!taken) return usage(word + ": " + taken.error().what);
  }
  // A child's standard error is somebody's terminal.
  if (options.inherited && !options.server.audit_file)
    options.server.audit_file = options.server.state_dir / "clockd.log";
  return options;
}

/// The socket that systemd made, or one of our own with its mode and group.
Result<UniqueFd> make_socket(const Options& options) {
  const char* pid = ::secure_getenv("LISTEN_PID");
  if (pid != nullptr && pid == std::to_string(::getpid())) return UniqueFd(kSystemdSocket);
  const auto fail = [&](const char* doing) {
    return Error{ErrorCode::io, fmt::format("cannot {} '{}': {}", doing, options.socket.string(), std::strerror(errno)),
                 "see --socket"};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string fresh = options.socket.string() + ".new";
  if (fresh.size() >= sizeof(address.sun_path)) return usage("the path of the socket is too long");
  fresh.copy(address.sun_path, fresh.size());
  std::error_code ec;
  std::filesystem::create_directories(options.socket.parent_path(), ec);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Made under another name and moved into place, so that it is there only once it listens and only the right ones may
  // connect. One that is there already is stale: its state folder is ours.
  std::filesystem::remove(fresh, ec);
  ::umask(0177);
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return fail("make the socket");
  if (options.server.group && ::chown(fresh.c_str(), static_cast<uid_t>(-1), *options.server.group) != 0)
    return fail("set the group of");
  if (::chmod(fresh.c_str(), 0660) != 0 || ::listen(socket.get(), SOMAXCONN) != 0 ||
      ::rename(fresh.c_str(), options.socket.c_str()) != 0)
    return fail("listen at");
  return socket;
}

Status serve(const Options& options) {
  const Journal journal = read_journal(options.server.state_dir);
  if (options.restore && journal.readable && journal.gpus.empty()) return ok();
  auto state_lock = claim_state_dir(options.server.state_dir);
  // Another helper that runs has taken back what the journal held when it started.
  if (!state_lock && options.restore && state_lock.error().code == ErrorCode::exists) return ok();
  if (!state_lock) return std::move(state_lock).error();
  PHASEWATT_ASSIGN(const auto gpus, NvmlGpus::load(options.library, options.range));
  PHASEWATT_ASSIGN(const auto server, Server::start(options.server, std::move(state_lock).value(), *gpus));
  if (options.inherited) {
    PHASEWATT_TRY(server->serve_inherited(UniqueFd(*options.inherited)));
  } else if (!options.restore) {
    PHASEWATT_ASSIGN(auto socket, make_socket(options));
    server->listen_on(std::move(socket));
  }
  return server->run();
}

int finish(const Status& status) {
  if (status) return 0;
  std::cerr << "phasewatt-clockd: error: " << to_string(status.error()) << '\n';
  return status.error().code == ErrorCode::usage ? 2 : 1;
}

int run(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) return finish(options.error());
  if (options->help) {
    std::cout << manual_files().front().content;
    return 0;
  }
  if (options->version) {
    std::cout << "phasewatt-clockd " PHASEWATT_VERSION "\n";
    return 0;
  }
  return finish(serve(*options));
}

}  // namespace
}  // namespace phasewatt::clockd

int main(int argc, char** argv) {
  try {
    return phasewatt::clockd::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "phasewatt-clockd: error: %s\n", e.what());
    return 1;
  }
}
