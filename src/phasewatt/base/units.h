#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

/// Units are types: a clock cannot be added to an energy, and a reader of a signature sees what is meant.
namespace phasewatt {

/// A number with a unit. `Tag` makes each unit a type of its own; arithmetic stays inside the unit.
/// Plain value, no invariants: negative and non-finite values are the caller's business.
template <class Tag, class Rep>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }

  constexpr auto operator<=>(const Quantity&) const = default;  // NOLINT(modernize-use-nullptr): false alarm
  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value_ -= other.value_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.value_ + b.value_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.value_ - b.value_); }
  friend constexpr Quantity operator*(Quantity a, Rep factor) { return Quantity(a.value_ * factor); }
  friend constexpr Quantity operator*(Rep factor, Quantity a) { return Quantity(a.value_ * factor); }
  friend constexpr Quantity operator/(Quantity a, Rep divisor) { return Quantity(a.value_ / divisor); }
  friend constexpr Rep operator/(Quantity a, Quantity b) { return a.value_ / b.value_; }

 private:
  Rep value_{};
};

using Mhz = Quantity<struct MhzTag, double>;          ///< clock, megahertz (the simulated card steps by 7.5)
using Watts = Quantity<struct WattsTag, double>;      ///< power, watts
using Joules = Quantity<struct JoulesTag, double>;    ///< energy, joules
using Celsius = Quantity<struct CelsiusTag, double>;  ///< temperature, degrees Celsius
using Nanos = std::chrono::nanoseconds;               ///< spans and instants of a monotonic clock

/// Seconds as a double, for formulas; exact to 1 ns up to about 104 days.
constexpr double to_seconds(Nanos t) { return static_cast<double>(t.count()) * 1e-9; }

/// Nearest nanosecond to `s` seconds; `s` must be finite and below 9.2e9.
constexpr Nanos from_seconds(double s) { return Nanos(static_cast<std::int64_t>(s * 1e9 + (s < 0 ? -0.5 : 0.5))); }

}  // namespace phasewatt
