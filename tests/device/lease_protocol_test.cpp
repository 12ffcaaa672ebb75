#include <gtest/gtest.h>

#include "phasewatt/device/lease/protocol.h"
#include "tests/device/lease_world.h"

namespace phasewatt::device::lease {
namespace {

using testing::bytes_of;
using testing::make_request;

TEST(LeaseProtocol, ARequestOfEachKindReads) {
  EXPECT_TRUE(parse_request(bytes_of(make_request(Op::beat))));
  EXPECT_TRUE(parse_request(bytes_of(make_request(Op::read, "GPU-a"))));
  EXPECT_TRUE(parse_request(bytes_of(make_request(Op::read, "", 3))));
  EXPECT_TRUE(parse_request(bytes_of(make_request(Op::reset, "GPU-a"))));
  const auto lock = parse_request(bytes_of(make_request(Op::lock, "GPU-a", 900)));
  ASSERT_TRUE(lock);
  EXPECT_EQ(lock->value, 900U);
  EXPECT_EQ(text_of(lock->gpu), "GPU-a");
}

TEST(LeaseProtocol, WhatIsOutOfBoundsDoesNot) {
  const auto rejected = [](auto change) {
    Request request = make_request(Op::lock, "GPU-a", 900);
    change(request);
    return !parse_request(bytes_of(request));
  };
  EXPECT_FALSE(rejected([](Request&) {}));
  EXPECT_TRUE(rejected([](Request& r) { r.magic ^= 1U; }));
  EXPECT_TRUE(rejected([](Request& r) { r.version = 2; }));
  EXPECT_TRUE(rejected([](Request& r) { r.op = static_cast<Op>(4); }));
  EXPECT_TRUE(rejected([](Request& r) { r.sequence = 0; }));
  EXPECT_TRUE(rejected([](Request& r) { r.value = 0; }));
  EXPECT_TRUE(rejected([](Request& r) { r.value = kHighestMhz + 1; }));
  EXPECT_TRUE(rejected([](Request& r) { r.gpu = {}; }));
  EXPECT_TRUE(rejected([](Request& r) { r.gpu.fill('x'); }));
  EXPECT_TRUE(rejected([](Request& r) { r.gpu[20] = 'x'; }));
  EXPECT_TRUE(rejected([](Request& r) { r.gpu[1] = '\n'; }));
  EXPECT_TRUE(rejected([](Request& r) { r.op = Op::reset; }));
  EXPECT_TRUE(rejected([](Request& r) { r.op = Op::beat; }));
}

TEST(LeaseProtocol, LengthsOtherThanAPacketsDoNotRead) {
  const std::vector<std::byte> zeros(4 * sizeof(Reply));
  for (std::size_t n = 0; n <= zeros.size(); ++n) {
    EXPECT_FALSE(parse_request(std::span(zeros).first(n)));
    EXPECT_FALSE(parse_reply(std::span(zeros).first(n)));
  }
  const Reply reply;
  EXPECT_TRUE(parse_reply(std::as_bytes(std::span(&reply, 1))));
  EXPECT_FALSE(parse_reply(std::as_bytes(std::span(&reply, 1)).first(sizeof(reply) - 1)));
}

TEST(LeaseProtocol, AReplyOfALaterHelperIsNotGuessedAt) {
  Reply reply;
  reply.verdict = static_cast<Verdict>(kLastVerdict + 1);
  EXPECT_FALSE(parse_reply(std::as_bytes(std::span(&reply, 1))));
}

TEST(LeaseProtocol, AUuidTooLongIsNoField) {
  EXPECT_TRUE(to_uuid("GPU-01234567-89ab-cdef-0123-456789abcdef"));
  EXPECT_TRUE(to_uuid(std::string(kUuidBytes - 1, 'x')));
  EXPECT_FALSE(to_uuid(std::string(kUuidBytes, 'x')));
  EXPECT_FALSE(to_uuid("GPU a"));
}

}  // namespace
}  // namespace phasewatt::device::lease
