#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "phasewatt/base/records.h"
#include "phasewatt/engine/engine.h"

namespace phasewatt::replay {

/// Sums the spans of one point while its batches run. A big study gives some ten million spans, so each costs a few
/// nanoseconds and none is kept. Not thread-safe.
class PhaseSums final : public engine::PhaseListener {
 public:
  struct Part {
    std::int64_t ns = 0;
    double joules = 0;
  };
  /// What one batch took; times from its first span's begin.
  struct Batch {
    std::array<Part, kPhaseCount> phases{};
    std::int64_t wall_ns = 0;
    std::int64_t idle_ns = 0;      ///< wall time in no span
    std::int64_t ttft_ns = 0;      ///< to the end of prefill
    std::optional<Joules> energy;  ///< absent when a span lacks it, or when there is idle time, whose energy is unknown
  };

  void begin_batch() { batch_ = {}; }
  void on_span(const PhaseSpan& span) override;
  /// The batch since begin_batch(); absent when its spans overlap, run backwards, or hold no prefill.
  std::optional<Batch> end_batch();

  /// Totals over all batches so far. A phase that did not occur has no energy.
  [[nodiscard]] std::array<PhaseTotals, kPhaseCount> totals() const;
  [[nodiscard]] double wall_s() const { return static_cast<double>(wall_ns_) * 1e-9; }
  [[nodiscard]] double idle_s() const { return static_cast<double>(idle_ns_) * 1e-9; }
  /// Sum over the phases; absent when a span lacks its energy.
  [[nodiscard]] std::optional<Joules> busy_energy() const;
  /// Mean of the spans' clocks weighted by their time; absent when a span lacks its clock or there is no time.
  [[nodiscard]] std::optional<Mhz> clock() const;
  /// Time of decode steps in which fewer sequences ran than in the batch's first one.
  [[nodiscard]] double tail_s() const { return static_cast<double>(tail_ns_) * 1e-9; }
  /// Whether any span lay outside the range the simulated GPU was fitted for.
  [[nodiscard]] bool extrapolated() const { return extrapolated_; }

 private:
  struct Sum {
    std::int64_t ns = 0;
    std::int64_t spans = 0;
    double tokens = 0;
    double joules = 0;
    bool energy_known = true;
    double bytes = 0;
    double flops = 0;
    double busy_s = 0;
    double launch_s = 0;
    bool work_known = true;
    bool busy_known = true;
    bool launch_known = true;
  };
  struct Open {
    std::array<Part, kPhaseCount> phases{};
    int decoding = 0;  ///< sequences in the first decode step
    bool any = false;
    bool prefilled = false;
    bool disordered = false;
    bool energy_known = true;
    Nanos begin{};
    Nanos end{};
    Nanos prefill_end{};
    std::int64_t busy_ns = 0;
    double joules = 0;
  };
  std::array<Sum, kPhaseCount> sums_{};
  Open batch_;
  std::int64_t wall_ns_ = 0;
  std::int64_t idle_ns_ = 0;
  std::int64_t tail_ns_ = 0;
  double mhz_ns_ = 0;
  bool clock_known_ = true;
  bool extrapolated_ = false;
};

}  // namespace phasewatt::replay
