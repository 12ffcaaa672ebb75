#include "apps/cli/wiring.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "apps/cli/engine_wiring.h"
#include "apps/cli/model_tokens.h"
#include "apps/cli/nvml_wiring.h"
#include "apps/cli/sim_parts.h"
#include "apps/cli/version.h"
#include "phasewatt/device/calibration/of_spec.h"
#include "phasewatt/device/no_device.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/device/sim/sim_device.h"
#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/engine/sim/quality.h"
#include "phasewatt/engine/sim/sim_engine.h"
#include "phasewatt/sim/estimate.h"
#include "phasewatt/sim/spec_files.h"
#include "phasewatt/workload/features.h"

namespace phasewatt::cli {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

/// One worker's simulated card with everything that drives it.
Result<replay::Rig> make_sim_rig(const std::shared_ptr<const SimParts>& parts, bool by_sensors) {
  struct Owned {
    std::shared_ptr<const SimParts> parts;
    sim::SimGpu gpu;
  };
  auto owned = std::make_shared<Owned>(Owned{parts, sim::SimGpu(parts->gpu, {parts->noise, {}})});
  replay::Rig rig;
  rig.engine = std::make_unique<engine::SimEngine>(
      owned->gpu, parts->runtime, engine::SimEngine::Options{parts->seed, parts->workload, &parts->quality});
  rig.device = std::make_unique<device::SimDevice>(owned->gpu);
  rig.clock = std::make_unique<device::SimClockControl>(owned->gpu);
  if (by_sensors) {
    rig.recorder = device::record_in_virtual_time(owned->gpu);
    rig.calibration = device::calibration_of_spec(parts->gpu);
  }
  rig.keep_alive = std::move(owned);
  return rig;
}

Environment describe(const std::string& runtime, const replay::Study& study, const device::DeviceInfo& device) {
  Environment e;
  e.program_version = std::string(kVersion);
  e.host = host_name();
  e.device_id = device.id;
  e.device_name = device.name;
  e.driver = device.driver;
  e.engine = study.engine;
  e.runtime = runtime;
  e.spec_hash = device.spec_hash;
  e.device_simulated = device.simulated;
  e.engine_simulated = !study.real_engine();
  return e;
}

/// "file:line: " before what went wrong with a dataset of the study.
Error at_line(Error error, const replay::Study& study, int line) {
  error.what = study.where(line) + ": " + error.what;
  return error;
}

Result<replay::DatasetInput> load_input(const replay::Study& study, const replay::StudyDataset& wanted,
                                        const DataDir& data_dir) {
  auto dataset = load_dataset({wanted.name, wanted.file, {}}, data_dir);
  if (!dataset) return at_line(std::move(dataset).error(), study, wanted.line);
  auto input = prepare(*dataset, wanted.sample, study.seed);
  if (!input) return at_line(std::move(input).error(), study, wanted.line);
  input->name = wanted.name;
  return std::move(input).value();
}

}  // namespace

Result<std::shared_ptr<const SimParts>> sim_parts(const replay::Study& study, sim::GpuSpec gpu) {
  PHASEWATT_ASSIGN(auto runtime, sim::find_runtime(gpu.default_host, study.runtime));
  PHASEWATT_ASSIGN(auto quality, engine::QualityModel::shipped());
  std::string workload;
  for (const auto& dataset : study.datasets) workload += dataset.name + "=" + to_string(dataset.sample) + ";";
  return std::shared_ptr<const SimParts>(std::make_shared<SimParts>(
      SimParts{std::move(gpu), std::move(runtime), std::move(quality), std::move(workload), study.seed, study.noise}));
}

replay::CostModel sim_cost(std::shared_ptr<const SimParts> parts) {
  return [parts = std::move(parts)](const replay::BatchShape& shape) -> std::optional<replay::BatchCost> {
    const auto arch = sim::find_arch(shape.model);
    if (!arch) return std::nullopt;
    const bool generates = shape.task == Task::generation;
    const double new_tokens = generates ? engine::expected_output_tokens(shape.decoding) : 0;
    sim::BatchShape in{static_cast<double>(shape.batch),
                       static_cast<double>(shape.prompt_tokens),
                       new_tokens,
                       {shape.option_tokens.begin(), shape.option_tokens.end()}};
    if (!sim::check_memory(parts->gpu, *arch, in.batch, in.prompt_tokens + new_tokens, 1)) return std::nullopt;
    const auto cost = sim::estimate(parts->gpu, parts->runtime, *arch, in, shape.clock);
    return replay::BatchCost{cost.seconds, cost.energy};
  };
}

replay::CostModel twin_cost(const replay::Study& study, std::string_view gpu_name) {
  constexpr std::array<std::pair<std::string_view, const char*>, 2> kTwins{
      {{"H200", "h200-sxm"}, {"RTX PRO 6000 Blackwell Workstation", "rtx-pro-6000-blackwell-ws"}}};
  for (const auto& [name, spec] : kTwins) {
    if (gpu_name.find(name) == std::string_view::npos) continue;
    auto gpu = sim::find_gpu(spec);
    auto parts = gpu ? sim_parts(study, std::move(gpu).value()) : std::move(gpu).error();
    if (!parts) return {};
    return [cost = sim_cost(std::move(parts).value())](replay::BatchShape shape) -> std::optional<replay::BatchCost> {
      const auto arch = engine::model::synthetic_arch(shape.model);
      if (!arch) return std::nullopt;
      shape.model = *arch;
      return cost(shape);
    };
  }
  return {};
}

