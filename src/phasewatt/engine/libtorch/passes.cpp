#include "phasewatt/engine/libtorch/passes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace phasewatt::engine::libtorch {
namespace {

Nanos now() { return std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch()); }

model::Dtype stored_as(at::ScalarType type) {
  if (type == at::kHalf) return model::Dtype::f16;
  return type == at::kBFloat16 ? model::Dtype::bf16 : model::Dtype::f32;
}

/// The pass of a piece in the terms of the counts.
model::SequencePass counted(const Piece& piece) {
  return {static_cast<std::int64_t>(piece.tokens.size()), piece.past, piece.logits, false};
}

Error bad_option(const std::string& field, const std::string& value, const std::string& hint) {
  return Error{ErrorCode::bad_input, fmt::format("engine.{} = \"{}\"", field, value), hint};
}

Result<int> gpu_index(const std::string& device) {
  if (device == "cuda" || device == "auto") return 0;
  const std::string digits = device.starts_with("cuda:") ? device.substr(5) : "";
  const bool number = !digits.empty() && digits.size() < 4 && digits.find_first_not_of("0123456789") == digits.npos;
  if (!number) return bad_option("device", device, "use auto, cpu, cuda or cuda:N");
  return std::stoi(digits);
}

}  // namespace

Result<at::Device> choose_device(const LibtorchOptions& options) {
  const int gpus = gpu_count();
  if (options.device == "cpu" || (options.device == "auto" && gpus == 0)) return at::Device(at::kCPU);
  PHASEWATT_ASSIGN(const int index, gpu_index(options.device));
  if (index < gpus) return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  return Error{
      ErrorCode::unsupported,
      fmt::format("engine.device = \"{}\": libtorch {} sees {} GPUs", options.device, libtorch_version(), gpus),
      "set device = \"cpu\", or build with the libtorch of a PyTorch for CUDA"};
}

Result<Place> choose_place(const LibtorchOptions& options, model::Dtype stored) {
  PHASEWATT_ASSIGN(const at::Device device, choose_device(options));
  std::string dtype = options.dtype;
  if (dtype == "auto") dtype = device.is_cpu() || stored == model::Dtype::f32 ? "f32" : std::string(to_string(stored));
  std::transform(dtype.begin(), dtype.end(), dtype.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  if (dtype == "f32") return Place{device, at::kFloat};
  if (dtype != "f16" && dtype != "bf16") return bad_option("dtype", options.dtype, "use auto, f32, f16 or bf16");
  if (device.is_cpu()) return bad_option("dtype", options.dtype, "the CPU computes in f32: leave dtype out");
  return Place{device, dtype == "f16" ? at::kHalf : at::kBFloat16};
}

Status check_memory(const at::Device& device, double bytes) {
  const double have =
      device.is_cuda() ? gpu_free_bytes(device.index())
                       : static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (bytes <= have) return ok();
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  return Error{ErrorCode::out_of_memory,
               fmt::format("weights and cache need {:.1f} GiB, and {} has {:.1f}", bytes / kGiB,
                           device.is_cuda() ? "the GPU" : "this machine", have / kGiB),
               "take a smaller model or batch"};
}

double element_bytes(const Place& place) { return place.type == at::kFloat ? 4 : 2; }

Passes::Passes(std::unique_ptr<Decoder> decoder, std::unique_ptr<GraphRuntime> graphs)
    : decoder_(std::move(decoder)), graphs_(std::move(graphs)), timer_(decoder_->place().device) {
  const model::Dtype type = stored_as(decoder_->place().type);
  storage_ = {type, type, type};
}

Status Passes::reserve(std::int64_t slots, std::int64_t tokens) {
  // In steps, so that a slightly longer prompt does not move the cache, and with it the graphs.
  constexpr std::int64_t kStep = 256;
  tokens = (tokens + kStep - 1) / kStep * kStep;
  Cache& cache = decoder_->cache();
  if (cache.fits(slots, tokens)) return ok();
  if (graphs_) graphs_->forget_graphs();
  const double bytes = static_cast<double>(slots * tokens) * config().kv_bytes_per_token(storage_.cache);
  PHASEWATT_TRY(check_memory(device(), bytes));
  cache.reserve(slots, tokens);
  return ok();
}

void Passes::drop_cache() {
  if (graphs_) graphs_->forget_graphs();
  decoder_->cache().drop();
}

at::Tensor Passes::logits(std::span<const Piece> pieces) {
  return graphs_ ? graphs_->forward(pieces) : decoder_->forward(pieces);
}

template <class Work>
at::Tensor Passes::timed(Phase phase, std::span<const Piece> pieces, PhaseListener& listener, Work work) {
  PhaseSpan span;
  span.phase = phase;
  span.batch = static_cast<int>(pieces.size());
  std::vector<model::SequencePass> passes;
  for (const Piece& piece : pieces) {
    span.tokens += static_cast<double>(piece.tokens.size());
    passes.push_back(counted(piece));
  }
  const auto counts = model::count_pass(config(), passes, storage_);
  span.bytes = counts.bytes();
  span.flops = counts.flops;
  if (graphs_) graphs_->prepare(phase == Phase::decode ? pieces.size() : 1);
  span.begin = now();
  timer_.start();
  const at::Tensor made = work();
  timer_.stop();
  const at::Tensor host = made.cpu();
  const auto between_events = timer_.seconds();  // waits: a pass without wanted logits gives nothing to copy
  span.end = now();
  // An eager engine's events lie as far apart as its host is slow: only in graphs do they tell when the GPU was busy.
  if (graphs_) {
    const std::chrono::duration<double> wall = span.end - span.begin;
    if (between_events) span.gpu_busy_s = std::min(*between_events, wall.count());
    span.launch_s = graphs_->launch_seconds();
  }
  listener.on_span(span);
  return host;
}

std::vector<std::int64_t> Passes::best_ids(Phase phase, std::span<const Piece> pieces, PhaseListener& listener) {
  const at::Tensor ids = timed(phase, pieces, listener, [&] {
    if (graphs_ && phase == Phase::decode) return graphs_->step(pieces);
    return logits(pieces).argmax(-1);
  });
  return {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()};
}

std::vector<double> Passes::log_probabilities(std::span<const Piece> pieces, const std::vector<std::int64_t>& ids,
                                              PhaseListener& listener) {
  const at::Tensor chosen = timed(Phase::score, pieces, listener, [&] {
    const at::Tensor wanted = at::tensor(ids, at::kLong).to(device()).unsqueeze(1);
    return logits(pieces).to(at::kDouble).log_softmax(-1).gather(1, wanted);
  });
  return {chosen.data_ptr<double>(), chosen.data_ptr<double>() + chosen.numel()};
}

}  // namespace phasewatt::engine::libtorch
