#include "phasewatt/store/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace phasewatt::store {
namespace {

std::string lock_file(const std::filesystem::path& database) { return database.string() + "-lock"; }

/// The whole file, by open file description: unlike other fcntl locks it does not go when some other descriptor closes.
struct flock write_lock() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// A holder removes the file when it is done; who waited for that inode must start again with the new file.
bool is_still_the_file(int descriptor, const std::string& file) {
  struct stat held {};
  struct stat named {};
  return ::fstat(descriptor, &held) == 0 && ::stat(file.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

Error cannot_lock(const std::string& file, int number) {
  const bool refused = number == EACCES || number == EPERM || number == EROFS;
  return {refused ? ErrorCode::permission : ErrorCode::io,
          fmt::format("cannot create '{}' beside the database: {}", file, std::strerror(number)),
          refused ? "choose a folder that can be written to" : "check that the folder exists"};
}

}  // namespace

WriterLock::WriterLock(std::string file, int descriptor) : file_(std::move(file)), descriptor_(descriptor) {}
WriterLock::WriterLock(WriterLock&& other) noexcept
    : file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

WriterLock::~WriterLock() {
  if (descriptor_ < 0) return;
  ::unlink(file_.c_str());
  ::close(descriptor_);
}

Result<WriterLock> WriterLock::take(const std::filesystem::path& database) {
  std::string file = lock_file(database);
  while (true) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return cannot_lock(file, errno);
    struct flock lock = write_lock();
    if (::fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
      const int number = errno;
      ::close(descriptor);
      if (number != EAGAIN && number != EACCES) return cannot_lock(file, number);
      return Error{ErrorCode::io, fmt::format("'{}' is locked by another running study", database.string()),
                   "wait for it, stop it, or choose another output"};
    }
    if (is_still_the_file(descriptor, file)) return WriterLock(std::move(file), descriptor);
    ::close(descriptor);
  }
}

bool WriterLock::is_held(const std::filesystem::path& database) {
  const int descriptor = ::open(lock_file(database).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock lock = write_lock();
  const bool held = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(descriptor);
  return held;
}

}  // namespace phasewatt::store
