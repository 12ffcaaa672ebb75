#pragma once

#include <gtest/gtest.h>

#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/gpu.h"
#include "phasewatt/engine/libtorch/passes.h"

namespace phasewatt::engine::tests {

/// A model shared out between devices, by decoders without their engine.
struct Shares {
  using MakeWeights = std::function<libtorch::Weights(const libtorch::Place&, const libtorch::Share&)>;

  Shares(const model::Config& config, const std::vector<at::Device>& devices, at::ScalarType type,
         const MakeWeights& weights, bool graph = false)
      : team(std::make_unique<libtorch::Team>(libtorch::make_groups(devices))), ranks(devices.size()) {
    const auto part = libtorch::share_config(config, devices.size()).value();
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const libtorch::Place place{devices[i], type};
      const libtorch::GpuScope scope(place.device);
      ranks[i] = std::make_unique<libtorch::Rank>(
          std::make_unique<libtorch::Decoder>(part, weights(place, {i, devices.size()}), place, team->groups()[i]));
      if (graph) ranks[i]->graphs = libtorch::make_graph_runtime(*ranks[i]->decoder).value();
    }
  }
  void reserve(std::int64_t slots, std::int64_t tokens) {
    for (const auto& rank : ranks) {
      const libtorch::GpuScope scope(rank->device());
      rank->decoder->cache().reserve(slots, tokens);
    }
  }
  /// What `work` makes of each rank; all must make the same.
  template <class Work>
  at::Tensor all(Work work) {
    std::vector<at::Tensor> made(ranks.size());
    const auto done = team->run([&](std::size_t i) {
      return libtorch::on_device(ranks[i]->device(), [&]() -> Status {
        made[i] = libtorch::on_host(work(*ranks[i]), ranks[i]->device());
        return ok();
      });
    });
    EXPECT_TRUE(done) << to_string(done.error());
    for (const at::Tensor& one : made) EXPECT_TRUE(at::equal(one, made[0]));
    return made[0];
  }
  at::Tensor logits(std::span<const embedded::Piece> pieces) {
    return all([&](libtorch::Rank& rank) { return rank.logits(pieces); }).to(at::kDouble);
  }

  std::unique_ptr<libtorch::Team> team;
  std::vector<std::unique_ptr<libtorch::Rank>> ranks;
};

/// ‖a - b‖ / ‖b‖
inline double apart(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.cpu().to(at::kDouble);
  return ((a.cpu().to(at::kDouble) - wide).norm() / wide.norm()).item<double>();
}

inline std::vector<at::Device> cpus(std::size_t count) { return std::vector<at::Device>(count, at::kCPU); }

}  // namespace phasewatt::engine::tests
