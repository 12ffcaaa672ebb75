#include <Eigen/Core>

#include <algorithm>
#include <cmath>

#include "phasewatt/engine/embedded/cpu_decoder.h"
#include "phasewatt/engine/embedded/embedded_engine.h"

namespace phasewatt::engine::embedded {
namespace {

constexpr model::Storage kSingle{model::Dtype::f32, model::Dtype::f32, model::Dtype::f32};

/// The first of the greatest. Eigen looks at several at once for how much that is; then it only has to be found.
std::int64_t best(std::span<const float> logits) {
  const Eigen::Map<const Eigen::VectorXf> all(logits.data(), std::ssize(logits));
  const float most = all.maxCoeff<Eigen::PropagateNaN>();
  return std::isnan(most) ? kNoId : std::find(logits.begin(), logits.end(), most) - logits.begin();
}

double log_probability(std::span<const float> logits, std::int64_t id) {
  const double most = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return static_cast<double>(logits[static_cast<std::size_t>(id)]) - most - std::log(sum);
}

class CpuRunner final : public Runner {
 public:
  explicit CpuRunner(CpuDecoder decoder) : decoder_(std::move(decoder)) {}

  [[nodiscard]] const model::Config& config() const override { return decoder_.config(); }
  [[nodiscard]] double weight_element_bytes() const override { return sizeof(float); }

  Status reserve(std::int64_t slots, std::int64_t tokens) override {
    tokens = cache_step(tokens);
    if (decoder_.fits(slots, tokens)) return ok();
    slots = std::max(slots, decoder_.slots());
    tokens = std::max(tokens, decoder_.capacity());
    const double bytes = static_cast<double>(slots * tokens) * config().kv_bytes_per_token(kSingle.cache);
    PHASEWATT_TRY(check_memory(bytes, host_memory(), "this machine"));
    return guarded([&]() -> Status {
      decoder_.allocate(slots, tokens);
      return ok();
    });
  }
  Status drop_cache() override {
    decoder_.allocate(0, 0);
    return ok();
  }

  Result<std::vector<std::int64_t>> best_ids(Phase phase, std::span<const Piece> pieces,
                                             PhaseListener& listener) override {
    return pass<std::int64_t>(phase, pieces, listener,
                              [](std::span<const float> logits, std::size_t /*row*/) { return best(logits); });
  }
  Result<std::vector<double>> log_probabilities(std::span<const Piece> pieces, const std::vector<std::int64_t>& ids,
                                                PhaseListener& listener) override {
    return pass<double>(Phase::score, pieces, listener, [&](std::span<const float> logits, std::size_t row) {
      return log_probability(logits, ids[row]);
    });
  }

 private:
  /// `made_of` turns each row of logits into a T, within the span.
  template <class T, class MadeOf>
  Result<std::vector<T>> pass(Phase phase, std::span<const Piece> pieces, PhaseListener& listener, MadeOf made_of) {
    return guarded([&]() -> Result<std::vector<T>> {
      std::vector<T> out;
      PhaseSpan span = counted_span(phase, pieces, config(), kSingle);
      span.begin = monotonic_now();
      const Values logits = decoder_.forward(pieces);
      const auto width = static_cast<std::size_t>(config().vocab);
      for (std::size_t row = 0; row < logits.size() / width; ++row)
        out.push_back(made_of(std::span(logits).subspan(row * width, width), row));
      span.end = monotonic_now();
      listener.on_span(span);
      return out;
    });
  }

  CpuDecoder decoder_;
};

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(EmbeddedOptions options) {
  EngineInfo info;
  info.id = "cpu";
  info.runtime = "eager";
  const auto make_runner = [seed = options.seed, threads = options.threads](
                               const model::Config& config,
                               const model::WeightFiles* files) -> Result<std::unique_ptr<Runner>> {
    PHASEWATT_TRY(check_memory(sizeof(float) * config.parameters(), host_memory(), "this machine"));
    return guarded([&]() -> Result<std::unique_ptr<Runner>> {
      auto weights = files != nullptr ? load_cpu_weights(config, *files) : random_cpu_weights(config, seed);
      return std::unique_ptr<Runner>(std::make_unique<CpuRunner>(CpuDecoder(config, std::move(weights), threads)));
    });
  };
  return make_embedded_engine(std::move(info), std::move(options), make_runner);
}

}  // namespace phasewatt::engine::embedded
