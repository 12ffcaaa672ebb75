#include <gtest/gtest.h>

#include <algorithm>

#include "phasewatt/sim/live/config.h"

namespace phasewatt::sim::live::test {
namespace {

std::string error_of(const std::string& text) {
  const auto config = parse_live_config("schema = \"nvml-sim/1\"\n" + text, "rig.toml");
  return config ? "" : to_string(config.error());
}

TEST(LiveConfig, ShortFormNamesTheCards) {
  const auto config = parse_live_config(config_text("h200-sxm, rtx-pro-6000-blackwell-ws"), "short");
  ASSERT_TRUE(config) << to_string(config.error());
  ASSERT_EQ(config->gpus.size(), 2u);
  EXPECT_EQ(config->gpus[0].spec.id, "h200-sxm");
  EXPECT_EQ(config->gpus[1].spec.id, "rtx-pro-6000-blackwell-ws");
  EXPECT_NE(config->gpus[0].uuid, config->gpus[1].uuid);
  EXPECT_NE(config->gpus[0].pci_bus, config->gpus[1].pci_bus);
  EXPECT_EQ(config->gpus[0].permission, Permission::root);
}

TEST(LiveConfig, UuidsAreStable) {
  const auto one = parse_live_config(config_text("h200-sxm"), "a");
  const auto two = parse_live_config(config_text("h200-sxm,h200-sxm"), "b");
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->gpus[0].uuid, two->gpus[0].uuid);
  EXPECT_EQ(one->gpus[0].uuid, "GPU-4a1925ac-a449-135a-fec6-2af6e2d38033");
}

TEST(LiveConfig, NoCardsIsAMachineWithADriverAlone) {
  const auto config = parse_live_config(config_text(""), "none");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->gpus.empty());
}

TEST(LiveConfig, ReadsEverything) {
  const auto config = parse_live_config(R"(schema = "nvml-sim/1"
driver_version = "570.1"
cuda_version = 12080
seed = 7
noise = false
group_access = true
[[gpu]]
spec = "h200-sxm"
uuid = "GPU-00000000-1111-2222-3333-444444444444"
pci_bus = 27
permission = "none"
mig = true
virtualization = "vgpu"
persistence = false
context = true
unsupported = ["energy", "power_instant"]
repeat_s = 20
  [[gpu.load]]
  at_s = 1
  for_s = 2
  kind = "decode"
  arch = "llama-3.1-8b"
  runtime = "graph"
  batch = 4
  tokens = 300
  [[gpu.load]]
  at_s = 4
  for_s = 2
  kind = "idle"
  [[gpu.event]]
  kind = "slow_calls"
  at_s = 3
  for_s = 1
  value = 20
)",
                                        "rig.toml");
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(config->driver_version, "570.1");
  EXPECT_EQ(config->cuda_version, 12080);
  EXPECT_EQ(config->seed, 7u);
  EXPECT_FALSE(config->noise);
  EXPECT_TRUE(config->group_access);
  const auto& gpu = config->gpus.at(0);
  EXPECT_EQ(gpu.uuid, "GPU-00000000-1111-2222-3333-444444444444");
  EXPECT_EQ(gpu.pci_bus, 27u);
  EXPECT_EQ(gpu.permission, Permission::none);
  EXPECT_TRUE(gpu.mig);
  EXPECT_EQ(gpu.virtualization, 2);
  EXPECT_FALSE(gpu.persistence);
  EXPECT_TRUE(gpu.context);
  EXPECT_TRUE(gpu.lacks(Feature::energy));
  EXPECT_TRUE(gpu.lacks(Feature::power_instant));
  EXPECT_FALSE(gpu.lacks(Feature::power_average));
  EXPECT_EQ(gpu.repeat_s, 20);
  ASSERT_EQ(gpu.trace.size(), 1u);  // an idle step needs no load
  EXPECT_GT(gpu.trace[0].work.load.bytes, 1.5e10);
  ASSERT_EQ(gpu.events.size(), 1u);
  EXPECT_EQ(gpu.events[0].kind, EventKind::slow_calls);
  EXPECT_EQ(gpu.events[0].value, 20);
}

TEST(LiveConfig, ErrorsNameLineAndNextStep) {
  EXPECT_NE(error_of("[[gpu]]\npermision = \"any\"").find("rig.toml:3"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\npermission = \"anybody\"").find("valid: root, any, none"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\nspec = \"h2000-sxm\"").find("h200-sxm"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\nspec = \"my.toml\"").find("absolute"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\nuuid = \"GPU-1\"").find("uuid"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\nunsupported = [\"watts\"]").find("watts"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\n[[gpu.event]]\nkind = \"gpu_gone\"").find("gpu_lost"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\n[[gpu.event]]\nkind = \"unsupported\"\nfeature = \"enrgy\"").find("energy"),
            std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\n[[gpu.load]]\nat_s = 1\nfor_s = 1\nkind = \"run\"").find("decode"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\n[[gpu.load]]\nat_s = -1\nfor_s = 1\nkind = \"idle\"").find("at_s"), std::string::npos);
  EXPECT_NE(error_of("[[gpu]]\npci_bus = 3\n[[gpu]]\npci_bus = 3").find("same"), std::string::npos);
  EXPECT_NE(
      error_of("[[gpu]]\n[[gpu]]\n[[gpu]]\n[[gpu]]\n[[gpu]]\n[[gpu]]\n[[gpu]]\n[[gpu]]\n[[gpu]]").find("at most 8"),
      std::string::npos);
  const auto none = parse_live_config("", "rig.toml");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().what.find("schema"), std::string::npos);
}

TEST(LiveConfig, EveryEventHasItsName) {
  for (const auto& each : kEventNames) {
    EXPECT_EQ(parse_event(each.name), each.kind);
    EXPECT_EQ(to_string(each.kind), each.name);
  }
  EXPECT_EQ(parse_event("nothing"), std::nullopt);
}

}  // namespace
}  // namespace phasewatt::sim::live::test
