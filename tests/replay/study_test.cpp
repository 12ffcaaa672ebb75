#include "phasewatt/replay/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/replay/fakes.h"

namespace phasewatt::replay {
namespace {

using fake::with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Error error_of(const std::string& text) {
  const auto study = parse_study(text, "s.toml");
  EXPECT_FALSE(study.ok()) << text;
  return study ? Error{} : study.error();
}

TEST(Study, DefaultsAreThoseOfTheManual) {
  const auto study =
      parse_study("schema = 'phasewatt-study/1'\nname = 'x'\nmodels = ['m']\n[[datasets]]\nname = 'boolq'\n", "s.toml");
  ASSERT_TRUE(study.ok()) << to_string(study.error());
  EXPECT_EQ(study->seed, 1U);
  EXPECT_EQ(study->repeats, 5);
  EXPECT_THAT(study->batch_sizes, ElementsAre(1));
  EXPECT_THAT(study->clocks.list, ElementsAre(std::nullopt));
  EXPECT_EQ(study->baseline.kind, StudyBaseline::Kind::highest);
  EXPECT_TRUE(study->store_prompts);
  EXPECT_TRUE(study->noise);
  EXPECT_EQ(study->runtime, "eager");
  EXPECT_EQ(study->spec, "rtx-pro-6000-blackwell-ws");
  EXPECT_EQ(study->decoding.max_new_tokens, 100);
  EXPECT_EQ(study->decoding.stop, StopRule::length);
  EXPECT_EQ(study->datasets.at(0).sample.kind, workload::SampleSpec::Kind::all);
  EXPECT_FALSE(study->by_sensors());
  EXPECT_EQ(study->reference_every(), 0);
  EXPECT_EQ(study->most_repeats(), 5);
  EXPECT_EQ(study->measure.warmup_s, 10);
  EXPECT_EQ(study->measure.warmup_max_s, 120);
  EXPECT_EQ(study->measure.stacked_s, 2);
}

TEST(Study, ReadsHowToMeasure) {
  const auto parse = [](const std::string& more) { return parse_study(fake::kStudy + more, "s.toml"); };
  const auto study = parse(R"(
[measure]
energy = "sensors"
warmup_s = 0.5
warmup_max_s = 30
window_s = 12
stacked_s = 0
reference_every = 7
)");
  ASSERT_TRUE(study.ok()) << to_string(study.error());
  EXPECT_TRUE(study->by_sensors());
  EXPECT_EQ(study->measure.warmup_s, 0.5);
  EXPECT_EQ(study->measure.warmup_max_s, 30);
  EXPECT_EQ(study->measure.window_s, 12);
  EXPECT_EQ(study->measure.stacked_s, 0);
  EXPECT_EQ(study->reference_every(), 7);
  const auto sensors = parse("\n[measure]\nenergy = 'sensors'\nwarmup_s = 150");
  ASSERT_TRUE(sensors.ok()) << to_string(sensors.error());
  EXPECT_EQ(sensors->reference_every(), 20) << "the default of a measured study";
  EXPECT_EQ(sensors->measure.warmup_max_s, 150) << "never below the least";
}

TEST(Study, ThroughNvmlPointsAreMeasuredBySensors) {
  const std::string nvml = std::string(fake::kStudy) + "\n[device]\nkind = 'nvml'\n";
  const auto study = parse_study(nvml, "s.toml");
  ASSERT_TRUE(study.ok()) << to_string(study.error());
  EXPECT_TRUE(study->by_sensors());
  EXPECT_THAT(error_of(nvml + "[measure]\nenergy = 'truth'").what, HasSubstr("'energy' is 'truth'"));
}

TEST(Study, MistakesInHowToMeasureAreNamed) {
  const auto what = [](const std::string& rule) {
    return error_of(std::string(fake::kStudy) + "\n[measure]\n" + rule);
  };
  const std::string sensors = "energy = 'sensors'\n";
  EXPECT_THAT(what(sensors + "warmup_s = -1").what, HasSubstr("'warmup_s' is -1"));
  EXPECT_THAT(what(sensors + "warmup_s = 5\nwarmup_max_s = 2").hint, HasSubstr("at least warmup_s, which is 5"));
  EXPECT_THAT(what(sensors + "stacked_s = 4000").hint, HasSubstr("0 to 3600 s"));
  EXPECT_THAT(what("window_s = 20").hint, HasSubstr("use energy = \"sensors\""));
  EXPECT_THAT(what("warmup = 20").hint, HasSubstr("did you mean 'warmup_s'?"));
  EXPECT_THAT(what("confidence_width = 0.01").hint, HasSubstr("how many repeats"));
  EXPECT_THAT(what("repeats_max = 9").hint, HasSubstr("at least 3 repeats"));
  EXPECT_THAT(what("energi = 'truth'").hint, HasSubstr("did you mean 'energy'?"));
}

TEST(Study, ReadsEveryKey) {
  const auto study = parse_study(R"(schema = "phasewatt-study/1"
name = "x"
seed = 9
repeats = 5
models = ["a", "b"]
batch_sizes = [1, 1024]
clocks = [487.5, "stock"]
baseline = 487.5
store_prompts = false
[engine]
kind = "sim"
runtime = "graph"
[device]
kind = "sim"
spec = "my/card.toml"
noise = false
[decoding]
max_new_tokens = 4096
stop = "eos"
[[datasets]]
name = "mine"
file = "mine.jsonl"
sample = 12
[[datasets]]
name = "boolq"
sample = "paper:200"
)",
                                 "s.toml");
  ASSERT_TRUE(study.ok()) << to_string(study.error());
  EXPECT_EQ(study->seed, 9U);
  EXPECT_THAT(study->clocks.list, ElementsAre(Mhz(487.5), std::nullopt));
  EXPECT_EQ(study->baseline.clock, Mhz(487.5));
  EXPECT_FALSE(study->store_prompts);
  EXPECT_EQ(study->runtime, "graph");
  EXPECT_TRUE(study->spec_is_path);
  EXPECT_FALSE(study->noise);
  EXPECT_EQ(study->decoding.stop, StopRule::eos);
  EXPECT_EQ(study->datasets[0].sample.count, 12U);
  EXPECT_EQ(study->datasets[0].file, "mine.jsonl");
  EXPECT_EQ(study->datasets[1].sample.kind, workload::SampleSpec::Kind::paper);
  EXPECT_EQ(study->lines.clocks, 7);
}

TEST(Study, TheTemplateParses) {
  const auto study = parse_study(study_template(), "t.toml");
  ASSERT_TRUE(study.ok()) << to_string(study.error());
  EXPECT_EQ(study->clocks.automatic, 7);
}

TEST(Study, ShippedStudiesParse) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PHASEWATT_SOURCE_DIR "/studies")) {
    if (entry.path().extension() != ".toml") continue;
    const auto study = load_study(entry.path());
    EXPECT_TRUE(study.ok()) << (study ? "" : to_string(study.error()));
    ++seen;
  }
  EXPECT_GE(seen, 2);
}

