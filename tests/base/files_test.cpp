#include "phasewatt/base/files.h"

#include <gtest/gtest.h>

namespace phasewatt {
namespace {

TEST(Files, Sha256MatchesThePublishedVector) {
  // FIPS 180-4 example "abc".
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_u64("abc"), 0xba7816bf8f01cfeaULL);
}

TEST(Files, WriteReplacesAndReadReturnsTheBytes) {
  const auto path = std::filesystem::path(testing::TempDir()) / "phasewatt_files_test";
  ASSERT_TRUE(write_file(path, "one").ok());
  ASSERT_TRUE(write_file(path, std::string_view("t\0wo", 4)).ok());
  const auto content = read_file(path);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(*content, std::string_view("t\0wo", 4));
  std::filesystem::remove(path);
}

TEST(Files, FailuresAreErrorsWithTheirCode) {
  EXPECT_EQ(read_file("/nonexistent/file").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file("/").error().code, ErrorCode::bad_input);
  EXPECT_EQ(write_file("/nonexistent/file", "x").error().code, ErrorCode::io);
}

}  // namespace
}  // namespace phasewatt
