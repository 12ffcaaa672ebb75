#include "phasewatt/report/write_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "phasewatt/base/files.h"
#include "phasewatt/report/writers.h"
#include "tests/report/sample_page.h"

namespace phasewatt::report {
namespace {

namespace fs = std::filesystem;

class WriteReport : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    root_ = fs::temp_directory_path() / ("phasewatt-report-" + name + "-" + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] std::vector<std::string> tree() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      names.push_back(fs::relative(entry.path(), root_).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path root_;
};

ErrorCode code_of(const Status& status) { return status ? ErrorCode::internal : status.error().code; }

TEST_F(WriteReport, WritesTheDocumentedFilesAndNothingElse) {
  Page page = sample::page();
  page.figures.resize(2);
  ASSERT_TRUE(write_report(page, root_ / "new" / "report/", false));
  EXPECT_EQ(tree(), (std::vector<std::string>{
                        "new", "new/report", "new/report/figures", "new/report/figures/figure_3_energy_per_token.csv",
                        "new/report/figures/figure_3_energy_per_token.vl.json", "new/report/figures/figure_5_batch.csv",
                        "new/report/figures/figure_5_batch.vl.json", "new/report/index.html", "new/report/report.md",
                        "new/report/tables", "new/report/tables.json", "new/report/tables/table_11_dvfs.csv",
                        "new/report/tables/table_5_entropy.csv"}));
  EXPECT_EQ(read_file(root_ / "new/report/tables/table_11_dvfs.csv").value(), to_csv(sample::table()));
}

TEST_F(WriteReport, RefusesAFolderThatIsNotEmpty) {
  ASSERT_TRUE(write_report(sample::page(), root_ / "report", false));
  EXPECT_EQ(code_of(write_report(sample::page(), root_ / "report", false)), ErrorCode::exists);
  fs::create_directory(root_ / "empty");
  EXPECT_TRUE(write_report(sample::page(), root_ / "empty", false));
}

TEST_F(WriteReport, ForceReplacesAnOlderReportWhole) {
  ASSERT_TRUE(write_report(sample::page(), root_ / "report", false));
  Page smaller = sample::page();
  smaller.tables.pop_back();
  ASSERT_TRUE(write_report(smaller, root_ / "report", true));
  EXPECT_FALSE(fs::exists(root_ / "report/tables/table_5_entropy.csv"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1) << "nothing is left beside it";
}

TEST_F(WriteReport, ForceLeavesAloneWhatIsNotAReport) {
  fs::create_directory(root_ / "mine");
  ASSERT_TRUE(write_file(root_ / "mine/thesis.txt", "x"));
  ASSERT_TRUE(write_file(root_ / "file", "x"));
  fs::create_directory(root_ / "other");
  ASSERT_TRUE(write_file(root_ / "other/tables.json", "{\"schema\": 3}"));
  ASSERT_TRUE(write_report(sample::page(), root_ / "report", false));
  ASSERT_TRUE(write_file(root_ / "report/notes.md", "x"));
  const auto before = tree();
  for (const char* name : {"mine", "file", "other", "report"}) {
    EXPECT_EQ(code_of(write_report(sample::page(), root_ / name, true)), ErrorCode::exists) << name;
  }
  EXPECT_EQ(tree(), before);
}

TEST_F(WriteReport, LeavesNothingWhenItCannotWrite) {
  ASSERT_TRUE(write_file(root_ / "file", "x"));
  EXPECT_EQ(code_of(write_report(sample::page(), root_ / "file" / "report", false)), ErrorCode::io);
  EXPECT_EQ(tree(), std::vector<std::string>{"file"});
  const std::string long_id(300, 'x');  // too long for a file name: fails after the first files are written
  Page page = sample::page();
  page.figures.back().data.id = long_id;
  EXPECT_EQ(code_of(write_report(page, root_ / "report", false)), ErrorCode::io);
  EXPECT_EQ(tree(), std::vector<std::string>{"file"});
}

TEST_F(WriteReport, FollowsALinkToTheFolder) {
  fs::create_directory(root_ / "real");
  fs::create_directory_symlink(root_ / "real", root_ / "link");
  ASSERT_TRUE(write_report(sample::page(), root_ / "link", false));
  EXPECT_TRUE(fs::is_symlink(root_ / "link"));
  EXPECT_TRUE(fs::exists(root_ / "real/index.html"));
}

TEST_F(WriteReport, RejectsIdsThatAreNoFileNames) {
  for (const char* id : {"", "../x", "a/b", ".hidden", "table_5_entropy"}) {
    Page page = sample::page();
    page.figures[0].data.id = id;
    const Status status = write_report(page, root_ / "report", false);
    ASSERT_FALSE(status) << id;
    EXPECT_EQ(status.error().code, ErrorCode::internal);
  }
  EXPECT_TRUE(tree().empty());
}

}  // namespace
}  // namespace phasewatt::report