TEST(Study, AMissingFileIsNotFound) {
  const auto study = load_study("/nonexistent/s.toml");
  ASSERT_FALSE(study.ok());
  EXPECT_EQ(study.error().code, ErrorCode::not_found);
}

struct Wrong {
  std::string from;
  std::string to;
  std::string what;
  std::string hint;
};

// Every error names file and line, and says what would be right.
TEST(Study, ErrorsNameFileLineAndRemedy) {
  const std::vector<Wrong> cases{
      {"batch_sizes = [1, 4]", "batchsizes = [1, 4]", "s.toml:4: unknown key 'batchsizes'",
       "did you mean 'batch_sizes'?"},
      {"[decoding]", "[decodin]", "s.toml:11: unknown key 'decodin'", "did you mean 'decoding'?"},
      {"max_new_tokens", "max_tokens", "s.toml:12: unknown key 'decoding.max_tokens'",
       "did you mean 'max_new_tokens'?"},
      {"phasewatt-study/1", "phasewatt-study/2", "s.toml:1: 'schema' is 'phasewatt-study/2'", "phasewatt-study/1"},
      {"name = \"test\"", "name = \"a/b\"", "s.toml:2: 'name' is 'a/b'", "letters"},
      {"name = \"test\"\n", "", "s.toml:1: missing key 'name'", "add it"},
      {"repeats = 2", "repeats = 0", "s.toml:6: 'repeats' is 0", "1 to 100"},
      {"repeats = 2", "repeats = 101", "s.toml:6: 'repeats' is 101", "1 to 100"},
      {"repeats = 2", "repeats = 2.5", "s.toml:6: 'repeats' must be a whole number", ""},
      {"repeats = 2", "seed = -1", "s.toml:6: 'seed' is -1", "negative"},
      {"repeats = 2", "store_prompts = 'no'", "s.toml:6: 'store_prompts' must be true or false", ""},
      {"[\"small\", \"large\"]", "[]", "s.toml:3: 'models' is empty", "at least one"},
      {"[\"small\", \"large\"]", "['a', 'a']", "s.toml:3: 'models' names 'a' twice", "remove"},
      {"[\"small\", \"large\"]", "'a'", "s.toml:3: 'models' must be a list", ""},
      {"[1, 4]", "[]", "s.toml:4: 'batch_sizes' is empty", ""},
      {"[1, 4]", "[0]", "s.toml:4: 'batch_sizes' holds 0", "1 to 1024"},
      {"[1, 4]", "[1025]", "s.toml:4: 'batch_sizes' holds 1025", "1 to 1024"},
      {"[1, 4]", "[4, 4]", "s.toml:4: 'batch_sizes' names 4 twice", "remove"},
      {"[1, 4]", "[1.5]", "s.toml:4: 'batch_sizes' must be a list of whole numbers", ""},
      {"[400, 1000, \"stock\"]", "[]", "s.toml:5: 'clocks' is empty", "auto:N"},
      {"[400, 1000, \"stock\"]", "[0]", "s.toml:5: 'clocks' holds 0", "10000 MHz"},
      {"[400, 1000, \"stock\"]", "[nan]", "s.toml:5: 'clocks' must be a list of finite numbers", ""},
      {"[400, 1000, \"stock\"]", "['stok']", "s.toml:5: 'clocks' holds 'stok'", "stock"},
      {"[400, 1000, \"stock\"]", "[400, 400]", "s.toml:5: 'clocks' names 400 twice", "remove"},
      {"[400, 1000, \"stock\"]", "'auto:1'", "s.toml:5: 'clocks' is 'auto:1'", "2 to 64"},
      {"[400, 1000, \"stock\"]", "'auto:65'", "s.toml:5: 'clocks' is 'auto:65'", "2 to 64"},
      {"[400, 1000, \"stock\"]", "'auto:7x'", "s.toml:5: 'clocks' is 'auto:7x'", "2 to 64"},
      {"[400, 1000, \"stock\"]", "400", "s.toml:5: 'clocks' must be a list", ""},
      {"repeats = 2", "baseline = 'higest'", "s.toml:6: 'baseline' is 'higest'", "did you mean 'highest'?"},
      {"repeats = 2", "baseline = -5", "s.toml:6: 'baseline' is -5", "10000 MHz"},
      {"name = \"boolq\"", "name = \"bolq\"", "s.toml:8: unknown dataset 'bolq'", "did you mean 'boolq'?"},
      {"name = \"truthfulqa\"", "name = \"boolq\"", "s.toml:10: dataset 'boolq' is named twice, first in line 8",
       "remove"},
      {"name = \"boolq\"", "name = \"boolq\"\nsample = 'paper:300'", "s.toml:9: 'sample': 'paper:300' is not a sample",
       "first:N"},
      {"name = \"boolq\"", "name = \"boolq\"\nsample = 0", "s.toml:9: 'sample': '0' is not a sample", "all"},
      {"name = \"boolq\"", "name = \"boolq\"\nfile = ''", "s.toml:9: 'file' is empty", ""},
      {"max_new_tokens = 3", "max_new_tokens = 4097", "s.toml:12: 'max_new_tokens' is 4097", "1 to 4096"},
      {"max_new_tokens = 3", "stop = 'never'", "s.toml:12: 'stop' is 'never'", "length, eos"},
      {"[decoding]\nmax_new_tokens = 3", "[engine]\nruntime = 'egaer'", "s.toml:12: 'runtime' is 'egaer'",
       "did you mean 'eager'?"},
      {"[decoding]\nmax_new_tokens = 3", "[engine]\nkind = 'smi'", "s.toml:12: 'kind' is 'smi'", "did you mean 'sim'?"},
      {"[decoding]\nmax_new_tokens = 3", "[device]\nspec = 'h200-sxn'", "s.toml:12: 'spec' is 'h200-sxn'",
       "did you mean 'h200-sxm'?"},
      {"name = \"test\"", "name = \"test", "s.toml:2:", "toml.io"},
  };
  for (const auto& wrong : cases) {
    const Error error = error_of(with(wrong.from, wrong.to));
    EXPECT_EQ(error.code, ErrorCode::bad_input) << wrong.to;
    EXPECT_THAT(error.what, StartsWith(wrong.what)) << wrong.to;
    EXPECT_THAT(error.hint, HasSubstr(wrong.hint)) << wrong.to;
  }
}

