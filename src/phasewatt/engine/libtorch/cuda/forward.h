#pragma once

#include <ATen/ATen.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "phasewatt/engine/libtorch/cuda/kernels.h"
#include "phasewatt/engine/libtorch/decoder.h"

/// The forward pass by our kernels. Internal to engine/libtorch.
///
/// One pass is: embed; per layer norm, QKV, RoPE with the cache, attention, output, norm, gate and up, down; norm,
/// head. Few rows (decoding, options) go through `gemv`, many (prefill) through libtorch's matrix products.
namespace phasewatt::engine::libtorch::cuda {

/// Ids, positions and slots of the rows of a pass, each `rows` long, one after the other.
void pack(std::span<const Piece> pieces, std::int64_t rows, std::int32_t* to);

/// The values between the kernels of a pass.
struct Rows {
  std::int64_t count = 0;
  at::Tensor where;  ///< as `pack` writes it
  at::Tensor x, qkv, mixed, act;
  at::Tensor angles;  ///< of RoPE
  at::Tensor normed;
  at::Tensor gate_up;  ///< many rows only
  at::Tensor logits;   ///< of a graph
  [[nodiscard]] bool few() const { return count <= kGemvRows; }
  [[nodiscard]] const std::int32_t* ids() const { return where.data_ptr<std::int32_t>(); }
  [[nodiscard]] const std::int32_t* positions() const { return ids() + count; }
  [[nodiscard]] const std::int32_t* slots() const { return ids() + 2 * count; }
};

/// Uses the decoder's weights and cache, on the current stream. Not thread-safe; throws as Decoder does.
class Forward {
 public:
  explicit Forward(Decoder& decoder);

  /// As Decoder::forward, logits in FP32 on the GPU.
  at::Tensor logits(std::span<const Piece> pieces);

  [[nodiscard]] Rows make_rows(std::int64_t count) const;
  /// One token of each row, few of them, which `rows.where` says, with `rows.logits` of rows × vocabulary in FP32; the
  /// best next ids go to `ids`. `times` gets the GPU's time in ns at the beginning and, for each row, when its id was
  /// found. Both may be mapped host memory. Nothing is allocated: memory that a graph uses must stay.
  void step(Rows& rows, std::int64_t* ids, std::uint64_t* times);

  /// Kernels of the last pass, libtorch's as far as they are known.
  [[nodiscard]] int kernels() const { return kernels_; }

 private:
  void launched(cudaError_t status, const char* what);
  void begin(Rows& rows, std::uint64_t* began = nullptr);
  void layers_of_few(Rows& rows);
  void layers_of_many(Rows& rows, std::span<const Piece> pieces);
  [[nodiscard]] Gemv job(Epilogue epilogue, const at::Tensor& x, const at::Tensor& weights, at::Tensor& out) const;
  void multiply(const Gemv& job);
  void add(Rows& rows, const at::Tensor& a, const at::Tensor& weights);
  void norm(const at::Tensor& x, const at::Tensor& weight, at::Tensor& out);
  void rope(Rows& rows, std::size_t layer);
  void attend(Rows& rows, std::size_t layer);
  void attend_prompts(Rows& rows, std::size_t layer, std::span<const Piece> pieces);
  [[nodiscard]] Heads heads(Rows& rows, std::size_t layer) const;

  Decoder& decoder_;
  const model::Config& config_;
  const Weights& weights_;
  Half half_;
  at::TensorOptions options_;
  int kernels_ = 0;
};

}  // namespace phasewatt::engine::libtorch::cuda
