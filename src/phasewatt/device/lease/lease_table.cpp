#include "phasewatt/device/lease/lease_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/base/records.h"

namespace phasewatt::device::lease {
namespace {

using std::chrono::milliseconds;

constexpr Nanos kFirstRetry = milliseconds(100);
constexpr Nanos kLastRetry = std::chrono::seconds(5);
// NVML's clock steps are 15 MHz at most, and a reading may be one step off.
constexpr std::uint32_t kClockTolerance = 15;
// A switch takes up to some hundred milliseconds (arXiv 2502.20075); until then the clock proves nothing.
constexpr Nanos kSwitching = std::chrono::seconds(1);
constexpr std::uint64_t kOtherReasons = ~static_cast<std::uint64_t>(throttle_idle | throttle_locked_clocks);

std::uint32_t to_ms(Nanos span) { return static_cast<std::uint32_t>(std::chrono::ceil<milliseconds>(span).count()); }

}  // namespace

std::optional<std::uint32_t> snap_within(const std::vector<std::uint32_t>& clocks, std::uint32_t mhz) {
  if (clocks.empty() || mhz < clocks.front() || mhz > clocks.back()) return std::nullopt;
  const auto above = std::lower_bound(clocks.begin(), clocks.end(), mhz);
  if (above == clocks.begin() || *above == mhz) return *above;
  const auto below = std::prev(above);
  return mhz - *below <= *above - mhz ? *below : *above;
}

Foreign foreign_writer(const GpuLook& look, std::optional<std::uint32_t> locked) {
  if (!look.sm_mhz || !look.reasons || (*look.reasons & throttle_idle) != 0) return Foreign::cannot_know;
  if (locked) {
    const auto off = *look.sm_mhz > *locked ? *look.sm_mhz - *locked : *locked - *look.sm_mhz;
    if (off <= kClockTolerance) return Foreign::not_seen;
    // Power and heat push a clock down, never up.
    const bool explained = *look.sm_mhz < *locked && (*look.reasons & kOtherReasons) != 0;
    return explained ? Foreign::cannot_know : Foreign::suspected;
  }
  return (*look.reasons & throttle_locked_clocks) != 0 ? Foreign::suspected : Foreign::not_seen;
}

LeaseTable::LeaseTable(std::vector<LeaseGpu> gpus, LeaseLimits limits, LeasePort& port) : limits_(limits), port_(port) {
  for (auto& known : gpus) {
    Gpu& gpu = gpus_.emplace_back();
    gpu.known = std::move(known);
    gpu.switches = limits_.switches_per_second;
  }
}

void LeaseTable::recover(const std::vector<std::string>& journalled, Nanos now) {
  journalled_ = journalled;
  for (const auto& uuid : journalled) {
    const auto gpu = std::find_if(gpus_.begin(), gpus_.end(), [&](const Gpu& g) { return g.known.uuid == uuid; });
    if (gpu == gpus_.end()) {
      absent_.push_back(uuid);
      port_.audit(fmt::format("keep gpu={} in the journal: not in this machine now", uuid));
    } else {
      gpu->restoring = true;
    }
  }
  for (Gpu& gpu : gpus_)
    if (gpu.restoring) restore(gpu, now, "journal");
}

bool LeaseTable::connect(int client, Peer peer, Nanos now) {
  const auto same_user = std::count_if(clients_.begin(), clients_.end(),
                                       [&](const auto& other) { return other.second.peer.uid == peer.uid; });
  const auto added = clients_.emplace(client, Client{peer, now + limits_.lease}).first;
  if (clients_.size() <= limits_.clients && static_cast<std::size_t>(same_user) < limits_.clients_per_user) return true;
  end(added, Verdict::too_many, now, "no place");
  return false;
}

void LeaseTable::message(int client, std::span<const std::byte> packet, Nanos now) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  const auto request = parse_request(packet);
  if (!request) return end(found, Verdict::bad_message, now, "bad message");
  found->second.deadline = now + limits_.lease;
  port_.reply(client, answer(client, *request, now));
}

void LeaseTable::answered(int client, Nanos now) {
  if (const auto found = clients_.find(client); found != clients_.end()) found->second.deadline = now + limits_.lease;
}

