#include <ATen/Parallel.h>

#include <iostream>
#include <random>

#include "phasewatt/engine/libtorch/passes.h"
#include "tools/bench_rounds.h"

/// How much slower the embedded engine on libtorch is than the passes that it makes, with nothing around or in them: no
/// span, no event, no count, no engine, only the wait for the next ids. So it is at most what marking phases costs. By
/// rounds of blocks of texts (rounds.h), on one device. Both have the same weights; caches and graphs are their own.
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

class Bare {
 public:
  Bare(const tools::RoundsOptions& options, std::unique_ptr<libtorch::Rank> rank)
      : prompts_(static_cast<std::size_t>(options.batch)), fresh_(options.fresh), rank_(std::move(rank)) {
    std::mt19937 random(1);
    const auto vocab = static_cast<std::uint32_t>(rank_->decoder->config().vocab);
    for (auto& prompt : prompts_)
      for (int i = 0; i < options.prompt; ++i) prompt.push_back(random() % vocab);
    rank_->decoder->cache().reserve(options.batch, engine::embedded::cache_step(options.prompt + options.fresh));
    if (rank_->graphs) rank_->graphs->prepare(prompts_.size());
  }

  Status text() {
    return libtorch::on_device(rank_->device(), [&] {
      std::vector<engine::embedded::Piece> pieces;
      for (const auto& prompt : prompts_) pieces.push_back({static_cast<std::int64_t>(pieces.size()), 0, prompt, 1});
      at::Tensor ids = rank_->logits(pieces).argmax(-1).cpu();  // waits, as a step does
      for (int step = 1; step < fresh_; ++step) {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
          pieces[i].past += static_cast<std::int64_t>(pieces[i].tokens.size());
          pieces[i].tokens = {ids.data_ptr<std::int64_t>() + i, 1};
        }
        ids = (rank_->graphs ? rank_->graphs->step(pieces) : rank_->logits(pieces).argmax(-1)).cpu();
      }
      return ok();
    });
  }

 private:
  std::vector<std::vector<std::int64_t>> prompts_;
  int fresh_;
  std::unique_ptr<libtorch::Rank> rank_;
};

/// What the engine runs on, and `bare` beside it.
Result<std::unique_ptr<engine::embedded::Runner>> make_both(const tools::RoundsOptions& options,
                                                            const engine::model::Config& config,
                                                            std::unique_ptr<Bare>& bare) {
  using Runner = std::unique_ptr<engine::embedded::Runner>;
  PHASEWATT_ASSIGN(const auto devices, libtorch::choose_devices(options.libtorch));
  PHASEWATT_ASSIGN(const auto type, libtorch::choose_type(options.libtorch, devices[0], engine::model::Dtype::f16));
  const libtorch::Place place{devices[0], type};
  return libtorch::on_device(place.device, [&]() -> Result<Runner> {
    const auto weights = libtorch::random_weights(config, options.libtorch.seed, place, {});
    const auto rank = [&](bool timed) -> Result<std::unique_ptr<libtorch::Rank>> {
      auto out = std::make_unique<libtorch::Rank>(std::make_unique<libtorch::Decoder>(config, weights, place));
      if (place.device.is_cuda() && options.runtime == "graph") {
        PHASEWATT_ASSIGN(out->graphs, libtorch::make_graph_runtime(*out->decoder, timed));
      }
      return out;
    };
    std::vector<std::unique_ptr<libtorch::Rank>> ranks(1);
    PHASEWATT_ASSIGN(ranks[0], rank(true));
    PHASEWATT_ASSIGN(auto other, rank(false));
    bare = std::make_unique<Bare>(options, std::move(other));
    auto team = std::make_unique<libtorch::Team>(libtorch::make_groups(devices));
    return Runner(std::make_unique<libtorch::Passes>(config, std::move(team), std::move(ranks)));
  });
}

Status measure(const tools::RoundsOptions& options) {
  PHASEWATT_TRY(check(options));
  if (options.libtorch.threads > 0) at::set_num_threads(options.libtorch.threads);
  std::unique_ptr<Bare> bare;
  const auto engine = engine::embedded::make_embedded_engine(
      {}, {}, [&](const engine::model::Config& config, const engine::model::WeightFiles* /*files*/) {
        return make_both(options, config, bare);
      });
  const tools::BenchBatch batch(options);
  PHASEWATT_ASSIGN(const engine::ModelInfo model, tools::warm_up(*engine, options, batch));
  for (int i = 0; i < 3; ++i) PHASEWATT_TRY(bare->text());
  tools::Nobody nobody;
  const auto marked = [&] { return options.texts_a_second([&] { return batch.generate(*engine, nobody); }); };
  const auto plain = [&] { return options.texts_a_second([&] { return bare->text(); }); };
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
