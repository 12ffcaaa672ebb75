#include "apps/cli/study_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>

#include "phasewatt/base/text.h"

namespace phasewatt::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

std::string clock_name(const std::optional<Mhz>& clock) {
  return clock ? fmt::format("{:g}", clock->value()) : std::string("stock");
}
Json clock_value(const std::optional<Mhz>& clock) { return clock ? Json(clock->value()) : Json(nullptr); }

/// It takes nothing from a point.
bool is_remark(Reason reason) { return severity(reason) == Validity::valid; }

std::string duration(double seconds) {
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string energy(Joules joules) {
  if (joules.value() < 1e4) return fmt::format("{:.1f} J", joules.value());
  return fmt::format("{:.1f} kJ ({:.3f} kWh)", joules.value() / 1e3, joules.value() / 3.6e6);
}

/// The distinct values of the plan's axes, in plan order.
struct Axes {
  std::vector<std::string> models;
  std::vector<std::string> datasets;
  std::vector<std::string> batches;
  std::vector<std::pair<std::string, std::string>> clocks;  ///< asked, snapped
  int repeats = 0;
  int references = 0;  ///< points that show drift
};

template <class T>
void add_once(std::vector<T>& values, T value) {
  for (const auto& v : values)
    if (v == value) return;
  values.push_back(std::move(value));
}

Axes axes_of(const StudyPlan& plan) {
  Axes axes;
  for (const RunPoint& point : plan.points) {
    if (point.reference) {
      ++axes.references;
      continue;
    }
    add_once(axes.models, point.model);
    add_once(axes.datasets, point.dataset);
    add_once(axes.batches, std::to_string(point.batch));
    add_once(axes.clocks, {clock_name(point.clock_asked), clock_name(point.clock)});
    axes.repeats = std::max(axes.repeats, point.repeat + 1);
  }
  return axes;
}

std::uint64_t count_requests(const StudyPlan& plan) {
  std::map<std::string, std::uint64_t> queries;
  for (const auto& q : plan.queries) ++queries[q.query.dataset];
  std::uint64_t requests = 0;
  for (const auto& point : plan.points) requests += queries[point.dataset];
  return requests;
}

std::string_view label(bool simulated) { return simulated ? "SIMULATED" : "measured"; }

std::string estimate_line(std::size_t width, std::string_view name, std::uint32_t points, double seconds, Joules joules,
                          std::uint32_t unpriced, bool simulated) {
  const std::string left_out =
      unpriced == 0 ? "" : fmt::format("   ({} {})", unpriced, simulated ? "do not fit" : "not estimated");
  if (unpriced == points) return fmt::format("  {:<{}} {:>5} points{}\n", name, width, points, left_out);
  return fmt::format("  {:<{}} {:>5} points {:>12} {:>24}{}\n", name, width, points, duration(seconds), energy(joules),
                     left_out);
}

std::string estimate_text(const Environment& e, const replay::PlanEstimate& estimate) {
  const bool simulated = e.engine_simulated;
  if (!simulated && estimate.unpriced == estimate.points)
    return "\nno estimate: how long a real engine takes is not known beforehand\n";
  std::string out = simulated ? "\nestimate of device time and energy, without noise:\n"
                              : "\nestimate of device time and energy, by the simulated card's formulas:\n";
  std::size_t width = 16;
  for (const auto& m : estimate.models) width = std::max(width, m.model.size());
  for (const auto& m : estimate.models)
    out += estimate_line(width, m.model, m.points, m.seconds, m.energy, m.unpriced, simulated);
  out += estimate_line(width, "all", estimate.points, estimate.seconds, estimate.energy, 0, simulated);
  if (!simulated) return out;
  if (e.device_simulated && !e.driver.empty())
    out += "The simulated GPU is read through NVML and runs in real time: the study takes about this long.\n";
  else if (e.device_simulated)
    out += "The simulated GPU runs in virtual time: the study takes as long as this processor needs.\n";
  return out;
}

}  // namespace

