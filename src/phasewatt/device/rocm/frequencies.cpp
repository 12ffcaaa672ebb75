#include "phasewatt/device/rocm/frequencies.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <span>

namespace phasewatt::device::rocm {
namespace {

constexpr unsigned char kPoison = 0xa5;
constexpr std::uint64_t kHighestHz = 100'000'000'000;
constexpr std::size_t kFineGrainedLevels = 3;

Mhz to_mhz(std::uint64_t hz) { return Mhz(static_cast<double>(hz) * 1e-6); }

template <class Layout>
std::optional<Frequencies> read_layout(const Layout& from, bool has_deep_sleep) {
  if (from.num_supported == 0 || from.num_supported > std::size(from.frequency)) return std::nullopt;
  const std::span listed(from.frequency, from.num_supported);
  if (std::any_of(listed.begin(), listed.end(), [](auto hz) { return hz > kHighestHz; })) return std::nullopt;
  Frequencies out;
  for (const auto hz : listed.subspan(has_deep_sleep ? 1 : 0)) out.levels.push_back(to_mhz(hz));
  if (from.current < listed.size()) out.current = to_mhz(listed[from.current]);
  return out;
}

}  // namespace

void poison(rsmi_frequencies_room_t& room) { std::memset(room.bytes, kPoison, sizeof room.bytes); }

std::optional<Frequencies> read_frequencies(const rsmi_frequencies_room_t& room) {
  if (room.bytes[0] <= 1) {  // otherwise it is no bool
    rsmi_frequencies_v6_t six{};
    std::memcpy(&six, room.bytes, sizeof six);
    if (auto read = read_layout(six, six.has_deep_sleep)) return read;
  }
  rsmi_frequencies_v5_t five{};
  std::memcpy(&five, room.bytes, sizeof five);
  return read_layout(five, false);
}

std::vector<Mhz> supported_clocks(const Frequencies& frequencies) {
  if (frequencies.levels.size() <= kFineGrainedLevels) return {};
  std::set<double> ascending;
  for (const Mhz level : frequencies.levels) ascending.insert(level.value());
  return {ascending.begin(), ascending.end()};
}

}  // namespace phasewatt::device::rocm
