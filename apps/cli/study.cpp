#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "apps/cli/commands.h"
#include "apps/cli/progress.h"
#include "apps/cli/study_text.h"
#include "apps/cli/version.h"
#include "apps/cli/wiring.h"
#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/store/writer.h"

namespace phasewatt::cli {
namespace {

constexpr std::string_view kStopping =
    "\nphasewatt: stopping after what is in flight (a batch or a load can take minutes); finished points are kept "
    "(press again to quit at once)\n";

struct Options {
  std::string file;
  std::string output;
  std::string data_dir;
  int jobs = 0;  ///< 0: the number of processors
  bool force = false;
  bool dry_run = false;
  bool require_valid = false;
  ClockConsent consent;
  bool redo_void = false;
  bool digest = false;
};

Status init(const Options& options, const Console& console) {
  const std::string text = replay::study_template();
  if (options.file == "-") {
    console.out(text);
    return ok();
  }
  std::error_code ec;
  if (std::filesystem::exists(options.file, ec) && !std::filesystem::is_regular_file(options.file, ec))
    return Error{ErrorCode::exists, "'" + options.file + "' is no ordinary file", "name a file, or - to print"};
  if (!options.force && std::filesystem::exists(options.file, ec))
    return Error{ErrorCode::exists, "'" + options.file + "' exists already",
                 "name another file, or use --force to replace it"};
  PHASEWATT_TRY(write_file(options.file, text));
  console.say("wrote " + options.file + "; next: phasewatt study plan " + options.file);
  return ok();
}

Result<PreparedStudy> load(const Options& options) {
  PHASEWATT_ASSIGN(const DataDir data_dir, parse_data_dir(options.data_dir));
  PHASEWATT_ASSIGN(auto study, replay::load_study(options.file));
  return prepare_study(std::move(study), data_dir, options.consent);
}

/// The clocks that a run would lock, for those who ask beforehand.
void say_locks(const PreparedStudy& prepared, const Console& console) {
  if (prepared.clocks_by.empty()) return;
  std::vector<std::string> clocks;
  for (const auto& point : prepared.plan.points) {
    if (!point.clock) continue;
    std::string clock = fmt::format("{:.6g}", point.clock->value());
    if (std::find(clocks.begin(), clocks.end(), clock) == clocks.end()) clocks.push_back(std::move(clock));
  }
  if (clocks.empty()) return;
  console.say(fmt::format("would lock {} to {} MHz in turn, through {}, and give the clock back at the end",
                          prepared.plan.environment.device_id, join(clocks, ", "), prepared.clocks_by));
}

Status print_plan(const PreparedStudy& prepared, const Console& console) {
  const auto estimate = replay::estimate_plan(prepared.plan, prepared.study, prepared.cost);
  console.out(console.json ? plan_json(prepared.plan, estimate) : plan_text(prepared.plan, estimate));
  return ok();
}

Status plan(const Options& options, const Console& console) {
  PHASEWATT_ASSIGN(const auto prepared, load(options));
  return print_plan(prepared, console);
}

/// Runs what is missing and says how it ended.
Status carry_out(const PreparedStudy& prepared, store::Writer& writer, const Options& options, const std::string& db,
                 const Console& console) {
  if (stop_flag())
    return Error{ErrorCode::interrupted, "stopped before any point ran; what was there before is kept", {}};
  const int jobs =
      options.jobs > 0 ? options.jobs : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  Result<replay::RunSummary> summary = [&] {
    ProgressBar progress(console);
    return replay::run_study(prepared.plan, prepared.study, prepared.make_rig, jobs, writer, progress, stop_flag());
  }();
  if (!summary) return std::move(summary).error();
  PHASEWATT_ASSIGN(const auto state, store::read_status(db));
  console.out(console.json ? summary_json(*summary, state, db) : summary_text(*summary, state, db));
  if (summary->interrupted)
    return Error{
        ErrorCode::interrupted,
        fmt::format("stopped with {} of {} points finished; they are kept", state.points_done, state.points_total),
        "go on with: phasewatt study resume " + db};
  if (const auto wanted = state.points_total - state.points_spared;
      options.require_valid && state.points_valid != wanted)
    return Error{ErrorCode::not_valid,
                 fmt::format("{} of {} points are not valid", wanted - state.points_valid, wanted),
                 "see: phasewatt study status " + db};
  return ok();
}

Status run(const Options& options, const Console& console) {
  install_stop_signals(kStopping);
  if (!options.dry_run && options.output.empty())
    return Error{ErrorCode::usage, "--output is missing",
                 "name the results database to write, for example --output results.db"};
  // Before the datasets are read: an output that cannot be written should be known at once.
  std::unique_ptr<store::Writer> writer;
  if (!options.dry_run) {
    PHASEWATT_ASSIGN(writer, store::Writer::create(options.output, options.force));
  }
  PHASEWATT_ASSIGN(const auto prepared, load(options));
  if (options.dry_run) {
    say_locks(prepared, console);
    return print_plan(prepared, console);
  }
  for (const auto& note : prepared.plan.notes) console.say("note: " + note);
  return carry_out(prepared, *writer, options, options.output, console);
}

/// What is left of the study in `db` can be measured here and now as its first points were.
Status check_same(const StudyPlan& stored, const PreparedStudy& now, const std::string& db) {
  const auto locks = [](const StudyPlan& plan) {
    return std::any_of(plan.points.begin(), plan.points.end(), [](const RunPoint& point) { return point.clock; });
  };
  if (!locks(stored) && locks(now.plan))
    return Error{ErrorCode::bad_input, fmt::format("the study in '{}' began without locking clocks", db),
                 "leave out --allow-clock-control, or start anew with phasewatt study run"};
  if (locks(stored) && !now.observe.empty())
    return Error{ErrorCode::permission,
                 fmt::format("the study in '{}' locks clocks, and here they cannot be: {}", db, now.observe),
                 "consent each time with --allow-clock-control"};
  const auto other = [&](const char* what, const std::string& then, const std::string& here) {
    return Error{ErrorCode::bad_input,
                 fmt::format("the study in '{}' began with {} {}, and this is {}", db, what, then, here),
                 "resume it where it began, or start anew with phasewatt study run"};
  };
  const Environment& then = stored.environment;
  const Environment& here = now.plan.environment;
  if (here.device_id != then.device_id) return other("device", then.device_id, here.device_id);
  if (here.driver != then.driver) return other("driver", then.driver, here.driver);
  if (here.runtime != then.runtime) return other("runtime", then.runtime, here.runtime);
  if (now.plan.fingerprint != stored.fingerprint)
    return Error{
        ErrorCode::bad_input,
        "queries, models, device files or program differ from those the study in '" + db + "' began with",
        "give the same --data-dir, models' folders and program version, or start anew with phasewatt study run"};
  return ok();
}

Status resume(const Options& options, const Console& console) {
  install_stop_signals(kStopping);
  // Opened first: it brings a database of an older version up to date, which the readers then can read.
  PHASEWATT_ASSIGN(auto writer, store::Writer::open(options.file));
  PHASEWATT_ASSIGN(const auto stored, store::read_plan(options.file));
  PHASEWATT_ASSIGN(auto study, replay::parse_study(stored.study_toml, options.file + " (study)"));
  const auto told = stored.invocation.find("data_dir");
  const std::string then = told == stored.invocation.end() ? std::string() : told->second;
  PHASEWATT_ASSIGN(const DataDir data_dir, parse_data_dir(options.data_dir.empty() ? then : options.data_dir));
  PHASEWATT_ASSIGN(const auto prepared,
                   prepare_study(std::move(study), data_dir, options.consent, stored.calibrations));
  PHASEWATT_TRY(check_same(stored, prepared, options.file));
  if (stored.calibrations.empty() && !prepared.plan.calibrations.empty())
    console.say("note: an older version began this study and did not keep its calibration: the one on file is used");
  for (const auto& note : prepared.plan.notes)
    if (std::find(stored.notes.begin(), stored.notes.end(), note) == stored.notes.end()) console.say("note: " + note);
  if (options.redo_void) {
    PHASEWATT_ASSIGN(const auto forgotten, writer->forget_void());
    console.say(fmt::format("{} void points will run again", forgotten));
  }
  return carry_out(prepared, *writer, options, options.file, console);
}

Status status(const Options& options, const Console& console) {
  PHASEWATT_ASSIGN(const auto state, store::read_status(options.file));
  std::string digest;
  if (options.digest) {
    PHASEWATT_ASSIGN(digest, store::content_digest(options.file));
  }
  console.out(console.json ? status_json(state, digest) : status_text(state, digest));
  return ok();
}

using Verb = Status (*)(const Options&, const Console&);

}  // namespace

void add_study(CLI::App& app, Action& action) {
  auto* study = app.add_subcommand("study", "the measurements");
  study->require_subcommand(1);
  auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, Verb verb) {
    auto* sub = study->add_subcommand(name, what);
    sub->callback(
        [&action, options, verb] { action = [options, verb](const Console& c) { return verb(*options, c); }; });
    return sub;
  };
  const auto add_running = [&](CLI::App* sub) {
    sub->add_option("--data-dir", options->data_dir);
    sub->add_option("--jobs", options->jobs)->check(CLI::Range(1, 1024));
    sub->add_flag("--require-valid", options->require_valid);
    sub->add_flag("--allow-clock-control", options->consent.given);
    // A daemon that was named and does not answer is no reason to start another.
    sub->add_option("--clockd-socket", options->consent.lease.socket)->each([options](const std::string&) {
      options->consent.lease.helper.reset();
    });
  };

  auto* init_verb = add("init", "write a commented study file", init);
  init_verb->add_option("FILE", options->file)->default_str("study.toml");
  init_verb->add_flag("--force", options->force);
  init_verb->preparse_callback([options](std::size_t /*count*/) { options->file = "study.toml"; });

  auto* plan_verb = add("plan", "points, time and energy estimate", plan);
  plan_verb->add_option("FILE", options->file)->required();
  plan_verb->add_option("--data-dir", options->data_dir);

  auto* run_verb = add("run", "run a study into a results database", run);
  run_verb->add_option("FILE", options->file)->required();
  run_verb->add_option("--output", options->output);
  run_verb->add_flag("--force", options->force);
  run_verb->add_flag("--dry-run", options->dry_run);
  add_running(run_verb);

  auto* resume_verb = add("resume", "go on after an interruption", resume);
  resume_verb->add_option("DB", options->file)->required();
  resume_verb->add_flag("--void", options->redo_void);
  add_running(resume_verb);

  auto* status_verb = add("status", "how far a study is", status);
  status_verb->add_option("DB", options->file)->required();
  status_verb->add_flag("--digest", options->digest);
}

}  // namespace phasewatt::cli
