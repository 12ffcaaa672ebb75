#include "phasewatt/engine/libtorch/cuda/forward.h"

#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <vector>

#include "phasewatt/engine/libtorch/cuda/check.h"

namespace phasewatt::engine::libtorch::cuda {
namespace {

cudaStream_t stream() { return c10::cuda::getCurrentCUDAStream(); }

}  // namespace

void pack(std::span<const Piece> pieces, std::int64_t rows, std::int32_t* to) {
  for (const Piece& piece : pieces)
    for (std::size_t i = 0; i < piece.tokens.size(); ++i, ++to) {
      to[0] = static_cast<std::int32_t>(piece.tokens[i]);
      to[rows] = static_cast<std::int32_t>(piece.past) + static_cast<std::int32_t>(i);
      to[2 * rows] = static_cast<std::int32_t>(piece.slot);
    }
}

Forward::Forward(Decoder& decoder)
    : decoder_(decoder),
      config_(decoder.config()),
      weights_(decoder.weights()),
      half_(decoder.place().type == at::kHalf ? Half::f16 : Half::bf16),
      options_(at::TensorOptions().device(decoder.place().device).dtype(decoder.place().type)) {}

void Forward::launched(cudaError_t status, const char* what) {
  check(status, what);
  ++kernels_;
}

Rows Forward::make_rows(std::int64_t count) const {
  const auto matrix = [&](std::int64_t width) { return at::empty({count, width}, options_); };
  const auto wide = [&](std::int64_t width) { return at::empty({count, width}, options_.dtype(at::kFloat)); };
  const std::int64_t queries = config_.heads * config_.head_dim;
  Rows rows;
  rows.count = count;
  rows.where = at::empty({3 * count}, options_.dtype(at::kInt));
  rows.x = matrix(config_.hidden);
  rows.qkv = matrix(queries + 2 * config_.kv_heads * config_.head_dim);
  rows.mixed = matrix(queries);
  rows.act = matrix(config_.ffn);
  rows.angles = wide(config_.head_dim);
  rows.normed = matrix(config_.hidden);
  if (!rows.few()) rows.gate_up = matrix(2 * config_.ffn);
  return rows;
}

void Forward::begin(Rows& rows, std::uint64_t* began) {
  launched(cuda::begin({half_, rows.ids(), rows.positions(), weights_.embedding.data_ptr(),
                        weights_.frequencies.data_ptr<float>(), rows.x.data_ptr(), rows.angles.data_ptr<float>(),
                        static_cast<int>(rows.count), static_cast<int>(config_.hidden),
                        static_cast<int>(config_.head_dim), began},
                       stream()),
           "looking up embeddings");
}

Gemv Forward::job(Epilogue epilogue, const at::Tensor& x, const at::Tensor& weights, at::Tensor& out) const {
  Gemv job;
  job.type = half_;
  job.epilogue = epilogue;
  job.weights = weights.data_ptr();
  job.x = x.data_ptr();
  job.out = out.data_ptr();
  job.rows = static_cast<int>(x.size(0));
  job.in = static_cast<int>(x.size(1));
  job.outs = static_cast<int>(out.size(1));
  return job;
}

void Forward::multiply(const Gemv& job) { launched(gemv(job, stream()), "a matrix–vector product"); }

/// x += a·Wᵀ over all ranks, as Decoder::add.
void Forward::add(Rows& rows, const at::Tensor& a, const at::Tensor& weights) {
  Group* const group = decoder_.group();
  const bool with_x = group == nullptr || group->rank() == 0;
  if (rows.few())
    multiply(job(with_x ? Epilogue::add : Epilogue::store, a, weights, rows.x));
  else if (with_x)
    rows.x.addmm_(a, weights.t());
  else
    at::mm_out(rows.x, a, weights.t());
  if (group == nullptr) return;
  group->all_reduce(rows.x);
  ++kernels_;
}

void Forward::layers_of_few(Rows& rows) {
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const LayerWeights& layer = weights_.layers[i];
    norm(rows.x, layer.input_norm, rows.normed);
    Gemv qkv = job(Epilogue::store, rows.normed, layer.qkv, rows.qkv);
    if (layer.qkv_bias.defined()) qkv.bias = layer.qkv_bias.data_ptr();
    multiply(qkv);
    rope(rows, i);
    attend(rows, i);
    add(rows, rows.mixed, layer.output);
    norm(rows.x, layer.ffn_norm, rows.normed);
    multiply(job(Epilogue::gated, rows.normed, layer.gate_up, rows.act));
    add(rows, rows.act, layer.down);
  }
}

void Forward::norm(const at::Tensor& x, const at::Tensor& weight, at::Tensor& out) {
  launched(rms_norm(half_, x.data_ptr(), weight.data_ptr(), out.data_ptr(), static_cast<int>(x.size(0)),
                    static_cast<int>(config_.hidden), static_cast<float>(config_.norm_eps), stream()),
           "a norm");
}

