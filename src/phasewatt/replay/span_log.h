#pragma once

#include <optional>
#include <vector>

#include "phasewatt/engine/engine.h"
#include "phasewatt/replay/energy/phases.h"

namespace phasewatt::replay {

/// Keeps the stretches of one stretch of work, neighbouring spans of a phase merged, and hands each span on. Not
/// thread-safe.
class SpanLog final : public engine::PhaseListener {
 public:
  explicit SpanLog(engine::PhaseListener* next = nullptr) : next_(next) {}
  void on_span(const PhaseSpan& span) override;

  [[nodiscard]] const std::vector<PhaseStretch>& stretches() const { return stretches_; }
  /// From the first span's begin to the last one's end; absent before the first.
  [[nodiscard]] std::optional<TimeSpan> whole() const;
  [[nodiscard]] double busy_s() const;

 private:
  engine::PhaseListener* next_;
  std::vector<PhaseStretch> stretches_;
};

}  // namespace phasewatt::replay
