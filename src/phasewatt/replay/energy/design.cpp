#include "phasewatt/replay/energy/design.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace phasewatt::replay {
namespace {

constexpr std::size_t kDecode = static_cast<std::size_t>(Phase::decode);
/// A kind that fills less than this share of the window has no column of its own.
constexpr double kLeastShare = 1e-7;
/// A variation below this share of its own size is rounding.
constexpr double kLeastSpread = 1e-6;

}  // namespace

Design::Design(TimeSpan window, std::span<const PhaseStretch> stretches) : length_s_(window.seconds()) {
  add_segments(window, stretches);
  const auto n = static_cast<Eigen::Index>(segments_.size());
  value_ = Table::Zero(n, kMaxColumns);
  slope_ = Table::Zero(n, kMaxColumns);
  add_levels();
  for (std::size_t kind = 0; kind < kPhaseCount; ++kind) {
    if (!level_[kind]) continue;
    // A pass that the power limit slowed down takes longer and draws less, and not in proportion: squares too.
    add_variation(kind, [](const Segment& s) { return std::pair(s.seconds(), 0.0); });
    if (kind == kDecode) {
      add_variation(kind, [](const Segment&) { return std::pair(0.0, 1.0); });
      continue;
    }
    add_variation(kind, [](const Segment& s) { return std::pair(s.seconds() * s.seconds(), 0.0); });
    add_variation(kind, [](const Segment& s) { return std::pair(s.tokens, 0.0); });
    add_variation(kind, [](const Segment& s) { return std::pair(s.rate(), 0.0); });
    add_variation(kind, [](const Segment& s) { return std::pair(s.rate() * s.rate(), 0.0); });
  }
  add_drift();
  before_ = Table::Zero(n, kMaxColumns);
  for (Eigen::Index j = 0; j + 1 < n; ++j) {
    const double d = segments_[static_cast<std::size_t>(j)].seconds();
    before_.row(j + 1) = before_.row(j) + value_.row(j) * d + slope_.row(j) * (0.5 * d * d);
  }
}

void Design::add_segments(TimeSpan window, std::span<const PhaseStretch> stretches) {
  double done = 0;
  for (const auto& stretch : stretches) {
    const double begin = std::max(done, to_seconds(stretch.time.begin - window.begin));
    const double end = std::min(length_s_, to_seconds(stretch.time.end - window.begin));
    if (end <= begin) continue;
    if (begin > done) segments_.push_back({.begin = done, .end = begin});
    segments_.push_back({begin, end, static_cast<std::size_t>(stretch.phase), stretch.tokens.value_or(0)});
    done = end;
  }
  if (done < length_s_) segments_.push_back({.begin = done, .end = length_s_});
  for (const auto& segment : segments_) seconds_[segment.kind] += segment.seconds();
}

void Design::add_levels() {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (seconds_[kind] <= kLeastShare * length_s_) continue;
    level_[kind] = columns_;
    for (std::size_t j = 0; j < segments_.size(); ++j)
      if (segments_[j].kind == kind) value_(static_cast<Eigen::Index>(j), columns_) = 1;
    ++columns_;
  }
}

template <class Value>
void Design::add_variation(std::size_t kind, Value value) {
  double sum = 0;
  double square = 0;
  for (const auto& s : segments_) {
    if (s.kind != kind) continue;
    const auto [v, slope] = value(s);
    const double d = s.seconds();
    sum += v * d + 0.5 * slope * d * d;
    square += v * v * d + v * slope * d * d + slope * slope * d * d * d / 3;
  }
  const double mean = sum / seconds_[kind];
  const double variance = square / seconds_[kind] - mean * mean;
  if (!(variance > kLeastSpread * mean * mean)) return;
  const double scale = 1 / std::sqrt(variance);
  for (std::size_t j = 0; j < segments_.size(); ++j) {
    if (segments_[j].kind != kind) continue;
    const auto [v, slope] = value(segments_[j]);
    value_(static_cast<Eigen::Index>(j), columns_) = (v - mean) * scale;
    slope_(static_cast<Eigen::Index>(j), columns_) = slope * scale;
  }
  ++columns_;
}

void Design::add_drift() {
  // Warming up raises the power of everything alike: a line over the window, and a bend.
  const double scale = std::sqrt(12.0) / length_s_;
  for (std::size_t j = 0; j < segments_.size(); ++j) {
    value_(static_cast<Eigen::Index>(j), columns_) = (segments_[j].begin - 0.5 * length_s_) * scale;
    slope_(static_cast<Eigen::Index>(j), columns_) = scale;
  }
  ++columns_;
}

Design::Row Design::over_kind(std::size_t kind) const {
  Row out = Row::Zero(columns_);
  for (std::size_t j = 0; j < segments_.size(); ++j) {
    if (segments_[j].kind != kind) continue;
    const auto i = static_cast<Eigen::Index>(j);
    const double d = segments_[j].seconds();
    out += value_.row(i).head(columns_) * d + slope_.row(i).head(columns_) * (0.5 * d * d);
  }
  return out;
}

std::size_t Design::segment_at(double t_s) const {
  const auto after = std::ranges::upper_bound(segments_, t_s, {}, &Segment::begin);
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

Design::Row Design::integral(double t_s) const {
  const double t = std::clamp(t_s, 0.0, length_s_);
  const std::size_t j = segment_at(t);
  const double d = t - segments_[j].begin;
  const auto i = static_cast<Eigen::Index>(j);
  return before_.row(i).head(columns_) + value_.row(i).head(columns_) * d +
         slope_.row(i).head(columns_) * (0.5 * d * d);
}

Design::Row Design::at(double t_s) const {
  const std::size_t j = segment_at(std::clamp(t_s, 0.0, length_s_));
  const auto i = static_cast<Eigen::Index>(j);
  return value_.row(i).head(columns_) + slope_.row(i).head(columns_) * (t_s - segments_[j].begin);
}

}  // namespace phasewatt::replay