void Forward::layers_of_many(Rows& rows, std::span<const Piece> pieces) {
  const bool prompts = std::all_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
    return piece.past == 0 &&
           static_cast<std::int64_t>(piece.tokens.size()) <= config_.sliding_window.value_or(INT32_MAX);
  });
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const LayerWeights& layer = weights_.layers[i];
    norm(rows.x, layer.input_norm, rows.normed);
    if (layer.qkv_bias.defined())
      at::addmm_out(rows.qkv, layer.qkv_bias, rows.normed, layer.qkv.t());
    else
      at::mm_out(rows.qkv, rows.normed, layer.qkv.t());
    rope(rows, i);
    if (prompts)
      attend_prompts(rows, i, pieces);
    else
      attend(rows, i);
    add(rows, rows.mixed, layer.output);
    norm(rows.x, layer.ffn_norm, rows.normed);
    at::mm_out(rows.gate_up, rows.normed, layer.gate_up.t());
    launched(gated(half_, rows.gate_up.data_ptr(), rows.act.data_ptr(), static_cast<int>(rows.count),
                   static_cast<int>(config_.ffn), stream()),
             "a gate");
    add(rows, rows.act, layer.down);
    kernels_ += 4;  // libtorch's
  }
}

Heads Forward::heads(Rows& rows, std::size_t layer) const {
  Cache& cache = decoder_.cache();
  return {half_,
          static_cast<int>(config_.heads),
          static_cast<int>(config_.kv_heads),
          static_cast<int>(config_.head_dim),
          static_cast<int>(cache.capacity()),
          static_cast<int>(config_.sliding_window.value_or(0)),
          rows.qkv.data_ptr(),
          cache.keys[layer].data_ptr(),
          cache.values[layer].data_ptr(),
          rows.positions(),
          rows.slots(),
          rows.angles.data_ptr<float>(),
          static_cast<int>(rows.count)};
}

/// Prompts from their beginning, by libtorch's fused attention; neighbours of one length in one call.
void Forward::attend_prompts(Rows& rows, std::size_t layer, std::span<const Piece> pieces) {
  const Cache& cache = decoder_.cache();
  std::int64_t row = 0;
  for (std::size_t i = 0; i < pieces.size();) {
    const auto n = static_cast<std::int64_t>(pieces[i].tokens.size());
    std::size_t end = i + 1;
    while (end < pieces.size() && pieces[end].tokens.size() == pieces[i].tokens.size() &&
           pieces[end].slot == pieces[end - 1].slot + 1)
      ++end;
    const auto batch = static_cast<std::int64_t>(end - i);
    const at::Tensor queries = rows.qkv.narrow(0, row, batch * n)
                                   .view({batch, n, config_.heads + 2 * config_.kv_heads, config_.head_dim})
                                   .narrow(2, 0, config_.heads)
                                   .transpose(1, 2);
    const auto cached = [&](const at::Tensor& side) { return side.narrow(0, pieces[i].slot, batch).narrow(2, 0, n); };
    const at::Tensor mixed = causal_attention(queries, cached(cache.keys[layer]), cached(cache.values[layer]));
    rows.mixed.narrow(0, row, batch * n).view({batch, n, config_.heads, config_.head_dim}).copy_(mixed.transpose(1, 2));
    kernels_ += 2;
    row += batch * n;
    i = end;
  }
}

void Forward::rope(Rows& rows, std::size_t layer) { launched(rope_append(heads(rows, layer), stream()), "RoPE"); }

void Forward::attend(Rows& rows, std::size_t layer) {
  launched(cuda::attention(heads(rows, layer), rows.mixed.data_ptr(), stream()), "attention");
}

at::Tensor Forward::logits(std::span<const Piece> pieces) {
  const c10::InferenceMode inference;
  kernels_ = 0;
  Rows rows = make_rows(total_tokens(pieces));
  const auto pinned = at::TensorOptions().dtype(at::kInt).pinned_memory(true);
  const at::Tensor where = at::empty({3 * rows.count}, pinned);
  pack(pieces, rows.count, where.data_ptr<std::int32_t>());
  rows.where.copy_(where, true);
  std::vector<std::int64_t> wanted;
  std::int64_t row = 0;
  for (const Piece& piece : pieces) {
    row += static_cast<std::int64_t>(piece.tokens.size());
    for (std::int64_t k = piece.logits; k > 0; --k) wanted.push_back(row - k);
  }
  const at::Tensor which = to_device(wanted, decoder_.place().device);
  begin(rows);
  if (rows.few())
    layers_of_few(rows);
  else
    layers_of_many(rows, pieces);
  if (wanted.empty()) return at::empty({0, config_.vocab}, options_.dtype(at::kFloat));
  const at::Tensor chosen = rows.x.index_select(0, which);
  at::Tensor normed = at::empty_like(chosen);
  norm(chosen, weights_.last_norm, normed);
  ++kernels_;
  if (normed.size(0) > kGemvRows) return at::linear(normed, weights_.head).to(at::kFloat);
  at::Tensor logits = at::empty({normed.size(0), config_.vocab}, options_.dtype(at::kFloat));
  multiply(job(Epilogue::logits, normed, weights_.head, logits));
  return logits;
}

void Forward::step(Rows& rows, std::int64_t* ids, std::uint64_t* times) {
  kernels_ = 0;
  begin(rows, times);
  layers_of_few(rows);
  norm(rows.x, weights_.last_norm, rows.normed);
  multiply(job(Epilogue::logits, rows.normed, weights_.head, rows.logits));
  launched(arg_max(rows.logits.data_ptr<float>(), ids, times + 1, static_cast<int>(rows.count),
                   static_cast<int>(config_.vocab), stream()),
           "arg-max");
}

}  // namespace phasewatt::engine::libtorch::cuda
