#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "phasewatt/sim/dynamics.h"
#include "phasewatt/sim/live/config.h"

/// The layout of the shared file: plain values, no pointers. Every instant is nanoseconds of CLOCK_MONOTONIC, so that
/// all processes of one boot compare them. Change kStateVersion with the layout.
namespace phasewatt::sim::live {

inline constexpr std::uint32_t kStateVersion = 1;
inline constexpr std::array<char, 16> kStateMagic{'p', 'h', 'a', 's', 'e', 'w', 'a', 't',
                                                  't', '-', 'n', 'v', 'm', 'l', '-', 's'};
inline constexpr std::size_t kMarks = 2048;
inline constexpr std::size_t kMaxLoads = 128;
inline constexpr std::size_t kMaxProcesses = 32;
inline constexpr std::size_t kLockRecords = 64;

/// Totals since the card's start at the end of a step.
struct Mark {
  std::int64_t at = 0;
  double joules = 0;
  double busy_s = 0;    ///< a kernel ran
  double memory_s = 0;  ///< device memory moved data
};

/// A pass that a process carries out: constant from begin to end.
struct LoadSegment {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int32_t pid = 0;  ///< 0 = nobody's: does not end with a process
  std::int32_t reserved = 0;
  double watts = 0;
  double mhz = 0;  ///< the clock it was worked out for; 0 = whatever the card has
  std::uint64_t throttle_mask = 0;
  double busy = 1;    ///< share of its time in which a kernel runs
  double memory = 0;  ///< share in which memory moves data
};

struct ProcessSlot {
  std::int32_t pid = 0;  ///< 0 = free
  std::int32_t reserved = 0;
  std::uint64_t started = 0;  ///< of /proc/<pid>/stat, so that a reused pid is another process; 0 = unknown
  double bytes = 0;           ///< device memory
};

struct EventSlot {
  EventKind kind = EventKind::permission_denied;
  std::int32_t pid = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;  ///< 0 = free
  double value = 0;
  std::int64_t done = 0;  ///< of an event that happens once: when it did
};

/// Clocks between which the card may run; `most` 0 = stock.
struct ClockRange {
  double least = 0;
  double most = 0;
  bool operator==(const ClockRange&) const = default;
};

enum class LockChange : std::uint32_t { set, reset, foreign_set, in_force };

struct LockRecord {
  std::int64_t at = 0;
  LockChange change = LockChange::set;
  std::int32_t pid = 0;
  ClockRange range;
};

struct GpuState {
  std::int64_t started = 0;
  std::int64_t now = 0;      ///< simulated up to here; a multiple of kGrid between transactions
  std::uint64_t newest = 0;  ///< marks so far; mark 0 is the start
  std::array<Mark, kMarks> marks{};
  double joules = 0;
  double busy_s = 0;
  double memory_s = 0;
  double start_w = 0;  ///< drawn before the start
  Warmth warmth;

  ClockRange lock;  ///< in force
  ClockRange asked;
  std::int64_t asked_at = 0;
  std::int64_t in_force_at = 0;  ///< when `asked` comes into force; 0 = it is
  std::int32_t asked_by = 0;
  std::uint32_t switches = 0;
  std::uint64_t lock_changes = 0;
  std::array<LockRecord, kLockRecords> lock_log{};

  std::array<LoadSegment, kMaxLoads> loads{};  ///< free where end is 0
  std::array<ProcessSlot, kMaxProcesses> processes{};
  std::array<EventSlot, kMaxEvents> events{};
  std::int64_t checked = 0;  ///< when the owners were last looked for

  bool stuck = false;  ///< the three values below are what a stuck sensor says
  double stuck_instant_w = 0;
  double stuck_average_w = 0;
  double stuck_joules = 0;
};

/// Two copies of a card's state, of which `active` names the valid one. A change is made in the other copy and then
/// taken over by one store, so that a process killed at any instant leaves a whole state.
struct GpuSlot {
  std::atomic<std::uint32_t> active;
  std::uint32_t reserved;
  std::array<GpuState, 2> copies;
};

struct StateFile {
  std::array<char, 16> magic;  ///< written last
  std::uint32_t version;
  std::uint32_t gpu_count;
  std::uint64_t bytes;
  std::array<char, 40> boot_id;
  std::int64_t created;
  std::uint32_t config_bytes;
  std::uint32_t reserved;
  std::array<char, kMaxConfigBytes> config;
  std::array<GpuSlot, kMaxGpus> gpus;
};

static_assert(std::is_trivially_copyable_v<GpuState> && std::is_standard_layout_v<GpuState>);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

/// Steps of the simulation end on this grid, so that a reading of the same instant is the same for every reader.
inline constexpr std::int64_t kGrid = 1'000'000;

}  // namespace phasewatt::sim::live
