#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace phasewatt {

/// A queue of fixed capacity between one producing and one consuming thread. Neither ever waits for the other or
/// allocates: what finds no place is lost and counted. push() belongs to the producer, drain() to the consumer; the
/// rest is anybody's.
template <class T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>, "a copy must neither allocate nor throw");

 public:
  /// Room for `capacity` elements at least: rounded up to a power of two.
  explicit Ring(std::size_t capacity) : slots_(std::bit_ceil(capacity)), mask_(slots_.size() - 1) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// False when there was no place.
  bool push(const T& element) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ == slots_.size()) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ == slots_.size()) {
        // The producer alone writes it: no read-modify-write is needed.
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return false;
      }
    }
    slots_[tail & mask_] = element;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Hands everything that is there to `take`, oldest first; returns how many.
  template <class Take>
  std::size_t drain(Take&& take) {
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    const std::uint64_t first = head_.load(std::memory_order_relaxed);
    for (std::uint64_t head = first; head != tail; ++head) {
      take(static_cast<const T&>(slots_[head & mask_]));
      head_.store(head + 1, std::memory_order_release);
    }
    return static_cast<std::size_t>(tail - first);
  }

  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }
  /// Elements for which there was no place.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kLine = 64;  ///< bytes of a cache line: the two sides write to lines of their own

  std::vector<T> slots_;
  std::size_t mask_;
  alignas(kLine) std::atomic<std::uint64_t> tail_{0};  ///< elements ever pushed
  std::uint64_t head_seen_ = 0;                        ///< the producer's last look at head_
  std::atomic<std::uint64_t> dropped_{0};
  alignas(kLine) std::atomic<std::uint64_t> head_{0};  ///< elements ever taken
};

}  // namespace phasewatt
