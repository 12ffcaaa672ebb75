// The entity model's file: what is written is read, and damage is found.
#include "phasewatt/workload/entity_model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/entities.h"

namespace phasewatt::workload {
namespace {

EntityModel small_model() {
  EntityModel model(16, 32);
  model.transitions()[3][0][1] = 17;
  return model;
}

TEST(EntityModelFile, KeepsRowsFactsAndTransitions) {
  EntityModel model = small_model();
  const std::uint64_t hash = feature(7, 42);
  ASSERT_TRUE(model.put_row(hash, {1, -2, 3, -128, 127, 6}));
  ASSERT_TRUE(model.put_facts(99, {1, 2, 3, first_name | place}));
  const auto read = EntityModel::parse(model.serialize(), "test");
  ASSERT_TRUE(read) << to_string(read.error());
  const Scores row = read->row(hash);
  const std::array<int, kLanes> wanted{1, -2, 3, -128, 127, 6, 0, 0};
  for (std::size_t t = 0; t < kLanes; ++t) EXPECT_EQ(row[t], wanted[t]) << t;
  EXPECT_EQ(read->facts(99).lists, first_name | place);
  EXPECT_EQ(read->facts(mix(98)).cluster, 0);
  EXPECT_EQ(read->transitions()[3][0][1], 17);
  EXPECT_EQ(read->serialize(), model.serialize());
}

TEST(EntityModelFile, FullBucketsTurnRowsAway) {
  EntityModel model(1, 1);
  int stored = 0;
  for (std::uint64_t i = 0; i < 20; ++i) stored += model.put_row(feature(1, i), {1, 1, 1, 1, 1, 1}) ? 1 : 0;
  EXPECT_EQ(stored, 8);
  EXPECT_TRUE(model.put_facts(4, {}));
  EXPECT_FALSE(model.put_facts(8, {}));
}

TEST(EntityModelFile, DamageIsFound) {
  const std::string good = small_model().serialize();
  const auto refused = [](const std::string& bytes) {
    const auto model = EntityModel::parse(bytes, "damaged.bin");
    return !model && model.error().code == ErrorCode::bad_input && model.error().what.starts_with("damaged.bin: ");
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("not a model, but long enough to be looked at"));
  for (const std::size_t size : {std::size_t{31}, std::size_t{32}, good.size() - 1})
    EXPECT_TRUE(refused(good.substr(0, size)));
  EXPECT_TRUE(refused(good + "x"));
  for (const std::size_t at : {0U, 8U, 12U, 16U, 20U, 24U, 40U}) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    EXPECT_TRUE(refused(bytes)) << at;
  }
  std::string huge = good;  // table sizes that would overflow if they were believed
  for (std::size_t at = 16; at < 24; ++at) huge[at] = '\xFF';
  EXPECT_TRUE(refused(huge));
}

TEST(EntityModelFile, ScoresOutOfRangeAreRefused) {
  EntityModel model = small_model();
  model.transitions()[0][0][0] = 30000;
  EXPECT_FALSE(EntityModel::parse(model.serialize(), "test"));
}

TEST(EntityTaggerFile, OpensFromDiskAndNamesWhatIsMissing) {
  const auto missing = EntityTagger::open("/nowhere/model.bin");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  const auto path = std::filesystem::temp_directory_path() / "phasewatt_entity_model_test.bin";
  ASSERT_TRUE(write_file(path, small_model().serialize()));
  EXPECT_TRUE(EntityTagger::open(path));
  std::filesystem::remove(path);
}

TEST(EntityTaggerFile, TheShippedModelStaysSmall) {
  EXPECT_LE(EntityTagger::shipped().model().serialize().size(), 3U << 20);
}

}  // namespace
}  // namespace phasewatt::workload
