#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/base/unique_fd.h"

/// What outlives the helper: the list of GPUs that may hold a lock of ours. Format: docs/clock-lease.md.
namespace phasewatt::clockd {

struct Journal {
  std::vector<std::string> gpus;  ///< UUIDs
  bool readable = true;           ///< false: there is one, but not in our format, so that any GPU may hold a lock
};

/// The folder of the journal, ours alone until the descriptor is closed: one helper at a time. Makes the folder.
/// Errors: io, exists (another helper runs).
Result<UniqueFd> claim_state_dir(const std::filesystem::path& dir);

/// Empty when there is none.
Journal read_journal(const std::filesystem::path& dir);

/// Makes the list durable (file and folder are synced) before it returns; an empty list removes the journal.
bool write_journal(const std::filesystem::path& dir, const std::vector<std::string>& gpus);

}  // namespace phasewatt::clockd
