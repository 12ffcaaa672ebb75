#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "phasewatt/base/files.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/replay/study.h"

/// Hand-written twins of the ports, small enough to read at once. What a test wants to go wrong is a field of Script.
namespace phasewatt::replay::fake {

inline const std::vector<Mhz>& clocks() {
  static const std::vector<Mhz> list{Mhz(200), Mhz(400), Mhz(600), Mhz(800), Mhz(1000)};
  return list;
}

/// What the fakes do, and what was done to them. Shared by all rigs of a run.
struct Script {
  bool simulated = true;
  bool truth = true;     ///< spans carry energy and clock
  Nanos gap{};           ///< idle time between the spans of a batch
  bool overlap = false;  ///< spans that run into each other
  bool extrapolated = false;
  std::optional<Mhz> stuck;  ///< the clock the card runs at, whatever was asked
  bool clock_readable = true;
  Nanos switch_delay{};  ///< until a lock takes effect
  std::uint64_t throttle = 0;
  std::set<std::string> too_big;  ///< models that do not fit
  std::function<std::optional<Error>(const RunPoint&)> batch_error;
  std::optional<Error> load_error;
  std::optional<Error> lock_error;
  std::optional<Error> reset_error;
  std::optional<Error> lost_lock;  ///< the lock is lost while the point runs
  std::optional<Error> read_error;
  bool throws = false;
  std::vector<std::string> gpus;    ///< that the engine says it runs on
  std::optional<std::string> text;  ///< generated, instead of a simulated quality
  std::vector<double> logprobs;     ///< of the options, likewise
  std::vector<int> prompt_tokens;   ///< of every request that reached a real engine

  std::atomic<int> loads = 0;
  std::atomic<int> resets = 0;
  std::atomic<int> locked = 0;  ///< cards that hold a lock now
  std::atomic<int> rigs = 0;
  std::atomic<std::int64_t> waited_ns = 0;
};

struct Card {
  explicit Card(Script& s) : script(s) {}
  ~Card() {
    if (lock) --script.locked;
  }
  Script& script;
  Nanos now{};
  std::optional<Mhz> lock;
  Nanos lock_from{};

  [[nodiscard]] Mhz clock() const {
    if (script.stuck) return *script.stuck;
    return lock && now >= lock_from ? *lock : Mhz(1000);
  }
};

class FakeEngine final : public engine::Engine {
 public:
  explicit FakeEngine(Card& card) : card_(card) {
    info_.id = "fake";
    info_.simulated = card.script.simulated;
  }
  [[nodiscard]] const engine::EngineInfo& info() const override { return info_; }

  Result<engine::ModelInfo> load(const std::string& model) override {
    ++card_.script.loads;
    if (card_.script.load_error) return *card_.script.load_error;
    if (card_.script.too_big.contains(model)) return Error{ErrorCode::out_of_memory, model + " does not fit", {}};
    model_ = model;
    return engine::ModelInfo{.id = model, .gpus = card_.script.gpus};
  }

  Status begin_point(const RunPoint& point) override {
    if (point.model != model_) return Error{ErrorCode::internal, "another model is loaded", {}};
    point_ = point;
    card_.now = Nanos(0);
    // What a point takes belongs to its key alone; a state left over from the point before would show.
    jitter_ = static_cast<std::int64_t>(
        sha256_u64(point.model + point.dataset + std::to_string(point.batch) + "/" + std::to_string(point.repeat)) %
        1000);
    return ok();
  }

  Result<std::vector<Outcome>> generate(std::span<const Request> batch, const Decoding& decoding,
                                        engine::PhaseListener& listener) override {
    auto out = prefill(batch, listener);
    if (!out) return out;
    for (int step = 0; step < decoding.max_new_tokens; ++step)
      pass(Phase::decode, static_cast<double>(batch.size()), 1000, static_cast<int>(batch.size()), listener);
    for (auto& outcome : *out) outcome.output_tokens = decoding.max_new_tokens;
    return out;
  }

  Result<std::vector<Outcome>> score(std::span<const Request> batch, engine::PhaseListener& listener) override {
    auto out = prefill(batch, listener);
    if (!out) return out;
    for (const int tokens : batch.front().option_tokens)
      pass(Phase::score, tokens, 500, static_cast<int>(batch.size()), listener);
    return out;
  }

