#pragma once

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "phasewatt/engine/embedded/embedded_engine.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"

/// An engine with one batch of arbitrary ids, as the command line says, for the programs that time it.
namespace phasewatt::tools {

struct EngineOptions {
  std::string model;
  std::string kind = "libtorch";
  std::string runtime = "graph";
  engine::libtorch::LibtorchOptions libtorch;
  int batch = 1;
  int prompt = 336;
  int fresh = 100;

  void add_to(CLI::App& app) {
    app.add_option("model", model, "a model's folder or synthetic:ID")->required();
#if defined(PHASEWATT_WITH_LIBTORCH)
    app.add_option("--engine", kind, "libtorch or cpu")->check(CLI::IsMember({"libtorch", "cpu"}));
#else
    app.add_option("--engine", kind, "cpu: built without libtorch")->check(CLI::IsMember({"cpu"}))->required();
#endif
    app.add_option("--runtime", runtime, "graph or eager")->check(CLI::IsMember({"graph", "eager"}));
    app.add_option("--device", libtorch.device, "auto, cpu, cuda, cuda:N, cuda:N,M");
    app.add_option("--dtype", libtorch.dtype, "auto, f32, f16, bf16");
    app.add_option("--threads", libtorch.threads, "of the CPU's arithmetic");
    app.add_option("--batch", batch)->check(CLI::Range(1, 1'000'000));
    app.add_option("--prompt", prompt, "tokens")->check(CLI::Range(1, 1'000'000));
    app.add_option("--new", fresh, "tokens")->check(CLI::Range(1, 1'000'000));
  }

  [[nodiscard]] engine::libtorch::LibtorchOptions of_libtorch() const {
    engine::libtorch::LibtorchOptions options = libtorch;
    options.runtime = runtime == "graph" ? engine::libtorch::Runtime::graph : engine::libtorch::Runtime::eager;
    return options;
  }

  [[nodiscard]] std::unique_ptr<engine::Engine> make() const {
#if defined(PHASEWATT_WITH_LIBTORCH)
    if (kind == "libtorch") {
      return engine::libtorch::make_libtorch_engine(of_libtorch());
    }
#endif
    engine::embedded::EmbeddedOptions cpu;
    cpu.threads = libtorch.threads;
    return engine::embedded::make_cpu_engine(std::move(cpu));
  }
};

/// Spans are made for it, and nobody looks at them.
struct Nobody final : engine::PhaseListener {
  void on_span(const PhaseSpan& /*span*/) override {}
};

/// Requests of one batch; they point at queries that this has.
class BenchBatch {
 public:
  explicit BenchBatch(const EngineOptions& options)
      : queries_(static_cast<std::size_t>(options.batch)), requests_(queries_.size()), fresh_(options.fresh) {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      queries_[i].id = std::to_string(i);
      requests_[i].index = static_cast<std::uint32_t>(i);
      requests_[i].query = &queries_[i];
      requests_[i].prompt_tokens = options.prompt;
    }
  }
  [[nodiscard]] std::span<const Request> requests() const { return requests_; }
  Status generate(engine::Engine& engine, engine::PhaseListener& listener) const {
    PHASEWATT_ASSIGN(const auto said, engine.generate(requests_, {fresh_, StopRule::length}, listener));
    (void)said;
    return ok();
  }

 private:
  std::vector<Query> queries_;
  std::vector<Request> requests_;
  int fresh_;
};

/// The status with which a program ends; an error goes to standard error.
inline int exit_status(const Status& done) {
  if (done) return 0;
  const Error& error = done.error();
  std::cerr << error.what << (error.hint.empty() ? "" : " (" + error.hint + ")") << '\n';
  return 1;
}

/// Loads the model and runs what is slow once: libraries, graphs.
inline Result<engine::ModelInfo> warm_up(engine::Engine& engine, const EngineOptions& options,
                                         const BenchBatch& batch) {
  Nobody nobody;
  PHASEWATT_ASSIGN(const engine::ModelInfo model, engine.load(options.model));
  PHASEWATT_TRY(engine.begin_point({}));
  for (int i = 0; i < 3; ++i) PHASEWATT_TRY(batch.generate(engine, nobody));
  return model;
}

}  // namespace phasewatt::tools
