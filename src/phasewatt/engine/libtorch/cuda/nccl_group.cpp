#include <torch/csrc/cuda/nccl.h>

#include <atomic>

#include "phasewatt/engine/libtorch/gpu.h"

namespace phasewatt::engine::libtorch {
namespace {

namespace nccl = torch::cuda::nccl;

class NcclGroup final : public Group {
 public:
  NcclGroup(int rank, nccl::ncclComm_t communicator, std::shared_ptr<std::atomic<bool>> aborted)
      : Group(rank), communicator_{communicator}, aborted_(std::move(aborted)) {}

  void all_reduce(at::Tensor& x) override {
    TORCH_CHECK(!*aborted_, "another GPU has failed: load the model again");
    std::vector<at::Tensor> both{x};
    nccl::all_reduce(both, both, static_cast<int>(nccl::ncclRedOp::Sum), {}, communicator_);
  }
  void abort() override { *aborted_ = true; }

 private:
  nccl::comm_list communicator_;
  std::shared_ptr<std::atomic<bool>> aborted_;  ///< of all ranks
};

}  // namespace

Groups make_gpu_groups(const std::vector<at::Device>& devices) {
  // libtorch keeps the communicators of these devices for good; those of comm_init_rank it would never destroy, and
  // each model would leave its own behind.
  std::vector<at::Tensor> places;
  for (const at::Device& device : devices) places.push_back(at::empty({1}, device));
  const auto communicators = nccl::detail::get_communicators(places);
  const auto aborted = std::make_shared<std::atomic<bool>>(false);
  Groups out;
  for (std::size_t i = 0; i < devices.size(); ++i)
    out.push_back(std::make_shared<NcclGroup>(static_cast<int>(i), communicators[i], aborted));
  return out;
}

}  // namespace phasewatt::engine::libtorch
