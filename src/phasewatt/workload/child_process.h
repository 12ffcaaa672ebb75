#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

namespace phasewatt::workload {

/// An open file descriptor with one owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }

  void reset();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int release();
  int fd_ = -1;
};

/// How a command ended: its exit code, or the signal that ended it.
struct Ending {
  int number = 0;
  bool by_signal = false;
};

/// A command run by `/bin/sh -c`, in a process group of its own, with pipes at its standard input, output and error.
/// Our ends never block. Not thread-safe; several may live at a time.
class ChildProcess {
 public:
  /// io when the operating system refuses. That the command does not exist shows later, as exit code 127.
  static Result<ChildProcess> start(const std::string& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// Ends the whole process group, by SIGKILL, and reaps the command.
  ~ChildProcess();

  /// Waits until the standard streams have something to do or the deadline is over.
  void wait(std::chrono::steady_clock::time_point deadline, bool wants_write);

  /// Writes what the pipe takes and returns how much; closes the input when the command does not read any more.
  std::size_t write(std::string_view bytes);
  void close_input() { input_.reset(); }
  [[nodiscard]] bool input_open() const { return input_.is_open(); }

  /// Appends what there is to read, at most 64 KiB; closes the output at its end.
  void read_output(std::string& to);
  [[nodiscard]] bool output_open() const { return output_.is_open(); }
  /// Takes what there is of the standard error, of which the last 4 KiB are kept; false when there is nothing.
  bool read_error();
  [[nodiscard]] bool error_open() const { return error_.is_open(); }
  [[nodiscard]] const std::string& error_tail() const { return error_tail_; }

  /// Gives the command until the deadline to end by itself, and reads its standard error to the last. Absent when it
  /// did not end.
  std::optional<Ending> wait_for_end(std::chrono::steady_clock::time_point deadline);

 private:
  ChildProcess() = default;
  void end();

  pid_t pid_ = -1;
  Descriptor input_, output_, error_;
  std::string error_tail_;
};

}  // namespace phasewatt::workload
