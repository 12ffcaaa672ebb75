#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/store/writer.h"
#include "tests/store/studies.h"

namespace phasewatt::store {
namespace {

using ::testing::ElementsAre;
using testing::Folder;
using ::testing::Key;
using testing::make_plan;
using testing::make_record;

TEST(StoreResume, ASparedPointIsOverAndHasNoNumbers) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 3, 2);
  {
    auto writer = Writer::create(folder / "a.db", false);
    ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
    ASSERT_TRUE((*writer)->add(make_record(plan, 0)).ok());
    ASSERT_TRUE((*writer)->add(make_record(plan, 1)).ok());
    ASSERT_TRUE((*writer)->spare(2).ok());
    ASSERT_TRUE((*writer)->end(true).ok());
  }
  const auto status = read_status(folder / "a.db");
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(status->complete);
  EXPECT_EQ(status->points_done, 2);
  EXPECT_EQ(status->points_spared, 1);
  auto writer = Writer::open(folder / "a.db");
  ASSERT_TRUE(writer.ok());
  const auto over = (*writer)->begin(plan);
  ASSERT_TRUE(over.ok()) << to_string(over.error());
  ASSERT_EQ(over->size(), 3U);
  EXPECT_TRUE(over->at(2).spared);
  const RunRecord kept = make_record(plan, 1);
  EXPECT_EQ(over->at(1).energy, kept.energy);
  EXPECT_EQ(over->at(1).validity, kept.validity);
  EXPECT_EQ(over->at(1).wall_s, kept.wall_s);
}

TEST(StoreResume, VoidPointsCanBeForgottenAndRunAgain) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 9, 2);
  {
    auto writer = Writer::create(folder / "a.db", false);
    ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
    for (const RunPoint& point : plan.points) ASSERT_TRUE((*writer)->add(make_record(plan, point.index)).ok());
    ASSERT_TRUE((*writer)->end(true).ok());
  }
  const std::string whole = content_digest(folder / "a.db").value();
  auto writer = Writer::open(folder / "a.db");
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*writer)->forget_void().value(), 2);  // points 1 and 7
  EXPECT_EQ(read_status(folder / "a.db")->requests, 14);
  const auto done = (*writer)->begin(plan);
  ASSERT_TRUE(done.ok());
  EXPECT_THAT(*done, ElementsAre(Key(0U), Key(2U), Key(3U), Key(4U), Key(5U), Key(6U), Key(8U)));
  ASSERT_TRUE((*writer)->add(make_record(plan, 7)).ok());
  ASSERT_TRUE((*writer)->add(make_record(plan, 1)).ok());
  ASSERT_TRUE((*writer)->end(true).ok());
  EXPECT_EQ(content_digest(folder / "a.db").value(), whole);
}

// What was spared may be needed once the void points of its cell run again.
TEST(StoreResume, ForgettingVoidPointsForgetsWhatWasSpared) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 3, 2);
  {
    auto writer = Writer::create(folder / "a.db", false);
    ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
    for (const std::uint32_t index : {0U, 1U}) ASSERT_TRUE((*writer)->add(make_record(plan, index)).ok());
    ASSERT_TRUE((*writer)->spare(2).ok());
    ASSERT_TRUE((*writer)->end(true).ok());
  }
  auto writer = Writer::open(folder / "a.db");
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*writer)->forget_void().value(), 1);  // point 1
  const auto over = (*writer)->begin(plan);
  ASSERT_TRUE(over.ok());
  EXPECT_THAT(*over, ElementsAre(Key(0U)));
}

}  // namespace
}  // namespace phasewatt::store