namespace {

/// What measures the study: fills in device, environment and whatever makes and prices points.
struct Prepared {
  PreparedStudy study;
  replay::PlanInputs inputs;
  Ceilings ceilings;
  std::vector<std::string> calibrations;
  std::vector<std::string> notes;
};

Status add_nvml(const replay::Study& study, const ClockConsent& consent, const EngineMaker& engine,
                const std::vector<std::string>& calibrations, Prepared& out) {
  PHASEWATT_ASSIGN(auto nvml, open_nvml_study(study, consent, engine, calibrations));
  out.inputs.device = std::move(nvml.device);
  out.inputs.clock_control = nvml.clock_control;
  out.inputs.environment = describe(nvml.runtime, study, out.inputs.device);
  out.study.make_rig = std::move(nvml.make_rig);
  out.study.cost = std::move(nvml.cost);
  out.study.clocks_by = std::move(nvml.how);
  out.study.observe = std::move(nvml.no_control);
  out.ceilings = std::move(nvml.ceilings);
  out.calibrations = std::move(nvml.calibrations);
  out.notes = std::move(nvml.notes);
  return ok();
}

Status add_simulated(const replay::Study& study, Prepared& out) {
  PHASEWATT_ASSIGN(auto gpu, sim::find_gpu(study.spec));
  PHASEWATT_ASSIGN(const auto parts, sim_parts(study, std::move(gpu)));
  sim::SimGpu card(parts->gpu, {parts->noise, {}});
  out.inputs.device = device::SimDevice(card).info();
  out.inputs.environment = describe(parts->runtime.id(), study, out.inputs.device);
  out.study.make_rig = [parts, by_sensors = study.by_sensors()] { return make_sim_rig(parts, by_sensors); };
  out.study.cost = sim_cost(parts);
  out.ceilings = device::calibration_of_spec(parts->gpu).ceilings;
  return ok();
}

/// Times and answers alone.
void add_nothing(const replay::Study& study, const EngineMaker& engine, Prepared& out) {
  out.inputs.device = device::NoDevice().info();
  out.inputs.environment = describe({}, study, out.inputs.device);
  out.notes.emplace_back("no device is measured: times, tokens and quality, and no energy");
  out.study.make_rig = [engine]() -> Result<replay::Rig> {
    replay::Rig rig;
    rig.real_time = true;
    rig.engine = engine({});
    rig.device = std::make_unique<device::NoDevice>();
    return rig;
  };
}

Status add_device(const replay::Study& study, const ClockConsent& consent, const EngineMaker& engine,
                  const std::vector<std::string>& calibrations, Prepared& out) {
  if (study.device == "nvml") return add_nvml(study, consent, engine, calibrations, out);
  if (study.device == "sim") return add_simulated(study, out);
  add_nothing(study, engine, out);
  return ok();
}

}  // namespace

Result<PreparedStudy> prepare_study(replay::Study study, const DataDir& data_dir, const ClockConsent& consent,
                                    const std::vector<std::string>& calibrations) {
  Prepared prepared;
  replay::PlanInputs& inputs = prepared.inputs;
  EngineMaker engine;
  if (study.real_engine()) {
    PHASEWATT_ASSIGN(engine, real_engine(study));
  }
  PHASEWATT_TRY(add_device(study, consent, engine, calibrations, prepared));
  for (const auto& wanted : study.datasets) {
    PHASEWATT_ASSIGN(auto input, load_input(study, wanted, data_dir));
    inputs.datasets.push_back(std::move(input));
  }
  if (study.real_engine()) {
    PHASEWATT_TRY(check_engine(study));
    PHASEWATT_TRY(prepare_models(study, inputs, prepared.notes));
    inputs.environment.runtime = engine({})->info().runtime;  // the CPU knows no graphs, whatever was asked
    prepared.notes.push_back(describe_engine(study));
  } else {
    inputs.models = sim::shipped_archs();
  }
  PreparedStudy& out = prepared.study;
  PHASEWATT_ASSIGN(out.plan, replay::make_plan(study, std::move(inputs)));
  if (!prepared.ceilings.source.empty()) out.plan.ceilings = std::move(prepared.ceilings);
  out.plan.calibrations = std::move(prepared.calibrations);
  out.plan.notes.insert(out.plan.notes.end(), prepared.notes.begin(), prepared.notes.end());
  if (data_dir) out.plan.invocation["data_dir"] = data_dir->string();
  if (!out.observe.empty()) out.plan.notes.insert(out.plan.notes.begin(), out.observe);
  out.study = std::move(study);
  return std::move(out);
}

}  // namespace phasewatt::cli
