#include "phasewatt/device/signal_sampler.h"

#include <algorithm>

namespace phasewatt::device {

SignalSampler::SignalSampler(std::vector<Device*> devices, const std::vector<SamplePlan>& plans, Sink sink,
                             SampleClock clock)
    : devices_(std::move(devices)), sink_(std::move(sink)), clock_(clock) {
  for (const auto& plan : plans) tasks_.push_back({plan, plan.phase, {}, 0});
}

Nanos SignalSampler::step(Nanos now) {
  if (!begun_)
    for (auto& task : tasks_) task.next += now;
  begun_ = true;
  if (tasks_.empty()) return now + std::chrono::hours(24);
  const auto earlier = [](const Task& a, const Task& b) { return a.next < b.next; };
  // A task that was read is not due before the read's end, so this ends however long the reads take.
  for (Nanos begin = now;;) {
    const auto task = std::min_element(tasks_.begin(), tasks_.end(), earlier);
    if (task->next > now) return task->next;
    begin = read(static_cast<std::size_t>(task - tasks_.begin()), begin);
  }
}

Nanos SignalSampler::read(std::size_t place, Nanos begin) {
  Task& task = tasks_[place];
  const auto readings = devices_[task.plan.device]->read(task.plan.what);
  // A device says when its read was over, so that the clock need not be asked a second time.
  const Nanos end = readings ? readings->at : clock_.now();
  sink_({task.plan.device, task.next, begin, end, task.plan.what, readings, place});
  task.costs[task.costs_seen++ % task.costs.size()] = end - begin;
  schedule(task, end);
  return end;
}

Nanos SignalSampler::usual_cost(const Task& task) {
  auto costs = task.costs;
  const auto end = costs.begin() + static_cast<std::ptrdiff_t>(std::min(task.costs_seen, costs.size()));
  const auto middle = costs.begin() + (end - costs.begin()) / 2;
  std::nth_element(costs.begin(), middle, end);
  return *middle;
}

void SignalSampler::schedule(Task& task, Nanos end) {
  const Nanos interval = task.plan.interval;
  std::int64_t steps = 1;
  if (task.plan.most_share < 1) {
    const Nanos least = from_seconds(to_seconds(usual_cost(task)) / task.plan.most_share);
    steps = std::max<std::int64_t>(1, (least + interval - Nanos(1)) / interval);
    thinned_ += static_cast<std::uint64_t>(steps - 1);
  }
  task.next += steps * interval;
  if (task.next <= end) {
    const auto late = (end - task.next) / interval + 1;
    task.next += late * interval;
    missed_ += static_cast<std::uint64_t>(late);
  }
}

}  // namespace phasewatt::device
