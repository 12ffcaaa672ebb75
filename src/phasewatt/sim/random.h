#pragma once

#include <array>
#include <cstdint>

/// Randomness that is a function of what is drawn, not of the order of drawing: the same key and counter give the same
/// numbers in any thread, order and compiler. Thread-safe.
namespace phasewatt::sim {

using RandomWords = std::array<std::uint32_t, 4>;

/// What a draw is for; the last word of the counter.
enum class Stream : std::uint32_t { pass, run, clock_switch, sensor_phase, tick_inst, tick_avg, device, length };

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): ten rounds that mix a 64-bit
/// key with a 128-bit counter.
RandomWords philox(std::uint64_t key, const RandomWords& counter);

/// In (0, 1), never an end.
double uniform(std::uint32_t word);

/// Two independent standard normals from two words (Box–Muller); `std::normal_distribution` differs between libraries.
std::array<double, 2> normals(std::uint32_t first, std::uint32_t second);

}  // namespace phasewatt::sim
