#pragma once

#include <unistd.h>

#include <filesystem>
#include <random>
#include <string>

#include "phasewatt/base/records.h"

/// Made-up studies and a folder for them, for the store's tests.
namespace phasewatt::store::testing {

/// A folder of its own that goes when the test is over.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "phasewatt-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline StudyQuery make_query(std::uint32_t index) {
  StudyQuery row;
  row.query.id = "made/" + std::to_string(index);
  row.query.dataset = "made";
  row.query.row = index + 7;
  row.query.task = index % 2 == 0 ? Task::classification : Task::generation;
  row.query.question = "SECRET question \"" + std::to_string(index) + "\", is it?";
  row.query.context = "SECRET context";
  row.query.prompt = "SECRET prompt\nof two lines";
  if (row.query.task == Task::classification) {
    row.query.choices = {"SECRET no", "SECRET yes"};
    row.query.answer = 1;
  } else {
    row.query.references = {"SECRET reference"};
  }
  const double x = index + 0.1;
  row.features = {x, x + 1, x + 2, 0.3, 0.4, 1, 0.6, 7.7, 0.8};
  row.prompt_tokens = 10 + static_cast<int>(index);
  return row;
}

/// `models` models of `points_each` points each, over `queries` queries.
inline StudyPlan make_plan(std::uint32_t models, std::uint32_t points_each, std::uint32_t queries) {
  StudyPlan plan;
  plan.name = "made up";
  plan.study_toml = "name = \"made up\"\n";
  plan.fingerprint = "f1";
  plan.token_kind = TokenKind::icu_word;
  plan.baseline = Mhz(2842.5);
  plan.samples = {"made: all of it"};
  plan.notes = {"first note", "second note"};
  plan.ceilings = Ceilings{4.3e12, {}, {}, 1e-6, "a spec file", Mhz(1410)};
  plan.invocation = {{"data_dir", "/somewhere"}};
  plan.calibrations = {"of one GPU", "of another"};
  for (std::uint32_t i = 0; i < queries; ++i) plan.queries.push_back(make_query(i));
  for (std::uint32_t m = 0; m < models; ++m) {
    for (std::uint32_t i = 0; i < points_each; ++i) {
      RunPoint point;
      point.index = m * points_each + i;
      point.model = "model-" + std::to_string(m);
      point.dataset = "made";
      point.batch = 1 << i % 4U;
      if (i != 0) {
        point.clock = Mhz(180 + 7.5 * i);
        point.clock_asked = Mhz(180 + 7.0 * i);
      }
      point.repeat = static_cast<int>(i % 3);
      point.reference = i == 0;
      plan.points.push_back(point);
    }
  }
  plan.environment = {"0.1.0", "host", "sim:card",           "A card", "", "sim", "eager", "hash",
                      true,    true,   0xFFFF'0000'0000'0001};
  return plan;
}

/// A record that depends on its point alone, with missing values here and there.
inline RunRecord make_record(const StudyPlan& plan, std::uint32_t index) {
  std::mt19937_64 random(index);
  const auto draw = [&] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
  RunRecord record;
  record.point = plan.points.at(index);
  record.clock = {record.point.clock_asked, record.point.clock, Mhz(100 + draw())};
  record.throttle_mask = index % 2 == 0 ? 0 : 0x8000'0000'0000'0006;
  for (PhaseTotals& phase : record.phases)
    phase = PhaseTotals{.seconds = draw(),
                        .tokens = draw() * 1000,
                        .spans = 1 + std::int64_t(random() % 1000),
                        .energy = Joules(draw()),
                        .method = EnergyMethod::window_regression,
                        .energy_rel_error = draw(),
                        .stacked_energy = Joules(draw()),
                        .energy_truth = Joules(draw()),
                        .bytes = draw() * 1e12,
                        .launch_s = draw()};
  if (index % 3 == 0) record.phases[2] = {};
  record.wall_s = draw();
  record.idle_s = draw();
  record.energy = Joules(draw());
  if (index % 4 != 0) record.idle_energy = Joules(draw());
  record.method = EnergyMethod::sim_truth;
  if (index % 2 == 0) {
    record.cross_energy = Joules(draw());
    record.cross_rel_error = draw();
    record.passes = 3;
    record.tail_s = draw();
    record.sampling = SamplingReport{100, 2, draw(), std::nullopt};
  }
  record.energy_rel_error = 0;
  if (index % 5 != 0) record.temperature_begin = Celsius(40 + draw());
  record.temperature_end = Celsius(50);
  if (index % 6 == 1) {
    record.validity = Validity::void_;
    record.reasons = {Reason::throttled, Reason::clock_not_attained};
    record.detail = "180 MHz asked, 2000 MHz seen";
  } else if (index % 6 == 2) {
    record.validity = Validity::degraded;
    record.reasons = {Reason::extrapolated};
  }
  for (std::uint32_t i = 0; i < plan.queries.size(); ++i) {
    RequestRecord request;
    request.index = i;
    request.query = i;
    request.prompt_tokens = plan.queries[i].prompt_tokens;
    request.output_tokens = 100;
    request.ttft_s = draw();
    request.latency_s = draw();
    if (index % 7 != 0) request.energy = Joules(draw());
    if (i % 2 == 0) request.quality = random() % 2 == 0 ? 0 : 1;
    record.requests.push_back(request);
  }
  return record;
}

}  // namespace phasewatt::store::testing
