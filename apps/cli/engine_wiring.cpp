#include "apps/cli/engine_wiring.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/cli/libtorch_plugin/plugin.h"
#include "apps/cli/model_tokens.h"

namespace phasewatt::cli {
namespace {

namespace fs = std::filesystem;
using namespace engine::libtorch;

constexpr const char* kFile = "phasewatt-libtorch.so";
constexpr const char* kHint =
    "install libtorch (Debian: apt-get install libtorch-dev libopenblas0-pthread; for a GPU the one inside a PyTorch) "
    "and build phasewatt anew: docs/engine.md";

struct Plugin {
  decltype(&phasewatt_make_libtorch_engine) make = nullptr;
  decltype(&phasewatt_check_libtorch_options) check = nullptr;
  decltype(&phasewatt_libtorch_release) release = nullptr;
};

/// Beside the program in a build folder, in the folder of libraries when it is installed; empty when it is in neither.
fs::path find_file() {
  std::error_code ec;
  const fs::path here = fs::read_symlink("/proc/self/exe", ec).parent_path();
  for (const fs::path& file : {here / kFile, here / PHASEWATT_PLUGIN_DIR / kFile})
    if (fs::exists(file, ec)) return file;
  return {};
}

/// Loads it once, and for good: libtorch does not like to be unloaded.
Result<Plugin> load() {
  const fs::path file = find_file();
  if (file.empty())
    return Error{ErrorCode::unsupported, "this phasewatt was built without the engine 'libtorch'", kHint};
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  Plugin plugin;
  if (library != nullptr) {
    plugin.make = reinterpret_cast<decltype(plugin.make)>(::dlsym(library, "phasewatt_make_libtorch_engine"));
    plugin.check = reinterpret_cast<decltype(plugin.check)>(::dlsym(library, "phasewatt_check_libtorch_options"));
    plugin.release = reinterpret_cast<decltype(plugin.release)>(::dlsym(library, "phasewatt_libtorch_release"));
  }
  if (plugin.make != nullptr && plugin.check != nullptr && plugin.release != nullptr) return plugin;
  const char* const why = ::dlerror();
  return Error{ErrorCode::unsupported,
               "the engine 'libtorch' cannot be loaded: " + std::string(why != nullptr ? why : file.c_str()), kHint};
}

const Result<Plugin>& plugin() {
  static const Result<Plugin> loaded = load();
  return loaded;
}

LibtorchOptions libtorch_options(const replay::Study& study) {
  LibtorchOptions options;
  options.open_tokens = open_text_tokens;
  options.seed = study.seed;
  options.threads = study.threads;
  options.device = study.engine_device;
  options.dtype = study.dtype;
  options.runtime = study.runtime == "eager" ? Runtime::eager : Runtime::graph;
  return options;
}

Result<EngineMaker> libtorch_engine(const replay::Study& study) {
  if (!plugin()) {
    Error error = plugin().error();
    error.what = study.source + ": " + error.what;
    return error;
  }
  return EngineMaker([options = libtorch_options(study)](const std::string& device) {
    LibtorchOptions chosen = options;
    if (!device.empty() && chosen.device == "auto") chosen.device = device;
    return std::unique_ptr<engine::Engine>(plugin()->make(&chosen));
  });
}

EngineMaker cpu_engine(const replay::Study& study) {
  engine::embedded::EmbeddedOptions options;
  options.open_tokens = open_text_tokens;
  options.seed = study.seed;
  options.threads = study.threads;
  return [options](const std::string& /*device*/) { return engine::embedded::make_cpu_engine(options); };
}

}  // namespace

Result<std::string> libtorch_release() {
  if (!plugin()) return plugin().error();
  return std::string(plugin()->release());
}

Result<EngineMaker> real_engine(const replay::Study& study) {
  if (study.engine == "cpu") return cpu_engine(study);
  return libtorch_engine(study);
}

Status check_engine(const replay::Study& study) {
  if (study.engine != "libtorch") return ok();
  LibtorchOptions options = libtorch_options(study);
  const auto check = [&](int line) -> Status {
    std::optional<Error> wrong;
    plugin()->check(&options, &wrong);
    if (!wrong) return ok();
    wrong->what = study.where(line) + ": " + wrong->what;
    return *wrong;
  };
  options.dtype = "auto";  // which every device has: what is wrong then is the device
  PHASEWATT_TRY(check(study.lines.engine_device));
  options.dtype = study.dtype;
  return check(study.lines.dtype);
}

std::string describe_engine(const replay::Study& study) {
  if (study.engine == "cpu") return fmt::format("engine cpu, threads {}", std::max(study.threads, 1));
  return fmt::format("engine libtorch {}, device {}, type {}", plugin()->release(), study.engine_device, study.dtype);
}

}  // namespace phasewatt::cli
