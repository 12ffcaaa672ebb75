#include <ATen/cuda/CUDAContext.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "phasewatt/engine/libtorch/cuda/check.h"
#include "phasewatt/engine/libtorch/cuda/kernels.h"
#include "phasewatt/engine/libtorch/gpu.h"

/// One pass is: embed; per layer norm, QKV, RoPE with the cache, attention, output, norm, gate and up, down; norm,
/// head. Few rows (decoding, options) go through `gemv`, many (prefill) through libtorch's matrix products. A decode
/// step is recorded as a CUDA graph once per number of rows and replayed: what differs from step to step (ids,
/// positions, slots) lies in memory that the graph reads. Of several ranks each has its own graphs; what they reduce
/// together is recorded too.
namespace phasewatt::engine::libtorch {
namespace {

using cuda::check;
using cuda::Epilogue;

/// Ids, positions and slots of the rows of a pass, each `rows` long, one after the other.
void pack(std::span<const Piece> pieces, std::int64_t rows, std::int32_t* to) {
  for (const Piece& piece : pieces)
    for (std::size_t i = 0; i < piece.tokens.size(); ++i, ++to) {
      to[0] = static_cast<std::int32_t>(piece.tokens[i]);
      to[rows] = static_cast<std::int32_t>(piece.past) + static_cast<std::int32_t>(i);
      to[2 * rows] = static_cast<std::int32_t>(piece.slot);
    }
}

/// The values between the kernels of a pass.
struct Rows {
  std::int64_t count;
  at::Tensor where;  ///< as `pack` writes it
  at::Tensor x, qkv, mixed, act;
  at::Tensor angles;  ///< of RoPE
  at::Tensor normed;
  at::Tensor gate_up;  ///< many rows only
  at::Tensor logits;   ///< of a graph
  [[nodiscard]] bool few() const { return count <= cuda::kGemvRows; }
  [[nodiscard]] const std::int32_t* ids() const { return where.data_ptr<std::int32_t>(); }
  [[nodiscard]] const std::int32_t* positions() const { return ids() + count; }
  [[nodiscard]] const std::int32_t* slots() const { return ids() + 2 * count; }
};

/// A recorded decode step of so many rows.
struct Graph {
  Rows rows;
  at::Tensor host_where, host_ids;  ///< pinned: read and written by the graph
  cudaGraphExec_t exec = nullptr;
  int kernels = 0;
};

class CudaGraphs final : public GraphRuntime {
 public:
  explicit CudaGraphs(Decoder& decoder)
      : decoder_(decoder),
        config_(decoder.config()),
        weights_(decoder.weights()),
        half_(decoder.place().type == at::kHalf ? cuda::Half::f16 : cuda::Half::bf16),
        options_(at::TensorOptions().device(decoder.place().device).dtype(decoder.place().type)) {}
  ~CudaGraphs() override { forget_graphs(); }
  CudaGraphs(const CudaGraphs&) = delete;
  CudaGraphs& operator=(const CudaGraphs&) = delete;

  at::Tensor forward(std::span<const Piece> pieces) override;
  void prepare(std::size_t pieces) override;
  at::Tensor step(std::span<const Piece> pieces) override;
  [[nodiscard]] bool in_one_graph() const override { return in_one_graph_; }
  [[nodiscard]] double launch_seconds() const override { return kernels_ * empty_kernel_s_; }
  void forget_graphs() override {
    for (auto& graph : graphs_)
      if (graph) cudaGraphExecDestroy(graph->exec);
    for (auto& graph : graphs_) graph.reset();
  }

 private:
  static cudaStream_t stream() { return c10::cuda::getCurrentCUDAStream(); }
  void launched(cudaError_t status, const char* what) {
    check(status, what);
    ++kernels_;
  }
  [[nodiscard]] Rows make_rows(std::int64_t count) const;
  void begin(Rows& rows);
  void layers(Rows& rows, std::span<const Piece> pieces);
  void layers_of_few(Rows& rows);
  void layers_of_many(Rows& rows, std::span<const Piece> pieces);
  [[nodiscard]] cuda::Gemv job(Epilogue epilogue, const at::Tensor& x, const at::Tensor& weights,
                               at::Tensor& out) const;
  void multiply(const cuda::Gemv& job) { launched(cuda::gemv(job, stream()), "a matrix–vector product"); }
  void add(Rows& rows, const at::Tensor& a, const at::Tensor& weights);
  void norm(const at::Tensor& x, const at::Tensor& weight, at::Tensor& out);
  void rope(Rows& rows, std::size_t layer);
  void attend(Rows& rows, std::size_t layer);
  void attend_prompts(Rows& rows, std::size_t layer, std::span<const Piece> pieces);
  [[nodiscard]] cuda::Heads heads(Rows& rows, std::size_t layer) const;
  Graph& graph(std::int64_t rows);
  void record(Graph& graph);
  void measure_empty_kernel();
  cudaGraphExec_t recorded(const std::function<void()>& work) const;

