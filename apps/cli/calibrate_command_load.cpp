#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "apps/cli/calibrate_load.h"
#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/calibration/load_protocol.h"
#include "phasewatt/workload/child_process.h"

namespace phasewatt::cli {
namespace {

using namespace device;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr seconds kReady{180};  ///< a framework is loaded and a context made
constexpr seconds kAnswer{10};
constexpr seconds kMeasure{120};
constexpr seconds kQuit{5};
constexpr auto kLook = std::chrono::milliseconds(20);  ///< how often a wait looks whether to stop
constexpr std::size_t kLongestLine = 4096;
/// Its instants may lie so far outside of question and answer: clocks are read at different moments.
constexpr Nanos kClockSlack = std::chrono::milliseconds(50);

class CommandLoad final : public StepLoad {
 public:
  CommandLoad(std::string command, const std::atomic<bool>& stop) : command_(std::move(command)), stop_(stop) {}

  Status start() override {
    PHASEWATT_ASSIGN(auto child, workload::ChildProcess::start(command_));
    child_.emplace(std::move(child));
    PHASEWATT_ASSIGN(const auto line, next_line(kReady, "'ready'"));
    return expect<LoadReady>(line, "'ready'").first;
  }

  Result<Nanos> on() override { return step<LoadOn>("on"); }
  Result<Nanos> off() override { return step<LoadOff>("off"); }

  Result<LoadCeilings> measure() override {
    const Nanos asked = monotonic_now();
    PHASEWATT_TRY(send("measure\n"));
    LoadCeilings out;
    while (true) {
      PHASEWATT_ASSIGN(const auto text, next_line(kMeasure, "'ceiling ...' or 'measured'"));
      PHASEWATT_ASSIGN(const auto line, parse_load_line(text));
      if (std::holds_alternative<LoadMeasured>(line)) return out;
      const auto* ceiling = std::get_if<LoadCeiling>(&line);
      if (ceiling == nullptr) return unexpected(text, "'ceiling ...' or 'measured'");
      if (ceiling->when)
        for (const Nanos at : {ceiling->when->begin, ceiling->when->end}) PHASEWATT_TRY(check_instant(text, asked, at));
      if (ceiling->member == &Ceilings::gemm_flops_per_s) out.gemm = ceiling->when;
      out.ceilings.*ceiling->member = ceiling->value;
      out.ceilings.source = "measured by the load command";
    }
  }

  Status quit() override {
    PHASEWATT_TRY(send("quit\n"));
    child_->close_input();
    if (!child_->wait_for_end(Clock::now() + kQuit))
      return Error{ErrorCode::bad_input,
                   fmt::format("the load command did not end within {} s of 'quit'", kQuit.count()),
                   "it was ended; mend it: " + command_};
    child_.reset();
    return ok();
  }

 private:
  Error unexpected(std::string_view text, std::string_view wanted) const {
    return {ErrorCode::bad_input,
            fmt::format("the load command answered {}, and {} was due", device::quoted(text), wanted),
            "see docs/calibration.md for the protocol"};
  }

  template <class Line>
  std::pair<Status, Line> expect(const std::string& text, std::string_view wanted) const {
    const auto line = parse_load_line(text);
    if (!line) return {line.error(), {}};
    if (const auto* right = std::get_if<Line>(&*line)) return {ok(), *right};
    return {unexpected(text, wanted), {}};
  }

  /// An instant of an answer lies between question and answer.
  static Status check_instant(std::string_view text, Nanos asked, Nanos at) {
    if (at >= asked - kClockSlack && at <= monotonic_now() + kClockSlack) return ok();
    return Error{ErrorCode::bad_input,
                 fmt::format("the load command answered {}, which lies {:.3f} s from the question",
                             device::quoted(text), to_seconds(at - asked)),
                 "its instants must be of CLOCK_MONOTONIC, in ns (Python: time.monotonic_ns())"};
  }

  template <class Line>
  Result<Nanos> step(const std::string& word) {
    const Nanos asked = monotonic_now();
    PHASEWATT_TRY(send(word + "\n"));
    const std::string wanted = fmt::format("'{} <ns>'", word);
    PHASEWATT_ASSIGN(const auto text, next_line(kAnswer, wanted));
    const auto [status, line] = expect<Line>(text, wanted);
    PHASEWATT_TRY(status);
    PHASEWATT_TRY(check_instant(text, asked, line.at));
    return line.at;
  }

  Status send(std::string_view text) {
    const auto deadline = Clock::now() + kAnswer;
    while (!text.empty()) {
      text.remove_prefix(child_->write(text));
      if (text.empty()) break;
      if (!child_->input_open()) return ended("a command");
      if (stop_) return interrupted();
      if (Clock::now() >= deadline) return late("read a command", kAnswer);
      child_->wait(Clock::now() + kLook, true);
    }
    return ok();
  }

  Result<std::string> next_line(seconds limit, std::string_view wanted) {
    const auto deadline = Clock::now() + limit;
    while (true) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      if (buffer_.size() > kLongestLine) return unexpected(buffer_, wanted);
      if (stop_) return interrupted();
      if (!child_->output_open()) return ended(wanted);
      if (Clock::now() >= deadline) return late(fmt::format("say {}", wanted), limit);
      child_->wait(std::min(deadline, Clock::now() + kLook), false);
      child_->read_output(buffer_);
      child_->read_error();
    }
  }

  static Error interrupted() {
    return {ErrorCode::interrupted, "stopped before the calibration was complete; nothing was kept", {}};
  }
  [[nodiscard]] Error late(const std::string& what, seconds limit) const {
    return {ErrorCode::bad_input, fmt::format("the load command did not {} within {} s", what, limit.count()),
            "it was ended; try it by hand: " + command_};
  }
  Error ended(std::string_view wanted) {
    std::string how = "closed its output";
    if (const auto ending = child_->wait_for_end(Clock::now() + std::chrono::seconds(1)))
      how = fmt::format("{} {}", ending->by_signal ? "was ended by signal" : "ended with code", ending->number);
    std::string said = child_->error_tail();
    while (said.ends_with('\n')) said.pop_back();
    if (const auto line = said.rfind('\n'); line != std::string::npos) said.erase(0, line + 1);
    return {ErrorCode::bad_input,
            fmt::format("the load command {} when {} was due{}", how, wanted,
                        said.empty() ? "" : "; its last words: " + device::quoted(said)),
            "try it by hand: " + command_};
  }

  std::string command_;
  const std::atomic<bool>& stop_;
  std::optional<workload::ChildProcess> child_;
  std::string buffer_;
};

}  // namespace

std::unique_ptr<StepLoad> command_load(std::string command, const std::atomic<bool>& stop) {
  return std::make_unique<CommandLoad>(std::move(command), stop);
}

}  // namespace phasewatt::cli
