#include "phasewatt/workload/annotator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "phasewatt/workload/annotator_lines.h"

namespace phasewatt::workload {
namespace {

using testing::HasSubstr;
using Spans = std::vector<EntitySpan>;

constexpr auto kFar = std::chrono::minutes(3);  // no test waits for it to pass
constexpr auto kNear = std::chrono::milliseconds(300);

std::string helper(const std::string& mode) {
  return "python3 -S '" PHASEWATT_SOURCE_DIR "/tests/workload/annotators/annotator.py' " + mode;
}

AnnotatorOptions options_for(const std::string& command) {
  AnnotatorOptions options;
  options.command = command;
  options.reply_timeout = kFar;
  return options;
}

/// Texts "Ada 0 met NASA", "Ada 1 met NASA", … with their ids.
class Numbered {
 public:
  explicit Numbered(std::size_t count, const std::string& padding = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      ids_.push_back("q/" + std::to_string(i));
      texts_.push_back("Ada " + std::to_string(i) + " met NASA " + padding);
    }
    for (std::size_t i = 0; i < count; ++i) items_.push_back({ids_[i], texts_[i]});
  }
  [[nodiscard]] const std::vector<AnnotatorText>& items() const { return items_; }
  [[nodiscard]] Spans wanted(std::size_t i) const {
    const auto nasa = static_cast<std::uint32_t>(texts_[i].find("NASA"));
    return {{0, 3, EntityType::person}, {nasa, nasa + 4, EntityType::organization}};
  }

 private:
  std::vector<std::string> ids_, texts_;
  std::vector<AnnotatorText> items_;
};

void expect_all(const Result<Annotations>& result, const Numbered& texts, int restarts) {
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->entities.size(), texts.items().size());
  for (std::size_t i = 0; i < texts.items().size(); ++i) EXPECT_EQ(result->entities[i], texts.wanted(i)) << i;
  EXPECT_EQ(result->other, (std::map<std::string, std::size_t>{{"CARDINAL", texts.items().size()}}));
  EXPECT_EQ(result->restarts, restarts);
}

void expect_error(const AnnotatorOptions& options, ErrorCode code, const std::string& part, std::size_t texts = 5) {
  const auto result = annotate(Numbered(texts).items(), options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << to_string(result.error());
  EXPECT_THAT(result.error().what, HasSubstr(part));
  EXPECT_FALSE(result.error().hint.empty());
}

/// A command whose helper counts its lives in a file of its own.
class Counted {
 public:
  explicit Counted(const std::string& mode)
      : file_(testing::TempDir() + "lives_" + std::to_string(getpid()) + "_" + mode),
        command_("LIVES='" + file_ + "' " + helper(mode)) {
    std::filesystem::remove(file_);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { std::filesystem::remove(file_); }
  [[nodiscard]] const std::string& command() const { return command_; }

 private:
  std::string file_, command_;
};

// ---------------------------------------------------------------------------------------------- good ones

TEST(Annotator, GivesTheSpansOfEachText) {
  const Numbered texts(200);
  expect_all(annotate(texts.items(), options_for(helper("behave"))), texts, 0);
}

TEST(Annotator, IsNotStartedWithoutATextAndEndsWithoutComplaint) {
  const auto none = annotate({}, options_for("exit 3"));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->entities.empty());
  const Numbered texts(1);
  expect_all(annotate(texts.items(), options_for(helper("behave") + "; exit 3")), texts, 0);
}

TEST(Annotator, ConvertsCodePointsToBytes) {
  const std::vector<AnnotatorText> texts{{"ä\"\\\n", "é\u2028 🙂 Zoë\tmet ÜBER\x01 \"Bo\""}};
  const auto result = annotate(texts, options_for("LC_ALL=C " + helper("behave")));
  ASSERT_TRUE(result) << to_string(result.error());
  const std::string_view text = texts[0].text;
  std::vector<std::string_view> found;
  for (const auto& span : result->entities[0]) found.push_back(text.substr(span.begin, span.end - span.begin));
  EXPECT_EQ(found, (std::vector<std::string_view>{"Zoë", "ÜBER", "Bo"}));
}

TEST(Annotator, DoesNotDeadlockOnFullPipes) {
  // Requests, replies and standard error each of more than a pipe holds.
  const Numbered texts(40, std::string(50000, 'x'));
  expect_all(annotate(texts.items(), options_for(helper("large"))), texts, 0);
  const Numbered short_texts(40);
  expect_all(annotate(short_texts.items(), options_for(helper("chatter"))), short_texts, 0);
}

TEST(Annotator, SendsNoMoreThanMayBeInFlight) {
  // A command that answers the first text once it has seen the third.
  const std::string answer = "printf '%s\\n' '{\"id\": \"q/0\", \"entities\": []}'";
  auto options = options_for("read -r a; read -r b; read -r c; " + answer);
  options.restarts = 0;
  options.in_flight = 3;
  expect_error(options, ErrorCode::io, "ended with exit code 0 before it answered q/1");
  options.in_flight = 2;
  options.reply_timeout = kNear;
  expect_error(options, ErrorCode::io, "did not answer q/0");
}

TEST(Annotator, WaitsForASlowOneAsLongAsItAnswers) {
  const Numbered texts(20);
  expect_all(annotate(texts.items(), options_for(helper("slow"))), texts, 0);
}

TEST(Annotator, RunsInSeveralThreads) {
  const Numbered texts(20);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] { expect_all(annotate(texts.items(), options_for(helper("behave"))), texts, 0); });
  for (auto& thread : threads) thread.join();
}