  Decoder& decoder_;
  const model::Config& config_;
  const Weights& weights_;
  cuda::Half half_;
  at::TensorOptions options_;
  std::array<std::unique_ptr<Graph>, cuda::kGemvRows + 1> graphs_;  ///< by rows
  int kernels_ = 0;                                                 ///< of the last pass
  bool in_one_graph_ = false;
  double empty_kernel_s_ = 0;
};

Rows CudaGraphs::make_rows(std::int64_t count) const {
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

void CudaGraphs::begin(Rows& rows) {
  launched(
      cuda::begin({half_, rows.ids(), rows.positions(), weights_.embedding.data_ptr(),
                   weights_.frequencies.data_ptr<float>(), rows.x.data_ptr(), rows.angles.data_ptr<float>(),
                   static_cast<int>(rows.count), static_cast<int>(config_.hidden), static_cast<int>(config_.head_dim)},
                  stream()),
      "looking up embeddings");
}

cuda::Gemv CudaGraphs::job(Epilogue epilogue, const at::Tensor& x, const at::Tensor& weights, at::Tensor& out) const {
  cuda::Gemv job;
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

/// x += a·Wᵀ over all ranks, as Decoder::add.
void CudaGraphs::add(Rows& rows, const at::Tensor& a, const at::Tensor& weights) {
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

void CudaGraphs::layers_of_few(Rows& rows) {
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const LayerWeights& layer = weights_.layers[i];
    norm(rows.x, layer.input_norm, rows.normed);
    cuda::Gemv qkv = job(Epilogue::store, rows.normed, layer.qkv, rows.qkv);
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

void CudaGraphs::norm(const at::Tensor& x, const at::Tensor& weight, at::Tensor& out) {
  launched(cuda::rms_norm(half_, x.data_ptr(), weight.data_ptr(), out.data_ptr(), static_cast<int>(x.size(0)),
                          static_cast<int>(config_.hidden), static_cast<float>(config_.norm_eps), stream()),
           "a norm");
}

void CudaGraphs::layers_of_many(Rows& rows, std::span<const Piece> pieces) {
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
    launched(cuda::gated(half_, rows.gate_up.data_ptr(), rows.act.data_ptr(), static_cast<int>(rows.count),
                         static_cast<int>(config_.ffn), stream()),
             "a gate");
    add(rows, rows.act, layer.down);
    kernels_ += 4;  // libtorch's
  }
}

cuda::Heads CudaGraphs::heads(Rows& rows, std::size_t layer) const {
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
void CudaGraphs::attend_prompts(Rows& rows, std::size_t layer, std::span<const Piece> pieces) {
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

void CudaGraphs::rope(Rows& rows, std::size_t layer) {
  launched(cuda::rope_append(heads(rows, layer), stream()), "RoPE");
}

void CudaGraphs::attend(Rows& rows, std::size_t layer) {
  launched(cuda::attention(heads(rows, layer), rows.mixed.data_ptr(), stream()), "attention");
}

void CudaGraphs::layers(Rows& rows, std::span<const Piece> pieces) {
  begin(rows);
  if (rows.few())
    layers_of_few(rows);
  else
    layers_of_many(rows, pieces);
}

at::Tensor CudaGraphs::forward(std::span<const Piece> pieces) {
  const c10::InferenceMode inference;
  kernels_ = 0;
  in_one_graph_ = false;
  Rows rows = make_rows(total_tokens(pieces));
  const auto pinned = at::TensorOptions().dtype(at::kInt).pinned_memory(true);
  const at::Tensor where = at::empty({3 * rows.count}, pinned);
  pack(pieces, rows.count, where.data_ptr<std::int32_t>());
  rows.where.copy_(where, true);
  layers(rows, pieces);
  std::vector<std::int64_t> wanted;
  std::int64_t row = 0;
  for (const Piece& piece : pieces) {
    row += static_cast<std::int64_t>(piece.tokens.size());
    for (std::int64_t k = piece.logits; k > 0; --k) wanted.push_back(row - k);
  }
  if (wanted.empty()) return at::empty({0, config_.vocab}, options_.dtype(at::kFloat));
  const at::Tensor chosen = rows.x.index_select(0, at::tensor(wanted, options_.dtype(at::kLong)));
  at::Tensor normed = at::empty_like(chosen);
  norm(chosen, weights_.last_norm, normed);
  ++kernels_;
  if (normed.size(0) > cuda::kGemvRows) return at::linear(normed, weights_.head).to(at::kFloat);
  at::Tensor logits = at::empty({normed.size(0), config_.vocab}, options_.dtype(at::kFloat));
  multiply(job(Epilogue::logits, normed, weights_.head, logits));
  return logits;
}

cudaGraphExec_t CudaGraphs::recorded(const std::function<void()>& work) const {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), "beginning a graph");
  work();
  check(cudaStreamEndCapture(stream(), &graph), "ending a graph");
  const cudaError_t status = cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "making a graph");
  return exec;
}

/// Nothing here allocates: memory that a graph uses must stay.
void CudaGraphs::record(Graph& graph) {
  Rows& rows = graph.rows;
  graph.exec = recorded([&] {
    kernels_ = 0;
    check(cudaMemcpyAsync(rows.where.data_ptr(), graph.host_where.data_ptr(), sizeof(std::int32_t) * 3 * rows.count,
                          cudaMemcpyHostToDevice, stream()),
          "copying ids");
    layers(rows, {});
    norm(rows.x, weights_.last_norm, rows.normed);
    multiply(job(Epilogue::logits, rows.normed, weights_.head, rows.logits));
    launched(cuda::arg_max(rows.logits.data_ptr<float>(), graph.host_ids.data_ptr<std::int32_t>(),
                           static_cast<int>(rows.count), static_cast<int>(config_.vocab), stream()),
             "arg-max");
    graph.kernels = kernels_;
  });
}

Graph& CudaGraphs::graph(std::int64_t count) {
  auto& place = graphs_[static_cast<std::size_t>(count)];
  if (place) return *place;
  const auto pinned = at::TensorOptions().dtype(at::kInt).pinned_memory(true);
  auto made = std::make_unique<Graph>(
      Graph{make_rows(count), at::empty({3 * count}, pinned), at::empty({count}, pinned), nullptr, 0});
  made->rows.logits = at::empty({count, config_.vocab}, options_.dtype(at::kFloat));
  if (Group* const group = decoder_.group()) {  // NCCL connects at the first use, which no graph should record
    group->all_reduce(made->rows.x.zero_());
    check(cudaStreamSynchronize(stream()), "connecting the GPUs");
  }
  record(*made);
  place = std::move(made);
  return *place;
}

/// The time of an empty kernel among many, in a graph as the steps are.
void CudaGraphs::measure_empty_kernel() {
  if (empty_kernel_s_ > 0) return;
  constexpr int kKernels = 1000;
  cudaGraphExec_t exec = recorded([] {
    for (int i = 0; i < kKernels; ++i) check(cuda::nothing(stream()), "an empty kernel");
  });
  GpuTimer timer(decoder_.place().device);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    timer.start();
    check(cudaGraphLaunch(exec, stream()), "launching a graph");
    timer.stop();
    times.push_back(timer.seconds().value_or(0));
  }
  cudaGraphExecDestroy(exec);
  std::nth_element(times.begin(), times.begin() + 2, times.end());
  empty_kernel_s_ = times[2] / kKernels;
}

void CudaGraphs::prepare(std::size_t pieces) {
  const c10::InferenceMode inference;
  measure_empty_kernel();
  if (pieces <= cuda::kGemvRows) graph(static_cast<std::int64_t>(pieces));
}

at::Tensor CudaGraphs::step(std::span<const Piece> pieces) {
  const auto count = static_cast<std::int64_t>(pieces.size());
  if (count > cuda::kGemvRows) return forward(pieces).argmax(-1).cpu();
  const c10::InferenceMode inference;
  Graph& one = graph(count);
  kernels_ = one.kernels;
  in_one_graph_ = true;
  pack(pieces, count, one.host_where.data_ptr<std::int32_t>());
  check(cudaGraphLaunch(one.exec, stream()), "launching a decode step");
  check(cudaStreamSynchronize(stream()), "a decode step");
  return one.host_ids.to(at::kLong);
}

}  // namespace

Result<std::unique_ptr<GraphRuntime>> make_graph_runtime(Decoder& decoder) {
  const model::Config& config = decoder.config();
  const auto unsupported = [](const std::string& what) {
    return Error{ErrorCode::unsupported, "the kernels of runtime \"graph\" " + what,
                 "set dtype = \"bf16\" or runtime = \"eager\""};
  };
  int generation = 0;
  check(cudaDeviceGetAttribute(&generation, cudaDevAttrComputeCapabilityMajor, decoder.place().device.index()),
        "asking for a GPU's compute capability");
  if (generation < 9)
    return Error{ErrorCode::unsupported,
                 fmt::format("the kernels of runtime \"graph\" need a GPU of compute capability 9.0 (Hopper), not {}.x",
                             generation),
                 "set runtime = \"eager\""};
  if (decoder.place().type == at::kFloat) return unsupported("compute in f16 and bf16, not in f32");
  if (!cuda::attention_is_built(static_cast<int>(config.head_dim)))
    return unsupported(fmt::format("know heads of 64 and 128, not of {}", config.head_dim));
  for (const std::int64_t width : {config.hidden, config.heads * config.head_dim, config.ffn})
    if (width % 32 != 0) return unsupported(fmt::format("need widths that 32 divides, and {} is none", width));
  return std::unique_ptr<GraphRuntime>(std::make_unique<CudaGraphs>(decoder));
}

}  // namespace phasewatt::engine::libtorch
