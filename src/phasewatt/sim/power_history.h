#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "phasewatt/base/units.h"

namespace phasewatt::sim {

/// True power over the recent past, constant per segment, for the sensors. Keeps the last `kCapacity` segments; before
/// them only the mean since the start is known. Not thread-safe.
class PowerHistory {
 public:
  static constexpr std::size_t kCapacity = 8192;

  PowerHistory();

  /// Forgets everything; before `start` the power was `watts_before` for ever.
  void restart(Nanos start, double watts_before);

  /// Appends a segment from end() to `end` (not before it) that used `joules`.
  void push(Nanos end, double joules) {
    joules_ += joules;
    end_ = end;
    ring_[++newest_ % kCapacity] = {end.count(), joules_};
  }

  [[nodiscard]] Nanos end() const { return end_; }
  /// Energy since the start, J; negative before the start, the total after the end.
  [[nodiscard]] double joules_at(Nanos t) const;
  /// Mean power over the span, which must not be empty.
  [[nodiscard]] double mean_w(Nanos from, Nanos to) const;

 private:
  struct Mark {
    std::int64_t at = 0;  ///< end of a segment, ns
    double joules = 0;    ///< used until then
  };
  std::vector<Mark> ring_;
  std::uint64_t newest_ = 0;  ///< marks pushed so far; mark 0 is the start
  double joules_ = 0;
  Nanos start_{};
  Nanos end_{};
  double watts_before_ = 0;
};

}  // namespace phasewatt::sim
