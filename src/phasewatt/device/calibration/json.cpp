#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include "phasewatt/device/calibration/file.h"

namespace phasewatt::device {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "phasewatt-calibration/1";
/// Far above what any file holds; keeps a foreign one from filling the memory.
constexpr std::size_t kMostBytes = 1U << 20;

/// One table for writer and reader: key and member.
struct NumberField {
  const char* key;
  double SensorTiming::*member;
};
constexpr std::array kTimingFields{
    NumberField{"update_s", &SensorTiming::update_s}, NumberField{"jitter_s", &SensorTiming::jitter_s},
    NumberField{"window_s", &SensorTiming::window_s}, NumberField{"lag_s", &SensorTiming::lag_s},
    NumberField{"read_s", &SensorTiming::read_s},     NumberField{"read_max_s", &SensorTiming::read_max_s},
    NumberField{"noise_w", &SensorTiming::noise_w},
};
struct SensorField {
  const char* key;
  std::optional<SensorTiming> Calibration::*member;
};
constexpr std::array kSensors{
    SensorField{"power_instant", &Calibration::power_instant},
    SensorField{"power_average", &Calibration::power_average},
    SensorField{"energy", &Calibration::energy},
};
struct CeilingField {
  const char* key;
  std::optional<double> Ceilings::*member;
};
constexpr std::array kCeilings{
    CeilingField{"copy_bytes_per_s", &Ceilings::copy_bytes_per_s},
    CeilingField{"stream_bytes_per_s", &Ceilings::stream_bytes_per_s},
    CeilingField{"gemm_flops_per_s", &Ceilings::gemm_flops_per_s},
    CeilingField{"launch_s", &Ceilings::launch_s},
};
constexpr const char* kGemmClock = "gemm_sm_mhz";
struct TextField {
  const char* key;
  std::string Calibration::*member;
};
constexpr std::array kTexts{
    TextField{"device_id", &Calibration::device_id},
    TextField{"device_name", &Calibration::device_name},
    TextField{"driver", &Calibration::driver},
    TextField{"made_utc", &Calibration::made_utc},
    TextField{"program_version", &Calibration::program_version},
};

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }
Json watts_or_null(const std::optional<Watts>& value) { return value ? Json(value->value()) : Json(); }

Json to_json(const SensorTiming& timing) {
  Json out;
  for (const auto& field : kTimingFields) out[field.key] = timing.*field.member;
  return out;
}

Json to_json(const SwitchLatency& one) {
  return {{"from_mhz", one.from.value()},
          {"to_mhz", one.to.value()},
          {"call_s", one.call_s},
          {"first_effect_s", one.first_effect_s},
          {"stable_s", one.stable_s}};
}

/// An object whose keys are taken one by one; what is left at the end was unknown. The first problem stays.
class Reader {
 public:
  Reader(const Json& json, std::string where, std::optional<Error>& problem)
      : json_(json), where_(std::move(where)), problem_(problem) {
    if (!json_.is_object()) fail({}, "must be an object");
  }