TEST(Study, EnginesAndDevicesOfOtherBuildsAreUnsupported) {
  const Error error = error_of(with("[decoding]\nmax_new_tokens = 3", "[engine]\nkind = 'openai'"));
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_THAT(error.what, StartsWith("s.toml:12: "));
}

TEST(Study, ARealEngineSaysWhereAndHowItComputes) {
  const auto study = parse_study(with("[decoding]\nmax_new_tokens = 3",
                                      "[engine]\nkind = 'libtorch'\ndevice = 'cuda:1'\ndtype = 'bf16'\nthreads = 2"),
                                 "s.toml");
  ASSERT_TRUE(study) << to_string(study.error());
  EXPECT_TRUE(study->real_engine());
  EXPECT_EQ(study->engine_device, "cuda:1");
  EXPECT_EQ(study->dtype, "bf16");
  EXPECT_EQ(study->threads, 2);
  EXPECT_EQ(study->runtime, "graph");
  EXPECT_EQ(study->device, "nvml") << "a GPU is measured unless the study says otherwise";
  EXPECT_TRUE(study->by_sensors());
}

TEST(Study, ARealEngineMayShareAModelOutBetweenGpus) {
  const auto study =
      parse_study(with("[decoding]\nmax_new_tokens = 3", "[engine]\nkind = 'libtorch'\ndevice = 'cuda:0,1'"), "s.toml");
  ASSERT_TRUE(study) << to_string(study.error());
  EXPECT_EQ(study->engine_device, "cuda:0,1");
  EXPECT_EQ(engine_gpus(*study), (std::vector{0, 1}));
}