// ---------------------------------------------------------------------------------------------- restarts

TEST(Annotator, StartsADeadOneAgainAndSendsWhatIsUnanswered) {
  const Numbered texts(10);
  const Counted once("die_once");
  expect_all(annotate(texts.items(), options_for(once.command())), texts, 1);
  auto options = options_for(helper("die_each"));  // two replies in each life
  options.restarts = 4;
  expect_all(annotate(texts.items(), options), texts, 4);
}

TEST(Annotator, StartsAHungOneAgain) {
  const Numbered texts(10);
  const Counted once("hang_once");
  auto options = options_for(once.command());
  options.reply_timeout = std::chrono::seconds(1);
  options.restarts = 20;  // a busy machine may not let a healthy one answer within a second
  const auto result = annotate(texts.items(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_GE(result->restarts, 1);
  expect_all(result, texts, result->restarts);
}

TEST(Annotator, GivesUpAfterItsRestarts) {
  auto options = options_for(helper("exit 7"));
  options.restarts = 1;
  options.in_flight = 2;
  expect_error(options, ErrorCode::io,
               "ended with exit code 7 before it answered q/4, after 1 restarts; it wrote:\nout of model");
}

TEST(Annotator, SaysWhenItIsSilent) {
  auto options = options_for(helper("hang"));
  options.reply_timeout = kNear;
  options.restarts = 1;
  expect_error(options, ErrorCode::io, "did not answer q/0 within 0.3 s, after 1 restarts");
  options.command = helper("close_input");
  options.restarts = 0;
  expect_error(options, ErrorCode::io, "did not answer q/0", 200);
}

// ---------------------------------------------------------------------------------------------- errors

TEST(Annotator, SaysHowItEnded) {
  expect_error(options_for("no-such-annotator --flag"), ErrorCode::not_found, "was not found (exit code 127)");
  expect_error(options_for("no-such-annotator --flag"), ErrorCode::not_found, "no-such-annotator: not found");
  expect_error(options_for("/dev/null"), ErrorCode::not_found, "cannot be run (exit code 126)");
  auto options = options_for("exit 0");
  options.restarts = 0;
  expect_error(options, ErrorCode::io, "ended with exit code 0 before it answered q/0");
  options.command = "echo oh >&2; kill -TERM $$";
  expect_error(options, ErrorCode::io, "was ended by signal 15 before it answered q/0; it wrote:\noh");
}

TEST(Annotator, SaysWhatIsWrongWithAReply) {
  expect_error(options_for(helper("garbage")), ErrorCode::bad_input, "reply to q/0 is not JSON");
  expect_error(options_for(helper("wrong_id")), ErrorCode::bad_input, "reply to q/0 has the id 'another'");
  expect_error(options_for(helper("twice")), ErrorCode::bad_input, "reply to q/1 has the id 'q/0'");
  expect_error(options_for(helper("twice")), ErrorCode::bad_input, "wrote a line after the last reply", 1);
  expect_error(options_for(helper("outside")), ErrorCode::bad_input, "from 0 to 16, outside the text's 15 characters");
  auto options = options_for(helper("long"));
  options.reply_bytes = 50000;
  expect_error(options, ErrorCode::bad_input, "a line of more than 50000 bytes in reply to q/0");
  options.command = helper("endless");
  expect_error(options, ErrorCode::bad_input, "a line of more than 50000 bytes in reply to q/0");
}

TEST(Annotator, RefusesATextThatIsNotUtf8) {
  const std::vector<AnnotatorText> texts{{"q/7", "ab\xFF"}};
  const auto result = annotate(texts, options_for("cat"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "q/7 cannot be annotated: byte 2 of its text is not UTF-8");
}

// ---------------------------------------------------------------------------------------------- nothing is left

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

TEST(Annotator, LeavesNoProcessNoDescriptorAndNoSignal) {
  (void)annotate(Numbered(2).items(), options_for(helper("behave")));
  const std::size_t before = open_descriptors();
  auto options = options_for("");
  options.restarts = 1;
  options.reply_timeout = kNear;
  for (const auto* command :
       {"exit 1", "sleep 600 | sleep 600", "exec 1>&- 2>&-; exec sleep 600", "no-such-annotator"}) {
    options.command = command;
    EXPECT_FALSE(annotate(Numbered(500).items(), options)) << command;
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

// ---------------------------------------------------------------------------------------------- lines

TEST(AnnotatorLines, MapLabels) {
  EXPECT_EQ(entity_type_of("PERSON"), EntityType::person);
  EXPECT_EQ(entity_type_of("per"), EntityType::person);
  EXPECT_EQ(entity_type_of("ORG"), EntityType::organization);
  for (const auto* label : {"GPE", "LOC", "FAC"}) EXPECT_EQ(entity_type_of(label), EntityType::location);
  for (const auto* label : {"NORP", "DATE", "", "PERSONS"}) EXPECT_FALSE(entity_type_of(label));
}

TEST(AnnotatorLines, NameWhatIsWrong) {
  const auto what = [](std::string_view line) {
    const auto reply = parse_annotator_reply(line, "q", "Aé");
    return reply ? std::string("fine") : reply.error().what.substr(std::string("the annotator's reply to q ").size());
  };
  EXPECT_EQ(what(R"({"id":"q","entities":[{"start":1,"end":2,"label":"ORG"}],"more":1})"), "fine");
  EXPECT_EQ(what("[]"), "is not an object");
  EXPECT_EQ(what(R"({"entities":[]})"), "has no text field 'id'");
  EXPECT_EQ(what(R"({"id":1,"entities":[]})"), "has no text field 'id'");
  EXPECT_EQ(what(R"({"id":"q"})"), "has no list 'entities'");
  EXPECT_EQ(what(R"({"id":"q","entities":[1]})"), "holds an entity that is not an object");
  EXPECT_EQ(what(R"({"id":"q","entities":[{"start":0,"end":1}]})"), "holds an entity without a text field 'label'");
  EXPECT_EQ(what(R"({"id":"q","entities":[{"start":0.5,"end":1,"label":"ORG"}]})"),
            "holds an entity without a whole number 'start'");
  for (const auto* range : {"[-1,1]", "[0,3]", "[0,9223372036854775807]"}) {
    const auto offsets = nlohmann::json::parse(range);
    const nlohmann::json entity{{"start", offsets[0]}, {"end", offsets[1]}, {"label", "DATE"}};
    EXPECT_THAT(what(nlohmann::json{{"id", "q"}, {"entities", {entity}}}.dump()), HasSubstr("outside the text's 2"))
        << range;
  }
  EXPECT_EQ(what(R"({"id":"q","entities":[{"start":1,"end":1,"label":"ORG"}]})"), "holds an empty entity, from 1 to 1");
  EXPECT_EQ(what(R"({"id":"q","entities":[{"start":2,"end":1,"label":"ORG"}]})"),
            "holds an entity from 2 to 1, which ends before it begins");
  EXPECT_THAT(what("Loading…"), HasSubstr("is not JSON"));
  EXPECT_THAT(what("\xFF"), HasSubstr("it is not UTF-8 either"));
}

RC_GTEST_PROP(AnnotatorLines, ARequestIsOneLineOfAsciiThatAJsonReaderReadsBack, ()) {
  const auto points = *rc::gen::container<std::vector<std::uint32_t>>(
      rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(1, 0x300), rc::gen::inRange<std::uint32_t>(0x2000, 0xD800),
                     rc::gen::inRange<std::uint32_t>(0xE000, 0x110000)));
  std::string escaped;
  for (const auto c : points) {
    char unit[16];
    if (c < 0x10000) {
      std::snprintf(unit, sizeof unit, "\\u%04x", c);
    } else {
      std::snprintf(unit, sizeof unit, "\\u%04x\\u%04x", 0xD800U + ((c - 0x10000U) >> 10U),
                    0xDC00U + ((c - 0x10000U) & 0x3FFU));
    }
    escaped += unit;
  }
  const auto text = nlohmann::json::parse("\"" + escaped + "\"").get<std::string>();
  const std::string line = annotator_request("q/1", text);
  RC_ASSERT(line.find('\n') == line.size() - 1);
  for (const char c : line) RC_ASSERT(static_cast<unsigned char>(c) < 0x7F);
  RC_ASSERT(nlohmann::json::parse(line) == (nlohmann::json{{"id", "q/1"}, {"text", text}}));
}

}  // namespace
}  // namespace phasewatt::workload
