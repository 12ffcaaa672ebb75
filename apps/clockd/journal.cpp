#include "apps/clockd/journal.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "phasewatt/device/lease/protocol.h"

namespace phasewatt::clockd {
namespace {

constexpr const char* kJournalName = "clockd.journal";
constexpr const char* kHeader = "phasewatt-clockd journal 1";

bool sync_folder(const std::filesystem::path& dir) {
  const UniqueFd folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder && ::fsync(folder.get()) == 0;
}

}  // namespace

Result<UniqueFd> claim_state_dir(const std::filesystem::path& dir) {
  std::error_code ec;
  std::filesystem::create_directories(dir, ec);
  const auto path = dir / "clockd.lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file)
    return Error{ErrorCode::io, "cannot open '" + path.string() + "': " + std::strerror(errno), "see --state-dir"};
  // The lock of one that was killed this moment goes with its process, which may take a few milliseconds more.
  for (int tries = 0; tries < 100; ++tries) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Error{ErrorCode::exists, "another phasewatt-clockd holds '" + path.string() + "'",
               "use it through its socket, or stop it"};
}

Journal read_journal(const std::filesystem::path& dir) {
  const auto path = dir / kJournalName;
  std::error_code ec;
  if (!std::filesystem::exists(path, ec) && !ec) return Journal{};
  Journal journal;
  std::ifstream lines(path);
  std::string line;
  journal.readable = static_cast<bool>(std::getline(lines, line)) && line == kHeader;
  while (std::getline(lines, line)) {
    if (!line.empty() && device::lease::to_uuid(line))
      journal.gpus.push_back(line);
    else
      journal.readable = false;
  }
  return journal;
}

bool write_journal(const std::filesystem::path& dir, const std::vector<std::string>& gpus) {
  const auto path = dir / kJournalName;
  if (gpus.empty()) return (::unlink(path.c_str()) == 0 || errno == ENOENT) && sync_folder(dir);
  const auto fresh = dir / "clockd.journal.new";
  std::string content = std::string(kHeader) + "\n";
  for (const auto& gpu : gpus) content += gpu + "\n";
  UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    return false;
  return ::fsync(file.get()) == 0 && ::rename(fresh.c_str(), path.c_str()) == 0 && sync_folder(dir);
}

}  // namespace phasewatt::clockd
