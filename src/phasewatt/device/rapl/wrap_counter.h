#pragma once

#include <cstdint>
#include <optional>

namespace phasewatt::device::rapl {

/// Follows a counter that starts again at 0 after `range`, and accumulates what it went up by. A reading below the last
/// one is one wrap: two or more between two readings look like one, so that readings must come sooner than the counter
/// can run through its range. A wrap counts `range`, which leaves out the one step from `range` to 0 (at most 61 µJ of
/// RAPL's 65 kJ or more). Plain value.
class WrapCounter {
 public:
  /// `first` ≤ `range` is where counting starts.
  WrapCounter(std::uint64_t range, std::uint64_t first) : range_(range), last_(first) {}

  /// What was counted since the start, `raw` included; never less than before. nullopt when `raw` lies beyond the
  /// range: it is then no reading of this counter, and nothing changes.
  std::optional<std::uint64_t> add(std::uint64_t raw) {
    if (raw > range_) return std::nullopt;
    total_ += raw >= last_ ? raw - last_ : raw + (range_ - last_);
    last_ = raw;
    return total_;
  }

 private:
  std::uint64_t range_;
  std::uint64_t last_;
  std::uint64_t total_ = 0;
};

}  // namespace phasewatt::device::rapl
