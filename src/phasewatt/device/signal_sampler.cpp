#include "phasewatt/device/signal_sampler.h"

#include <algorithm>

namespace phasewatt::device {

SignalSampler::SignalSampler(std::vector<Device*> devices, const std::vector<SamplePlan>& plans, Sink sink, Clock clock)
    : devices_(std::move(devices)), sink_(std::move(sink)), clock_(clock) {
  for (const auto& plan : plans) tasks_.push_back({plan, plan.phase});
}

Nanos SignalSampler::step(Nanos now) {
  if (!begun_)
    for (auto& task : tasks_) task.next += now;
  begun_ = true;
  if (tasks_.empty()) return now + std::chrono::hours(24);
  const auto earlier = [](const Task& a, const Task& b) { return a.next < b.next; };
  // A task that was read is not due before the read's end, so this ends however long the reads take.
  while (true) {
    auto& task = *std::min_element(tasks_.begin(), tasks_.end(), earlier);
    if (task.next > now) return task.next;
    read(task);
  }
}

void SignalSampler::read(Task& task) {
  const Nanos begin = clock_();
  const auto readings = devices_[task.plan.device]->read(task.plan.what);
  const Nanos end = clock_();
  sink_({task.plan.device, task.next, begin, end, task.plan.what, readings});
  task.next += task.plan.interval;
  if (task.next <= end) {
    const auto late = (end - task.next) / task.plan.interval + 1;
    task.next += late * task.plan.interval;
    missed_ += static_cast<std::uint64_t>(late);
  }
}

}  // namespace phasewatt::device
