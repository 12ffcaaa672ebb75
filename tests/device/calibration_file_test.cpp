#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "phasewatt/base/files.h"
#include "phasewatt/device/calibration/file.h"
#include "phasewatt/device/calibration/load_protocol.h"
#include "phasewatt/device/calibration/of_spec.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::device {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Calibration full() {
  Calibration c = calibration_of_spec(sim::find_gpu("h200-sxm").value());
  c.device_id = "GPU-1234/../5";
  c.driver = "580.65.06";
  c.made_utc = "2026-01-02T03:04:05Z";
  c.program_version = "0.1.0";
  c.gain = 0.9987654321;
  c.gain_error = 0.0012;
  c.ceilings.gemm_clock = Mhz(1755);
  c.switches = {{Mhz(1980), Mhz(345), 0.002, 0.011, 0.015}};
  c.notes = {"A note with \"quotes\"."};
  return c;
}

/// A home of its own for what is kept.
class CalibrationStore : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("phasewatt-calibration-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    ::setenv("XDG_STATE_HOME", folder_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("XDG_STATE_HOME");
    fs::remove_all(folder_);
  }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) count += entry.is_regular_file() ? 1U : 0U;
    return count;
  }
  fs::path folder_;
};

TEST(CalibrationFile, SaysAllAgain) {
  const auto text = to_json(full());
  const auto back = parse_calibration(text, "file");
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(to_json(*back), text);
  EXPECT_EQ(back->gain, 0.9987654321);
  EXPECT_EQ(back->switches.at(0).to, Mhz(345));
  EXPECT_EQ(back->ceilings.gemm_clock, Mhz(1755));
  EXPECT_EQ(back->power_average->window_s, 1.0);
  Calibration little;
  const auto empty = parse_calibration(to_json(little), "file");
  ASSERT_TRUE(empty) << to_string(empty.error());
  EXPECT_FALSE(empty->energy || empty->gain || empty->idle || empty->ceilings.launch_s);
}

TEST(CalibrationFile, OneOfBeforeTheGemmsClockWasKeptIsRead) {
  std::string text = to_json(full());
  const std::string line = "\"gemm_sm_mhz\": 1755.0,";
  ASSERT_NE(text.find(line), std::string::npos) << text;
  text.erase(text.find(line), line.size());
  const auto old = parse_calibration(text, "file");
  ASSERT_TRUE(old) << to_string(old.error());
  EXPECT_FALSE(old->ceilings.gemm_clock);
  EXPECT_TRUE(old->ceilings.gemm_flops_per_s);
}

