#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "phasewatt/engine/model/tensors.h"
#include "tests/engine/embedded/variants.h"

/// Against Hugging Face transformers: models and values by tools/make_model_references.py.
namespace phasewatt::engine::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(PHASEWATT_SOURCE_DIR) / "tests/engine/embedded/data";

std::vector<fs::path> folders() {
  std::vector<fs::path> out;
  std::error_code ec;
  for (fs::directory_iterator entry(kData, ec), end; !ec && entry != end; entry.increment(ec))
    if (fs::exists(entry->path() / "reference.json")) out.push_back(entry->path());
  return out;
}

nlohmann::json cases_of(const fs::path& folder) {
  std::ifstream in(folder / "reference.json");
  return nlohmann::json::parse(in).at("cases");
}

using Ids = std::vector<std::int64_t>;

TEST(References, Logits) {
  if (folders().empty()) GTEST_SKIP() << "no references in " << kData;
  for (const auto& folder : folders()) {
    const auto config = model::read_config(folder).value();
    const auto weights = model::WeightFiles::open(folder).value();
    ASSERT_TRUE(model::check_tensors(config, weights, folder.string())) << folder;
    const Forward forward = make_forward(config, weights, 1, 64);
    for (const auto& one : cases_of(folder)) {
      const auto ids = one.at("prompt").get<Ids>();
      const embedded::Piece piece{0, 0, ids, static_cast<std::int64_t>(ids.size())};
      const std::vector<double> found = forward({&piece, 1});
      std::vector<double> expected;
      for (const auto& row : one.at("logits"))
        for (const double logit : row) expected.push_back(logit);
      ASSERT_EQ(found.size(), expected.size());
      double difference = 0;
      double size = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        difference += (found[i] - expected[i]) * (found[i] - expected[i]);
        size += expected[i] * expected[i];
      }
      EXPECT_LT(std::sqrt(difference / size), 1e-5) << folder.filename() << ", " << ids.size() << " tokens";
    }
  }
}

TEST(References, GreedyAnswersAndScores) {
  if (folders().empty()) GTEST_SKIP() << "no references in " << kData;
  for (const auto& folder : folders()) {
    const auto engine = number_engine();
    ASSERT_TRUE(engine->load(folder.string())) << folder;
    const auto cases = cases_of(folder);
    Batch batch;
    for (const auto& one : cases) batch.add(one.at("prompt").get<Ids>(), one.at("options").get<std::vector<Ids>>());
    Spans spans;
    const auto said = engine->generate(batch.all(), {12, StopRule::length}, spans).value();
    const auto scored = engine->score(batch.all(), spans).value();
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(said[i].text, words(cases[i].at("greedy").get<Ids>())) << folder.filename() << ", case " << i;
      const auto expected = cases[i].at("option_logprobs").get<std::vector<double>>();
      ASSERT_EQ(scored[i].option_logprobs.size(), expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k)
        EXPECT_NEAR(scored[i].option_logprobs[k], expected[k], 1e-4) << folder.filename() << ", case " << i;
    }
  }
}

}  // namespace
}  // namespace phasewatt::engine::tests
