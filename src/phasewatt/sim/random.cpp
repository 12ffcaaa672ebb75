#include "phasewatt/sim/random.h"

#include <cmath>
#include <numbers>

namespace phasewatt::sim {

RandomWords philox(std::uint64_t key, const RandomWords& counter) {
  constexpr std::uint64_t kMultiplierA = 0xD2511F53;
  constexpr std::uint64_t kMultiplierB = 0xCD9E8D57;
  constexpr std::uint32_t kWeylA = 0x9E3779B9;
  constexpr std::uint32_t kWeylB = 0xBB67AE85;
  auto [c0, c1, c2, c3] = counter;
  auto key_a = static_cast<std::uint32_t>(key);
  auto key_b = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = kMultiplierA * c0;
    const std::uint64_t b = kMultiplierB * c2;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ key_a;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ key_b;
    c3 = static_cast<std::uint32_t>(a);
    key_a += kWeylA;
    key_b += kWeylB;
  }
  return {c0, c1, c2, c3};
}

double uniform(std::uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

std::array<double, 2> normals(std::uint32_t first, std::uint32_t second) {
  const double radius = std::sqrt(-2.0 * std::log(uniform(first)));
  const double cosine = std::cos(2.0 * std::numbers::pi * uniform(second));
  // The sine from the cosine: one library call less, and compilers cannot merge two calls into a third that rounds
  // differently.
  const double sine = std::sqrt(1.0 - cosine * cosine);
  return {radius * cosine, radius * (second < 0x80000000U ? sine : -sine)};
}

}  // namespace phasewatt::sim