TEST(CalibrationFile, NamesFileAndFieldOfWhatIsWrong) {
  const auto after = [](const std::string& from, const std::string& to) {
    std::string text = to_json(full());
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto read = parse_calibration(text, "here.json");
    EXPECT_FALSE(read) << to;
    return read ? std::string() : to_string(read.error());
  };
  EXPECT_THAT(after("\"update_s\": 0.1", "\"update_s\": 0"), HasSubstr("here.json: power_instant.update_s is 0"));
  EXPECT_THAT(after("\"update_s\": 0.1", "\"update_s\": \"fast\""),
              HasSubstr("power_instant.update_s must be a number"));
  EXPECT_THAT(after("\"update_s\"", "\"updates\""), HasSubstr("power_instant.update_s is missing"));
  EXPECT_THAT(after("\"gain\": 0.9987654321", "\"gain\": -1"), HasSubstr("here.json: gain is -1"));
  EXPECT_THAT(after("\"gain\"", "\"extra\": 1, \"gain\""), HasSubstr("here.json: extra is not a known field"));
  EXPECT_THAT(after("\"to_mhz\": 345.0", "\"to_mhz\": null"), HasSubstr("switches[0].to_mhz must be a number"));
  EXPECT_THAT(after("phasewatt-calibration/1", "phasewatt-calibration/9"), HasSubstr("here.json: schema is"));
  EXPECT_THAT(after("\"simulated\": true", "\"simulated\": 1"), HasSubstr("simulated must be true or false"));
  EXPECT_THAT(after("\"launch_s\"", "\"launch\""), HasSubstr("ceilings.launch_s is missing"));
  EXPECT_THAT(after("{", ""), HasSubstr("here.json: "));
  EXPECT_THAT(to_string(parse_calibration("[]", "x").error()), HasSubstr("must be an object"));
  EXPECT_FALSE(parse_calibration(std::string(100'000, '['), "x"));
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_THAT(to_string(parse_calibration(deep, "x").error()), HasSubstr("nested deeper"));
}

TEST_F(CalibrationStore, KeepsOnePerDriver) {
  Calibration c = full();
  EXPECT_FALSE(load_calibration(c.device_id, c.driver).value());
  EXPECT_FALSE(other_driver_note(c.device_id, c.driver));
  ASSERT_TRUE(save_calibration(c));
  EXPECT_EQ(files(), 1U) << "nothing temporary is left";
  EXPECT_EQ(to_json(load_calibration(c.device_id, c.driver).value().value()), to_json(c));
  EXPECT_FALSE(load_calibration(c.device_id, "590.1").value()) << "of another driver";
  EXPECT_FALSE(load_calibration("GPU-other", c.driver).value()) << "of another card";
  EXPECT_EQ(other_driver_note(c.device_id, "590.1"), "calibrated with driver 580.65.06, now 590.1: calibrate again");
  EXPECT_FALSE(other_driver_note("GPU-other", "590.1"));
  c.gain = 1.01;
  ASSERT_TRUE(save_calibration(c));
  EXPECT_EQ(load_calibration(c.device_id, c.driver).value()->gain, 1.01);
  c.driver = "590.1";
  ASSERT_TRUE(save_calibration(c));
  EXPECT_EQ(files(), 2U);
}

TEST_F(CalibrationStore, RefusesAFileOfSomethingElse) {
  const Calibration c = full();
  ASSERT_TRUE(save_calibration(c));
  fs::path path;
  for (const auto& entry : fs::directory_iterator(calibration_folder().value())) path = entry.path();
  ASSERT_TRUE(write_file(path, "{}"));
  const auto broken = load_calibration(c.device_id, c.driver);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::bad_input);
  EXPECT_THAT(broken.error().what, HasSubstr(path.string()));
  Calibration other = c;
  other.device_id = "GPU-other";
  ASSERT_TRUE(write_file(path, to_json(other)));
  EXPECT_FALSE(load_calibration(c.device_id, c.driver));
}

TEST(CalibrationOfSpec, SaysWhatTheSpecSays) {
  const auto spec = sim::find_gpu("h200-sxm").value();
  const Calibration c = calibration_of_spec(spec);
  EXPECT_TRUE(c.simulated);
  EXPECT_FALSE(c.assumed);
  EXPECT_EQ(c.power_instant->window_s, spec.sensor.power_inst.window_s);
  EXPECT_EQ(c.energy->update_s, spec.sensor.energy.update_s);
  EXPECT_EQ(c.common_gain_sigma, 0.01);
  EXPECT_DOUBLE_EQ(*c.ceilings.copy_bytes_per_s, spec.memory.bw_bytes_per_s * spec.memory.bw_eta);
  EXPECT_NEAR(*c.ceilings.launch_s, spec.kernels.fixed_s + spec.kernels.cycles / 1980e6, 1e-12);
  EXPECT_THAT(c.ceilings.source, HasSubstr("h200-sxm.toml"));
}

TEST(ShortestWindow, HoldsTheEdgeErrorBelowWhatIsAsked) {
  Calibration c;
  c.energy = SensorTiming{.update_s = 0.1};
  // Edges uniform within a period each: of many windows 95 % are off by less than 5 % of the window.
  const double window_s = shortest_window_s(c, 0.05);
  constexpr int kGrid = 400;
  int within = 0;
  for (int i = 0; i < kGrid; ++i)
    for (int j = 0; j < kGrid; ++j) within += std::abs(i - j) * 0.1 / kGrid <= 0.05 * window_s ? 1 : 0;
  EXPECT_NEAR(within / double{kGrid * kGrid}, 0.95, 0.005);
  EXPECT_NEAR(shortest_window_s(c, 0.01) / window_s, 5, 1e-9);
  c.energy->jitter_s = 0.01;
  EXPECT_GT(shortest_window_s(c, 0.05), window_s);
  EXPECT_GT(shortest_window_s(assumed_calibration()), 1.5);
}

TEST(LoadProtocol, ReadsItsLinesAndNoOthers) {
  EXPECT_TRUE(std::holds_alternative<LoadReady>(parse_load_line("ready").value()));
  EXPECT_TRUE(std::holds_alternative<LoadMeasured>(parse_load_line("measured\r").value()));
  EXPECT_EQ(std::get<LoadOn>(parse_load_line("on 12345").value()).at, Nanos(12345));
  EXPECT_EQ(std::get<LoadOff>(parse_load_line("off 9").value()).at, Nanos(9));
  const auto ceiling = std::get<LoadCeiling>(parse_load_line("ceiling gemm_flops_per_s 7.1e14").value());
  EXPECT_EQ(ceiling.value, 7.1e14);
  EXPECT_EQ(ceiling.member, &Ceilings::gemm_flops_per_s);
  EXPECT_FALSE(ceiling.when);
  const auto timed = std::get<LoadCeiling>(parse_load_line("ceiling gemm_flops_per_s 7.1e14 12 19").value());
  EXPECT_EQ(timed.when->begin, Nanos(12));
  EXPECT_EQ(timed.when->end, Nanos(19));
  for (const char* bad : {"", "on", "on x", "on 1.5", "on -1", "on 99999999999999999999", "off 1 2", "ceiling x 1",
                          "ceiling launch_s 0", "ceiling launch_s nan", "ceiling launch_s", "Ready", "ready set",
                          "ceiling launch_s 1 2", "ceiling launch_s 1 3 2", "ceiling launch_s 1 -3 2"})
    EXPECT_FALSE(parse_load_line(bad)) << bad;
  EXPECT_THAT(parse_load_line("Traceback\x1b[31m").error().what, HasSubstr("'Traceback?[31m'"));
}

}  // namespace
}  // namespace phasewatt::device
