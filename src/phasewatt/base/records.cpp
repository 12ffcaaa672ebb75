#include "phasewatt/base/records.h"

#include <span>
#include <utility>

namespace phasewatt {
namespace {

/// One table per enum: the name in files, databases and JSON.
template <class Enum>
using Name = std::pair<Enum, std::string_view>;

constexpr std::array kTasks{Name<Task>{Task::classification, "classification"},
                            Name<Task>{Task::generation, "generation"}};
constexpr std::array kTokenKinds{Name<TokenKind>{TokenKind::word, "word"},
                                 Name<TokenKind>{TokenKind::icu_word, "icu_word"},
                                 Name<TokenKind>{TokenKind::bpe, "bpe"}};
constexpr std::array kEntityTypes{Name<EntityType>{EntityType::person, "PER"},
                                  Name<EntityType>{EntityType::organization, "ORG"},
                                  Name<EntityType>{EntityType::location, "LOC"}};
constexpr std::array kStopRules{Name<StopRule>{StopRule::length, "length"}, Name<StopRule>{StopRule::eos, "eos"}};
constexpr std::array kPhaseNames{Name<Phase>{Phase::prefill, "prefill"}, Name<Phase>{Phase::decode, "decode"},
                                 Name<Phase>{Phase::score, "score"}};
constexpr std::array kMethods{Name<EnergyMethod>{EnergyMethod::sim_truth, "sim_truth"},
                              Name<EnergyMethod>{EnergyMethod::counter_delta, "counter_delta"},
                              Name<EnergyMethod>{EnergyMethod::power_integral, "power_integral"},
                              Name<EnergyMethod>{EnergyMethod::window_regression, "window_regression"},
                              Name<EnergyMethod>{EnergyMethod::stacked, "stacked"}};
constexpr std::array kValidities{Name<Validity>{Validity::valid, "valid"},
                                 Name<Validity>{Validity::degraded, "degraded"},
                                 Name<Validity>{Validity::void_, "void"}};

struct ReasonRow {
  Reason reason;
  std::string_view name;
  Validity severity;
  std::string_view explanation;
};
constexpr std::array kReasonRows{
    ReasonRow{
        Reason::power_limited, "power_limited", Validity::valid,
        "the software power cap held the clock below the highest one; normal at the stock clock, the seen clock is "
        "kept beside the asked one"},
    ReasonRow{Reason::clock_not_attained, "clock_not_attained", Validity::void_,
              "the clock seen under load missed the requested lock; check the power cap and other users of the GPU, or "
              "ask for a lower clock"},
    ReasonRow{Reason::throttled, "throttled", Validity::void_,
              "a thermal or hardware slowdown was active; let the card cool, check its fans, then run the point again"},
    ReasonRow{Reason::foreign_process, "foreign_process", Validity::void_,
              "another process used the GPU; stop it, then run the point again"},
    ReasonRow{
        Reason::foreign_lock, "foreign_lock", Validity::void_,
        "somebody else had locked the clock while the stock clock was wanted; see phasewatt clocks show and reset"},
    ReasonRow{
        Reason::lease_lost, "lease_lost", Validity::void_,
        "phasewatt-clockd ended or did not hear this study in time, so the clock was given back; run the point again"},
    ReasonRow{
        Reason::stalled, "stalled", Validity::degraded,
        "the study stood still in the middle (a stopped process, a suspended machine), and what was drawn meanwhile "
        "is in the energy; run the point again"},
    ReasonRow{Reason::no_energy, "no_energy", Validity::degraded,
              "nothing gave the energy: the study measures no device, or no sensor of the GPU told it (phasewatt devices)"},
    ReasonRow{Reason::lost_samples, "lost_samples", Validity::void_,
              "too many sensor samples were lost; lower the load on the host, then run the point again"},
    ReasonRow{Reason::sensor_too_slow, "sensor_too_slow", Validity::degraded,
              "the window is short against the sensor's update period; raise window_s, or use more queries"},
    ReasonRow{Reason::counter_power_disagree, "counter_power_disagree", Validity::degraded,
              "energy counter and integrated power differ beyond tolerance; calibrate the sensors of this card"},
    ReasonRow{Reason::out_of_memory, "out_of_memory", Validity::void_,
              "model, cache and logits do not fit into the GPU's memory; use a smaller batch or model"},
    ReasonRow{Reason::engine_failed, "engine_failed", Validity::void_,
              "the engine gave an error; see the point's detail"},
    ReasonRow{
        Reason::extrapolated, "extrapolated", Validity::degraded,
        "the simulated GPU was asked for a range it was not fitted for (below 500 MHz its times are good to 40 %)"},
    ReasonRow{Reason::counter_reset, "counter_reset", Validity::void_,
              "the energy counter ran backwards (driver reload or GPU reset); run the point again"},
    ReasonRow{Reason::sensor_stuck, "sensor_stuck", Validity::degraded,
              "a sensor repeated one value while the load changed; calibrate the card, or reload its driver"},
    ReasonRow{Reason::bad_reading, "bad_reading", Validity::degraded,
              "a sensor gave a value that is no number or is impossible; such values are left out"},
    ReasonRow{Reason::thermal_drift, "thermal_drift", Validity::degraded,
              "the card's temperature drifted over the point; raise warmup_s, or lower window_s"},
    ReasonRow{Reason::not_settled, "not_settled", Validity::degraded,
              "the card was still warming up or cooling down when the longest warm-up was over; raise warmup_max_s"},
    ReasonRow{Reason::phases_disagree, "phases_disagree", Validity::degraded,
              "the phase's energy in place and by repetition differ beyond their errors; use more queries"},
    ReasonRow{Reason::not_calibrated, "not_calibrated", Validity::valid,
              "the sensors' timing is assumed, not measured; 'phasewatt calibrate' measures it"},
};

template <class Enum>
std::string_view name_of(std::span<const Name<Enum>> table, Enum value) {
  for (const auto& [key, name] : table)
    if (key == value) return name;
  return "?";
}

template <class Enum>
std::optional<Enum> value_of(std::span<const Name<Enum>> table, std::string_view name) {
  for (const auto& [key, key_name] : table)
    if (key_name == name) return key;
  return std::nullopt;
}

const ReasonRow& row(Reason reason) {
  for (const auto& r : kReasonRows)
    if (r.reason == reason) return r;
  return kReasonRows.front();
}

}  // namespace

std::string_view to_string(Task v) { return name_of<Task>(kTasks, v); }
std::optional<Task> parse_task(std::string_view n) { return value_of<Task>(kTasks, n); }
std::string_view to_string(TokenKind v) { return name_of<TokenKind>(kTokenKinds, v); }
std::string_view to_string(EntityType v) { return name_of<EntityType>(kEntityTypes, v); }
std::string_view to_string(StopRule v) { return name_of<StopRule>(kStopRules, v); }
std::optional<StopRule> parse_stop_rule(std::string_view n) { return value_of<StopRule>(kStopRules, n); }
std::string_view to_string(Phase v) { return name_of<Phase>(kPhaseNames, v); }
std::optional<Phase> parse_phase(std::string_view n) { return value_of<Phase>(kPhaseNames, n); }
std::string_view to_string(EnergyMethod v) { return name_of<EnergyMethod>(kMethods, v); }
std::optional<EnergyMethod> parse_energy_method(std::string_view n) { return value_of<EnergyMethod>(kMethods, n); }
std::string_view to_string(Validity v) { return name_of<Validity>(kValidities, v); }
std::optional<Validity> parse_validity(std::string_view n) { return value_of<Validity>(kValidities, n); }
std::optional<TokenKind> parse_token_kind(std::string_view n) { return value_of<TokenKind>(kTokenKinds, n); }

std::string_view to_string(Reason reason) { return row(reason).name; }
std::string_view explain(Reason reason) { return row(reason).explanation; }
Validity severity(Reason reason) { return row(reason).severity; }
std::optional<Reason> parse_reason(std::string_view name) {
  for (const auto& r : kReasonRows)
    if (r.name == name) return r.reason;
  return std::nullopt;
}

std::string throttle_words(std::uint64_t mask) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 9> kBits{{
      {throttle_idle, "idle"},
      {throttle_locked_clocks, "locked_clocks"},
      {throttle_sw_power_cap, "sw_power_cap"},
      {throttle_hw_slowdown, "hw_slowdown"},
      {0x10, "sync_boost"},
      {throttle_sw_thermal, "sw_thermal"},
      {throttle_hw_thermal, "hw_thermal"},
      {0x80, "hw_power_brake"},
      {0x100, "display"},
  }};
  std::string words;
  for (const auto& [bit, name] : kBits) {
    if ((mask & bit) == 0) continue;
    if (!words.empty()) words += '+';
    words += name;
  }
  return words.empty() ? "none" : words;
}

}  // namespace phasewatt
