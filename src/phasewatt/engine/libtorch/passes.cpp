#include "phasewatt/engine/libtorch/passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
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

constexpr const char* kDevices = "use auto, cpu, cuda, cuda:N, or a list of different GPUs: cuda:0,1";

/// One of the list: "cpu", "cuda", "cuda:1", or behind a GPU "1" alone.
Result<at::Device> one_device(const LibtorchOptions& options, const std::string& name, bool behind_gpu) {
  if (name == "cpu") return at::Device(at::kCPU);
  std::string digits = name == "cuda" ? "0" : behind_gpu ? name : "";
  if (name.starts_with("cuda:")) digits = name.substr(5);
  const bool number = !digits.empty() && digits.size() < 4 && digits.find_first_not_of("0123456789") == digits.npos;
  if (!number) return bad_option("device", options.device, kDevices);
  const int index = std::stoi(digits);
  if (index < gpu_count()) return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  return Error{
      ErrorCode::unsupported,
      fmt::format("engine.device = \"{}\": libtorch {} sees {} GPUs", options.device, libtorch_version(), gpu_count()),
      gpu_count() > 0 ? "see phasewatt devices"
                      : "set device = \"cpu\", or build with the libtorch of a PyTorch for CUDA"};
}

}  // namespace

Result<std::vector<at::Device>> choose_devices(const LibtorchOptions& options) {
  std::vector<at::Device> out;
  if (options.device == "auto") {
    out.push_back(gpu_count() == 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, 0));
    return out;
  }
  const std::string list = options.device + ",";
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = list.find(',', begin);
    const bool behind_gpu = !out.empty() && out.back().is_cuda();
    PHASEWATT_ASSIGN(const at::Device device, one_device(options, list.substr(begin, end - begin), behind_gpu));
    const bool fits = std::all_of(out.begin(), out.end(), [&](const at::Device& other) {
      return device.is_cuda() ? other.is_cuda() && other != device : other.is_cpu();
    });
    if (!fits) return bad_option("device", options.device, kDevices);
    out.push_back(device);
    begin = end + 1;
  }
  return out;
}

