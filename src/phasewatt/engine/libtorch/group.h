#pragma once

#include <ATen/ATen.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "phasewatt/base/result.h"

/// One model on several devices at once, each with its share of the heads and of the feed-forward network. A device and
/// the thread that drives it are a rank. Internal to engine/libtorch.
namespace phasewatt::engine::libtorch {

/// What a rank knows of the others.
class Group {
 public:
  explicit Group(int rank) : rank_(rank) {}
  virtual ~Group() = default;
  [[nodiscard]] int rank() const { return rank_; }
  /// x becomes the sum of all ranks' x, the same bits everywhere. On a GPU only enqueued, so that a graph can record
  /// it.
  virtual void all_reduce(at::Tensor& x) = 0;
  /// Whoever waits for this rank on the host is told that it does not come. Nothing can be reduced after this.
  virtual void abort() = 0;

 private:
  int rank_;
};

/// One for each rank; null where there is but one.
using Groups = std::vector<std::shared_ptr<Group>>;

/// By NCCL on GPUs, by memory on the CPU.
Groups make_groups(const std::vector<at::Device>& devices);

/// The threads of the ranks; the first rank is the caller's.
class Team {
 public:
  explicit Team(Groups groups);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  [[nodiscard]] const Groups& groups() const { return groups_; }
  /// `work` of each rank at once; what went wrong first.
  Status run(const std::function<Status(std::size_t rank)>& work);

 private:
  void serve(std::size_t rank);
  void take_part(std::size_t rank);

  Groups groups_;
  std::mutex mutex_;
  std::condition_variable begun_, ended_;
  const std::function<Status(std::size_t)>* work_ = nullptr;
  std::size_t running_ = 0;  ///< threads
  int round_ = 0;            ///< below 0: no more come
  std::optional<Error> error_;
  std::vector<std::thread> threads_;
};

}  // namespace phasewatt::engine::libtorch
