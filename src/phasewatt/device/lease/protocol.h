#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

/// What phasewatt and its privileged helper phasewatt-clockd say to each other: one Request, one Reply, each a packet
/// of fixed size on a Unix SOCK_SEQPACKET socket. The table of fields is in docs/clock-lease.md. The connection is the
/// lease: whoever locks a clock and then closes, dies or stays silent for the lease's time gets the clock taken away.
namespace phasewatt::device::lease {

inline constexpr std::uint32_t kMagic = 0x4c435750;  ///< "PWCL"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kUuidBytes = 48;        ///< with at least one NUL; NVML's are 40 characters
inline constexpr std::uint32_t kHighestMhz = 10000;  ///< no GPU comes near; larger numbers are not clocks
inline constexpr const char* kSocketPath = "/run/phasewatt/clockd.sock";
inline constexpr const char* kStateDir = "/var/lib/phasewatt";

/// A GPU's UUID as NVML prints it, padded with NULs.
using Uuid = std::array<char, kUuidBytes>;

/// `beat` only renews the lease. `read`, `lock` and `reset` are all that can be done.
enum class Op : std::uint16_t { beat = 0, read = 1, lock = 2, reset = 3 };

struct Request {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Op op = Op::beat;
  std::uint32_t sequence = 0;  ///< from 1; comes back in the reply
  std::uint32_t value = 0;     ///< lock: MHz; read without UUID: index of the GPU; else 0
  Uuid gpu{};                  ///< empty for beat, and for a read by index
};

/// How a request ended.
enum class Verdict : std::uint16_t {
  ok = 0,
  bad_message = 1,      ///< not this protocol or not this version; the connection is closed
  not_permitted = 2,    ///< the user may not use the helper; the connection is closed
  too_many = 3,         ///< no place for another connection; it is closed
  unknown_gpu = 4,      ///< no such UUID or index
  mig = 5,              ///< the GPU is split into MIG instances, which share one clock
  not_supported = 6,    ///< the GPU lists no clocks, or none in the allowed range
  busy = 7,             ///< another client is the writer: owner_pid, owner_uid
  out_of_range = 8,     ///< outside least_mhz to most_mhz
  rate_limited = 9,     ///< too many switches: again in wait_ms
  restoring = 10,       ///< an earlier lock could not be taken back yet
  journal_failed = 11,  ///< the journal cannot be written, so nothing was changed
  driver_failed = 12,   ///< NVML refused: driver_code; the clock is back at stock
  expired = 13,         ///< unasked, sequence 0: no word for the lease's time; clock taken back, connection closed
  stopping = 14,        ///< unasked, sequence 0: the helper stops; clock taken back, connection closed
};
inline constexpr std::uint16_t kLastVerdict = 14;

/// Is somebody else setting this GPU's clock? NVML has no getter for a lock, so this is read off the clock under load.
enum class Foreign : std::uint16_t {
  cannot_know = 0,  ///< idle, or power or heat explain the clock
  not_seen = 1,     ///< under load the clock is what it should be
  suspected = 2,    ///< under load the clock is neither the lock nor explained
};

/// Which of a reply's fields mean something.
enum Present : std::uint32_t {
  has_lock = 1,     ///< locked_mhz
  has_owner = 2,    ///< owner_pid, owner_uid
  has_seen = 4,     ///< seen_mhz
  has_reasons = 8,  ///< reasons
  is_yours = 16,    ///< the asking client is the writer
};

struct Reply {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  Verdict verdict = Verdict::ok;
  std::uint32_t sequence = 0;
  std::uint32_t present = 0;     ///< bits of Present
  std::uint32_t locked_mhz = 0;  ///< the clock the helper has locked
  std::uint32_t seen_mhz = 0;    ///< SM clock as NVML reads it
  std::uint32_t least_mhz = 0;   ///< lowest clock that may be asked for; 0 with most_mhz 0: none
  std::uint32_t most_mhz = 0;
  std::uint32_t owner_pid = 0;
  std::uint32_t owner_uid = 0;
  std::uint32_t wait_ms = 0;     ///< with rate_limited
  std::uint32_t lease_ms = 0;    ///< longest silence the helper bears
  std::uint64_t reasons = 0;     ///< NVML's clock event reasons
  std::int32_t driver_code = 0;  ///< with driver_failed: nvmlReturn_t
  Foreign foreign = Foreign::cannot_know;
  std::uint16_t reserved = 0;
  Uuid gpu{};
};

static_assert(std::endian::native == std::endian::little, "the packets are little endian, as are all NVIDIA hosts");
static_assert(sizeof(Request) == 64 && offsetof(Request, value) == 12 && offsetof(Request, gpu) == 16);
static_assert(sizeof(Reply) == 112 && offsetof(Reply, reasons) == 48 && offsetof(Reply, gpu) == 64);
static_assert(std::has_unique_object_representations_v<Request> && std::has_unique_object_representations_v<Reply>,
              "no padding whose content would be undefined");

/// The text of a UUID field; nullopt when it is not NUL-terminated, not printable ASCII or not padded with NULs.
std::optional<std::string_view> text_of(const Uuid& uuid);

/// `text` as a field; nullopt when it is too long or would not read back.
std::optional<Uuid> to_uuid(std::string_view text);

/// A request in bounds, or nullopt: of any length and content. Nothing of it needs a second check.
std::optional<Request> parse_request(std::span<const std::byte> packet);

/// A reply in bounds, or nullopt.
std::optional<Reply> parse_reply(std::span<const std::byte> packet);

}  // namespace phasewatt::device::lease
