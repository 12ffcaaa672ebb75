#include <iostream>
#include <random>

#include "phasewatt/engine/libtorch/passes.h"
#include "phasewatt/engine/model/synthetic.h"
#include "tools/bench_rounds.h"

/// How much slower the embedded engine on libtorch is than the passes that it makes, with nothing around them: no span,
/// no event, no count, no engine, only the wait for the next ids. So it is at most what marking phases costs. By rounds
/// of blocks of texts (rounds.h), on one device.
namespace {

using namespace phasewatt;
namespace libtorch = engine::libtorch;

const std::string kPrefix = "synthetic:";

/// What has no counterpart here.
Status check(const tools::RoundsOptions& options) {
  if (options.kind != "libtorch")
    return Error{ErrorCode::bad_input, "--engine " + options.kind + ": only libtorch has bare passes here", {}};
  if (!options.model.starts_with(kPrefix))
    return Error{ErrorCode::bad_input, "'" + options.model + "' is no synthetic model", "name one: synthetic:tiny"};
  if (options.libtorch.device.find(',') != std::string::npos)
    return Error{ErrorCode::bad_input, "--device " + options.libtorch.device + ": one device only", {}};
  return ok();
}

/// A model of its own.
class Bare {
 public:
  static Result<std::unique_ptr<Bare>> load(const tools::RoundsOptions& options) {
    PHASEWATT_ASSIGN(const auto config, engine::model::synthetic_config(options.model.substr(kPrefix.size())));
    PHASEWATT_ASSIGN(const auto devices, libtorch::choose_devices(options.libtorch));
    PHASEWATT_ASSIGN(const auto type, libtorch::choose_type(options.libtorch, devices[0],
                                                            config.dtype.value_or(engine::model::Dtype::f16)));
    return libtorch::on_device(devices[0], [&]() -> Result<std::unique_ptr<Bare>> {
      const libtorch::Place place{devices[0], type};
      auto weights = libtorch::random_weights(config, options.libtorch.seed, place, {});
      auto out =
          std::make_unique<Bare>(options, std::make_unique<libtorch::Decoder>(config, std::move(weights), place));
      if (place.device.is_cuda() && options.runtime == "graph") {
        PHASEWATT_ASSIGN(out->rank_.graphs, libtorch::make_graph_runtime(*out->rank_.decoder));
        out->rank_.graphs->prepare(out->prompts_.size());
      }
      return out;
    });
  }

  Bare(const tools::RoundsOptions& options, std::unique_ptr<libtorch::Decoder> decoder)
      : prompts_(static_cast<std::size_t>(options.batch)), fresh_(options.fresh), rank_(std::move(decoder)) {
    std::mt19937 random(1);
    const auto vocab = static_cast<std::uint32_t>(rank_.decoder->config().vocab);
    for (auto& prompt : prompts_)
      for (int i = 0; i < options.prompt; ++i) prompt.push_back(random() % vocab);
    rank_.decoder->cache().reserve(options.batch, engine::embedded::cache_step(options.prompt + options.fresh));
  }

  Status text() {
    return libtorch::on_device(rank_.device(), [&] {
      std::vector<engine::embedded::Piece> pieces;
      for (const auto& prompt : prompts_) pieces.push_back({static_cast<std::int64_t>(pieces.size()), 0, prompt, 1});
      at::Tensor ids = rank_.logits(pieces).argmax(-1).cpu();  // waits, as a step does
      for (int step = 1; step < fresh_; ++step) {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
          pieces[i].past += static_cast<std::int64_t>(pieces[i].tokens.size());
          pieces[i].tokens = {ids.data_ptr<std::int64_t>() + i, 1};
        }
        ids = (rank_.graphs ? rank_.graphs->step(pieces) : rank_.logits(pieces).argmax(-1)).cpu();
      }
      return ok();
    });
  }

 private:
  std::vector<std::vector<std::int64_t>> prompts_;
  int fresh_;
  libtorch::Rank rank_;
};

Status measure(const tools::RoundsOptions& options) {
  PHASEWATT_TRY(check(options));
  const auto engine = options.make();
  const tools::BenchBatch batch(options);
  PHASEWATT_TRY(tools::warm_up(*engine, options, batch));
  PHASEWATT_ASSIGN(const auto bare, Bare::load(options));
  for (int i = 0; i < 3; ++i) PHASEWATT_TRY(bare->text());
  tools::Nobody nobody;
  PHASEWATT_ASSIGN(
      const auto cost,
      (device::bench::cost(
          options.rounds, [&] { return options.texts_a_second([&] { return batch.generate(*engine, nobody); }); },
          [&] { return options.texts_a_second([&] { return bare->text(); }); }, options.progress())));
  options.print(cost, engine->info().runtime, "with phases marked");
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
