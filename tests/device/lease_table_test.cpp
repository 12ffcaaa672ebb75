#include "phasewatt/device/lease/lease_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/device/lease_world.h"

namespace phasewatt::device::lease {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::bytes_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_request;

/// Two cards, A and B, with three clocks each.
class LeaseTableTest : public ::testing::Test {
 protected:
  LeaseTableTest() { world_.cards.resize(2); }

  Reply ask(int client, Op op, const std::string& gpu = {}, std::uint32_t value = 0) {
    world_.replies.erase(client);
    table_.message(client, bytes_of(make_request(op, gpu, value)), now_);
    return world_.replies.at(client);
  }
  Verdict lock(int client, const std::string& gpu, std::uint32_t mhz) {
    return ask(client, Op::lock, gpu, mhz).verdict;
  }
  void pass(Nanos span) {
    now_ += span;
    table_.tick(now_);
  }

  testing::World world_;
  LeaseTable table_{{{"A", {300, 600, 900}}, {"B", {300, 600, 900}}}, {}, world_};
  Nanos now_ = seconds(100);
};

TEST_F(LeaseTableTest, JournalsBeforeItLocksAndClearsTheJournalAfterItRestored) {
  table_.connect(1, {10, 1000}, now_);
  EXPECT_EQ(lock(1, "A", 900), Verdict::ok);
  table_.close(1, now_);
  EXPECT_THAT(world_.events, ElementsAre("journal A", "lock 0 900", "reset 0", "journal"));
  EXPECT_TRUE(table_.clean());
}

TEST_F(LeaseTableTest, SnapsAndSaysWhereTheRangeEnds) {
  table_.connect(1, {}, now_);
  EXPECT_EQ(ask(1, Op::lock, "A", 700).locked_mhz, 600U);
  EXPECT_EQ(ask(1, Op::lock, "A", 760).locked_mhz, 900U);
  const Reply reply = ask(1, Op::lock, "A", 901);
  EXPECT_EQ(reply.verdict, Verdict::out_of_range);
  EXPECT_EQ(reply.least_mhz, 300U);
  EXPECT_EQ(reply.most_mhz, 900U);
  EXPECT_EQ(world_.cards[0].lock, 900U) << "a refused request changes nothing";
}

TEST_F(LeaseTableTest, OneWriterPerGpuUntilItCloses) {
  table_.connect(1, {10, 1000}, now_);
  table_.connect(2, {20, 1001}, now_);
  EXPECT_EQ(lock(1, "A", 600), Verdict::ok);
  const Reply reply = ask(2, Op::lock, "A", 900);
  EXPECT_EQ(reply.verdict, Verdict::busy);
  EXPECT_EQ(reply.owner_pid, 10U);
  EXPECT_EQ(reply.owner_uid, 1000U);
  EXPECT_EQ(ask(2, Op::reset, "A").verdict, Verdict::busy);
  EXPECT_EQ(lock(2, "B", 900), Verdict::ok);
  EXPECT_EQ(ask(1, Op::reset, "A").verdict, Verdict::ok);
  EXPECT_EQ(lock(2, "A", 900), Verdict::busy) << "a stock-clock point must not be disturbed either";
  table_.close(1, now_);
  EXPECT_EQ(lock(2, "A", 900), Verdict::ok);
}

TEST_F(LeaseTableTest, SilenceEndsTheLeaseAndBeatsKeepIt) {
  table_.connect(1, {}, now_);
  lock(1, "A", 600);
  for (int i = 0; i < 5; ++i) {
    pass(milliseconds(1999));
    EXPECT_EQ(ask(1, Op::beat).verdict, Verdict::ok);
  }
  EXPECT_EQ(table_.next_tick(), now_ + seconds(2));
  pass(seconds(2));
  EXPECT_EQ(world_.replies.at(1).verdict, Verdict::expired);
  EXPECT_FALSE(world_.cards[0].lock);
  EXPECT_THAT(world_.dropped, ElementsAre(1));
  EXPECT_FALSE(table_.next_tick());
}

TEST_F(LeaseTableTest, WhatTheJournalHoldsIsResetFirstAndAbsentCardsStayInIt) {
  world_.cards[1].lock = 300;
  table_.recover({"gone", "B"}, now_);
  EXPECT_THAT(world_.events, ElementsAre("reset 1", "journal gone"));
  EXPECT_FALSE(world_.cards[1].lock);
  table_.connect(1, {}, now_);
  lock(1, "A", 600);
  EXPECT_THAT(world_.journalled, ElementsAre("gone", "A"));
}

TEST_F(LeaseTableTest, ARestoreThatFailsIsTriedAgainAndKeepsOthersOut) {
  table_.connect(1, {}, now_);
  table_.connect(2, {}, now_);
  lock(1, "A", 600);
  world_.cards[0].reset_code = 15;
  table_.close(1, now_);
  EXPECT_EQ(lock(2, "A", 600), Verdict::restoring);
  EXPECT_THAT(world_.journalled, ElementsAre("A"));
  ask(2, Op::beat);
  pass(milliseconds(100));
  EXPECT_TRUE(world_.cards[0].lock);
  world_.cards[0].reset_code = 0;
  pass(milliseconds(200));
  EXPECT_FALSE(world_.cards[0].lock);
  EXPECT_THAT(world_.journalled, IsEmpty());
  EXPECT_EQ(lock(2, "A", 600), Verdict::ok);
}

TEST_F(LeaseTableTest, WithoutAJournalNothingIsChanged) {
  table_.connect(1, {}, now_);
  world_.journal_works = false;
  EXPECT_EQ(lock(1, "A", 600), Verdict::journal_failed);
  EXPECT_FALSE(world_.cards[0].lock);
  world_.journal_works = true;
  EXPECT_EQ(lock(1, "A", 600), Verdict::ok);
}

TEST_F(LeaseTableTest, AJournalThatCouldNotBeClearedIsWrittenAnewBeforeTheNextLock) {
  table_.connect(1, {}, now_);
  lock(1, "A", 600);
  world_.journal_works = false;
  ask(1, Op::reset, "A");
  world_.journalled.clear();  // whatever became of it
  world_.journal_works = true;
  EXPECT_EQ(lock(1, "A", 600), Verdict::ok);
  EXPECT_THAT(world_.journalled, ElementsAre("A"));
}

TEST_F(LeaseTableTest, ADriverThatRefusesLeavesTheStockClock) {
  table_.connect(1, {}, now_);
  world_.cards[0].set_code = 4;
  const Reply reply = ask(1, Op::lock, "A", 600);
  EXPECT_EQ(reply.verdict, Verdict::driver_failed);
  EXPECT_EQ(reply.driver_code, 4);
  EXPECT_EQ(reply.present & has_lock, 0U);
  EXPECT_FALSE(world_.cards[0].lock);
}

TEST_F(LeaseTableTest, SwitchesAreLimitedButTakingBackIsNot) {
  table_.connect(1, {}, now_);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(lock(1, "A", 600), Verdict::ok);
  const Reply reply = ask(1, Op::lock, "A", 300);
  EXPECT_EQ(reply.verdict, Verdict::rate_limited);
  EXPECT_EQ(reply.wait_ms, 50U);
  EXPECT_EQ(world_.cards[0].lock, 600U);
  EXPECT_EQ(lock(1, "B", 600), Verdict::ok) << "each GPU has its own limit";
  EXPECT_EQ(ask(1, Op::reset, "A").verdict, Verdict::ok);
  EXPECT_FALSE(world_.cards[0].lock);
  pass(milliseconds(reply.wait_ms));
  EXPECT_EQ(lock(1, "A", 300), Verdict::ok);
}

TEST_F(LeaseTableTest, ResetTakesBackWhatOthersLockedOnceAndTwiceIsNothing) {
  world_.cards[0].lock = 450;  // by somebody else
  table_.connect(1, {}, now_);
  EXPECT_EQ(ask(1, Op::reset, "A").verdict, Verdict::ok);
  EXPECT_FALSE(world_.cards[0].lock);
  EXPECT_EQ(ask(1, Op::reset, "A").verdict, Verdict::ok);
  EXPECT_THAT(world_.events, ElementsAre("reset 0"));
}

TEST_F(LeaseTableTest, MigAndUnknownCardsAreRefused) {
  world_.cards[0].look.mig = true;
  table_.connect(1, {}, now_);
  EXPECT_EQ(lock(1, "A", 600), Verdict::mig);
  EXPECT_EQ(ask(1, Op::reset, "A").verdict, Verdict::mig);
  EXPECT_EQ(ask(1, Op::read, "A").verdict, Verdict::mig);
  EXPECT_EQ(lock(1, "C", 600), Verdict::unknown_gpu);
  EXPECT_EQ(ask(1, Op::read, "", 2).verdict, Verdict::unknown_gpu);
  EXPECT_THAT(world_.events, IsEmpty());
  EXPECT_EQ(lock(1, "B", 600), Verdict::ok);
  world_.cards[1].look.mig = true;
  table_.close(1, now_);
  EXPECT_FALSE(world_.cards[1].lock) << "a card that was split under its lock comes back too";
}

TEST_F(LeaseTableTest, ABadMessageEndsTheConnectionAndItsLease) {
  table_.connect(1, {}, now_);
  lock(1, "A", 600);
  table_.message(1, {}, now_);
  EXPECT_EQ(world_.replies.at(1).verdict, Verdict::bad_message);
  EXPECT_FALSE(world_.cards[0].lock);
  EXPECT_THAT(world_.dropped, ElementsAre(1));
}

TEST_F(LeaseTableTest, PlacesAreLimitedPerUserAndInAll) {
  int client = 0;
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(table_.connect(++client, {1, 1000}, now_));
  EXPECT_FALSE(table_.connect(++client, {1, 1000}, now_));
  EXPECT_EQ(world_.replies.at(client).verdict, Verdict::too_many);
  for (std::uint32_t uid = 0; uid < 48; ++uid) EXPECT_TRUE(table_.connect(++client, {1, uid}, now_));
  EXPECT_FALSE(table_.connect(++client, {1, 2000}, now_));
}

TEST_F(LeaseTableTest, ReadingTellsLockWriterAndClockByUuidAndByIndex) {
  table_.connect(1, {10, 1000}, now_);
  table_.connect(2, {20, 1001}, now_);
  lock(1, "B", 600);
  world_.cards[1].look = {false, 600, 2};
  for (const Reply& reply : {ask(2, Op::read, "B"), ask(2, Op::read, "", 1)}) {
    EXPECT_EQ(reply.verdict, Verdict::ok);
    EXPECT_EQ(text_of(reply.gpu), "B");
    EXPECT_EQ(reply.present, static_cast<std::uint32_t>(has_lock | has_owner | has_seen | has_reasons));
    EXPECT_EQ(reply.seen_mhz, 600U);
    EXPECT_EQ(reply.owner_pid, 10U);
  }
  EXPECT_NE(ask(1, Op::read, "B").present & is_yours, 0U);
  EXPECT_EQ(ask(1, Op::read, "A").present, 0U) << "absent is absent";
}

TEST_F(LeaseTableTest, EveryChangeLeavesALine) {
  table_.connect(1, {10, 1000}, now_);
  lock(1, "A", 900);
  world_.cards[0].reset_code = 15;
  table_.close(1, now_);
  world_.cards[0].reset_code = 0;
  pass(milliseconds(100));
  EXPECT_THAT(world_.audits, ElementsAre("lock uid=1000 pid=10 gpu=A from=- to=900 result=0",
                                         "closed uid=1000 pid=10 gpu=A from=900 to=stock result=15",
                                         "retry uid=- gpu=A from=900 to=stock result=0"));
}

TEST(ForeignWriter, IsReadOffTheClockUnderLoadOnly) {
  constexpr std::uint64_t kIdle = 1;
  constexpr std::uint64_t kLocked = 2;
  constexpr std::uint64_t kPowerCap = 4;
  EXPECT_EQ(foreign_writer({false, {}, {}}, 600), Foreign::cannot_know);
  EXPECT_EQ(foreign_writer({false, 300, kIdle}, 600), Foreign::cannot_know);
  EXPECT_EQ(foreign_writer({false, 600, kLocked}, 600), Foreign::not_seen);
  EXPECT_EQ(foreign_writer({false, 900, kLocked}, 600), Foreign::suspected);
  EXPECT_EQ(foreign_writer({false, 500, kPowerCap}, 600), Foreign::cannot_know) << "power explains it";
  EXPECT_EQ(foreign_writer({false, 900, kPowerCap}, 600), Foreign::suspected) << "power never raises a clock";
  EXPECT_EQ(foreign_writer({false, 900, kLocked}, {}), Foreign::suspected);
  EXPECT_EQ(foreign_writer({false, 900, 0}, {}), Foreign::not_seen);
}

TEST_F(LeaseTableTest, AClockThatIsStillSwitchingAccusesNobody) {
  world_.cards[0].look = {false, 900, 0};
  table_.connect(1, {}, now_);
  lock(1, "A", 300);
  EXPECT_EQ(ask(1, Op::read, "A").foreign, Foreign::cannot_know);
  pass(seconds(1));
  EXPECT_EQ(ask(1, Op::read, "A").foreign, Foreign::suspected);
}

}  // namespace
}  // namespace phasewatt::device::lease
