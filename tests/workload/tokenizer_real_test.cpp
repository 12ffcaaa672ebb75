// The published vocabularies beside the source tree: llama.cpp's test vectors, cross-checks, the paper's lengths.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/sample.h"
#include "phasewatt/workload/tokenizer.h"

namespace phasewatt::workload {
namespace {

using Ids = std::vector<std::uint32_t>;

std::filesystem::path folder(const std::string& family) {
  return std::filesystem::path(PHASEWATT_SHARED_DIR) / "tokenizers" / family;
}

Ids encoded(TokenEncoder& encoder, std::string_view text) {
  Ids ids;
  encoder.encode(text, ids);
  EXPECT_EQ(encoder.count(text), ids.size());
  return ids;
}

struct Family {
  const char* folder;
  const char* vectors;
  std::vector<std::string> files;
  std::size_t size;

  friend std::ostream& operator<<(std::ostream& out, const Family& family) { return out << family.folder; }
};

class RealTokenizer : public testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder(GetParam().folder)))
      GTEST_SKIP() << "the published vocabularies are not beside the source tree";
    for (const auto& file : GetParam().files) {
      auto tokenizer = Tokenizer::open(folder(GetParam().folder) / file);
      ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
      tokenizers.push_back(std::move(*tokenizer));
    }
  }

  std::vector<Tokenizer> tokenizers;
};

TEST_P(RealTokenizer, IsRecognised) {
  for (const auto& tokenizer : tokenizers) {
    EXPECT_EQ(tokenizer.name(), GetParam().folder);
    EXPECT_EQ(tokenizer.size(), GetParam().size);
  }
}

TEST_P(RealTokenizer, GivesTheIdsOfLlamaCppsVectors) {
  const auto text = read_file(folder(GetParam().folder) / (std::string(GetParam().vectors) + ".inp"));
  std::ifstream ids(folder(GetParam().folder) / (std::string(GetParam().vectors) + ".out"));
  ASSERT_TRUE(text);
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::size_t count = 0;
  for (std::size_t at = 0; at <= text->size(); ++count) {
    const std::size_t end = std::min(text->find(separator, at), text->size());
    const std::string input = text->substr(at, end - at);
    at = end + separator.size();
    // The last text is empty, and so is its line.
    std::string line;
    if (!std::getline(ids, line)) {
      ASSERT_EQ(input, "");
    }
    std::istringstream numbers(line);
    const Ids expected{std::istream_iterator<std::uint32_t>(numbers), {}};
    for (const auto& tokenizer : tokenizers) {
      TokenEncoder encoder(tokenizer);
      EXPECT_EQ(encoded(encoder, input), expected) << tokenizer.describe() << ": " << input;
    }
  }
  EXPECT_EQ(count, 47U);
}

TEST_P(RealTokenizer, GivesTheIdsOfTheCrossChecks) {
  std::ifstream file(folder(GetParam().folder) / "xcheck.jsonl");
  std::vector<TokenEncoder> encoders;
  for (const auto& tokenizer : tokenizers) encoders.emplace_back(tokenizer);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const auto row = nlohmann::json::parse(line);
    const auto text = row.at("text").get<std::string>();
    for (std::size_t i = 0; i < encoders.size(); ++i) {
      const Ids ids = encoded(encoders[i], text);
      EXPECT_EQ(ids, row.at("ids").get<Ids>()) << text;
      const auto back = tokenizers[i].decode(ids);
      ASSERT_TRUE(back);
      EXPECT_EQ(*back, text);
    }
  }
  EXPECT_EQ(count, 200U);
}

INSTANTIATE_TEST_SUITE_P(
    Families, RealTokenizer,
    testing::Values(Family{"llama-3", "ggml-vocab-llama-bpe.gguf", {"", "tokenizer.model"}, 128256},
                    Family{"qwen2.5", "ggml-vocab-qwen2.gguf", {"", "merges.txt", "qwen.tiktoken"}, 151665}),
    [](const auto& values) { return std::string(values.param.folder).substr(0, 4); });

class PaperTokens : public testing::Test {};

TEST_F(PaperTokens, LengthsOfThePaperSampleInLlama3Tokens) {
  const std::filesystem::path shared = PHASEWATT_SHARED_DIR;
  if (!std::filesystem::exists(folder("llama-3")) || !std::filesystem::exists(shared / "datasets/boolq/val.jsonl"))
    GTEST_SKIP() << "the real datasets and vocabularies are not beside the source tree";
  const auto tokenizer = Tokenizer::open(folder("llama-3"));
  ASSERT_TRUE(tokenizer);
  TokenEncoder encoder(*tokenizer);
  struct Row {
    const char* name;
    double mean, deviation;
  };
  for (const auto& [name, mean, deviation] :
       {Row{"truthfulqa", 16.8, 7.1}, Row{"boolq", 136.4, 59.8}, Row{"narrativeqa", 434.9, 45.8}}) {
    const auto dataset = load_dataset({name, {}, {}}, shared / "datasets");
    ASSERT_TRUE(dataset);
    const auto queries = draw({SampleSpec::Kind::paper, 1000}, *dataset, 0);
    ASSERT_TRUE(queries);
    double sum = 0;
    double squares = 0;
    for (const auto& query : *queries) {
      const auto count = static_cast<double>(encoder.count(query.prompt));
      sum += count;
      squares += count * count;
    }
    const auto n = static_cast<double>(queries->size());
    EXPECT_NEAR(sum / n, mean, 0.0501) << name;
    EXPECT_NEAR(std::sqrt(squares / n - sum / n * sum / n), deviation, 0.0501) << name;
  }
}

}  // namespace
}  // namespace phasewatt::workload