TEST(Study, AnEngineOnTheCpuIsMeasuredByNobody) {
  const auto study =
      parse_study(with("[decoding]\nmax_new_tokens = 3", "[engine]\nkind = 'libtorch'\ndevice = 'cpu'"), "s.toml");
  ASSERT_TRUE(study) << to_string(study.error());
  EXPECT_EQ(study->runtime, "eager");
  EXPECT_EQ(study->device, "none");
  EXPECT_FALSE(study->by_sensors());
  EXPECT_EQ(study->reference_every(), 0);
}

TEST(Study, TheEngineOfTheCpuKnowsThreadsAlone) {
  const auto study =
      parse_study(with("[decoding]\nmax_new_tokens = 3", "[engine]\nkind = 'cpu'\nthreads = 2"), "s.toml");
  ASSERT_TRUE(study) << to_string(study.error());
  EXPECT_TRUE(study->real_engine());
  EXPECT_EQ(study->engine_device, "cpu");
  EXPECT_EQ(study->threads, 2);
  EXPECT_EQ(study->runtime, "eager");
  EXPECT_EQ(study->device, "none");
}

TEST(Study, EngineAndDeviceMustBeOfOneWorld) {
  struct Case {
    std::string tables;
    std::string what;
  };
  const std::string real = "[engine]\nkind = 'libtorch'\n";
  const std::vector<Case> cases{
      {"[engine]\ndtype = 'f16'", "s.toml:12: 'dtype' is a key of kind = \"libtorch\", and this is \"sim\""},
      {"[engine]\nthreads = 2", "s.toml:12: 'threads' is a key of kind = \"cpu\", and this is \"sim\""},
      {"[engine]\nkind = 'cpu'\ndevice = 'cuda'",
       "s.toml:13: 'device' is a key of kind = \"libtorch\", and this is \"cpu\""},
      {"[engine]\nkind = 'cpu'\nruntime = 'graph'", "s.toml:13: 'runtime' is 'graph', and the CPU has no graphs"},
      {"[engine]\nkind = 'cpu'\n[device]\nkind = 'nvml'", "s.toml:14: engine 'cpu' with device 'nvml'"},
      {real + "device = 'gpu'", "s.toml:13: 'device' is 'gpu'"},
      {real + "device = 'cuda:x'", "s.toml:13: 'device' is 'cuda:x'"},
      {real + "device = 'cuda:0,'", "s.toml:13: 'device' is 'cuda:0,'"},
      {real + "dtype = 'f8'", "s.toml:13: 'dtype' is 'f8'"},
      {real + "threads = -1", "s.toml:13: 'threads' is -1"},
      {real + "device = 'cpu'\nruntime = 'graph'", "s.toml:14: 'runtime' is 'graph', and the CPU has no graphs"},
      {real + "[device]\nkind = 'sim'", "s.toml:14: engine 'libtorch' with device 'sim'"},
      {real + "device = 'cpu'\n[device]\nkind = 'nvml'", "s.toml:15: engine 'libtorch' with device 'nvml'"},
      {real + "[device]\nspec = 'h200-sxm'", "s.toml:14: 'spec' is a key of kind = \"sim\", and this is \"nvml\""},
      {real + "[device]\nkind = 'none'\ngpu = '0'", "s.toml:15: 'gpu' is a key of kind = \"nvml\""},
      {real + "[device]\nkind = 'none'\n[measure]\nwarmup_s = 1", "s.toml:16: 'warmup_s' is given, and the device is"},
      {"[device]\nkind = 'none'", "s.toml:12: engine 'sim' with device 'none'"},
  };
  for (const auto& wrong : cases) {
    const Error error = error_of(with("[decoding]\nmax_new_tokens = 3", wrong.tables));
    EXPECT_EQ(error.code, ErrorCode::bad_input) << wrong.tables;
    EXPECT_THAT(error.what, StartsWith(wrong.what)) << wrong.tables;
  }
}