void LeaseTable::close(int client, Nanos now) {
  if (const auto found = clients_.find(client); found != clients_.end()) forget(found, now, "closed");
}

void LeaseTable::tick(Nanos now) {
  for (auto client = clients_.begin(); client != clients_.end();) {
    const auto at = client++;
    if (at->second.deadline <= now) end(at, Verdict::expired, now, "expired");
  }
  for (Gpu& gpu : gpus_)
    if (gpu.restoring && gpu.retry_at <= now) restore(gpu, now, "retry");
}

std::optional<Nanos> LeaseTable::next_tick() const {
  std::optional<Nanos> next;
  const auto sooner = [&](Nanos at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [id, client] : clients_) sooner(client.deadline);
  for (const Gpu& gpu : gpus_)
    if (gpu.restoring) sooner(gpu.retry_at);
  return next;
}

void LeaseTable::drop_all(Nanos now) {
  while (!clients_.empty()) end(clients_.begin(), Verdict::stopping, now, "stopping");
}

bool LeaseTable::clean() const {
  return std::none_of(gpus_.begin(), gpus_.end(), [](const Gpu& gpu) { return gpu.locked || gpu.restoring; });
}

Reply LeaseTable::answer(int client, const Request& request, Nanos now) {
  Reply reply;
  reply.sequence = request.sequence;
  reply.lease_ms = to_ms(limits_.lease);
  if (request.op == Op::beat) return reply;
  const std::string_view uuid = *text_of(request.gpu);
  const auto found = uuid.empty() && request.value < gpus_.size()
                         ? gpus_.begin() + request.value
                         : std::find_if(gpus_.begin(), gpus_.end(), [&](const Gpu& g) { return g.known.uuid == uuid; });
  if (found == gpus_.end()) {
    reply.verdict = Verdict::unknown_gpu;
    return reply;
  }
  Gpu& gpu = *found;
  const GpuLook look = port_.look(index_of(gpu));
  if (!gpu.changed_at || now - *gpu.changed_at >= kSwitching) reply.foreign = foreign_writer(look, gpu.locked);
  if (const auto refused = request.op == Op::read ? std::nullopt : refusal(gpu, client, look))
    reply.verdict = *refused;
  else if (request.op == Op::lock)
    lock(gpu, client, request.value, now, reply);
  else if (request.op == Op::reset)
    reset(gpu, client, now, reply);
  else if (look.mig)
    reply.verdict = Verdict::mig;
  describe(gpu, client, look, reply);
  return reply;
}

std::optional<Verdict> LeaseTable::refusal(const Gpu& gpu, int client, const GpuLook& look) const {
  if (gpu.writer && *gpu.writer != client) return Verdict::busy;
  if (gpu.restoring) return Verdict::restoring;
  // The writer may always reset: a GPU that was split after it was locked must come back too.
  if (look.mig && !gpu.locked) return Verdict::mig;
  return std::nullopt;
}

void LeaseTable::lock(Gpu& gpu, int client, std::uint32_t mhz, Nanos now, Reply& reply) {
  const auto target = snap_within(gpu.known.clocks, mhz);
  if (!target) {
    reply.verdict = gpu.known.clocks.empty() ? Verdict::not_supported : Verdict::out_of_range;
    return;
  }
  if (const auto wait = wait_for_switch(gpu, now)) {
    reply.verdict = Verdict::rate_limited;
    reply.wait_ms = *wait;
    return;
  }
  if (!write_journal(&gpu)) {
    reply.verdict = Verdict::journal_failed;
    return;
  }
  gpu.writer = client;
  gpu.stock = false;
  gpu.changed_at = now;
  const int code = port_.set_lock(index_of(gpu), *target);
  audit(gpu, "lock", std::to_string(*target), code);
  gpu.locked = *target;
  if (code == 0) return;
  // What the driver did before it refused is unknown: stock is the one state that a reset can vouch for.
  reply.verdict = Verdict::driver_failed;
  reply.driver_code = code;
  restore(gpu, now, "failed lock");
}

