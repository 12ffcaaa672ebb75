#include "phasewatt/workload/annotator.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/annotator_lines.h"
#include "phasewatt/workload/child_process.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

using Clock = std::chrono::steady_clock;

/// How long a command may take to end by itself.
constexpr auto kEndGrace = std::chrono::seconds(5);

/// How often a wait for replies looks whether it shall stop.
constexpr auto kLookUp = std::chrono::seconds(1);

/// Shell's exit codes.
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

}  // namespace

/// One conversation with all the lives of the command.
class Annotator::Conversation {
 public:
  explicit Conversation(AnnotatorOptions options) : options_(std::move(options)) {}

  Result<Annotations> run(std::span<const AnnotatorText> texts) {
    texts_ = texts;
    annotations_ = {};
    annotations_.restarts = restarts_;
    next_ = 0;
    last_reply_ = Clock::now();
    while (answered() < texts_.size()) {
      if (!child_) PHASEWATT_TRY(start());
      while (answered() < texts_.size()) {
        send();
        child_->wait(std::min(last_reply_ + options_.reply_timeout, Clock::now() + kLookUp), wants_write());
        if (options_.stop != nullptr && *options_.stop)
          return Error{ErrorCode::interrupted, fmt::format("stopped before {} was annotated", next_id()), {}};
        child_->read_error();
        child_->read_output(input_);
        PHASEWATT_TRY(take_replies());
        if (answered() == texts_.size()) break;
        const bool silent = Clock::now() >= last_reply_ + options_.reply_timeout;
        if (!silent && child_->output_open()) continue;
        PHASEWATT_TRY(may_restart(silent));
        child_.reset();
        break;
      }
    }
    return std::move(annotations_);
  }

  /// Lets the command end, and looks whether it says more than it was asked.
  Status finish() {
    if (!child_) return ok();
    texts_ = {};
    annotations_ = {};
    child_->close_input();
    const auto deadline = end_deadline();
    do {
      PHASEWATT_TRY(take_replies());
      if (!child_->output_open()) break;
      child_->wait(deadline, false);
      child_->read_error();
      child_->read_output(input_);
    } while (Clock::now() < deadline);
    if (!trim(input_).empty()) return unasked(input_);
    child_->wait_for_end(deadline);
    return ok();
  }

 private:
  [[nodiscard]] std::size_t answered() const { return annotations_.entities.size(); }
  [[nodiscard]] std::string_view next_id() const { return texts_[answered()].id; }

  /// A life begins with the first text that has no answer.
  Status start() {
    PHASEWATT_ASSIGN(child_, ChildProcess::start(options_.command));
    next_ = answered();
    output_.clear();
    input_.clear();
    last_reply_ = Clock::now();
    return ok();
  }

  [[nodiscard]] bool may_send() const {
    return next_ < texts_.size() && next_ - answered() < std::max<std::size_t>(options_.in_flight, 1);
  }
  [[nodiscard]] bool wants_write() const { return child_->input_open() && (!output_.empty() || may_send()); }

  /// As much as the pipe takes.
  void send() {
    while (wants_write()) {
      if (output_.empty()) {
        output_ = annotator_request(texts_[next_].id, texts_[next_].text);
        ++next_;
      }
      const std::size_t written = child_->write(output_);
      if (written == 0) return;
      output_.erase(0, written);
    }
  }