 private:
  Result<std::vector<Outcome>> prefill(std::span<const Request> batch, engine::PhaseListener& listener) {
    if (card_.script.throws) throw std::runtime_error("thrown by a library");
    if (card_.script.batch_error)
      if (auto error = card_.script.batch_error(point_)) return *error;
    double tokens = 0;
    for (const auto& request : batch) {
      tokens += request.prompt_tokens;
      if (!card_.script.simulated) card_.script.prompt_tokens.push_back(request.prompt_tokens);
    }
    pass(Phase::prefill, tokens, 2000, static_cast<int>(batch.size()), listener);
    std::vector<Outcome> out(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      out[i].text = card_.script.text;
      out[i].option_logprobs = card_.script.logprobs;
      if (card_.script.simulated) out[i].simulated_quality = static_cast<double>(batch[i].query->row % 10) / 10;
    }
    return out;
  }

  void pass(Phase phase, double tokens, std::int64_t work, int sequences, engine::PhaseListener& listener) {
    PhaseSpan span;
    span.phase = phase;
    span.begin = card_.now - (card_.script.overlap ? Nanos(1) : Nanos(0));
    const auto clock = card_.clock();
    card_.now += Nanos(work * 1000 / static_cast<std::int64_t>(clock.value()) + jitter_);
    span.end = card_.now;
    span.tokens = tokens;
    span.batch = sequences;
    span.extrapolated = card_.script.extrapolated;
    if (card_.script.truth) {
      span.energy_truth = Joules(to_seconds(span.end - span.begin) * clock.value());
      span.clock_truth = clock;
    }
    listener.on_span(span);
    card_.now += card_.script.gap;
  }

  Card& card_;
  engine::EngineInfo info_;
  std::string model_;
  RunPoint point_;
  std::int64_t jitter_ = 0;
};

class FakeDevice final : public device::Device {
 public:
  explicit FakeDevice(Card& card) : card_(card) {
    info_.id = "fake:0";
    info_.name = "Fake";
    info_.simulated = card.script.simulated;
    info_.supported_clocks = clocks();
  }
  [[nodiscard]] const device::DeviceInfo& info() const override { return info_; }
  Result<device::Readings> read(const device::ReadMask& what) override {
    if (card_.script.read_error) return *card_.script.read_error;
    device::Readings out;
    out.at = card_.now;
    if (what.clocks && card_.script.clock_readable) out.sm_clock = card_.clock();
    if (what.temperature) out.temperature = Celsius(50);
    if (what.throttle) out.throttle_mask = card_.script.throttle;
    return out;
  }
  void wait(Nanos span) override {
    card_.now += span;
    card_.script.waited_ns += span.count();
  }

 private:
  Card& card_;
  device::DeviceInfo info_;
};

class FakeClock final : public device::ClockControl {
 public:
  explicit FakeClock(Card& card) : card_(card) {}
  Result<Mhz> lock(Mhz clock) override {
    if (card_.script.lock_error) return *card_.script.lock_error;
    if (!card_.lock) ++card_.script.locked;
    card_.lock = device::snap(clocks(), clock);
    card_.lock_from = card_.now + card_.script.switch_delay;
    return *card_.lock;
  }
  Status reset() override {
    ++card_.script.resets;
    if (card_.script.reset_error) return *card_.script.reset_error;
    if (card_.lock) --card_.script.locked;
    card_.lock.reset();
    return ok();
  }
  Status held() override {
    if (card_.script.lost_lock) return *card_.script.lost_lock;
    return ok();
  }

 private:
  Card& card_;
};

inline RigFactory factory(Script& script, bool clock_control = true) {
  return [&script, clock_control]() -> Result<Rig> {
    ++script.rigs;
    auto card = std::make_shared<Card>(script);
    Rig rig;
    rig.engine = std::make_unique<FakeEngine>(*card);
    rig.device = std::make_unique<FakeDevice>(*card);
    if (clock_control) rig.clock = std::make_unique<FakeClock>(*card);
    rig.keep_alive = std::move(card);
    return rig;
  };
}

/// Keeps records by index and notes what was called.
class FakeSink final : public RunSink {
 public:
  std::map<std::uint32_t, RunRecord> records;
  std::vector<std::uint32_t> order;
  std::vector<std::uint32_t> spared;
  std::vector<bool> ends;
  std::optional<std::size_t> full_after;  ///< adds that succeed before the disk is full

