#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "phasewatt/base/files.h"
#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/store/writer.h"

namespace {

/// In memory where the system has such a folder, so that the disk does not set the pace.
const std::filesystem::path& database() {
  static const std::filesystem::path path = [] {
    std::error_code ec;
    const std::filesystem::path shm = "/dev/shm";
    const auto folder = std::filesystem::is_directory(shm, ec) ? shm : std::filesystem::temp_directory_path();
    return folder / ("phasewatt-fuzz-" + std::to_string(::getpid()) + ".db");
  }();
  return path;
}

struct Remover {
  ~Remover() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal", "-lock"})
      ::unlink((database().string() + suffix).c_str());
  }
};

void must_be_expected(const phasewatt::Error& error) {
  if (error.code == phasewatt::ErrorCode::internal || error.what.empty()) std::abort();
}

}  // namespace

/// Any bytes as a database: every way of opening and reading it gives an answer or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt;
  const Remover remover;
  if (!write_file(database(), {reinterpret_cast<const char*>(data), size})) std::abort();
  if (const auto study = store::read_study(database()); !study) must_be_expected(study.error());
  if (const auto status = store::read_status(database()); !status) must_be_expected(status.error());
  if (const auto digest = store::content_digest(database()); !digest) must_be_expected(digest.error());
  std::ostringstream out;
  if (const auto table = store::export_csv(database(), "run", out); !table && table.error().code == ErrorCode::internal)
    std::abort();
  const auto plan = store::read_plan(database());
  auto writer = store::Writer::open(database());
  if (!plan || !writer) return 0;
  // A damaged database may break its own rules when it is written to, but it must not break the program.
  (void)(*writer)->forget_void();
  if (!(*writer)->begin(*plan)) return 0;
  RunRecord record;
  if (!plan->points.empty()) record.point = plan->points.front();
  (void)(*writer)->add(record);
  (void)(*writer)->end(false);
  return 0;
}
