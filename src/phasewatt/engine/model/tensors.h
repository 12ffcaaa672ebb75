#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/safetensors.h"

/// Which tensors a model needs, by the names Hugging Face gives them, and whether a folder has them.
namespace phasewatt::engine::model {

struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;  ///< a projection is outputs × inputs
};

/// In the order of a pass: embedding, layers, last norm, output projection (not when tied).
std::vector<TensorSpec> needed_tensors(const Config& config);

/// "model.layers.3." + what.
std::string layer_prefix(std::int64_t layer);

/// What is wrong with the weights of a folder, a sentence each, naming the tensor, what is expected and what is found:
/// a tensor that is missing, that nothing needs, of another shape, or of a type no model is computed with. Empty: they
/// fit. Not wrong: `rotary_emb.inv_freq` (computed anew) and a copy of the tied output projection.
std::vector<std::string> tensor_problems(const Config& config, const WeightFiles& weights);

/// tensor_problems as a Status: bad_input with the first and the number of the others.
Status check_tensors(const Config& config, const WeightFiles& weights, const std::string& folder);

/// The type most of the weights have, and their bytes as they lie in the files, of the needed tensors alone.
struct WeightSummary {
  Dtype dtype = Dtype::f32;
  bool mixed = false;  ///< some have another type
  double bytes = 0;
  double elements = 0;
};
WeightSummary summarise_weights(const Config& config, const WeightFiles& weights);

}  // namespace phasewatt::engine::model