Result<at::ScalarType> choose_type(const LibtorchOptions& options, const at::Device& device, model::Dtype stored) {
  std::string dtype = options.dtype;
  if (dtype == "auto") dtype = device.is_cpu() || stored == model::Dtype::f32 ? "f32" : std::string(to_string(stored));
  std::transform(dtype.begin(), dtype.end(), dtype.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  if (dtype == "f32") return at::kFloat;
  if (dtype != "f16" && dtype != "bf16") return bad_option("dtype", options.dtype, "use auto, f32, f16 or bf16");
  if (device.is_cpu()) return bad_option("dtype", options.dtype, "the CPU computes in f32: leave dtype out");
  return dtype == "f16" ? at::kHalf : at::kBFloat16;
}

Status check_memory_of(const at::Device& device, double bytes) {
  if (device.is_cuda())
    return embedded::check_memory(bytes, gpu_free_bytes(device.index()), fmt::format("GPU {}", device.index()));
  return embedded::check_memory(bytes, embedded::host_memory(), "this machine");
}

double element_bytes(const Place& place) { return place.type == at::kFloat ? 4 : 2; }

Error as_error(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  if (what.find("allocate memory") != std::string::npos) return embedded::no_memory("host's");
  if (what.find("out of memory") != std::string::npos) return embedded::no_memory("GPU's");
  return {ErrorCode::internal, "libtorch: " + what.substr(0, what.find('\n')), {}};
}

at::Tensor on_host(const at::Tensor& made, const at::Device& device) {
  if (made.is_cpu() || made.numel() == 0) wait_for(device);  // without a copy nothing would
  return made.cpu();
}

Passes::Passes(model::Config config, std::unique_ptr<Team> team, std::vector<std::unique_ptr<Rank>> ranks)
    : config_(std::move(config)), ranks_(std::move(ranks)), team_(std::move(team)) {
  const model::Dtype type = stored_as(ranks_[0]->decoder->place().type);
  storage_ = {type, type, type};
  for (const auto& rank : ranks_)
    if (rank->device().is_cuda()) gpus_.push_back(gpu_uuid(rank->device().index()));
  holds_ = std::all_of(ranks_.begin(), ranks_.end(), [](const auto& rank) {
    return rank->device().is_cuda() && gpu_runs_kernels(rank->device().index());
  });
}

Status Passes::each(const std::function<Status(Rank&)>& work) {
  return team_->run([&](std::size_t i) { return on_device(ranks_[i]->device(), [&] { return work(*ranks_[i]); }); });
}

/// Rank by rank: too little memory on one of them does not end their team.
Status Passes::reserve(std::int64_t slots, std::int64_t tokens) {
  for (const auto& rank : ranks_) PHASEWATT_TRY(reserve(*rank, slots, embedded::cache_step(tokens)));
  return ok();
}

Status Passes::reserve(Rank& rank, std::int64_t slots, std::int64_t room) const {
  return on_device(rank.device(), [&]() -> Status {
    Cache& cache = rank.decoder->cache();
    if (cache.fits(slots, room)) return ok();
    if (rank.graphs) rank.graphs->forget_graphs();
    const double bytes = static_cast<double>(slots * room) * rank.decoder->config().kv_bytes_per_token(storage_.cache);
    PHASEWATT_TRY(check_memory_of(rank.device(), bytes));
    cache.reserve(slots, room);
    return ok();
  });
}

Status Passes::drop_cache() {
  busy_.clear();
  for (const auto& rank : ranks_) {
    PHASEWATT_TRY(on_device(rank->device(), [&]() -> Status {
      if (rank->graphs) rank->graphs->forget_graphs();
      rank->decoder->cache().drop();
      return ok();
    }));
  }
  return ok();
}

Result<at::Tensor> Passes::timed(Phase phase, std::span<const Piece> pieces, PhaseListener& listener,
                                 const std::function<at::Tensor(Rank&)>& work) {
  Rank& first = *ranks_[0];
  const std::size_t rows = phase == Phase::decode ? pieces.size() : 1;
  if (first.graphs && !first.graphs->prepared(rows)) {
    PHASEWATT_TRY(each([&](Rank& rank) {
      rank.graphs->prepare(rows);
      return ok();
    }));
  }
  at::Tensor host;
  PhaseSpan span;
  const Nanos begin = monotonic_now();
  PHASEWATT_TRY(each([&](Rank& rank) {
    const at::Tensor begun = work(rank);
    try {  // now, because it costs no time where a GPU works meanwhile
      if (&rank == &first) span = embedded::counted_span(phase, pieces, config_, storage_);
    } catch (...) {
      wait_for(rank.device());  // it still reads and writes what the next pass would take
      throw;
    }
    const at::Tensor made = on_host(begun, rank.device());
    if (&rank == &first) host = made;
    return ok();
  }));
  span.begin = begin;
  span.end = monotonic_now();
  std::optional<double> busy_s;
  if (first.graphs) {
    span.launch_s = first.graphs->launch_seconds();
    busy_s = first.graphs->graph_seconds();
  }
  const double wall_s = std::chrono::duration<double>(span.end - span.begin).count();
  if (!busy_s) {
    PHASEWATT_ASSIGN(busy_s, busy_seconds(phase, pieces, wall_s, work));
  }
  if (busy_s) span.gpu_busy_s = std::min(*busy_s, wall_s);
  listener.on_span(span);
  return host;
}

Result<std::optional<double>> Passes::busy_seconds(Phase phase, std::span<const Piece> pieces, double wall_s,
                                                   const std::function<at::Tensor(Rank&)>& work) {
  constexpr double kLongestHold = 0.5;
  if (!holds_) return std::optional<double>();
  std::int64_t past = 0;
  for (const Piece& piece : pieces) past = std::max(past, piece.past);
  const auto about = [](std::int64_t n) { return static_cast<int>(2 * std::log2(static_cast<double>(n) + 1)); };
  const Size size{phase, static_cast<std::int64_t>(pieces.size()), about(total_tokens(pieces)), about(past)};
  if (const auto known = busy_.find(size); known != busy_.end()) return std::optional(known->second.of(wall_s));
  // The pass writes what it has written already.
  std::optional<double> seconds;
  PHASEWATT_TRY(each([&](Rank& rank) {
    GpuTimer timer(rank.device());
    timer.start_held(std::min(1.5 * wall_s, kLongestHold));
    work(rank);
    timer.stop();
    const auto between = timer.seconds();
    if (&rank == ranks_[0].get()) seconds = between;
    return ok();
  }));
  if (seconds) busy_.emplace(size, Busy{*seconds, wall_s});
  return seconds;
}

Result<std::vector<std::int64_t>> Passes::best_ids(Phase phase, std::span<const Piece> pieces,
                                                   PhaseListener& listener) {
  PHASEWATT_ASSIGN(const at::Tensor ids, timed(phase, pieces, listener, [&](Rank& rank) {
                     if (rank.graphs && phase == Phase::decode) return rank.graphs->step(pieces);
                     return best_of(rank.logits(pieces));
                   }));
  return std::vector(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
}

Result<std::vector<double>> Passes::log_probabilities(std::span<const Piece> pieces,
                                                      const std::vector<std::int64_t>& ids, PhaseListener& listener) {
  PHASEWATT_ASSIGN(const at::Tensor chosen, timed(Phase::score, pieces, listener, [&](Rank& rank) {
                     const at::Tensor wanted = to_device(ids, rank.device()).unsqueeze(1);
                     return rank.logits(pieces).to(at::kDouble).log_softmax(-1).gather(1, wanted);
                   }));
  return std::vector(chosen.data_ptr<double>(), chosen.data_ptr<double>() + chosen.numel());
}

}  // namespace phasewatt::engine::libtorch
