#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace phasewatt::workload {

/// Python's `random.Random(seed)`, number for number: Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded
/// by init_by_array as CPython seeds integers, and CPython 3.11's algorithms on top. Not thread-safe.
class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);

  /// `getrandbits(bits)`, 1 ≤ bits ≤ 64.
  std::uint64_t getrandbits(int bits);
  /// `random()`: 53 bits, in [0, 1).
  double random();
  /// `randrange(n)`, n ≥ 1.
  std::uint64_t below(std::uint64_t n);

  /// `sample(range(n), k)`, k ≤ n, in the order drawn.
  std::vector<std::size_t> sample(std::size_t n, std::size_t k);
  /// `choices(range(n), k=k)`, n ≥ 1.
  std::vector<std::size_t> choices(std::size_t n, std::size_t k);
  /// `choices(range(len(weights)), weights, k=k)`; weights ≥ 0 with a sum that is finite and > 0.
  std::vector<std::size_t> choices(std::span<const double> weights, std::size_t k);
  /// `shuffle(items)`.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i-- > 1;) std::swap(items[i], items[below(i + 1)]);
  }

 private:
  static constexpr std::size_t kWords = 624;

  std::uint32_t next_word();
  void refill();

  std::array<std::uint32_t, kWords> state_{};
  std::size_t position_ = kWords;
};

}  // namespace phasewatt::workload
