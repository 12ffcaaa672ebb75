#include <nlohmann/json.hpp>

#include <iostream>
#include <vector>

#include "tools/bench_engine.h"

/// Runs one batch of arbitrary ids through the embedded engine again and again and prints what its spans say, as JSON
/// on one line: the engine's side of tools/compare_runtimes.py and compare_cpu.py. Times are of the monotonic clock, in
/// seconds.
namespace {

using namespace phasewatt;
using namespace phasewatt::engine;

struct Options : tools::EngineOptions {
  double seconds = 3;
};

double seconds(Nanos t) { return std::chrono::duration<double>(t).count(); }

/// Spans of one call of generate.
class Call final : public PhaseListener {
 public:
  void on_span(const PhaseSpan& span) override { spans.push_back(span); }
  std::vector<PhaseSpan> spans;

  /// From the first to the last span of a phase.
  [[nodiscard]] nlohmann::json window(Phase phase) const {
    Nanos begin{};
    Nanos end{};
    nlohmann::json busy;  // null where the spans do not say
    double bytes = 0;
    double flops = 0;
    int count = 0;
    for (const PhaseSpan& span : spans) {
      if (span.phase != phase) continue;
      if (count++ == 0) begin = span.begin;
      end = span.end;
      if (span.gpu_busy_s) busy = busy.is_null() ? *span.gpu_busy_s : busy.get<double>() + *span.gpu_busy_s;
      bytes += span.bytes.value_or(0);
      flops += span.flops.value_or(0);
    }
    return {{"phase", to_string(phase)}, {"begin", seconds(begin)}, {"end", seconds(end)}, {"spans", count},
            {"gpu_busy_s", busy},        {"bytes", bytes},          {"flops", flops}};
  }
};

Result<nlohmann::json> measure(const Options& options) {
  const auto engine = options.make();
  const tools::BenchBatch batch(options);
  PHASEWATT_ASSIGN(const ModelInfo model, tools::warm_up(*engine, options, batch));
  nlohmann::json windows = nlohmann::json::array();
  nlohmann::json prefill = nlohmann::json::array();
  nlohmann::json step = nlohmann::json::array();
  double begin = 0;
  double end = 0;
  for (int n = 0; n == 0 || end - begin < options.seconds; ++n) {
    Call call;
    PHASEWATT_TRY(batch.generate(*engine, call));
    if (n == 0) begin = seconds(call.spans.front().begin);
    end = seconds(call.spans.back().end);
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      auto window = call.window(phase);
      const int spans = window["spans"];
      if (spans == 0) continue;
      const double each = (window["end"].get<double>() - window["begin"].get<double>()) / spans;
      (phase == Phase::prefill ? prefill : step).push_back(each);
      windows.push_back(std::move(window));
    }
  }
  nlohmann::json out{{"model", options.model},
                     {"engine", engine->info().id},
                     {"runtime", engine->info().runtime},
                     {"dtype", model.weight_bytes / model.parameters > 3 ? "f32" : "16 bit"},
                     {"batch", options.batch},
                     {"prompt", options.prompt},
                     {"new_tokens", options.fresh},
                     {"repeats", prefill.size()},
                     {"parameters", model.parameters},
                     {"prefill_s", prefill},
                     {"decode_step_s", step},
                     {"begin", begin},
                     {"end", end},
                     {"windows", windows}};
  for (const auto& window : windows) {
    const double spans = window["spans"];
    if (window["phase"] == "prefill") out["prefill_flops"] = window["flops"];
    if (window["phase"] == "decode") out["decode_bytes"] = window["bytes"].get<double>() / spans;
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Times the embedded engine on one batch; prints JSON");
  options.add_to(app);
  app.add_option("--seconds", options.seconds, "at least so long")->check(CLI::Range(0.0, 3600.0));
  CLI11_PARSE(app, argc, argv);
  const auto out = measure(options);
  if (!out) return tools::exit_status(out.error());
  std::cout << out->dump() << std::endl;
  return 0;
}
