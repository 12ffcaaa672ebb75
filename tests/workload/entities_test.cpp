// What the shipped entity tagger finds, on small sentences, on hand-labelled questions and on the open corpora.
#include "phasewatt/workload/entities.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "phasewatt/workload/entity_decode.h"
#include "phasewatt/workload/entity_tokens.h"

namespace phasewatt::workload {
namespace {

using Spans = std::vector<EntitySpan>;

Spans tag(std::string_view text) {
  EntityWorker worker(EntityTagger::shipped());
  Spans spans;
  worker.tag(text, spans);
  return spans;
}

/// "Marie Curie/PER, Paris/LOC"
std::string shown(std::string_view text) {
  std::string result;
  for (const auto& span : tag(text)) {
    if (!result.empty()) result += ", ";
    result += std::string(text.substr(span.begin, span.end - span.begin)) + "/" + std::string(to_string(span.type));
  }
  return result;
}

/// Exact-span F1 of pairs of found and wanted mentions.
class F1 {
 public:
  void add(const Spans& found, const Spans& wanted) {
    found_ += found.size();
    wanted_ += wanted.size();
    for (const auto& span : found) {
      right_ += static_cast<std::size_t>(std::count(wanted.begin(), wanted.end(), span));
    }
  }
  [[nodiscard]] double value() const {
    return 2.0 * static_cast<double>(right_) / static_cast<double>(found_ + wanted_);
  }

 private:
  std::size_t found_ = 0, wanted_ = 0, right_ = 0;
};

EntityType type_of(const std::string& name) {
  if (name == "PER") return EntityType::person;
  return name == "ORG" ? EntityType::organization : EntityType::location;
}

TEST(Entities, FindsPersonsOrganizationsAndPlaces) {
  EXPECT_EQ(shown("Barack Obama was born in Hawaii."), "Barack Obama/PER, Hawaii/LOC");
  EXPECT_EQ(shown("She works for Microsoft in London."), "Microsoft/ORG, London/LOC");
  EXPECT_EQ(shown("is new york bigger than london"), "new york/LOC, london/LOC");
  EXPECT_EQ(shown("What happens if you eat too much sugar?"), "");
  EXPECT_EQ(shown("QUESTION: HOW MANY EGGS CAN YOU EAT?"), "");
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown(" \n\t "), "");
}

TEST(Entities, SpansAreBytesOfTheText) {
  const std::string text = "\xE2\x80\x9CYes,\xE2\x80\x9D said Barack Obama\xE2\x80\x99s friend.";
  const auto spans = tag(text);
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(text.substr(spans[0].begin, spans[0].end - spans[0].begin), "Barack Obama");
}

TEST(Entities, GivenTokensGiveSpansInTokens) {
  EntityWorker worker(EntityTagger::shipped());
  const std::vector<std::string_view> tokens{"Barack", "Obama", "visited", "", "Paris", "."};
  Spans spans;
  worker.tag_tokens(tokens, spans);
  EXPECT_EQ(spans, (Spans{{0, 2, EntityType::person}, {4, 5, EntityType::location}}));
}

TEST(Entities, LongSentencesAreTaggedInParts) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "we went to Paris and then ";
  const auto spans = tag(text);
  EXPECT_GT(spans.size(), 290U);
  std::vector<std::string_view> tokens(1000, "Paris");
  EntityWorker worker(EntityTagger::shipped());
  Spans by_token;
  worker.tag_tokens(tokens, by_token);
  ASSERT_FALSE(by_token.empty());
  EXPECT_LE(by_token.back().end, 1000U);
}

RC_GTEST_PROP(Entities, AnyBytesGiveOrderedSpansInside, (const std::string& text)) {
  std::uint32_t last = 0;
  for (const auto& span : tag(text)) {
    RC_ASSERT(span.begin >= last);
    RC_ASSERT(span.begin < span.end);
    RC_ASSERT(span.end <= text.size());
    last = span.end;
  }
}

RC_GTEST_PROP(Entities, TokensCoverAllButWhiteSpaceAndNeverOverlap, ()) {
  const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "Rome", "don't", "U.S.", "Mr.", "AT&T", "3.5", "\xE2\x80\x99", "\xC2\xA0", "\n\n", "\n", ".", "?", "...", "-",
      "Al-Zaman", "@you", "http://a.b/c,", "\xC3\x89mile", "\xFF", "'s", "1,000", "x@y.org", "\xE2", "'"));
  std::string text;
  for (const auto& part : parts) text += part + (*rc::gen::arbitrary<bool>() ? " " : "");
  std::vector<TokenSpan> tokens;
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = next_sentence(text, at, tokens);
    RC_ASSERT(next > at);
    at = next;
    for (const auto& token : tokens) {
      RC_ASSERT(token.begin >= end);
      RC_ASSERT(token.begin < token.end);
      for (std::size_t i = end; i < token.begin; ++i) {
        RC_ASSERT(std::string_view(" \n\xC2\xA0").find(text[i]) != std::string_view::npos);
      }
      end = token.end;
    }
  }
  RC_ASSERT(end <= text.size());
}

/// Tokens between blanks, sentences between bars.
std::string cut(std::string_view text) {
  std::string result;
  std::vector<TokenSpan> tokens;
  for (std::size_t at = 0; at < text.size();) {
    at = next_sentence(text, at, tokens);
    if (!result.empty() && !tokens.empty()) result += " |";
    for (const auto& t : tokens)
      result += (result.empty() ? "" : " ") + std::string(text.substr(t.begin, t.end - t.begin));
  }
  return result;
}

