#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

/// The kernels that the memory limit needs. Internal to engine/libtorch; needs no torch.
///
/// All pointers are device memory, all matrices row-major, elements F16 or BF16 (`Half`) unless said otherwise; sums
/// are FP32. A launcher only enqueues on `stream` and returns the launch's status. Kernels of one stream are launched
/// programmatically dependent: each may begin while the one before ends, asks for its weights, and only then waits for
/// it.
namespace phasewatt::engine::libtorch::cuda {

enum class Half : std::uint8_t { f16, bf16 };

/// Rows of x that one `gemv` takes at most.
inline constexpr int kGemvRows = 32;

/// What becomes of the products before they are stored.
enum class Epilogue : std::uint8_t {
  store,   ///< out = x·Wᵀ (+ bias)
  add,     ///< out += x·Wᵀ
  gated,   ///< W holds gate over up, 2·outs rows: out = silu(x·gateᵀ) ∘ (x·upᵀ)
  logits,  ///< out, FP32, = x·Wᵀ
};

/// A matrix–vector product for a few vectors at once: W is read once, whatever `rows` is.
struct Gemv {
  Half type = Half::f16;
  Epilogue epilogue = Epilogue::store;
  const void* weights = nullptr;  ///< outs × in (gated: 2·outs × in)
  const void* bias = nullptr;     ///< outs, or null
  const void* x = nullptr;        ///< rows × in
  void* out = nullptr;            ///< rows × outs
  int rows = 0;                   ///< 1..kGemvRows
  int in = 0;                     ///< a multiple of 32
  int outs = 0;
};
cudaError_t gemv(const Gemv& job, cudaStream_t stream);

/// out = x / rms(x) ∘ weight, each row of `width` (a multiple of 8); rounded before the product, as the reference does.
cudaError_t rms_norm(Half type, const void* x, const void* weight, void* out, int rows, int width, float eps,
                     cudaStream_t stream);

/// How a pass begins.
struct Begin {
  Half type = Half::f16;
  const std::int32_t* ids = nullptr;        ///< of each row
  const std::int32_t* positions = nullptr;  ///< of each row in its sequence
  const void* embedding = nullptr;
  const float* frequencies = nullptr;  ///< radians per position, head_dim/2
  void* x = nullptr;                   ///< rows × width: the embeddings
  float* angles = nullptr;             ///< rows × head_dim/2 × (cosine, sine)
  int rows = 0;
  int width = 0;  ///< a multiple of 8
  int head_dim = 0;
  std::uint64_t* began = nullptr;  ///< gets the GPU's time at the beginning, in ns; may be mapped host memory, or null
};
cudaError_t begin(const Begin& job, cudaStream_t stream);

/// out = silu(gate) ∘ up, from rows of gate beside up: 2·width each; width a multiple of 8.
cudaError_t gated(Half type, const void* gate_up, void* out, int rows, int width, cudaStream_t stream);

/// The heads of a pass and where its keys and values lie: [slot][KV head][capacity][head_dim].
struct Heads {
  Half type = Half::f16;
  int heads = 0, kv_heads = 0, head_dim = 0;
  int capacity = 0;     ///< tokens of a slot
  int window = 0;       ///< keys a token sees; 0 = all before it
  void* qkv = nullptr;  ///< rows × (heads + 2·kv_heads) · head_dim
  void* keys = nullptr;
  void* values = nullptr;
  const std::int32_t* positions = nullptr;  ///< of each row in its sequence
  const std::int32_t* slots = nullptr;      ///< of each row
  const float* angles = nullptr;            ///< as `begin` writes them
  int rows = 0;
};
/// head_dim is one that `attention` is built for.
bool attention_is_built(int head_dim);

/// Rotates queries in place; keys rotated and values go into the cache at the row's position.
cudaError_t rope_append(const Heads& job, cudaStream_t stream);

/// Softmax attention of each row over the keys of its slot up to its own position, split over the keys: out is rows ×
/// heads·head_dim. Rows of one sequence may follow one another: each sees what lies before it.
cudaError_t attention(const Heads& job, void* out, cudaStream_t stream);

/// ids[row] = index of the largest of the row's `width` logits, the first of equal ones, or -1 where none is a number;
/// ended[row] = the GPU's time then, in ns. Both may be mapped host memory.
cudaError_t arg_max(const float* logits, std::int64_t* ids, std::uint64_t* ended, int rows, int width,
                    cudaStream_t stream);

/// Lasts so long and does nothing.
cudaError_t hold(double seconds, cudaStream_t stream);

/// Does nothing: what starting a kernel costs.
cudaError_t nothing(cudaStream_t stream);

}  // namespace phasewatt::engine::libtorch::cuda
