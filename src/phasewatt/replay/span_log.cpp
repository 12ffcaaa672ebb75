#include "phasewatt/replay/span_log.h"

namespace phasewatt::replay {
namespace {

/// Steps of a graph follow each other within microseconds; no sensor can see such a gap.
constexpr Nanos kMerge = std::chrono::microseconds(20);

}  // namespace

void SpanLog::on_span(const PhaseSpan& span) {
  if (!stretches_.empty() && stretches_.back().phase == span.phase && span.begin >= stretches_.back().time.end &&
      span.begin - stretches_.back().time.end <= kMerge)
    stretches_.back().time.end = span.end;
  else
    stretches_.push_back({span.phase, {span.begin, span.end}, 0.0});
  *stretches_.back().tokens += span.tokens;
  if (next_ != nullptr) next_->on_span(span);
}

std::optional<TimeSpan> SpanLog::whole() const {
  if (stretches_.empty()) return std::nullopt;
  return TimeSpan{stretches_.front().time.begin, stretches_.back().time.end};
}

double SpanLog::busy_s() const {
  double seconds = 0;
  for (const auto& stretch : stretches_) seconds += stretch.time.seconds();
  return seconds;
}

}  // namespace phasewatt::replay
