#include "phasewatt/engine/embedded/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phasewatt/engine/model/synthetic.h"
#include "tests/engine/embedded/variants.h"

namespace phasewatt::engine::tests {
namespace {

using embedded::BatchTokens;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;

/// Every byte is its own id; id 0 begins a text.
class ByteTokens final : public embedded::TextTokens {
 public:
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text, bool begin) const override {
    std::vector<std::int64_t> out;
    if (begin) out.push_back(0);
    for (const char c : text) out.push_back(c);
    return out;
  }
  [[nodiscard]] Result<std::string> decode(std::span<const std::int64_t> /*ids*/) const override {
    return std::string();
  }
};

model::Config small() {
  auto config = model::synthetic_config("tiny").value();
  config.max_positions = 20;
  return config;
}

TEST(BatchTokens, AnOptionIsAWordOfItsOwn) {
  const auto config = small();
  const ByteTokens bytes;
  const BatchTokens tokens(config, &bytes, 1);
  Query query;
  query.id = "q";
  query.choices = {"a", " b"};
  Request request;
  request.query = &query;
  query.prompt = "P:";
  auto found = tokens.encode({&request, 1}, true, 0).value().at(0);
  EXPECT_THAT(found.prompt, ElementsAre(0, 'P', ':'));
  EXPECT_THAT(found.options, ElementsAre(ElementsAre(' ', 'a'), ElementsAre(' ', 'b')));
  query.prompt = "P:\n";
  found = tokens.encode({&request, 1}, true, 0).value().at(0);
  EXPECT_THAT(found.options.at(0), ElementsAre('a'));
  // The beginning of a text, three bytes, and two of the longer option.
  EXPECT_TRUE(tokens.encode({&request, 1}, true, 14));
  EXPECT_FALSE(tokens.encode({&request, 1}, true, 15));
  query.choices = {""};
  EXPECT_EQ(tokens.encode({&request, 1}, true, 0).error().code, ErrorCode::bad_input);
}

TEST(BatchTokens, ArbitraryIdsBelongToTheQuery) {
  const auto config = small();
  Batch batch;
  batch.add({1, 2, 3, 4, 5, 6, 7, 8}, {{1, 2, 3, 4}, {1, 2, 3, 4}});
  batch.add({1, 2, 3, 4, 5, 6, 7, 8});
  const BatchTokens tokens(config, nullptr, 1);
  const auto first = tokens.encode(batch.all(), false, 0).value();
  const auto again = tokens.encode(batch.all().subspan(0, 1), true, 0).value();
  EXPECT_THAT(first[0].prompt, SizeIs(8));
  EXPECT_EQ(first[0].prompt, again[0].prompt);
  EXPECT_THAT(first[0].prompt, Not(first[1].prompt));
  EXPECT_THAT(again[0].options.at(0), SizeIs(4));
  EXPECT_THAT(again[0].options.at(0), Not(again[0].options.at(1)));
  EXPECT_THAT(BatchTokens(config, nullptr, 2).encode(batch.all(), false, 0).value()[0].prompt, Not(first[0].prompt));
}

}  // namespace
}  // namespace phasewatt::engine::tests
