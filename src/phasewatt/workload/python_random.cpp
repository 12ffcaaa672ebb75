#include "phasewatt/workload/python_random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_set>

namespace phasewatt::workload {

PythonRandom::PythonRandom(std::uint64_t seed) {
  // CPython passes the seed as 32-bit words, lowest first, without leading zero words.
  std::vector<std::uint32_t> key{static_cast<std::uint32_t>(seed)};
  if (seed >> 32U != 0) key.push_back(static_cast<std::uint32_t>(seed >> 32U));

  state_[0] = 19650218U;
  for (std::uint32_t i = 1; i < kWords; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30U)) + i;
  std::size_t i = 1;
  const auto step = [&] {
    if (++i == kWords) {
      state_[0] = state_[kWords - 1];
      i = 1;
    }
  };
  for (std::size_t k = 0, j = 0; k < kWords; ++k) {
    state_[i] =
        (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30U)) * 1664525U)) + key[j] + static_cast<std::uint32_t>(j);
    j = (j + 1) % key.size();
    step();
  }
  for (std::size_t k = 1; k < kWords; ++k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30U)) * 1566083941U)) - static_cast<std::uint32_t>(i);
    step();
  }
  state_[0] = 0x80000000U;
}

void PythonRandom::refill() {
  constexpr std::size_t kShift = 397;
  for (std::size_t i = 0; i < kWords; ++i) {
    const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % kWords] & 0x7fffffffU);
    state_[i] = state_[(i + kShift) % kWords] ^ (y >> 1U) ^ ((y & 1U) != 0 ? 0x9908b0dfU : 0U);
  }
  position_ = 0;
}

std::uint32_t PythonRandom::next_word() {
  if (position_ == kWords) refill();
  std::uint32_t y = state_[position_++];
  y ^= y >> 11U;
  y ^= (y << 7U) & 0x9d2c5680U;
  y ^= (y << 15U) & 0xefc60000U;
  return y ^ (y >> 18U);
}

std::uint64_t PythonRandom::getrandbits(int bits) {
  if (bits <= 32) return next_word() >> static_cast<unsigned>(32 - bits);
  const std::uint64_t low = next_word();
  return low | static_cast<std::uint64_t>(next_word() >> static_cast<unsigned>(64 - bits)) << 32U;
}

double PythonRandom::random() {
  const std::uint32_t high = next_word() >> 5U;
  const std::uint32_t low = next_word() >> 6U;
  return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

std::uint64_t PythonRandom::below(std::uint64_t n) {
  const int bits = static_cast<int>(std::bit_width(n));
  std::uint64_t r = getrandbits(bits);
  while (r >= n) r = getrandbits(bits);
  return r;
}

std::vector<std::size_t> PythonRandom::sample(std::size_t n, std::size_t k) {
  // CPython keeps a list of what is left when that is smaller than a set of what was drawn, and the two draw
  // different numbers: its estimate of the set's size, 21 + 4^ceil(log4(3k)), is part of the algorithm.
  std::size_t set_size = 21;
  if (k > 5) {
    std::size_t power = 1;
    while (power < 3 * k) power *= 4;
    set_size += power;
  }
  std::vector<std::size_t> drawn;
  drawn.reserve(k);
  if (n <= set_size) {
    std::vector<std::size_t> pool(n);
    std::iota(pool.begin(), pool.end(), std::size_t{0});
    for (std::size_t i = 0; i < k; ++i) {
      const std::size_t j = below(n - i);
      drawn.push_back(pool[j]);
      pool[j] = pool[n - i - 1];
    }
    return drawn;
  }
  std::unordered_set<std::size_t> seen;
  while (drawn.size() < k) {
    const std::size_t j = below(n);
    if (seen.insert(j).second) drawn.push_back(j);
  }
  return drawn;
}

std::vector<std::size_t> PythonRandom::choices(std::size_t n, std::size_t k) {
  std::vector<std::size_t> drawn(k);
  for (auto& row : drawn) row = static_cast<std::size_t>(std::floor(random() * static_cast<double>(n)));
  return drawn;
}

std::vector<std::size_t> PythonRandom::choices(std::span<const double> weights, std::size_t k) {
  std::vector<double> sums(weights.size());
  std::partial_sum(weights.begin(), weights.end(), sums.begin());
  // The last row is left out of the search and so takes what rounding puts at the very end.
  const auto last = sums.end() - 1;
  std::vector<std::size_t> drawn(k);
  for (auto& row : drawn)
    row = static_cast<std::size_t>(std::upper_bound(sums.begin(), last, random() * *last) - sums.begin());
  return drawn;
}

}  // namespace phasewatt::workload