void LeaseTable::reset(Gpu& gpu, int client, Nanos now, Reply& reply) {
  if (gpu.stock) return;
  if (const auto wait = gpu.locked ? std::nullopt : wait_for_switch(gpu, now)) {
    reply.verdict = Verdict::rate_limited;
    reply.wait_ms = *wait;
    return;
  }
  gpu.writer = client;
  restore(gpu, now, "asked");
  gpu.stock = !gpu.restoring;
  if (gpu.restoring) reply.verdict = Verdict::restoring;
}

void LeaseTable::describe(const Gpu& gpu, int client, const GpuLook& look, Reply& reply) const {
  reply.gpu = to_uuid(gpu.known.uuid).value_or(Uuid{});
  if (!gpu.known.clocks.empty()) {
    reply.least_mhz = gpu.known.clocks.front();
    reply.most_mhz = gpu.known.clocks.back();
  }
  if (gpu.locked) {
    reply.present |= has_lock;
    reply.locked_mhz = *gpu.locked;
  }
  if (const auto owner = gpu.writer ? clients_.find(*gpu.writer) : clients_.end(); owner != clients_.end()) {
    reply.present |= has_owner | (owner->first == client ? is_yours : 0U);
    reply.owner_pid = owner->second.peer.pid;
    reply.owner_uid = owner->second.peer.uid;
  }
  if (look.sm_mhz) {
    reply.present |= has_seen;
    reply.seen_mhz = *look.sm_mhz;
  }
  if (look.reasons) {
    reply.present |= has_reasons;
    reply.reasons = *look.reasons;
  }
}

std::optional<std::uint32_t> LeaseTable::wait_for_switch(Gpu& gpu, Nanos now) const {
  const double rate = limits_.switches_per_second;
  gpu.switches = std::min(rate, gpu.switches + to_seconds(now - gpu.switches_at) * rate);
  gpu.switches_at = now;
  if (gpu.switches < 1) return static_cast<std::uint32_t>(std::ceil((1 - gpu.switches) / rate * 1e3));
  gpu.switches -= 1;
  return std::nullopt;
}

void LeaseTable::restore(Gpu& gpu, Nanos now, const char* why) {
  gpu.changed_at = now;
  const int code = port_.reset(index_of(gpu));
  audit(gpu, why, "stock", code);
  if (code == 0) {
    gpu.locked.reset();
    gpu.restoring = false;
    gpu.retry_after = Nanos{};
    write_journal();
    return;
  }
  gpu.restoring = true;
  gpu.retry_after = std::clamp(gpu.retry_after * 2, kFirstRetry, kLastRetry);
  gpu.retry_at = now + gpu.retry_after;
}

void LeaseTable::forget(std::map<int, Client>::iterator client, Nanos now, const char* why) {
  for (Gpu& gpu : gpus_) {
    if (gpu.writer != client->first) continue;
    if (gpu.locked && !gpu.restoring) restore(gpu, now, why);
    gpu.writer.reset();
    gpu.stock = false;
  }
  clients_.erase(client);
}

void LeaseTable::end(std::map<int, Client>::iterator client, Verdict verdict, Nanos now, const char* why) {
  const int id = client->first;
  forget(client, now, why);
  Reply last;
  last.verdict = verdict;
  last.lease_ms = to_ms(limits_.lease);
  port_.reply(id, last);
  port_.drop(id);
}

bool LeaseTable::write_journal(const Gpu* about_to_lock) {
  std::vector<std::string> wanted = absent_;
  for (const Gpu& gpu : gpus_)
    if (gpu.locked || gpu.restoring || &gpu == about_to_lock) wanted.push_back(gpu.known.uuid);
  if (wanted == journalled_) return true;
  if (!port_.journal(wanted)) {
    journalled_.reset();
    port_.audit("cannot write the journal");
    return false;
  }
  journalled_ = std::move(wanted);
  return true;
}

void LeaseTable::audit(const Gpu& gpu, const char* what, const std::string& to, int result) {
  const auto owner = gpu.writer ? clients_.find(*gpu.writer) : clients_.end();
  const std::string who =
      owner == clients_.end() ? "-" : fmt::format("{} pid={}", owner->second.peer.uid, owner->second.peer.pid);
  port_.audit(fmt::format("{} uid={} gpu={} from={} to={} result={}", what, who, gpu.known.uuid,
                          gpu.locked ? std::to_string(*gpu.locked) : "-", to, result));
}

}  // namespace phasewatt::device::lease
