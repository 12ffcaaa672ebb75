#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/device/lease/protocol.h"

/// Who may set which GPU's clock, and for how long: all the rules of phasewatt-clockd, without any I/O of its own.
namespace phasewatt::device::lease {

/// What the helper knows of a GPU before anybody asks.
struct LeaseGpu {
  std::string uuid;
  std::vector<std::uint32_t> clocks;  ///< MHz that may be locked: supported and within the allowed range, ascending
};

struct LeaseLimits {
  Nanos lease = std::chrono::seconds(2);  ///< silence after which a client's clocks are taken back
  double switches_per_second = 20;        ///< per GPU, on average; as many at once. Taking a lock back is never limited
  std::size_t clients = 64;               ///< connections at the same time
  std::size_t clients_per_user = 16;
};

/// Who stands at the other end, by the kernel's word (SO_PEERCRED).
struct Peer {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
};

/// One look at a GPU.
struct GpuLook {
  bool mig = false;
  std::optional<std::uint32_t> sm_mhz;
  std::optional<std::uint64_t> reasons;  ///< NVML's clock event reasons
};

/// What the table has done in the world. Results of the driver are nvmlReturn_t, 0 for success.
class LeasePort {
 public:
  virtual ~LeasePort() = default;
  virtual int set_lock(std::size_t gpu, std::uint32_t mhz) = 0;
  virtual int reset(std::size_t gpu) = 0;
  virtual GpuLook look(std::size_t gpu) = 0;
  /// Makes the list of UUIDs that may hold a lock durable before it returns; an empty list removes the journal.
  virtual bool journal(const std::vector<std::string>& locked) = 0;
  /// One line for each change of a clock and each failure to change it.
  virtual void audit(const std::string& line) = 0;
  virtual void reply(int client, const Reply& reply) = 0;
  /// Closes the connection. The table has forgotten it.
  virtual void drop(int client) = 0;
};

/// The state machine: events in with their time, what to do out through the port. Invariants, checked by
/// tests/device/lease_table_property_test.cpp: a GPU is locked only within its clocks, only while its writer is
/// connected and heard, and only after the journal holds it; there is at most one writer per GPU, from its first lock
/// or reset until it closes. Not thread-safe.
class LeaseTable {
 public:
  LeaseTable(std::vector<LeaseGpu> gpus, LeaseLimits limits, LeasePort& port);

  /// What the journal of an earlier life holds is reset, before any client is let in. A UUID that is not here now stays
  /// in the journal.
  void recover(const std::vector<std::string>& journalled, Nanos now);
  /// False: no place for it (the refusal has been sent and the connection dropped).
  bool connect(int client, Peer peer, Nanos now);
  void message(int client, std::span<const std::byte> packet, Nanos now);
  /// The client could not speak before `now`, because it waited for our answer: its lease runs from here.
  void answered(int client, Nanos now);
  void close(int client, Nanos now);
  /// Ends leases that ran out and tries failed restores again. Messages that have come by `now` go in first.
  void tick(Nanos now);
  /// When tick() has something to do; nullopt: never.
  [[nodiscard]] std::optional<Nanos> next_tick() const;
  /// Drops every client, taking its clocks back.
  void drop_all(Nanos now);
  /// No GPU holds a lock that is not taken back.
  [[nodiscard]] bool clean() const;

 private:
  struct Client {
    Peer peer;
    Nanos deadline{};
  };
  struct Gpu {
    LeaseGpu known;
    std::optional<int> writer;
    std::optional<std::uint32_t> locked;
    bool stock = false;      ///< the writer has reset it and not locked since
    bool restoring = false;  ///< a restore failed and is tried again at `retry_at`
    Nanos retry_at{};
    Nanos retry_after{};
    std::optional<Nanos> changed_at;  ///< when the driver was last asked to change the clock
    double switches = 0;              ///< tokens of the rate limit
    Nanos switches_at{};
  };

  Reply answer(int client, const Request& request, Nanos now);
  std::optional<Verdict> refusal(const Gpu& gpu, int client, const GpuLook& look) const;
  void lock(Gpu& gpu, int client, std::uint32_t mhz, Nanos now, Reply& reply);
  void reset(Gpu& gpu, int client, Nanos now, Reply& reply);
  void describe(const Gpu& gpu, int client, const GpuLook& look, Reply& reply) const;
  std::optional<std::uint32_t> wait_for_switch(Gpu& gpu, Nanos now) const;
  void restore(Gpu& gpu, Nanos now, const char* why);
  void forget(std::map<int, Client>::iterator client, Nanos now, const char* why);
  void end(std::map<int, Client>::iterator client, Verdict verdict, Nanos now, const char* why);
  bool write_journal(const Gpu* about_to_lock = nullptr);
  void audit(const Gpu& gpu, const char* what, const std::string& to, int result);
  std::size_t index_of(const Gpu& gpu) const { return static_cast<std::size_t>(&gpu - gpus_.data()); }

  std::vector<Gpu> gpus_;
  LeaseLimits limits_;
  LeasePort& port_;
  std::map<int, Client> clients_;
  std::vector<std::string> absent_;  ///< journalled UUIDs of GPUs that are not here
  std::optional<std::vector<std::string>> journalled_ =
      std::vector<std::string>{};  ///< what the journal holds now; nullopt after a failed write
};

/// Nearest of `clocks` (ascending); nullopt when `mhz` lies outside them. The lower one on a tie, as device::snap.
std::optional<std::uint32_t> snap_within(const std::vector<std::uint32_t>& clocks, std::uint32_t mhz);

/// What a look under load says of other writers; `locked` is our own lock. See docs/clock-lease.md.
Foreign foreign_writer(const GpuLook& look, std::optional<std::uint32_t> locked);

}  // namespace phasewatt::device::lease