TEST(Study, AGpuThroughNvmlIsNamedByItself) {
  const auto study =
      parse_study(with("[decoding]\nmax_new_tokens = 3", "[device]\nkind = 'nvml'\ngpu = 'GPU-12'"), "s.toml");
  ASSERT_TRUE(study) << to_string(study.error());
  EXPECT_EQ(study->device, "nvml");
  EXPECT_EQ(study->gpu, "GPU-12");
  EXPECT_THAT(error_of(with("[decoding]\nmax_new_tokens = 3", "[device]\nkind = 'nvml'\nnoise = false")).what,
              HasSubstr("'noise' is a key of kind = \"sim\""));
}

TEST(Study, WithoutDatasetsThereIsNothingToDo) {
  EXPECT_THAT(error_of("schema = 'phasewatt-study/1'\nname = 'x'\nmodels = ['m']\n").what,
              HasSubstr("no [[datasets]]"));
}

// Whatever is overwritten, the outcome is a study or an error that names the file.
RC_GTEST_PROP(Study, SurvivesDamage, ()) {
  std::string text = study_template();
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  const auto length = *rc::gen::inRange<std::size_t>(1, 20);
  text.replace(at, length, *rc::gen::arbitrary<std::string>());
  const auto study = parse_study(text, "s.toml");
  if (!study) RC_ASSERT(study.error().what.starts_with("s.toml"));
}

}  // namespace
}  // namespace phasewatt::replay
