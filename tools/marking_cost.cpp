#include <ATen/Parallel.h>

#include <iostream>

#include "phasewatt/engine/embedded/batch.h"
#include "phasewatt/engine/libtorch/passes.h"
#include "phasewatt/replay/phase_sums.h"
#include "phasewatt/replay/span_log.h"
#include "tools/bench_rounds.h"

/// How much slower the embedded engine on libtorch, with its spans kept as a study keeps them, is than the passes that
/// it makes, with nothing around them: no span, no count, no engine, only the wait for the next ids. So marking phases
/// costs the host at most this. By rounds of blocks of texts (rounds.h), on one device. Both make the same ids and do
/// the same passes in the same memory; what the kernels of a graph do to tell their times is in both.
namespace {

using namespace phasewatt;
namespace libtorch = engine::libtorch;

/// What has no counterpart here.
Status check(const tools::RoundsOptions& options) {
  if (options.kind != "libtorch")
    return Error{ErrorCode::bad_input, "--engine " + options.kind + ": only libtorch has bare passes here", {}};
  if (!options.model.starts_with("synthetic:"))
    return Error{ErrorCode::bad_input, "'" + options.model + "' is no synthetic model", "name one: synthetic:tiny"};
  if (options.libtorch.device.find(',') != std::string::npos)
    return Error{ErrorCode::bad_input, "--device " + options.libtorch.device + ": one device only", {}};
  return ok();
}

/// Uses the cache and the graphs of an engine that has done the same before.
class Bare {
 public:
  Bare(const tools::RoundsOptions& options, const tools::BenchBatch& batch, libtorch::Rank& rank)
      : batch_(batch), fresh_(options.fresh), rank_(rank) {}

  Status text() {
    const engine::embedded::BatchTokens encoder(rank_.decoder->config(), nullptr, 0);
    PHASEWATT_ASSIGN(const auto requests, encoder.encode(batch_.requests(), false, fresh_));
    return libtorch::on_device(rank_.device(), [&] {
      std::vector<engine::embedded::Piece> pieces;
      for (const auto& request : requests)
        pieces.push_back({static_cast<std::int64_t>(pieces.size()), 0, request.prompt, 1});
      at::Tensor ids = libtorch::on_host(libtorch::best_of(rank_.logits(pieces)), rank_.device());
      for (int step = 1; step < fresh_; ++step) {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
          pieces[i].past += static_cast<std::int64_t>(pieces[i].tokens.size());
          pieces[i].tokens = {ids.data_ptr<std::int64_t>() + i, 1};
        }
        const at::Tensor next = rank_.graphs ? rank_.graphs->step(pieces) : libtorch::best_of(rank_.logits(pieces));
        ids = libtorch::on_host(next, rank_.device());
      }
      return ok();
    });
  }

 private:
  const tools::BenchBatch& batch_;
  int fresh_;
  libtorch::Rank& rank_;
};

Status measure(const tools::RoundsOptions& options) {
  PHASEWATT_TRY(check(options));
  if (options.libtorch.threads > 0) at::set_num_threads(options.libtorch.threads);
  using Runner = Result<std::unique_ptr<engine::embedded::Runner>>;
  libtorch::Rank* rank = nullptr;  // of the engine's model, while that is loaded
  const auto load = [&](const engine::model::Config& config, const engine::model::WeightFiles* files) -> Runner {
    PHASEWATT_ASSIGN(auto passes, libtorch::make_passes(options.of_libtorch(), config, files));
    rank = &passes->first_rank();
    return std::unique_ptr<engine::embedded::Runner>(std::move(passes));
  };
  const auto engine = engine::embedded::make_embedded_engine({}, {}, load);
  const tools::BenchBatch batch(options);
  PHASEWATT_ASSIGN(const engine::ModelInfo model, tools::warm_up(*engine, options, batch));
  Bare bare(options, batch, *rank);
  // What a study does with spans.
  replay::PhaseSums sums;
  replay::SpanLog log(&sums);
  const auto text = [&]() -> Status {
    sums.begin_batch();
    PHASEWATT_TRY(batch.generate(*engine, log));
    return sums.end_batch() ? ok() : Status(Error{ErrorCode::internal, "the spans of a text overlap", {}});
  };
  const auto marked = [&] { return options.texts_a_second(text); };
  const auto plain = [&] { return options.texts_a_second([&] { return bare.text(); }); };
  PHASEWATT_ASSIGN(const auto cost, bench::cost(options.rounds, marked, plain, options.progress()));
  options.print(cost, model.gpus.empty() ? "on the CPU" : options.runtime + " on a GPU", "with phases marked");
  return ok();
}

}  // namespace

int main(int argc, char** argv) {
  tools::RoundsOptions options;
  CLI::App app("What marking its phases costs the embedded engine on libtorch at most; prints a table");
  options.add_to(app);
  CLI11_PARSE(app, argc, argv);
  return tools::exit_status(measure(options));
}
