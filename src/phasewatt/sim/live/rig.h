#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/sim/live/gpu.h"

namespace phasewatt::sim::live {

/// The simulated GPUs of a machine, shared by all processes that open the same state file. The first creates it; a
/// state from before a reboot is renewed, as locks and counters of real cards are. Every access is a transaction under
/// a file lock that the kernel takes back from a dead process, on a copy that is taken over at once: a process killed
/// at any instant leaves the state before or after its change. Thread-safe. After fork() the child may go on using it
/// if no other thread of the parent was inside.
class LiveRig {
 public:
  struct Options {
    std::filesystem::path state;        ///< the shared file; empty = default_state_path()
    std::optional<std::string> config;  ///< TOML text; must be what an existing state was created with. Absent:
                                        ///< whatever is there, else one h200-sxm
    std::string config_name = "configuration";  ///< for messages

    /// PHASEWATT_NVML_SIM_STATE, and PHASEWATT_NVML_SIM_CONFIG (a file) or PHASEWATT_NVML_SIM_GPUS
    /// ("h200-sxm,h200-sxm").
    static Result<Options> from_environment();
  };

  /// bad_input: the configuration, or a state with another one. exists: the path is some other file. unsupported: a
  /// state of another version.
  static Result<std::shared_ptr<LiveRig>> open(const Options& options);

  /// $XDG_RUNTIME_DIR/phasewatt-nvml-sim.state, without that variable /tmp/phasewatt-nvml-sim-<uid>.state.
  static std::filesystem::path default_state_path();

  ~LiveRig();
  LiveRig(const LiveRig&) = delete;
  LiveRig& operator=(const LiveRig&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const LiveConfig& config() const { return config_; }
  [[nodiscard]] std::size_t gpu_count() const { return gpus_.size(); }

  /// Runs `change` on card `gpu`, simulated up to now, and keeps what it did to the state. `change` must not call back
  /// into the rig. `now` is CLOCK_MONOTONIC in ns, at most one grid step after the state's.
  using Change = std::function<void(LiveGpu& gpu, GpuState& state, std::int64_t now)>;
  Status with(std::size_t gpu, const Change& change);

  /// Makes an event begin now; `for_s` absent = until cleared.
  Status inject(std::size_t gpu, const ScriptedEvent& event);
  /// Ends the active and cancels the coming events of a kind, or of all.
  Status clear(std::size_t gpu, std::optional<EventKind> kind);

 private:
  LiveRig(std::filesystem::path path, int fd);
  Status attach(const Options& options);
  Status create(const std::string& text, std::string_view name);
  Status map();
  Status check_header() const;
  Result<int> own_fd();

  std::filesystem::path path_;
  std::mutex mutex_;
  int fd_ = -1;
  int pid_ = 0;  ///< that opened fd_: a lock belongs to an open file, which fork() shares
  StateFile* file_ = nullptr;
  LiveConfig config_;
  std::vector<LiveGpu> gpus_;
};

}  // namespace phasewatt::sim::live
