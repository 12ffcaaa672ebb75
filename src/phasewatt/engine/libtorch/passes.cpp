#include "phasewatt/engine/libtorch/passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace phasewatt::engine::libtorch {
namespace {

model::Dtype stored_as(at::ScalarType type) {
  if (type == at::kHalf) return model::Dtype::f16;
  return type == at::kBFloat16 ? model::Dtype::bf16 : model::Dtype::f32;
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

Status check_memory_of(const at::Device& device, double bytes) {
  if (device.is_cuda()) return embedded::check_memory(bytes, gpu_free_bytes(device.index()), "the GPU");
  return embedded::check_memory(bytes, embedded::host_memory(), "this machine");
}

double element_bytes(const Place& place) { return place.type == at::kFloat ? 4 : 2; }

Error as_error(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  if (what.find("allocate memory") != std::string::npos) return embedded::no_memory("host's");
  if (what.find("out of memory") != std::string::npos) return embedded::no_memory("GPU's");
  return {ErrorCode::internal, "libtorch: " + what.substr(0, what.find('\n')), {}};
}

Passes::Passes(std::unique_ptr<Decoder> decoder, std::unique_ptr<GraphRuntime> graphs)
    : decoder_(std::move(decoder)), graphs_(std::move(graphs)), timer_(device()) {
  const model::Dtype type = stored_as(decoder_->place().type);
  storage_ = {type, type, type};
  if (device().is_cuda()) gpus_ = {gpu_uuid(device().index())};
}

Status Passes::reserve(std::int64_t slots, std::int64_t tokens) {
  return on_device(device(), [&]() -> Status {
    const std::int64_t room = embedded::cache_step(tokens);
    Cache& cache = decoder_->cache();
    if (cache.fits(slots, room)) return ok();
    if (graphs_) graphs_->forget_graphs();
    const double bytes = static_cast<double>(slots * room) * config().kv_bytes_per_token(storage_.cache);
    PHASEWATT_TRY(check_memory_of(device(), bytes));
    cache.reserve(slots, room);
    return ok();
  });
}

Status Passes::drop_cache() {
  return on_device(device(), [&]() -> Status {
    if (graphs_) graphs_->forget_graphs();
    decoder_->cache().drop();
    return ok();
  });
}

at::Tensor Passes::logits(std::span<const Piece> pieces) {
  return graphs_ ? graphs_->forward(pieces) : decoder_->forward(pieces);
}

template <class Work>
at::Tensor Passes::timed(Phase phase, std::span<const Piece> pieces, PhaseListener& listener, Work work) {
  if (graphs_) graphs_->prepare(phase == Phase::decode ? pieces.size() : 1);
  at::Tensor host;
  std::optional<double> between_events;
  PhaseSpan span = embedded::timed_span(phase, pieces, config(), storage_, [&] {
    timer_.start();
    const at::Tensor made = work();
    timer_.stop();
    host = made.cpu();
    between_events = timer_.seconds();  // waits: a pass without wanted logits gives nothing to copy
  });
  // An eager engine's events lie as far apart as its host is slow: only in graphs do they tell when the GPU was busy.
  if (graphs_) {
    const std::chrono::duration<double> wall = span.end - span.begin;
    if (between_events) span.gpu_busy_s = std::min(*between_events, wall.count());
    span.launch_s = graphs_->launch_seconds();
  }
  listener.on_span(span);
  return host;
}

Result<std::vector<std::int64_t>> Passes::best_ids(Phase phase, std::span<const Piece> pieces,
                                                   PhaseListener& listener) {
  return on_device(device(), [&]() -> Result<std::vector<std::int64_t>> {
    const at::Tensor ids = timed(phase, pieces, listener, [&] {
      if (graphs_ && phase == Phase::decode) return graphs_->step(pieces);
      return logits(pieces).argmax(-1);
    });
    return std::vector(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
  });
}

Result<std::vector<double>> Passes::log_probabilities(std::span<const Piece> pieces,
                                                      const std::vector<std::int64_t>& ids, PhaseListener& listener) {
  return on_device(device(), [&]() -> Result<std::vector<double>> {
    const at::Tensor chosen = timed(Phase::score, pieces, listener, [&] {
      const at::Tensor wanted = at::tensor(ids, at::kLong).to(device()).unsqueeze(1);
      return logits(pieces).to(at::kDouble).log_softmax(-1).gather(1, wanted);
    });
    return std::vector(chosen.data_ptr<double>(), chosen.data_ptr<double>() + chosen.numel());
  });
}

}  // namespace phasewatt::engine::libtorch
