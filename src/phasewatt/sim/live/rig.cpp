#include "phasewatt/sim/live/rig.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"

namespace phasewatt::sim::live {
namespace {

constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();

Error io_error(const std::filesystem::path& path, std::string_view what) {
  return Error{errno == EACCES ? ErrorCode::permission : ErrorCode::io,
               fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)),
               "set PHASEWATT_NVML_SIM_STATE to a file that you may write"};
}

/// The lock of the shared file, for the life of the object; the kernel releases it with the process.
class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {
    while (flock(fd_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      fd_ = -1;
      return;
    }
  }
  ~FileLock() {
    // Said explicitly: a child forked meanwhile holds the same open file.
    if (fd_ >= 0) flock(fd_, LOCK_UN);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  [[nodiscard]] bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Opens the file, creating an empty one where there is none. Two steps, because some systems refuse to "create" a file
/// of another user that exists in a folder like /tmp, even to root.
int open_or_create(const std::filesystem::path& path) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  for (int attempt = 0; attempt < 16; ++attempt) {
    int fd = ::open(path.c_str(), kFlags);
    if (fd >= 0 || errno != ENOENT) return fd;
    fd = ::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

/// Whether the path still names this open file: somebody may have removed it while we waited for the lock.
bool still_there(int fd, const std::filesystem::path& path) {
  struct stat held {};
  struct stat named {};
  return fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

/// Differs after each boot; empty when the system does not tell.
std::array<char, 40> boot_id() {
  std::array<char, 40> out{};
  if (const auto text = read_file("/proc/sys/kernel/random/boot_id")) {
    const auto word = trim(*text);
    std::copy_n(word.begin(), std::min(word.size(), out.size() - 1), out.begin());
  }
  return out;
}

}  // namespace

std::filesystem::path LiveRig::default_state_path() {
  if (const char* folder = std::getenv("XDG_RUNTIME_DIR"); folder != nullptr && *folder != 0)
    return std::filesystem::path(folder) / "phasewatt-nvml-sim.state";
  return fmt::format("/tmp/phasewatt-nvml-sim-{}.state", geteuid());
}

Result<LiveRig::Options> LiveRig::Options::from_environment() {
  Options out;
  if (const char* path = std::getenv("PHASEWATT_NVML_SIM_STATE"); path != nullptr) out.state = path;
  const char* config = std::getenv("PHASEWATT_NVML_SIM_CONFIG");
  const char* gpus = std::getenv("PHASEWATT_NVML_SIM_GPUS");
  if (config != nullptr && *config != 0) {
    PHASEWATT_ASSIGN(out.config, read_file(config));
    out.config_name = config;
  } else if (gpus != nullptr && *gpus != 0) {
    out.config = config_text(gpus);
    out.config_name = "PHASEWATT_NVML_SIM_GPUS";
  }
  return out;
}

LiveRig::LiveRig(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd), pid_(getpid()) {}

LiveRig::~LiveRig() {
  if (file_ != nullptr) munmap(file_, sizeof(StateFile));
  ::close(fd_);
}

Result<std::shared_ptr<LiveRig>> LiveRig::open(const Options& options) {
  const auto path = options.state.empty() ? default_state_path() : options.state;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const int fd = open_or_create(path);
    if (fd < 0) return io_error(path, "cannot open");
    std::shared_ptr<LiveRig> rig(new LiveRig(path, fd));
    const FileLock lock(fd);
    if (!lock.held()) return io_error(path, "cannot lock");
    if (!still_there(fd, path)) continue;
    PHASEWATT_TRY(rig->attach(options));
    return rig;
  }
  return Error{ErrorCode::io, path.string() + ": is removed again and again", {}};
}

Status LiveRig::attach(const Options& options) {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return io_error(path_, "cannot look at");
  if (!S_ISREG(info.st_mode)) return Error{ErrorCode::exists, path_.string() + ": not a regular file", {}};
  if (info.st_uid != geteuid() && options.state.empty())
    return Error{ErrorCode::permission, path_.string() + ": belongs to another user", "set PHASEWATT_NVML_SIM_STATE"};

  const std::string wanted = options.config.value_or(config_text("h200-sxm"));
  if (info.st_size == 0) return create(wanted, options.config_name);
  if (info.st_size != static_cast<off_t>(sizeof(StateFile))) {
    return Error{ErrorCode::exists,
                 fmt::format("{}: is no state of this version of the simulated NVML", path_.string()),
                 "remove it, or set PHASEWATT_NVML_SIM_STATE to another file"};
  }
  PHASEWATT_TRY(map());
  // Whoever was killed while creating it wrote everything but the first word.
  if (file_->magic == std::array<char, 16>{}) return create(wanted, options.config_name);
  PHASEWATT_TRY(check_header());

  const std::string kept(file_->config.data(), file_->config_bytes);
  if (file_->boot_id != boot_id()) return create(options.config ? wanted : kept, options.config_name);
  if (options.config && kept != wanted)
    return Error{ErrorCode::bad_input,
                 fmt::format("{}: was created with another configuration than {}", path_.string(), options.config_name),
                 "remove the state, or set PHASEWATT_NVML_SIM_STATE to another file"};
  PHASEWATT_ASSIGN(config_, parse_live_config(kept, path_.string()));
  for (const auto& gpu : config_.gpus) gpus_.emplace_back(gpu, config_.seed, config_.noise);
  return ok();
}

Status LiveRig::check_header() const {
  if (file_->magic == kStateMagic && file_->version == kStateVersion && file_->bytes == sizeof(StateFile) &&
      file_->config_bytes <= kMaxConfigBytes)
    return ok();
  return Error{ErrorCode::unsupported, path_.string() + ": is no state of this version of the simulated NVML",
               "remove it, or set PHASEWATT_NVML_SIM_STATE to another file"};
}

Status LiveRig::map() {
  if (file_ != nullptr) return ok();
  void* address = mmap(nullptr, sizeof(StateFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (address == MAP_FAILED) return io_error(path_, "cannot map");
  file_ = static_cast<StateFile*>(address);
  return ok();
}

Status LiveRig::create(const std::string& text, std::string_view name) {
  PHASEWATT_ASSIGN(config_, parse_live_config(text, name));
  // Reserves the space, so that a full disk is an error here and not a signal later.
  if (const int failed = posix_fallocate(fd_, 0, sizeof(StateFile)); failed != 0) {
    errno = failed;
    return io_error(path_, "cannot reserve space");
  }
  if (fchmod(fd_, config_.group_access ? 0660 : 0600) != 0 && errno != EPERM)
    return io_error(path_, "cannot set the mode");
  PHASEWATT_TRY(map());
  file_->magic = {};
  std::atomic_signal_fence(std::memory_order_seq_cst);
  file_->version = kStateVersion;
  file_->bytes = sizeof(StateFile);
  file_->boot_id = boot_id();
  file_->created = monotonic_now();
  file_->gpu_count = static_cast<std::uint32_t>(config_.gpus.size());
  file_->config_bytes = static_cast<std::uint32_t>(text.size());
  std::copy(text.begin(), text.end(), file_->config.begin());
  for (const auto& gpu : config_.gpus) gpus_.emplace_back(gpu, config_.seed, config_.noise);
  for (std::size_t i = 0; i < gpus_.size(); ++i) {
    auto& slot = file_->gpus[i];
    slot.active.store(0, std::memory_order_relaxed);
    gpus_[i].start(slot.copies[0], file_->created);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  file_->magic = kStateMagic;
  return ok();
}

Result<int> LiveRig::own_fd() {
  if (pid_ == getpid()) return fd_;
  const int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return io_error(path_, "cannot open");
  ::close(fd_);
  fd_ = fd;
  pid_ = getpid();
  return fd_;
}

Status LiveRig::with(std::size_t gpu, const Change& change) {
  if (gpu >= gpus_.size()) return Error{ErrorCode::not_found, fmt::format("no simulated GPU {}", gpu), {}};
  const std::scoped_lock guard(mutex_);
  PHASEWATT_ASSIGN(const int fd, own_fd());
  const FileLock lock(fd);
  if (!lock.held()) return io_error(path_, "cannot lock");
  auto& slot = file_->gpus[gpu];
  const std::uint32_t active = slot.active.load(std::memory_order_acquire) & 1U;
  GpuState& next = slot.copies[1 - active];
  next = slot.copies[active];
  const std::int64_t now = monotonic_now();
  gpus_[gpu].advance(next, now);
  gpus_[gpu].bury_dead(next);
  change(gpus_[gpu], next, now);
  slot.active.store(1 - active, std::memory_order_release);
  return ok();
}

Status LiveRig::inject(std::size_t gpu, const ScriptedEvent& event) {
  bool full = false;
  PHASEWATT_TRY(with(gpu, [&](LiveGpu& card, GpuState& state, std::int64_t now) {
    const auto slot =
        std::find_if(state.events.begin(), state.events.end(), [](const auto& each) { return each.end == 0; });
    full = slot == state.events.end();
    if (full) return;
    const std::int64_t begin = state.now + from_seconds(event.at_s).count();
    *slot = {.kind = event.kind,
             .pid = event.pid,
             .begin = begin,
             .end = event.for_s ? begin + std::max<std::int64_t>(1, from_seconds(*event.for_s).count()) : kNoEnd,
             .value = event.value};
    card.advance(state, now);  // what begins now is in force when this returns
  }));
  if (full) return Error{ErrorCode::unsupported, fmt::format("{} events are waiting", kMaxEvents), "clear some"};
  return ok();
}

Status LiveRig::clear(std::size_t gpu, std::optional<EventKind> kind) {
  return with(gpu, [&](LiveGpu&, GpuState& state, std::int64_t) {
    for (auto& event : state.events) {
      if (!kind || event.kind == *kind) event = {};
    }
  });
}

}  // namespace phasewatt::sim::live
