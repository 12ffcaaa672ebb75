#pragma once

#include <filesystem>
#include <string>

#include "phasewatt/base/result.h"

/// One writer per database.
namespace phasewatt::store {

/// Holds "<database>-lock" under an fcntl(2) lock: the kernel gives it back when the process dies in any way, and
/// readers are not kept out (SQLite's own exclusive mode would). Released and the file removed on destruction.
/// Move-only.
class WriterLock {
 public:
  /// io: another process writes to this database. permission or io: the folder cannot be written to.
  static Result<WriterLock> take(const std::filesystem::path& database);
  /// Whether some process, this one included, holds the lock now.
  static bool is_held(const std::filesystem::path& database);

  WriterLock(WriterLock&& other) noexcept;
  WriterLock& operator=(WriterLock&&) = delete;
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock();

 private:
  WriterLock(std::string file, int descriptor);
  std::string file_;
  int descriptor_;
};

}  // namespace phasewatt::store
