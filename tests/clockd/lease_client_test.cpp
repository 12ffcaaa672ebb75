// The client against real helpers on the simulated NVML.
#include "phasewatt/device/lease/lease_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace phasewatt::device {
namespace {

using lease::HelperOptions;
using lease::LeaseConnection;
using ::testing::HasSubstr;

constexpr const char* kGpu = "GPU-aaaaaaaa-0000-0000-0000-000000000001";
constexpr const char* kSplit = "GPU-bbbbbbbb-0000-0000-0000-000000000002";

/// A folder with a state and two simulated GPUs, the second one split by MIG.
class LeaseClientTest : public ::testing::Test {
 protected:
  LeaseClientTest() {
    std::string name = (std::filesystem::temp_directory_path() / "phasewatt-lease-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::ofstream(folder_ / "sim.toml") << "schema = \"nvml-sim/1\"\nnoise = false\n"
                                           "[[gpu]]\nspec = \"h200-sxm\"\npermission = \"any\"\nuuid = \""
                                        << kGpu
                                        << "\"\n"
                                           "[[gpu]]\nspec = \"h200-sxm\"\npermission = \"any\"\nuuid = \""
                                        << kSplit
                                        << "\"\n"
                                           "mig = true\n";
    ::setenv("PHASEWATT_NVML_SIM_STATE", (folder_ / "gpu.state").c_str(), 1);
    ::setenv("PHASEWATT_NVML_SIM_CONFIG", (folder_ / "sim.toml").c_str(), 1);
  }
  ~LeaseClientTest() override { std::filesystem::remove_all(folder_); }

  HelperOptions helper(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--state-dir", (folder_ / "state").string(), "--nvml-library", PHASEWATT_NVML_SIM});
    return {PHASEWATT_CLOCKD, more};
  }
  Result<std::unique_ptr<LeaseClient>> open(const std::string& gpu, std::vector<std::string> more = {}) const {
    PHASEWATT_ASSIGN(auto connection, LeaseConnection::start_helper(helper(std::move(more))));
    return LeaseClient::open(gpu, std::move(connection));
  }
  bool journalled() const { return std::filesystem::exists(folder_ / "state" / "clockd.journal"); }

  std::filesystem::path folder_;
};

TEST_F(LeaseClientTest, LocksSnapsResetsAndGivesBack) {
  {
    auto opened = open(kGpu);
    ASSERT_TRUE(opened) << to_string(opened.error());
    auto& client = **opened;
    EXPECT_FALSE(journalled());
    EXPECT_EQ(client.lock(Mhz(1203)).value(), Mhz(1200));
    EXPECT_TRUE(journalled());
    EXPECT_TRUE(client.held());
    const auto state = client.read();
    ASSERT_TRUE(state);
    EXPECT_EQ(state->locked_mhz, 1200U);
    EXPECT_TRUE(client.reset());
    EXPECT_FALSE(journalled());
    EXPECT_TRUE(client.reset()) << "twice is nothing";
    EXPECT_TRUE(client.lock(Mhz(345)));
  }
  EXPECT_FALSE(journalled()) << "given back on destruction, before it returns";
}

TEST_F(LeaseClientTest, WhatCannotBeIsAnErrorWithItsNextStep) {
  auto opened = open(kGpu, {"--min-mhz", "600", "--max-mhz", "1500", "--switches-per-second", "1"});
  ASSERT_TRUE(opened) << to_string(opened.error());
  auto& client = **opened;
  const auto low = client.lock(Mhz(345));
  ASSERT_FALSE(low);
  EXPECT_EQ(low.error().code, ErrorCode::bad_input);
  EXPECT_THAT(low.error().what, HasSubstr("600 to 1500 MHz"));
  EXPECT_FALSE(client.lock(Mhz(-1)));
  EXPECT_FALSE(client.lock(Mhz(std::nan(""))));
  ASSERT_TRUE(client.lock(Mhz(900)));
  EXPECT_TRUE(client.held()) << "a refusal loses nothing";
  const auto again = client.lock(Mhz(1200));  // the helper's limit on switches is waited out
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(*again, Mhz(1200));
}

TEST_F(LeaseClientTest, MigAndUnknownGpusAreRefusedAtOpen) {
  const auto mig = open(kSplit);
  ASSERT_FALSE(mig);
  EXPECT_EQ(mig.error().code, ErrorCode::unsupported);
  EXPECT_THAT(mig.error().what, HasSubstr("MIG"));
  const auto unknown = open("GPU-b");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
}

TEST_F(LeaseClientTest, WhyAHelperDidNotStartIsSaid) {
  auto broken = helper();
  broken.arguments.back() = (folder_ / "none.so").string();
  const auto failed = LeaseConnection::start_helper(broken);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().what, HasSubstr("none.so"));
  const auto absent = LeaseConnection::start_helper({folder_ / "none", {}});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
}

TEST_F(LeaseClientTest, WithoutADaemonThereIsANextStep) {
  const auto none = LeaseConnection::open({folder_ / "clockd.sock", std::nullopt});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().hint, HasSubstr("systemctl enable --now phasewatt-clockd.socket"));
}

TEST_F(LeaseClientTest, OneHelperAtATime) {
  const auto first = open(kGpu);
  ASSERT_TRUE(first);
  const auto second = open(kGpu);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().what, HasSubstr("another phasewatt-clockd"));
}

TEST_F(LeaseClientTest, AHelperThatIsKilledIsNoticedAndItsLockTakenBack) {
  auto opened = open(kGpu);
  ASSERT_TRUE(opened);
  auto& client = **opened;
  ASSERT_TRUE(client.lock(Mhz(1200)));
  ::kill(client.helper_pid().value(), SIGKILL);
  const auto held = client.held();
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().what, HasSubstr("the helper ended"));
  EXPECT_FALSE(journalled()) << "the client has run --restore";
  EXPECT_FALSE(client.lock(Mhz(1200))) << "what is lost stays lost";
}

TEST_F(LeaseClientTest, TheHeartKeepsTheLeaseWhileTheCallerIsBusy) {
  using Clock = std::chrono::steady_clock;
  auto opened = open(kGpu, {"--lease", "0.6"});
  ASSERT_TRUE(opened);
  auto& client = **opened;
  ASSERT_TRUE(client.lock(Mhz(1200)));
  const auto begin = Clock::now();
  auto longest = Clock::duration::zero();
  for (auto last = begin; last - begin < std::chrono::milliseconds(1500);) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const auto now = Clock::now();
    longest = std::max(longest, now - last);
    last = now;
  }
  const auto held = client.held();
  if (!held && longest > std::chrono::milliseconds(200)) GTEST_SKIP() << "the machine itself stood still";
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace phasewatt::device
