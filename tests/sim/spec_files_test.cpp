#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "phasewatt/base/files.h"
#include "tests/sim/support.h"

namespace phasewatt::sim::test {
namespace {

using ::testing::HasSubstr;

std::string shipped_text(const std::string& path) {
  return read_file(std::string(PHASEWATT_SOURCE_DIR "/src/phasewatt/sim/files/") + path).value();
}

/// The card's file with one piece replaced.
std::string gpu_with(const std::string& from, const std::string& to) {
  std::string text = shipped_text("gpus/rtx-pro-6000-blackwell-ws.toml");
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(SpecFiles, EveryShippedFileReads) {
  EXPECT_FALSE(shipped_gpus().empty());
  for (const auto& id : shipped_gpus()) {
    const auto gpu = find_gpu(id);
    ASSERT_TRUE(gpu) << to_string(gpu.error());
    EXPECT_EQ(gpu->id, id);
    EXPECT_THAT(gpu->name, HasSubstr("SIMULATED"));
    for (const char* kind : {"eager", "graph"}) {
      const auto runtime = find_runtime(gpu->default_host, kind);
      ASSERT_TRUE(runtime) << to_string(runtime.error());
      EXPECT_EQ(runtime->kind, kind);
    }
  }
  for (const auto& id : shipped_archs()) {
    const auto arch = find_arch(id);
    ASSERT_TRUE(arch) << to_string(arch.error());
    EXPECT_EQ(arch->id, id);
  }
}

TEST(SpecFiles, TheShippedModelsAreThoseOfTheReference) {
  for (const char* name : kPaperModels) {
    std::string id = name;
    std::transform(id.begin(), id.end(), id.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto shipped = find_arch(id);
    ASSERT_TRUE(shipped) << to_string(shipped.error());
    EXPECT_EQ(shipped->params(), arch(name).params()) << name;
    EXPECT_EQ(shipped->kv_bytes_per_token(), arch(name).kv_bytes_per_token()) << name;
  }
}

TEST(SpecFiles, TheCardIsWhatItsFileSays) {
  const GpuSpec g = rtx();
  EXPECT_EQ(g.silicon.sm_count, 188);
  EXPECT_EQ(g.power.cap_w, 600);
  EXPECT_EQ(g.sensor.energy.call_s, 3.8e-3);
  EXPECT_EQ(g.default_host, "rtx-pro-6000-host");
  EXPECT_EQ(g.sha256, sha256_hex(shipped_text("gpus/rtx-pro-6000-blackwell-ws.toml")));
  const auto clocks = g.supported_clocks();
  EXPECT_EQ(clocks.front(), Mhz(180));
  EXPECT_EQ(clocks[1], Mhz(187));
  EXPECT_EQ(clocks.back(), Mhz(3090));
  EXPECT_TRUE(std::binary_search(clocks.begin(), clocks.end(), Mhz(2842)));
  EXPECT_EQ(eager().id(), "rtx-pro-6000-host/eager");
  EXPECT_EQ(graph().host_s_per_layer, 0);
}

TEST(SpecFiles, AnUnknownIdNamesTheNearest) {
  const auto gpu = find_gpu("rtx-pro-6000-blackwel-ws");
  ASSERT_FALSE(gpu);
  EXPECT_EQ(gpu.error().code, ErrorCode::not_found);
  EXPECT_THAT(gpu.error().hint, HasSubstr("'rtx-pro-6000-blackwell-ws'"));
  EXPECT_EQ(find_arch("llama-3.1-9b").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_runtime("rtx-pro-6000-host", "compiled").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_gpu("/nowhere/card.toml").error().code, ErrorCode::not_found);
}

TEST(SpecFiles, AFileOfTheUsersReads) {
  const auto path = std::filesystem::temp_directory_path() / "phasewatt_spec_files_test.toml";
  ASSERT_TRUE(write_file(path, gpu_with("id   = \"rtx-pro-6000-blackwell-ws\"", "id = \"mine\"")));
  const auto gpu = find_gpu(path.string());
  std::filesystem::remove(path);
  ASSERT_TRUE(gpu) << to_string(gpu.error());
  EXPECT_EQ(gpu->id, "mine");
}

struct Bad {
  const char* from;
  const char* to;
  const char* message;
};

TEST(SpecFiles, WhatIsWrongIsNamedWithItsLine) {
  for (const auto& [from, to, message] :
       {Bad{"cap_w = 600.0", "cap_w = 600.0\ncap_ww = 1", "unknown key 'power.cap_ww'"},
        {"cap_w = 600.0", "", "missing key 'power.cap_w'"},
        {"cap_w = 600.0", "cap_w = \"much\"", "'power.cap_w' must be a finite number"},
        {"cap_w = 600.0", "cap_w = -1", "'cap_w' is -1"},
        {"bw_eta = 0.831442", "bw_eta = 1.5", "'bw_eta' is 1.5"},
        {"sm_max_mhz = 3090.0", "sm_max_mhz = 100", "'sm_max_mhz' is below 'sm_min_mhz'"},
        {"[247, 0.770]", "[100, 0.770]", "'vf_mhz_v' must be pairs"},
        {"[247, 0.770]", "[247]", "'vf_mhz_v' must be pairs"},
        {"\"full\"", "\"half\"", "'integrates' is 'half'"},
        {"update_jitter_s = 0.001", "update_jitter_s = 0.2", "'update_jitter_s' is 0.2"},
        {"[0.001, 0.005]", "[0.005, 0.001]", "'outlier_host_s' must be two times"},
        {"gpu-spec/1", "gpu-spec/9", "schema is 'gpu-spec/9'"},
        {"[noise]", "[nois]", "missing key 'noise'"}}) {
    const auto gpu = parse_gpu(gpu_with(from, to), "card.toml");
    ASSERT_FALSE(gpu) << message;
    EXPECT_EQ(gpu.error().code, ErrorCode::bad_input);
    EXPECT_THAT(gpu.error().what, HasSubstr(message));
    EXPECT_THAT(gpu.error().what, ::testing::MatchesRegex("card.toml:?[0-9]*: .*"));
  }
}

TEST(SpecFiles, ModelsAndHostsAreCheckedToo) {
  const std::string model = shipped_text("archs/llama-3.1-8b.toml");
  EXPECT_TRUE(parse_arch(model, "a.toml"));
  EXPECT_THAT(parse_arch(model + "\nexperts = 8\n", "a.toml").error().what, HasSubstr("unknown key 'experts'"));
  EXPECT_THAT(parse_arch("schema = \"arch/1\"\nlayers = 0", "a.toml").error().what, HasSubstr("a.toml"));
  const std::string host = shipped_text("runtimes/rtx-pro-6000-host.toml");
  EXPECT_THAT(parse_runtime(host + "\nwarp = 1\n", "h.toml", "eager").error().what,
              HasSubstr("unknown key 'graph.warp'"));
}

}  // namespace
}  // namespace phasewatt::sim::test
