#include <ATen/cuda/CUDAContext.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "phasewatt/engine/libtorch/cuda/check.h"
#include "phasewatt/engine/libtorch/cuda/forward.h"
#include "phasewatt/engine/libtorch/cuda/kernels.h"
#include "phasewatt/engine/libtorch/gpu.h"

/// A decode step is recorded as a CUDA graph once per number of rows and replayed: what differs from step to step (ids,
/// positions, slots) lies in memory that the graph reads. Of several ranks each has its own graphs; what they reduce
/// together is recorded too.
namespace phasewatt::engine::libtorch {
namespace {

using cuda::check;

struct Destroy {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
  void operator()(cudaGraphExec_t exec) const { cudaGraphExecDestroy(exec); }
};
using OwnedExec = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, Destroy>;
using OwnedGraph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, Destroy>;

/// A recorded decode step of so many rows.
struct Graph {
  explicit Graph(cuda::Rows of)
      : rows(std::move(of)),
        host_where(at::empty({3 * rows.count}, pinned(at::kInt))),
        host_said(at::zeros({rows.count + 1 + rows.count}, pinned(at::kLong))),
        host_ids(host_said.narrow(0, 0, rows.count)) {}
  static at::TensorOptions pinned(at::ScalarType type) { return at::TensorOptions().dtype(type).pinned_memory(true); }
  [[nodiscard]] std::int64_t* times() const { return host_said.data_ptr<std::int64_t>() + rows.count; }
  /// Of its last run, from the beginning of its first kernel to the last id.
  [[nodiscard]] double seconds() const {
    return static_cast<double>(*std::max_element(times() + 1, times() + 1 + rows.count) - times()[0]) * 1e-9;
  }
  cuda::Rows rows;
  // Pinned memory. Of few rows, ids and times take one line of the host's cache.
  at::Tensor host_where;  ///< read by the graph: ids, positions, slots
  at::Tensor host_said;   ///< written by it: ids, when it began, when each id was found
  at::Tensor host_ids;    ///< of host_said
  OwnedExec exec;         ///< goes first: it uses all the others
  int kernels = 0;
};

class CudaGraphs final : public GraphRuntime {
 public:
  explicit CudaGraphs(Decoder& decoder) : decoder_(decoder), forward_(decoder) {}

  at::Tensor forward(std::span<const Piece> pieces) override {
    last_ = nullptr;
    at::Tensor logits = forward_.logits(pieces);
    kernels_ = forward_.kernels();
    return logits;
  }
  [[nodiscard]] bool prepared(std::size_t pieces) const override {
    return empty_kernel_s_ > 0 && (pieces > cuda::kGemvRows || graphs_[pieces]);
  }
  void prepare(std::size_t pieces) override;
  at::Tensor step(std::span<const Piece> pieces) override;
  [[nodiscard]] std::optional<double> graph_seconds() const override {
    return last_ == nullptr ? std::nullopt : std::optional(last_->seconds());
  }
  [[nodiscard]] double launch_seconds() const override { return kernels_ * empty_kernel_s_; }
  void forget_graphs() override {
    last_ = nullptr;
    for (auto& graph : graphs_) graph.reset();
  }

 private:
  static cudaStream_t stream() { return c10::cuda::getCurrentCUDAStream(); }
  Graph& graph(std::int64_t rows);
  void record(Graph& graph);
  void measure_empty_kernel();
  OwnedExec recorded(const std::function<void()>& work) const;

  Decoder& decoder_;
  cuda::Forward forward_;
  std::array<std::unique_ptr<Graph>, cuda::kGemvRows + 1> graphs_;  ///< by rows
  int kernels_ = 0;                                                 ///< of the last pass
  Graph* last_ = nullptr;                                           ///< which was the last pass, if that was one
  double empty_kernel_s_ = 0;
};

OwnedExec CudaGraphs::recorded(const std::function<void()>& work) const {
  const auto end = [] {
    cudaGraph_t graph = nullptr;
    const cudaError_t status = cudaStreamEndCapture(stream(), &graph);
    return std::pair(status, OwnedGraph(graph));
  };
  check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), "beginning a graph");
  try {
    work();
  } catch (...) {
    end();  // the stream outlives this model, and would go on recording
    throw;
  }
  const auto [status, graph] = end();
  check(status, "ending a graph");
  cudaGraphExec_t exec = nullptr;
  check(cudaGraphInstantiate(&exec, graph.get(), 0), "making a graph");
  return OwnedExec(exec);
}

void CudaGraphs::record(Graph& graph) {
  cuda::Rows& rows = graph.rows;
  graph.exec = recorded([&] {
    check(cudaMemcpyAsync(rows.where.data_ptr(), graph.host_where.data_ptr(), sizeof(std::int32_t) * 3 * rows.count,
                          cudaMemcpyHostToDevice, stream()),
          "copying ids");
    forward_.step(rows, graph.host_ids.data_ptr<std::int64_t>(), reinterpret_cast<std::uint64_t*>(graph.times()));
    graph.kernels = forward_.kernels();
  });
}

Graph& CudaGraphs::graph(std::int64_t count) {
  auto& place = graphs_[static_cast<std::size_t>(count)];
  if (place) return *place;
  auto made = std::make_unique<Graph>(forward_.make_rows(count));
  made->rows.logits = at::empty({count, decoder_.config().vocab}, made->rows.x.options().dtype(at::kFloat));
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
  const OwnedExec exec = recorded([] {
    for (int i = 0; i < kKernels; ++i) check(cuda::nothing(stream()), "an empty kernel");
  });
  GpuTimer timer(decoder_.place().device);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    timer.start();
    check(cudaGraphLaunch(exec.get(), stream()), "launching a graph");
    timer.stop();
    times.push_back(timer.seconds().value_or(0));
  }
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
  if (count > cuda::kGemvRows) return best_of(forward(pieces));
  const c10::InferenceMode inference;
  Graph& one = graph(count);
  kernels_ = one.kernels;
  last_ = &one;
  cuda::pack(pieces, count, one.host_where.data_ptr<std::int32_t>());
  check(cudaGraphLaunch(one.exec.get(), stream()), "launching a decode step");
  return one.host_ids;
}

}  // namespace

Result<std::unique_ptr<GraphRuntime>> make_graph_runtime(Decoder& decoder) {
  const model::Config& config = decoder.config();
  const auto unsupported = [](const std::string& what) {
    return Error{ErrorCode::unsupported, "the kernels of runtime \"graph\" " + what,
                 "set dtype = \"bf16\" or runtime = \"eager\""};
  };
  if (!gpu_runs_kernels(decoder.place().device.index()))
    return Error{ErrorCode::unsupported,
                 "the kernels of runtime \"graph\" need a GPU of compute capability 9.0 (Hopper) or later",
                 "set runtime = \"eager\""};
  if (decoder.place().type == at::kFloat) return unsupported("compute in f16 and bf16, not in f32");
  if (!cuda::attention_is_built(static_cast<int>(config.head_dim)))
    return unsupported(fmt::format("know heads of 64 and 128, not of {}", config.head_dim));
  for (const std::int64_t width : {config.hidden, config.heads * config.head_dim, config.ffn})
    if (width % 32 != 0) return unsupported(fmt::format("need widths that 32 divides, and {} is none", width));
  return std::unique_ptr<GraphRuntime>(std::make_unique<CudaGraphs>(decoder));
}

}  // namespace phasewatt::engine::libtorch