TEST(EntityTokens, ArePartedAsInUniversalDependencies) {
  EXPECT_EQ(cut("Al-Zaman didn't see Rome's U.S. Army."), "Al - Zaman did n't see Rome 's U.S. Army .");
  EXPECT_EQ(cut("Mr. Smith paid $1,000.50 (in cash)..."), "Mr. Smith paid $ 1,000.50 ( in cash ) ...");
  EXPECT_EQ(cut("see http://a.org/b, or a@b.org."), "see http://a.org/b , or a@b.org .");
  EXPECT_EQ(cut("O'Brien works at AT&T"), "O'Brien works at AT&T");
}

TEST(EntityTokens, SentencesEndAtMarksAndLines) {
  EXPECT_EQ(cut("He left. Then he came."), "He left . | Then he came .");
  EXPECT_EQ(cut("Question: is it so\nAnswer:"), "Question : is it so | Answer :");
  EXPECT_EQ(cut("This line is much too long to be a heading or a question, so New\nYork is not cut."),
            "This line is much too long to be a heading or a question , so New York is not cut .");
  EXPECT_EQ(cut("one\n\ntwo"), "one | two");
}

TEST(Entities, WorkersOfOneTaggerAgreeWhateverTheySawBefore) {
  const std::vector<std::string> texts{"Paris Hilton lives in Paris.", "is paris in france",
                                       "IBM hired John Smith in Texas", "The Bank of England raised rates."};
  std::vector<Spans> alone;
  alone.reserve(texts.size());
  for (const auto& text : texts) alone.push_back(tag(text));
  const auto check = [&](std::size_t shift) {
    EntityWorker worker(EntityTagger::shipped());
    Spans spans;
    for (std::size_t round = 0; round < 50; ++round) {
      const std::size_t i = (round + shift) % texts.size();
      worker.tag(texts[i], spans);
      EXPECT_EQ(spans, alone[i]);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) threads.emplace_back(check, t);
  for (auto& thread : threads) thread.join();
}

TEST(Decoder, PicksTheBestAllowedSequence) {
  EntityModel::Transitions transitions{};
  for (auto& rows : transitions) {
    for (std::size_t from = 0; from < kTags; ++from) {
      for (std::size_t to = 0; to + 1 < kTags; ++to) {
        if (to % 2 == 1 && from != to && from + 1 != to) rows[from][to] = kForbidden;
      }
    }
  }
  // I-PER looks best at once, but nothing began; with B-PER before it, it may follow.
  const Scores scores[] = {Scores{10, 30, 0, 0, 0, 0, 0, 0}, Scores{0, 50, 0, 0, 0, 0, 0, 0},
                           Scores{-9, -9, -9, -9, -9, -9, 0, 0}};
  const std::vector<std::uint8_t> classes(3, 0);
  std::vector<Tag> tags(3);
  Decoder decoder;
  decoder.decode(transitions, classes, scores, tags);
  EXPECT_EQ(tags, (std::vector<Tag>{Tag::begin_person, Tag::in_person, Tag::outside}));
}

struct Questions {
  F1 as_is, cased, lowered;
};

/// Hand-labelled; never used for training or tuning.
Questions score_questions() {
  std::ifstream file(std::string(PHASEWATT_SOURCE_DIR) + "/tests/workload/data/question_entities.jsonl");
  Questions scores;
  std::size_t rows = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    const auto row = nlohmann::json::parse(line);
    Spans wanted;
    for (const auto& e : row["entities"]) wanted.push_back({e[0], e[1], type_of(e[2])});
    const std::string cased = row["cased"];
    std::string lowered = cased;
    std::transform(lowered.begin(), lowered.end(), lowered.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    scores.as_is.add(tag(row["text"].get<std::string>()), wanted);
    scores.cased.add(tag(cased), wanted);
    scores.lowered.add(tag(lowered), wanted);
  }
  EXPECT_GE(rows, 200U);
  return scores;
}

TEST(Entities, ScoresOnHandLabelledQuestions) {
  const Questions scores = score_questions();
  EXPECT_GE(scores.as_is.value(), 0.78);
  EXPECT_GE(scores.cased.value(), 0.80);
  EXPECT_GE(scores.lowered.value(), 0.76);
}

TEST(Entities, ScoresOnEnglishWebTreebankTest) {
  const auto path = std::filesystem::path(PHASEWATT_SHARED_DIR) / "ner" / "uner_english_ewt" / "en_ewt-ud-test.iob2";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the labelled corpora are not beside the source tree";
  std::ifstream file(path);
  F1 f1;
  EntityWorker worker(EntityTagger::shipped());
  std::vector<std::string> tokens;
  std::vector<Tag> tags;
  const auto finish = [&] {
    Spans found, wanted;
    const std::vector<std::string_view> views(tokens.begin(), tokens.end());
    worker.tag_tokens(views, found);
    spans_of_tags(tags, wanted);
    f1.add(found, wanted);
    tokens.clear();
    tags.clear();
  };
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) finish();
    if (line.empty() || line[0] == '#') continue;
    std::stringstream columns(line);
    std::string number, token, label;
    std::getline(columns, number, '\t');
    std::getline(columns, token, '\t');
    std::getline(columns, label, '\t');
    tokens.push_back(token);
    const bool named = label.ends_with("-PER") || label.ends_with("-ORG") || label.ends_with("-LOC");
    tags.push_back(named ? static_cast<Tag>(2 * static_cast<int>(type_of(label.substr(2))) + (label[0] == 'I' ? 1 : 0))
                         : Tag::outside);
  }
  finish();
  EXPECT_GE(f1.value(), 0.72);
}

}  // namespace
}  // namespace phasewatt::workload
