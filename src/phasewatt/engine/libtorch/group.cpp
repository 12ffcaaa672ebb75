#include "phasewatt/engine/libtorch/group.h"

#include <c10/util/Exception.h>

#include "phasewatt/engine/libtorch/gpu.h"

namespace phasewatt::engine::libtorch {
namespace {

/// Where the ranks of a CPU meet.
struct Meeting {
  explicit Meeting(std::size_t size) : parts(size) {}
  /// Returns when all are here.
  void meet() {
    std::unique_lock lock(mutex);
    const int mine = round;
    if (!aborted && ++here == parts.size()) {
      here = 0;
      ++round;
      all_here.notify_all();
    }
    all_here.wait(lock, [&] { return aborted || round != mine; });
    TORCH_CHECK(round != mine, "another rank has failed: load the model again");
  }
  std::mutex mutex;
  std::condition_variable all_here;
  std::vector<at::Tensor> parts;
  std::size_t here = 0;
  int round = 0;
  bool aborted = false;
};

class ThreadGroup final : public Group {
 public:
  ThreadGroup(int rank, std::shared_ptr<Meeting> meeting) : Group(rank), meeting_(std::move(meeting)) {}

  void all_reduce(at::Tensor& x) override {
    auto& parts = meeting_->parts;
    parts[static_cast<std::size_t>(rank())] = x;
    meeting_->meet();
    at::Tensor sum = parts[0] + parts[1];
    for (std::size_t i = 2; i < parts.size(); ++i) sum += parts[i];
    meeting_->meet();  // nobody reads x any more
    x.copy_(sum);
  }
  void abort() override {
    const std::lock_guard lock(meeting_->mutex);
    meeting_->aborted = true;
    meeting_->all_here.notify_all();
  }

 private:
  std::shared_ptr<Meeting> meeting_;
};

}  // namespace

Groups make_groups(const std::vector<at::Device>& devices) {
  if (devices.size() == 1) return {nullptr};
  if (devices.front().is_cuda()) return make_gpu_groups(devices);
  const auto meeting = std::make_shared<Meeting>(devices.size());
  Groups out;
  for (std::size_t i = 0; i < devices.size(); ++i)
    out.push_back(std::make_shared<ThreadGroup>(static_cast<int>(i), meeting));
  return out;
}

Team::Team(Groups groups) : groups_(std::move(groups)) {
  for (std::size_t rank = 1; rank < groups_.size(); ++rank) threads_.emplace_back([this, rank] { serve(rank); });
}

Team::~Team() {
  {
    const std::lock_guard lock(mutex_);
    round_ = -1;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::take_part(std::size_t rank) {
  Status status = (*work_)(rank);
  if (status) return;
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(status).error();
  }
  // Only now: what the others say then is not the reason.
  if (groups_[rank]) groups_[rank]->abort();
}

void Team::serve(std::size_t rank) {
  std::unique_lock lock(mutex_);
  for (int last = 0;;) {
    begun_.wait(lock, [&] { return round_ != last; });
    if (round_ < 0) return;
    last = round_;
    lock.unlock();
    take_part(rank);
    lock.lock();
    if (--running_ == 0) ended_.notify_one();
  }
}

Status Team::run(const std::function<Status(std::size_t)>& work) {
  if (threads_.empty()) return work(0);  // each step of a decode comes by: nobody to wake, nobody to wait for
  work_ = &work;
  error_.reset();
  {
    const std::lock_guard lock(mutex_);
    running_ = threads_.size();
    round_ = (round_ + 1) & 0xFFFFFF;
  }
  begun_.notify_all();
  take_part(0);
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return running_ == 0; });
  if (error_) return *error_;
  return ok();
}

}  // namespace phasewatt::engine::libtorch