  /// Everything that has arrived in whole lines. Blank lines do not count.
  Status take_replies() {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = input_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto line = std::string_view(input_).substr(begin, end - begin);
      if (line.size() > options_.reply_bytes) return overlong();
      if (trim(line).empty()) continue;
      if (answered() == texts_.size()) return unasked(line);
      PHASEWATT_ASSIGN(auto reply, parse_annotator_reply(line, next_id(), texts_[answered()].text));
      annotations_.entities.push_back(std::move(reply.entities));
      for (const auto& [label, count] : reply.other) annotations_.other[label] += count;
      last_reply_ = Clock::now();
    }
    input_.erase(0, begin);
    return input_.size() > options_.reply_bytes ? Status(overlong()) : ok();
  }

  [[nodiscard]] Clock::time_point end_deadline() const {
    return Clock::now() + std::min<Clock::duration>(kEndGrace, options_.reply_timeout);
  }

  /// The command ended, closed its output or is silent. An error unless it may be started again.
  Status may_restart(bool silent) {
    std::string what = fmt::format("did not answer {} within {} s", next_id(),
                                   std::chrono::duration<double>(options_.reply_timeout).count());
    ErrorCode code = ErrorCode::io;
    bool hopeless = false;
    if (!silent) {
      const auto ending = child_->wait_for_end(end_deadline());
      what = how_it_ended(ending);
      hopeless = ending && !ending->by_signal && (ending->number == kNotFound || ending->number == kNotExecutable);
      if (hopeless) code = ErrorCode::not_found;
    }
    if (!hopeless && restarts_ < options_.restarts) {
      annotations_.restarts = ++restarts_;
      return ok();
    }
    std::string restarted;
    if (restarts_ > 0) restarted = fmt::format(", after {} restarts", restarts_);
    return failure(code, what + restarted, hopeless ? "give the path of the command, or put it on PATH" : "");
  }

  [[nodiscard]] std::string how_it_ended(const std::optional<Ending>& ending) const {
    if (!ending) return fmt::format("closed its output before it answered {}", next_id());
    if (ending->by_signal)
      return fmt::format("was ended by signal {} before it answered {}", ending->number, next_id());
    if (ending->number == kNotFound) return "was not found (exit code 127)";
    if (ending->number == kNotExecutable) return "cannot be run (exit code 126)";
    return fmt::format("ended with exit code {} before it answered {}", ending->number, next_id());
  }

  [[nodiscard]] Error failure(ErrorCode code, std::string_view what, std::string hint) const {
    std::string said(trim(child_->error_tail()));
    if (const auto bad = find_invalid_utf8(said); bad != std::string::npos) said = to_valid(said);
    if (hint.empty()) hint = R"(try it by hand: echo '{"id": "1", "text": "Ada met Bo."}' | COMMAND)";
    return {code,
            fmt::format("the annotator '{}' {}{}{}", options_.command, what, said.empty() ? "" : "; it wrote:\n", said),
            std::move(hint)};
  }

  /// Each byte that is not ASCII becomes a question mark: the tail may begin within a character.
  static std::string to_valid(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return text;
  }

  [[nodiscard]] Error overlong() const {
    return failure(ErrorCode::bad_input,
                   fmt::format("wrote a line of more than {} bytes in reply to {}", options_.reply_bytes,
                               answered() < texts_.size() ? next_id() : "the last text"),
                   "an annotator writes one JSON object a line");
  }

  [[nodiscard]] Error unasked(std::string_view line) const {
    constexpr std::size_t kShown = 60;
    return failure(
        ErrorCode::bad_input,
        fmt::format("wrote a line after the last reply: '{}'", to_valid(std::string(line.substr(0, kShown)))),
        "an annotator writes one line a text to its standard output and everything else to its standard "
        "error");
  }

  std::span<const AnnotatorText> texts_;
  AnnotatorOptions options_;
  std::optional<ChildProcess> child_;
  std::size_t next_ = 0;  ///< first text not sent
  std::string output_;    ///< what is left of the request being sent
  std::string input_;     ///< what arrived and is no whole line yet
  Clock::time_point last_reply_;
  Annotations annotations_;
  int restarts_ = 0;
};

Annotator::Annotator(AnnotatorOptions options) : conversation_(std::make_unique<Conversation>(std::move(options))) {}
Annotator::~Annotator() = default;

Result<Annotations> Annotator::annotate(std::span<const AnnotatorText> texts) {
  for (const auto& [id, text] : texts)
    for (const auto part : {id, text})
      if (const auto bad = find_invalid_utf8(part); bad != std::string::npos)
        return Error{ErrorCode::bad_input,
                     fmt::format("{} cannot be annotated: byte {} of its {} is not UTF-8", id, bad,
                                 part.data() == id.data() ? "id" : "text"),
                     "convert the dataset to UTF-8"};
  return conversation_->run(texts);
}

Status Annotator::finish() { return conversation_->finish(); }

Result<Annotations> annotate(std::span<const AnnotatorText> texts, const AnnotatorOptions& options) {
  Annotator annotator(options);
  PHASEWATT_ASSIGN(auto annotations, annotator.annotate(texts));
  PHASEWATT_TRY(annotator.finish());
  return annotations;
}

}  // namespace phasewatt::workload