  void number(const char* key, double& into, bool positive = false) {
    const Json* value = take(key);
    if (value == nullptr) return;
    if (!value->is_number()) return fail(key, "must be a number");
    const double read = value->get<double>();
    if (!std::isfinite(read)) return fail(key, "must be finite");
    if (read < 0 || (positive && read == 0))
      return fail(key, fmt::format("is {:g}, and must {}", read, positive ? "be above 0" : "not be negative"));
    into = read;
  }
  void number(const char* key, std::optional<double>& into) {
    if (null(key)) return;
    double value = 0;
    number(key, value);
    into = value;
  }
  void watts(const char* key, std::optional<Watts>& into) {
    std::optional<double> value;
    number(key, value);
    if (value) into = Watts(*value);
  }
  void mhz(const char* key, Mhz& into) {
    double value = 0;
    number(key, value);
    into = Mhz(value);
  }
  void mhz(const char* key, std::optional<Mhz>& into) {
    std::optional<double> value;
    number(key, value);
    if (value) into = Mhz(*value);
  }
  [[nodiscard]] bool has(const char* key) const { return json_.is_object() && json_.contains(key); }
  void text(const char* key, std::string& into) {
    const Json* value = take(key);
    if (value == nullptr) return;
    if (!value->is_string()) return fail(key, "must be a string");
    into = value->get<std::string>();
  }
  void flag(const char* key, bool& into) {
    const Json* value = take(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return fail(key, "must be true or false");
    into = value->get<bool>();
  }
  template <class Read>
  void object(const char* key, bool may_be_null, Read read) {
    if (may_be_null && null(key)) return;
    const Json* value = take(key);
    if (value == nullptr) return;
    Reader inner(*value, path(key), problem_);
    read(inner);
    inner.end();
  }
  template <class Read>
  void list(const char* key, Read read) {
    const Json* value = take(key);
    if (value == nullptr) return;
    if (!value->is_array()) return fail(key, "must be a list");
    for (std::size_t i = 0; i < value->size(); ++i) read((*value)[i], fmt::format("{}[{}]", path(key), i));
  }
  void end() {
    if (problem_ || !json_.is_object()) return;
    for (const auto& [key, value] : json_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end()) return fail(key, "is not a known field");
  }
  void fail(std::string_view key, const std::string& what) {
    if (problem_) return;
    problem_ = Error{ErrorCode::bad_input,
                     key.empty() ? fmt::format("{} {}", where_, what) : fmt::format("{} {}", path(key), what),
                     "write it anew with phasewatt calibrate"};
  }

 private:
  [[nodiscard]] std::string path(std::string_view key) const {
    return fmt::format("{}{}{}", where_, where_.ends_with(' ') ? "" : ".", key);
  }
  /// Null, and that is said by the file; taken then.
  bool null(const char* key) {
    if (!json_.is_object() || !json_.contains(key) || !json_[key].is_null()) return false;
    known_.emplace_back(key);
    return true;
  }
  const Json* take(const char* key) {
    if (problem_ || !json_.is_object()) return nullptr;
    known_.emplace_back(key);
    const auto found = json_.find(key);
    if (found == json_.end()) fail(key, "is missing");
    return found == json_.end() ? nullptr : &*found;
  }

  const Json& json_;
  std::string where_;
  std::optional<Error>& problem_;
  std::vector<std::string> known_;
};

SensorTiming read_timing(Reader& in) {
  SensorTiming timing;
  for (const auto& field : kTimingFields)
    in.number(field.key, timing.*field.member, field.member == &SensorTiming::update_s);
  return timing;
}

SwitchLatency read_switch(Reader& in) {
  SwitchLatency one;
  in.mhz("from_mhz", one.from);
  in.mhz("to_mhz", one.to);
  in.number("call_s", one.call_s);
  in.number("first_effect_s", one.first_effect_s);
  in.number("stable_s", one.stable_s);
  return one;
}

void read_fields(Reader& in, Calibration& c, std::optional<Error>& problem) {
  std::string schema;
  in.text("schema", schema);
  if (schema != kSchema) in.fail("schema", fmt::format("is '{}', and this program reads '{}'", schema, kSchema));
  for (const auto& field : kTexts) in.text(field.key, c.*field.member);
  in.flag("simulated", c.simulated);
  in.flag("assumed", c.assumed);
  for (const auto& sensor : kSensors)
    in.object(sensor.key, true, [&](Reader& inner) { c.*sensor.member = read_timing(inner); });
  in.number("gain", c.gain);
  in.number("gain_error", c.gain_error);
  in.number("common_gain_sigma", c.common_gain_sigma);
  in.number("common_offset_sigma_w", c.common_offset_sigma_w);
  in.watts("idle_w", c.idle);
  in.watts("idle_context_w", c.idle_context);
  in.list("switches", [&](const Json& each, const std::string& where) {
    Reader inner(each, where, problem);
    c.switches.push_back(read_switch(inner));
    inner.end();
  });
  in.object("ceilings", false, [&](Reader& inner) {
    for (const auto& field : kCeilings) inner.number(field.key, c.ceilings.*field.member);
    if (inner.has(kGemmClock)) inner.mhz(kGemmClock, c.ceilings.gemm_clock);  // files of before 2026-11-29 lack it
    inner.text("source", c.ceilings.source);
  });
  in.list("notes", [&](const Json& each, const std::string& where) {
    if (!each.is_string())
      in.fail("notes", where + " must be a string");
    else
      c.notes.push_back(each.get<std::string>());
  });
  in.end();
}

}  // namespace

std::string to_json(const Calibration& c) {
  Json out{{"schema", kSchema}};
  for (const auto& field : kTexts) out[field.key] = c.*field.member;
  out["simulated"] = c.simulated;
  out["assumed"] = c.assumed;
  for (const auto& sensor : kSensors) out[sensor.key] = c.*sensor.member ? to_json(*(c.*sensor.member)) : Json();
  out["gain"] = number_or_null(c.gain);
  out["gain_error"] = c.gain_error;
  out["common_gain_sigma"] = c.common_gain_sigma;
  out["common_offset_sigma_w"] = c.common_offset_sigma_w;
  out["idle_w"] = watts_or_null(c.idle);
  out["idle_context_w"] = watts_or_null(c.idle_context);
  out["switches"] = Json::array();
  for (const auto& one : c.switches) out["switches"].push_back(to_json(one));
  Json ceilings;
  for (const auto& field : kCeilings) ceilings[field.key] = number_or_null(c.ceilings.*field.member);
  ceilings[kGemmClock] = c.ceilings.gemm_clock ? Json(c.ceilings.gemm_clock->value()) : Json();
  ceilings["source"] = c.ceilings.source;
  out["ceilings"] = std::move(ceilings);
  out["notes"] = c.notes;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Calibration> parse_calibration(std::string_view text, std::string_view name) {
  const auto bad = [&](const std::string& what) {
    return Error{ErrorCode::bad_input, fmt::format("{}: {}", name, what), "write it anew with phasewatt calibrate"};
  };
  if (text.size() > kMostBytes) return bad("is longer than any calibration");
  // Nesting deeper than a calibration's is refused before it can exhaust the stack.
  constexpr int kDeepest = 8;
  bool deep = false;
  const auto shallow = [&](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
    deep = deep || depth > kDeepest;
    return !deep;
  };
  Json json;
  try {
    json = Json::parse(text, shallow);
  } catch (const Json::exception& e) {
    return bad(e.what());
  }
  if (deep) return bad("is nested deeper than any calibration");
  std::optional<Error> problem;
  Calibration calibration;
  Reader reader(json, fmt::format("{}: ", name), problem);
  read_fields(reader, calibration, problem);
  if (problem) return *std::move(problem);
  return calibration;
}

}  // namespace phasewatt::device
