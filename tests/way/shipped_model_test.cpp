#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "phasewatt/engine/embedded/embedded_engine.h"
#include "phasewatt/workload/tokenizer.h"

/// The model that ships, by its own tokenizer on the CPU's engine.
namespace phasewatt {
namespace {

const std::string kFolder = PHASEWATT_SOURCE_DIR "/models/tiny";

class FolderTokens final : public engine::embedded::TextTokens {
 public:
  explicit FolderTokens(workload::Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text, bool begin) const override {
    std::vector<std::uint32_t> ids;
    workload::TokenEncoder(tokenizer_).encode(text, ids, {.bos = begin});
    return {ids.begin(), ids.end()};
  }
  [[nodiscard]] Result<std::string> decode(std::span<const std::int64_t> ids) const override {
    return tokenizer_.decode(std::vector<std::uint32_t>(ids.begin(), ids.end()));
  }

 private:
  workload::Tokenizer tokenizer_;
};

class Spans final : public engine::PhaseListener {
 public:
  void on_span(const PhaseSpan& span) override { tokens.push_back(span.tokens); }
  std::vector<double> tokens;
};

class ShippedModel : public testing::Test {
 protected:
  void SetUp() override {
    engine::embedded::EmbeddedOptions options;
    options.open_tokens = [](const std::string& folder) -> Result<std::unique_ptr<engine::embedded::TextTokens>> {
      PHASEWATT_ASSIGN(auto tokenizer, workload::Tokenizer::open(folder));
      return std::unique_ptr<engine::embedded::TextTokens>(std::make_unique<FolderTokens>(std::move(tokenizer)));
    };
    engine_ = engine::embedded::make_cpu_engine(std::move(options));
    const auto info = engine_->load(kFolder);
    ASSERT_TRUE(info) << to_string(info.error());
    EXPECT_EQ(info->parameters, 2927040);
  }

  std::vector<Request> requests(std::vector<std::string> prompts) {
    queries_.clear();
    for (std::string& prompt : prompts) {
      Query& query = queries_.emplace_back();
      query.id = "test/" + std::to_string(queries_.size());
      query.prompt = std::move(prompt);
      query.choices = {"yes", "no"};
    }
    std::vector<Request> out(queries_.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i].query = &queries_[i];
    return out;
  }

  std::unique_ptr<engine::Engine> engine_;
  Spans spans_;

 private:
  std::vector<Query> queries_;
};

// The answers are those of the program that trained it (PyTorch, greedy).
TEST_F(ShippedModel, SaysWhatItSaidWhenItWasTrained) {
  const auto batch = requests({"The", "The island of Guernsey"});
  const auto said = engine_->generate(batch, {32, StopRule::length}, spans_).value();
  EXPECT_THAT(*said[0].text, testing::StartsWith(
                                 " Last One (TV series) -- The Last One is a 2017 American superhero film based on the "
                                 "Marvel Comics character of the same"));
  EXPECT_THAT(*said[1].text, testing::StartsWith(", in the parish of St. Pierre-du-Bois, is a parish of St. "));
  EXPECT_EQ(said[0].output_tokens, 32);
  // Alone it says the same.
  EXPECT_EQ(engine_->generate(std::span(batch).first(1), {32, StopRule::length}, spans_).value()[0].text, said[0].text);
}

TEST_F(ShippedModel, EndsAnAnswer) {
  const auto batch =
      requests({"Water -- Water boils at 100 degrees Celsius.\nQuestion: does water boil at 100 degrees?\nAnswer:"});
  const auto said = engine_->generate(batch, {16, StopRule::eos}, spans_).value();
  EXPECT_THAT(*said[0].text, testing::AnyOf(" yes", " no"));
  EXPECT_EQ(said[0].output_tokens, 2) << "the answer and the end";
  EXPECT_EQ(spans_.tokens.size(), 2U);
}

TEST_F(ShippedModel, ScoresAreLogProbabilities) {
  const auto batch = requests({"Water -- Water boils at 100 degrees Celsius.\nQuestion: does water boil?\nAnswer:",
                               "It was a cold morning, and"});
  const auto scored = engine_->score(batch, spans_).value();
  for (const Outcome& one : scored) {
    ASSERT_EQ(one.option_logprobs.size(), 2U);
    for (const double logprob : one.option_logprobs) EXPECT_TRUE(std::isfinite(logprob) && logprob < 0) << logprob;
  }
  const auto together = [](const Outcome& one) {
    return std::exp(one.option_logprobs[0]) + std::exp(one.option_logprobs[1]);
  };
  EXPECT_GT(together(scored[0]), 0.9) << "a question is answered by yes or no";
  EXPECT_LT(together(scored[1]), 0.1) << "a story goes on";
}

}  // namespace
}  // namespace phasewatt
