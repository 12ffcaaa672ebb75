#include "apps/cli/doctor.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/commands.h"
#include "apps/cli/engine_wiring.h"
#include "apps/cli/version.h"
#include "phasewatt/base/text.h"
#include "phasewatt/report/web_files.h"
#include "phasewatt/sim/spec_files.h"
#include "phasewatt/workload/datasets.h"

namespace phasewatt::cli {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return fmt::format("GCC {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
}

std::vector<Finding> examine() {
  std::vector<Finding> all;
  all.push_back({"build", "program", true, fmt::format("phasewatt {}, {}", kVersion, compiler()), {}});
  const bool figures = !report::script_files().empty();
  all.push_back(
      {"build", "report figures", figures,
       figures ? "vega is embedded, the page works offline" : "built with PHASEWATT_WEB=OFF: pages hold tables only",
       figures ? "" : "build with -DPHASEWATT_WEB=ON (needs npm once)"});
  all.push_back({"data",
                 "sample queries",
                 !workload::shipped_samples().empty(),
                 "32 per dataset: boolq, hellaswag, truthfulqa, narrativeqa",
                 {}});
  for (const auto& id : sim::shipped_gpus()) {
    const auto spec = sim::find_gpu(id);
    all.push_back({"device", "sim " + id, spec.ok(), spec.ok() ? spec->name : to_string(spec.error()), {}});
  }
  for (auto& found : examine_devices()) all.push_back(std::move(found));
  for (auto& found : examine_clocks()) all.push_back(std::move(found));
  all.push_back({"engine", "sim", true, "models " + join(sim::shipped_archs(), ", ") + "; runtimes eager, graph", {}});
  all.push_back({"engine", "cpu", true, "models: folders (models/tiny ships with the sources), and synthetic:ID", {}});
  const auto libtorch = libtorch_release();
  all.push_back({"engine", "libtorch", libtorch.ok(),
                 libtorch ? "libtorch " + *libtorch + "; models: folders, and synthetic:ID" : libtorch.error().what,
                 libtorch ? "" : libtorch.error().hint});
  all.push_back({"engine", "openai", false, "not part of this release", "use [engine] kind = \"sim\""});
  return all;
}

Status print_doctor(const Console& console) {
  const auto all = examine();
  if (console.json) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& f : all)
      list.push_back({{"area", f.area},
                      {"name", f.name},
                      {"state", f.present ? "yes" : "no"},
                      {"detail", f.detail},
                      {"next", f.next}});
    console.out(list.dump(2) + "\n");
    return ok();
  }
  for (const auto& f : all) {
    console.out(fmt::format("{:<4}{:<8}{:<32} {}\n", f.present ? "yes" : "no", f.area, f.name, f.detail));
    if (!f.present && !f.next.empty()) console.out(fmt::format("{:<44} -> {}\n", "", f.next));
  }
  return ok();
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("doctor", "what this machine can do");
  sub->callback([&action] { action = print_doctor; });
}

}  // namespace phasewatt::cli