std::string plan_text(const StudyPlan& plan, const replay::PlanEstimate& estimate) {
  const Axes axes = axes_of(plan);
  std::vector<std::string> clocks;
  for (const auto& [asked, snapped] : axes.clocks)
    clocks.push_back(asked == snapped ? asked : fmt::format("{} -> {}", asked, snapped));
  const Environment& e = plan.environment;
  std::string out = fmt::format("study '{}' ({})\n", plan.name, label(e.simulated()));
  out += fmt::format("device      {}\n", e.device_name);
  out += fmt::format("engine      {}, runtime {}\n", e.engine, e.runtime);
  out += fmt::format("models      {}\n", join(axes.models, ", "));
  for (std::size_t i = 0; i < plan.samples.size(); ++i)
    out += fmt::format("{:<12}{}\n", i == 0 ? "datasets" : "", plan.samples[i]);
  out += fmt::format("tokens      of kind {}\n", to_string(plan.token_kind));
  out += fmt::format("batch sizes {}\n", join(axes.batches, ", "));
  out += fmt::format("SM clocks   {} MHz; baseline {}\n", join(clocks, ", "), clock_name(plan.baseline));
  out += fmt::format("repeats     {}\n", axes.repeats);
  out += fmt::format("points      {} with {} requests{}\n", plan.points.size(), count_requests(plan),
                     axes.references == 0 ? "" : fmt::format(", {} of them reference points", axes.references));
  for (const auto& note : plan.notes) out += "note: " + note + "\n";
  return out + estimate_text(e, estimate);
}

std::string plan_json(const StudyPlan& plan, const replay::PlanEstimate& estimate) {
  const Axes axes = axes_of(plan);
  Json clocks = Json::array();
  for (const auto& [asked, snapped] : axes.clocks) clocks.push_back({{"asked", asked}, {"snapped", snapped}});
  Json models = Json::array();
  // What could not be priced at all is not known, and not nothing.
  const auto number = [](double value, std::uint32_t points, std::uint32_t unpriced) {
    return unpriced == points ? Json(nullptr) : Json(value);
  };
  for (const auto& m : estimate.models)
    models.push_back({{"model", m.model},
                      {"points", m.points},
                      {"unpriced", m.unpriced},
                      {"seconds", number(m.seconds, m.points, m.unpriced)},
                      {"energy_j", number(m.energy.value(), m.points, m.unpriced)}});
  const auto total = [&](double value) { return number(value, estimate.points, estimate.unpriced); };
  return dump(
      {{"study", plan.name},
       {"simulated", plan.environment.simulated()},
       {"device", plan.environment.device_id},
       {"engine", plan.environment.engine},
       {"runtime", plan.environment.runtime},
       {"token_kind", to_string(plan.token_kind)},
       {"fingerprint", plan.fingerprint},
       {"samples", plan.samples},
       {"batch_sizes", axes.batches},
       {"sm_mhz", clocks},
       {"baseline_sm_mhz", clock_value(plan.baseline)},
       {"repeats", axes.repeats},
       {"points", plan.points.size()},
       {"reference_points", axes.references},
       {"requests", count_requests(plan)},
       {"notes", plan.notes},
       {"estimate",
        {{"seconds", total(estimate.seconds)}, {"energy_j", total(estimate.energy.value())}, {"models", models}}}});
}

namespace {

std::string counts(const store::StudySummary& state, std::string_view more) {
  const std::string spared =
      state.points_spared == 0 ? "" : fmt::format(", {} not needed by the stop rule", state.points_spared);
  return fmt::format("{} of {} points finished{}: {} valid, {} degraded, {} void{}; {} requests\n", state.points_done,
                     state.points_total, more, state.points_valid, state.points_degraded, state.points_void, spared,
                     state.requests);
}

}  // namespace

std::string summary_text(const replay::RunSummary& summary, const store::StudySummary& state, const std::string& db) {
  std::string out = counts(state, fmt::format(" ({})", label(state.simulated)));
  out += fmt::format("{} points ran now in {:.1f} s wall with {} {}; results in {}\n", summary.done, summary.wall_s,
                     summary.jobs, summary.jobs == 1 ? "worker" : "workers", db);
  if (state.points_degraded + state.points_void > 0)
    out += "why points are not valid: phasewatt study status " + db + "\n";
  return out;
}

