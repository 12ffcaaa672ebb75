#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>

#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/store/writer.h"
#include "tests/store/studies.h"

namespace phasewatt::store {
namespace {

using testing::Folder;

/// Works on the study as the program does: begins it, or goes on. With a pipe, a byte goes into it after each point,
/// and after kPointsPerLife points it waits for its end.
constexpr int kPointsPerLife = 5;
bool work_on(const std::filesystem::path& path, const StudyPlan& plan, int pipe) {
  auto writer = std::filesystem::exists(path) ? Writer::open(path) : Writer::create(path, false);
  if (!writer) return false;
  const auto done = (*writer)->begin(plan);
  if (!done) return false;
  int left = kPointsPerLife;
  for (const RunPoint& point : plan.points) {
    if (done->contains(point.index)) continue;
    if (!(*writer)->add(testing::make_record(plan, point.index))) return false;
    if (pipe < 0) continue;
    if (::write(pipe, "x", 1) != 1) return false;
    if (--left == 0) ::pause();
  }
  return (*writer)->end(true).ok();
}

enum class Fate { finished, failed, killed };

/// Kills a working child a random moment after it has finished a few points.
Fate work_and_kill(const std::filesystem::path& path, const StudyPlan& plan, std::mt19937& random) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return Fate::failed;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    ::_exit(work_on(path, plan, pipe[1]) ? 0 : 1);
  }
  ::close(pipe[1]);
  char byte = 0;
  bool alive = true;
  for (auto points = random() % 5; points > 0 && alive; --points) alive = ::read(pipe[0], &byte, 1) == 1;
  ::usleep(static_cast<useconds_t>(random() % 3000));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(pipe[0]);
  if (WIFSIGNALED(status)) return Fate::killed;
  return WEXITSTATUS(status) == 0 ? Fate::finished : Fate::failed;
}

TEST(StoreKill, AStudyKilledAgainAndAgainEndsWithTheSameRows) {
  const Folder folder;
  const StudyPlan plan = testing::make_plan(2, 30, 200);
  std::mt19937 random(std::random_device{}());
  int kills = 0;
  Fate fate = Fate::killed;
  for (; kills < 60 && fate == Fate::killed; kills += fate == Fate::killed ? 1 : 0)
    fate = work_and_kill(folder / "a.db", plan, random);
  ASSERT_NE(fate, Fate::failed);
  if (fate == Fate::killed) {
    ASSERT_TRUE(work_on(folder / "a.db", plan, -1));
  }
  RecordProperty("kills", kills);
  EXPECT_GE(kills, 10);

  ASSERT_TRUE(work_on(folder / "b.db", plan, -1));
  EXPECT_EQ(content_digest(folder / "a.db").value(), content_digest(folder / "b.db").value());
  const auto status = read_status(folder / "a.db");
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(status->complete);
  EXPECT_FALSE(status->running);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
    EXPECT_EQ(entry.path().extension(), ".db") << entry.path();
  }
  EXPECT_EQ(files, 2U);
}

}  // namespace
}  // namespace phasewatt::store
