#include "phasewatt/workload/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared by its users

namespace phasewatt::workload {
namespace {

using Clock = std::chrono::steady_clock;

Error refused(std::string_view what, int number) {
  return {ErrorCode::io, fmt::format("{}: {}", what, std::generic_category().message(number)),
          "the limits on processes and open files are shown by 'ulimit -a'"};
}

struct Pipe {
  Descriptor read, write;
};

/// Neither end may be a standard stream, or the child's would be overwritten while they are put in place; a process
/// that was started with closed standard streams gets such numbers.
Result<Descriptor> away_from_standard_streams(Descriptor descriptor) {
  constexpr int kFirst = 3;
  if (descriptor.get() >= kFirst) return descriptor;
  Descriptor moved(fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kFirst));
  if (!moved.is_open()) return refused("a pipe cannot be made", errno);
  return moved;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return refused("a pipe cannot be made", errno);
  Descriptor read(ends[0]);
  Descriptor write(ends[1]);
  PHASEWATT_ASSIGN(read, away_from_standard_streams(std::move(read)));
  PHASEWATT_ASSIGN(write, away_from_standard_streams(std::move(write)));
  return Pipe{std::move(read), std::move(write)};
}

void do_not_block(const Descriptor& descriptor) {
  fcntl(descriptor.get(), F_SETFL, fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
}

/// Keeps a write to a pipe without a reader from ending the program, in this thread and for this long alone.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;
  ~NoPipeSignal() {
    const int error = errno;
    const timespec now{};
    if (!was_pending_) {
      while (sigtimedwait(&pipe_, nullptr, &now) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

/// Appends up to 64 KiB and returns how much; closes `from` when the other side has closed or failed.
std::size_t read_some(Descriptor& from, std::string& to) {
  if (!from.is_open()) return 0;
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
  if (count > 0) {
    to.append(buffer.data(), static_cast<std::size_t>(count));
    return static_cast<std::size_t>(count);
  }
  if (count == 0 || (errno != EAGAIN && errno != EINTR)) from.reset();
  return 0;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Descriptor::reset() {
  if (fd_ >= 0) close(release());
}

int Descriptor::release() { return std::exchange(fd_, -1); }

Result<ChildProcess> ChildProcess::start(const std::string& command) {
  PHASEWATT_ASSIGN(Pipe input, make_pipe());
  PHASEWATT_ASSIGN(Pipe output, make_pipe());
  PHASEWATT_ASSIGN(Pipe error, make_pipe());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error.write.get(), STDERR_FILENO);
  // A group of its own, so that what the shell started ends with it; and the signals as a program expects them.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string shell = "sh";
  std::string flag = "-c";
  std::string script = command;
  const std::array<char*, 4> arguments{shell.data(), flag.data(), script.data(), nullptr};
  ChildProcess child;
  const int failure = posix_spawn(&child.pid_, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    child.pid_ = -1;
    return refused("/bin/sh cannot be started", failure);
  }
  child.input_ = std::move(input.write);
  child.output_ = std::move(output.read);
  child.error_ = std::move(error.read);
  for (const auto* end : {&child.input_, &child.output_, &child.error_}) do_not_block(*end);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    input_ = std::move(other.input_);
    output_ = std::move(other.output_);
    error_ = std::move(other.error_);
    error_tail_ = std::move(other.error_tail_);
  }
  return *this;
}

ChildProcess::~ChildProcess() { end(); }

void ChildProcess::end() {
  if (pid_ < 0) return;
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void ChildProcess::wait(Clock::time_point deadline, bool wants_write) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  // poll() passes over negative descriptors.
  std::array<pollfd, 3> streams{pollfd{output_.get(), POLLIN, 0}, pollfd{error_.get(), POLLIN, 0},
                                pollfd{wants_write ? input_.get() : -1, POLLOUT, 0}};
  constexpr std::int64_t kLongest = 60'000;
  poll(streams.data(), streams.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, kLongest)));
}

std::size_t ChildProcess::write(std::string_view bytes) {
  if (!input_.is_open()) return 0;
  const NoPipeSignal guard;
  const ssize_t count = ::write(input_.get(), bytes.data(), bytes.size());
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno != EAGAIN && errno != EINTR) input_.reset();
  return 0;
}

void ChildProcess::read_output(std::string& to) { read_some(output_, to); }

bool ChildProcess::read_error() {
  constexpr std::size_t kKept = 4096;
  const bool any = read_some(error_, error_tail_) > 0;
  if (error_tail_.size() > kKept) error_tail_.erase(0, error_tail_.size() - kKept);
  return any;
}

std::optional<Ending> ChildProcess::wait_for_end(Clock::time_point deadline) {
  constexpr auto kPause = std::chrono::milliseconds(5);
  // WNOWAIT leaves the ended process unreaped, so that its group's number cannot become another's before end().
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
    if (Clock::now() >= deadline) return std::nullopt;
    wait(std::min(Clock::now() + kPause, deadline), false);
    std::string ignored;
    read_output(ignored);
    read_error();
  }
  while (read_error() && Clock::now() < deadline) {
  }
  return Ending{info.si_status, info.si_code != CLD_EXITED};
}

}  // namespace phasewatt::workload