std::string summary_json(const replay::RunSummary& summary, const store::StudySummary& state, const std::string& db) {
  return dump({{"database", db},
               {"simulated", state.simulated},
               {"points_total", state.points_total},
               {"points_done", state.points_done},
               {"points_valid", state.points_valid},
               {"points_degraded", state.points_degraded},
               {"points_void", state.points_void},
               {"points_spared", state.points_spared},
               {"requests", state.requests},
               {"done_now", summary.done},
               {"interrupted", summary.interrupted},
               {"jobs", summary.jobs},
               {"wall_s", summary.wall_s}});
}

std::string status_text(const store::StudySummary& state, const std::string& digest) {
  std::string out = fmt::format("study '{}' ({}): {}\n", state.name, label(state.simulated),
                                state.running    ? "running"
                                : state.complete ? "complete"
                                                 : "not complete; study resume goes on");
  out += counts(state, "");
  std::map<Reason, std::int64_t> reasons;
  for (const auto& trouble : state.troubles) {
    const RunPoint& p = trouble.point;
    std::vector<std::string> words;
    std::string remarks;
    for (const Reason reason : trouble.reasons) {
      ++reasons[reason];
      if (is_remark(reason))
        remarks += fmt::format("; {}", to_string(reason));
      else
        words.emplace_back(to_string(reason));
    }
    out += fmt::format("point {:>5} {:<8} {} {} B={} SM clock asked {} seen {} MHz, {} {}: {}{}\n", p.index,
                       to_string(trouble.validity), p.model, p.dataset, p.batch, clock_name(p.clock_asked),
                       trouble.sm_clock_seen ? fmt::format("{:.0f}", trouble.sm_clock_seen->value()) : "?",
                       p.reference ? "reference" : "repeat", p.repeat, join(words, ", ") + remarks,
                       trouble.detail.empty() ? "" : " (" + trouble.detail + ")");
  }
  for (const auto& [reason, count] : reasons)
    out += fmt::format("{} ({}): {}\n", to_string(reason),
                       is_remark(reason) ? "a remark" : fmt::format("{} points", count), explain(reason));
  for (const auto& s : state.sessions)
    out += fmt::format("session {} to {} on {}, phasewatt {}\n", s.begin_utc,
                       s.end_utc ? *s.end_utc : std::string(state.running ? "now" : "a sudden end"), s.host,
                       s.program_version);
  if (!digest.empty()) out += "digest of all rows " + digest + "\n";
  return out;
}

std::string status_json(const store::StudySummary& state, const std::string& digest) {
  Json troubles = Json::array();
  for (const auto& t : state.troubles) {
    Json reasons = Json::array();
    for (const Reason reason : t.reasons)
      reasons.push_back(
          {{"reason", to_string(reason)}, {"remark", is_remark(reason)}, {"explanation", explain(reason)}});
    troubles.push_back({{"point", t.point.index},
                        {"validity", to_string(t.validity)},
                        {"model", t.point.model},
                        {"dataset", t.point.dataset},
                        {"batch", t.point.batch},
                        {"repeat", t.point.repeat},
                        {"reference", t.point.reference},
                        {"sm_mhz_asked", clock_value(t.point.clock_asked)},
                        {"sm_mhz_seen", clock_value(t.sm_clock_seen)},
                        {"reasons", reasons},
                        {"detail", t.detail}});
  }
  Json sessions = Json::array();
  for (const auto& s : state.sessions)
    sessions.push_back({{"begin_utc", s.begin_utc},
                        {"end_utc", s.end_utc ? Json(*s.end_utc) : Json(nullptr)},
                        {"complete", s.complete ? Json(*s.complete) : Json(nullptr)},
                        {"program_version", s.program_version},
                        {"host", s.host}});
  Json json = {{"study", state.name},
               {"simulated", state.simulated},
               {"running", state.running},
               {"complete", state.complete},
               {"points_total", state.points_total},
               {"points_done", state.points_done},
               {"points_valid", state.points_valid},
               {"points_degraded", state.points_degraded},
               {"points_void", state.points_void},
               {"points_spared", state.points_spared},
               {"requests", state.requests},
               {"troubles", troubles},
               {"sessions", sessions}};
  if (!digest.empty()) json["digest"] = digest;
  return dump(json);
}

}  // namespace phasewatt::cli