  Result<FinishedPoints> begin(const StudyPlan& /*plan*/) override {
    FinishedPoints done;
    for (const auto& [index, record] : records) done[index] = {false, record.validity, record.energy, record.wall_s};
    for (const auto index : spared) done[index].spared = true;
    return done;
  }
  Status spare(std::uint32_t point) override {
    spared.push_back(point);
    return ok();
  }
  Status add(const RunRecord& record) override {
    if (full_after && records.size() >= *full_after) return Error{ErrorCode::io, "disk full", {}};
    if (!records.emplace(record.point.index, record).second) return Error{ErrorCode::internal, "added twice", {}};
    order.push_back(record.point.index);
    return ok();
  }
  Status end(bool complete) override {
    ends.push_back(complete);
    return ok();
  }
};

/// Every number of a record as text, so that records can be compared and a difference can be read.
inline std::string digest(const RunRecord& r) {
  std::string out;
  const auto add = [&](double v) { out += std::to_string(v * 1e9) + " "; };
  const auto add_optional = [&](const auto& v) { v ? add(v->value()) : void(out += "- "); };
  out += std::to_string(r.point.index) + " " + r.point.model + " " + r.point.dataset + " " + r.detail + " ";
  add_optional(r.clock.asked);
  add_optional(r.clock.snapped);
  add_optional(r.clock.seen);
  for (const auto& phase : r.phases) {
    add(phase.seconds);
    add(phase.tokens);
    add(static_cast<double>(phase.spans));
    add_optional(phase.energy);
  }
  add(r.wall_s);
  add(r.idle_s);
  add_optional(r.energy);
  out += std::string(to_string(r.validity)) + " ";
  for (const Reason reason : r.reasons) out += std::string(to_string(reason)) + " ";
  for (const auto& q : r.requests) {
    add(q.index);
    add(q.query);
    add(q.ttft_s);
    add(q.latency_s);
    add_optional(q.energy);
    add(q.quality.value_or(-1));
  }
  return out;
}

inline std::map<std::uint32_t, std::string> digests(const FakeSink& sink) {
  std::map<std::uint32_t, std::string> out;
  for (const auto& [index, record] : sink.records) out[index] = digest(record);
  return out;
}

inline StudyQuery query(const std::string& dataset, int row, Task task) {
  StudyQuery q;
  q.query.id = dataset + "/" + std::to_string(row);
  q.query.dataset = dataset;
  q.query.row = row;
  q.query.task = task;
  q.query.prompt = "prompt " + std::to_string(row);
  q.prompt_tokens = 10 + row;
  if (task == Task::classification) {
    q.query.choices = {"yes", "no"};
    q.option_tokens = {1, 2};
  }
  return q;
}

inline DatasetInput dataset(const std::string& name, int rows, Task task) {
  DatasetInput input{name, name + ": all " + std::to_string(rows) + " rows", {}};
  for (int row = 0; row < rows; ++row) input.queries.push_back(query(name, row, task));
  return input;
}

/// Seven scored and five generated queries on the fake card.
inline PlanInputs inputs() {
  PlanInputs in;
  in.device.id = "fake:0";
  in.device.name = "Fake";
  in.device.simulated = true;
  in.device.supported_clocks = clocks();
  in.environment.engine = "fake";
  in.models = {"small", "large"};
  in.datasets = {dataset("boolq", 7, Task::classification), dataset("truthfulqa", 5, Task::generation)};
  return in;
}

inline const std::string kStudy = R"(schema = "phasewatt-study/1"
name = "test"
models = ["small", "large"]
batch_sizes = [1, 4]
clocks = [400, 1000, "stock"]
repeats = 2
[[datasets]]
name = "boolq"
[[datasets]]
name = "truthfulqa"
[decoding]
max_new_tokens = 3
)";

inline Study study(const std::string& text = kStudy) { return parse_study(text, "s.toml").value(); }
inline StudyPlan plan(const Study& s) { return make_plan(s, inputs()).value(); }

/// `kStudy` with one line replaced.
inline std::string with(const std::string& from, const std::string& to, std::string text = kStudy) {
  const auto at = text.find(from);
  if (at == std::string::npos) return "no such line: " + from;
  return text.replace(at, from.size(), to);
}

/// A study of one point: the generated dataset, one model, batch 4 of 5 queries.
inline Study one_point(const std::string& clock) {
  return study(
      with("[1, 4]", "[4]",
           with("repeats = 2", "repeats = 1",
                with("[400, 1000, \"stock\"]", clock,
                     with("[\"small\", \"large\"]", "[\"small\"]", with("[[datasets]]\nname = \"boolq\"\n", ""))))));
}

/// Its record, measured on fakes that follow `script`; empty when the run ended by an error.
inline RunRecord measure(Script& script, const std::string& clock) {
  const Study study = one_point(clock);
  const std::atomic<bool> never = false;
  FakeSink sink;
  Observer nobody;
  const auto ran = run_study(plan(study), study, factory(script), 1, sink, nobody, never);
  EXPECT_TRUE(ran.ok()) << (ran ? "" : to_string(ran.error()));
  return sink.records.empty() ? RunRecord{} : sink.records.begin()->second;
}

}  // namespace phasewatt::replay::fake
