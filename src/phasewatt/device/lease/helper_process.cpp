#include "phasewatt/device/lease/helper_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>

namespace phasewatt::device::lease {
namespace {

constexpr const char* kProgramName = "phasewatt-clockd";
constexpr int kHelperSocket = 3;  // the number under which the child finds its end
// Restoring takes milliseconds; a driver that does not answer is not waited for for ever.
constexpr auto kPatience = std::chrono::seconds(5);

Error system_error(const std::string& doing, int number) {
  return {ErrorCode::io, doing + ": " + std::strerror(number), {}};
}

Result<std::filesystem::path> find_program(const HelperOptions& options) {
  std::error_code ec;
  if (!options.program.empty()) {
    if (std::filesystem::exists(options.program, ec)) return options.program;
    return Error{ErrorCode::not_found, "there is no '" + options.program.string() + "'",
                 "check the path of the helper"};
  }
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  // Beside the program, where it is installed, and where a build puts it.
  for (const char* place : {".", "../libexec/phasewatt", "../clockd"})
    if (const auto program = folder / place / kProgramName; std::filesystem::exists(program, ec)) return program;
  return Error{ErrorCode::not_found, "phasewatt-clockd is not installed beside phasewatt",
               "install the whole package, or start the daemon: systemctl enable --now phasewatt-clockd.socket"};
}

/// posix_spawn's two objects.
struct SpawnSetup {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;

  SpawnSetup() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
};

/// Starts the helper with `socket` (or none) as descriptor 3 and `standard_error` as 2; everything else is closed.
Result<pid_t> spawn(const HelperOptions& options, const std::vector<std::string>& more, int socket,
                    int standard_error) {
  PHASEWATT_ASSIGN(const auto program, find_program(options));
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  SpawnSetup setup;
  ::posix_spawn_file_actions_addopen(&setup.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&setup.files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (standard_error >= 0) ::posix_spawn_file_actions_adddup2(&setup.files, standard_error, STDERR_FILENO);
  if (socket >= 0) ::posix_spawn_file_actions_adddup2(&setup.files, socket, kHelperSocket);
  ::posix_spawn_file_actions_addclosefrom_np(&setup.files, socket >= 0 ? kHelperSocket + 1 : kHelperSocket);
  pid_t pid = -1;
  if (const int failed = ::posix_spawn(&pid, program.c_str(), &setup.files, &setup.attributes, argv.data(), environ))
    return system_error("cannot start '" + program.string() + "'", failed);
  return pid;
}

/// Its exit status; nullopt when it does not end in time.
std::optional<int> wait_for(pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return status;
}

}  // namespace

HelperOptions HelperOptions::from_environment() {
  HelperOptions options;
  if (const char* library = ::secure_getenv("PHASEWATT_NVML_LIBRARY")) options.arguments = {"--nvml-library", library};
  return options;
}

Result<HelperProcess> HelperProcess::start(const HelperOptions& options) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0)
    return system_error("cannot make a socket pair", errno);
  HelperProcess helper;
  helper.socket_.reset(sockets[0]);
  const UniqueFd theirs(sockets[1]);
  // Its standard error is kept for the case that it does not start; a full pipe must not stop it.
  std::array<int, 2> pipes{};
  if (::pipe2(pipes.data(), O_CLOEXEC | O_NONBLOCK) != 0) return system_error("cannot make a pipe", errno);
  helper.stderr_.reset(pipes[0]);
  const UniqueFd their_stderr(pipes[1]);
  PHASEWATT_ASSIGN(helper.pid_,
                   spawn(options, {"--inherited-fd", std::to_string(kHelperSocket)}, theirs.get(), their_stderr.get()));
  return helper;
}

HelperProcess::HelperProcess(HelperProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)), stderr_(std::move(other.stderr_)) {}

HelperProcess::~HelperProcess() {
  socket_.reset();
  if (pid_ > 0) wait_for(pid_);
}

std::string HelperProcess::last_words() {
  if (pid_ > 0 && wait_for(pid_)) pid_ = -1;
  std::string words(4096, '\0');
  const auto read = ::read(stderr_.get(), words.data(), words.size());
  words.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
  while (!words.empty() && words.back() == '\n') words.pop_back();
  return words;
}

Status HelperProcess::restore(const HelperOptions& options) {
  PHASEWATT_ASSIGN(const pid_t pid, spawn(options, {"--restore"}, -1, -1));
  const auto status = wait_for(pid);
  if (status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return ok();
  return Error{ErrorCode::io, "phasewatt-clockd --restore did not succeed", "run phasewatt clocks reset as root"};
}

}  // namespace phasewatt::device::lease
