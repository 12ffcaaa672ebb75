#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"
#include "tests/engine/embedded/decoder_suite.h"
#include "tests/engine/embedded/engine_suite.h"
#include "tests/engine/embedded/reference_suite.h"

/// The suites of the embedded engine on libtorch.
namespace phasewatt::engine::tests {

std::unique_ptr<Engine> number_engine() {
  libtorch::LibtorchOptions options;
  options.threads = 1;
  options.device = "cpu";  // the references are in single precision
  options.open_tokens = open_numbers();
  return libtorch::make_libtorch_engine(std::move(options));
}

Forward make_forward(const model::Config& config, const model::WeightFiles& weights, std::int64_t slots,
                     std::int64_t tokens) {
  const auto decoder =
      std::make_shared<libtorch::Decoder>(config, libtorch::load_weights(config, weights, {}), libtorch::Place{});
  decoder->cache().reserve(slots, tokens);
  return [decoder](std::span<const embedded::Piece> pieces) {
    const at::Tensor logits = decoder->forward(pieces).to(at::kDouble).contiguous();
    return std::vector<double>(logits.data_ptr<double>(), logits.data_ptr<double>() + logits.numel());
  };
}

}  // namespace phasewatt::engine::tests
