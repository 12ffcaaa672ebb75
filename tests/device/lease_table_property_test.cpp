// Random operations of several clients against the lease table, beside a model of what each may do.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "phasewatt/device/lease/lease_table.h"
#include "tests/device/lease_world.h"

namespace phasewatt::device::lease {
namespace {

constexpr int kSequences = 10000;
constexpr int kSteps = 40;
constexpr int kClients = 4;
constexpr std::uint32_t kLeast = 300;
constexpr std::uint32_t kMost = 900;

/// A world in which drivers and journals fail now and then, and which notices at once what must never happen.
struct StrictWorld final : LeasePort {
  explicit StrictWorld(std::mt19937& source) : random(source) {}

  std::mt19937& random;
  testing::World inner;
  std::optional<int> speaking;         ///< the client whose message is being answered
  std::map<std::size_t, int> writers;  ///< by the model
  std::vector<std::string> violations;

  bool unlucky() { return random() % 16 == 0; }
  void expect(bool holds, const char* what) {
    if (!holds) violations.emplace_back(what);
  }

  int set_lock(std::size_t gpu, std::uint32_t mhz) override {
    const std::string uuid = gpu == 0 ? "A" : "B";
    expect(mhz >= kLeast && mhz <= kMost && mhz % 300 == 0, "a clock outside the allowed range");
    expect(speaking.has_value(), "a lock that nobody asked for");
    const auto writer = writers.find(gpu);
    expect(writer == writers.end() || writer->second == speaking, "a second writer");
    expect(std::count(inner.journalled.begin(), inner.journalled.end(), uuid) == 1, "a lock before the journal");
    if (speaking) writers[gpu] = *speaking;
    inner.cards[gpu].set_code = unlucky() ? 999 : 0;
    return inner.set_lock(gpu, mhz);
  }
  int reset(std::size_t gpu) override {
    inner.cards[gpu].reset_code = unlucky() ? 999 : 0;
    return inner.reset(gpu);
  }
  GpuLook look(std::size_t gpu) override { return inner.look(gpu); }
  bool journal(const std::vector<std::string>& locked) override {
    inner.journal_works = !unlucky();
    return inner.journal(locked);
  }
  void audit(const std::string& /*line*/) override {}
  void reply(int client, const Reply& reply) override { inner.reply(client, reply); }
  void drop(int client) override {
    inner.dropped.insert(client);
    std::erase_if(writers, [&](const auto& entry) { return entry.second == client; });
  }
};

/// One random life of the table.
class Sequence {
 public:
  explicit Sequence(std::uint32_t seed) : random_(seed), world_(random_) {
    world_.inner.cards.resize(2);
    const std::vector<std::uint32_t> clocks{300, 600, 900};
    start({{"A", clocks}, {"B", clocks}});
  }

  std::vector<std::string> run() {
    for (int step = 0; step < kSteps; ++step) {
      one_step();
      check();
    }
    finish();
    return world_.violations;
  }

 private:
  void start(std::vector<LeaseGpu> gpus) {
    gpus_ = gpus;
    table_.emplace(std::move(gpus), LeaseLimits{}, world_);
    table_->recover(world_.inner.journalled, now_);
  }

  void one_step() {
    const int slot = static_cast<int>(random_() % kClients);
    auto& client = clients_.at(static_cast<std::size_t>(slot));
    switch (random_() % 12) {
      case 0:
      case 1: connect(client); break;
      case 2: leave(client); break;
      case 3: pass(std::chrono::milliseconds(random_() % 800)); break;
      case 4: pass(std::chrono::milliseconds(random_() % 3000)); break;
      case 5:
        if (random_() % 4 == 0) crash();
        break;
      case 6: garbage(client); break;
      default: speak(client); break;
    }
    for (auto& one : clients_)
      if (one && world_.inner.dropped.contains(*one)) one.reset();
  }

  void connect(std::optional<int>& client) {
    if (client) return;
    if (table_->connect(++last_, {static_cast<std::uint32_t>(last_), 1000}, now_)) client = last_;
    heard_[last_] = now_;
  }
  void leave(std::optional<int>& client) {
    if (!client) return;
    std::erase_if(world_.writers, [&](const auto& entry) { return entry.second == *client; });
    table_->close(*client, now_);
    client.reset();
  }
  void pass(Nanos span) {
    now_ += span;
    table_->tick(now_);
    for (const auto& [gpu, writer] : world_.writers)
      world_.expect(heard_[writer] + LeaseLimits{}.lease > now_, "a writer whose lease has run out");
  }
  /// The helper dies without a word, and a new one finds the journal.
  void crash() {
    clients_.fill(std::nullopt);
    world_.writers.clear();
    start(gpus_);
  }
  void garbage(std::optional<int>& client) {
    if (!client || random_() % 4 != 0) return;
    std::vector<std::byte> bytes(random_() % 128);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random_());
    table_->message(*client, bytes, now_);
  }
  void speak(std::optional<int>& client) {
    if (!client) return;
    const std::string uuid = random_() % 8 == 0 ? "C" : random_() % 2 == 0 ? "A" : "B";
    Request request;
    switch (random_() % 4) {
      case 0: request = testing::make_request(Op::beat); break;
      case 1: request = testing::make_request(Op::reset, uuid); break;
      default: request = testing::make_request(Op::lock, uuid, static_cast<std::uint32_t>(1 + random_() % 1200)); break;
    }
    const std::size_t gpu = uuid == "A" ? 0 : 1;
    const auto before = uuid == "C" || request.op == Op::beat ? std::nullopt : writer_of(gpu);
    const auto lock_before = world_.inner.cards[gpu].lock;
    world_.speaking = client;
    table_->message(*client, testing::bytes_of(request), now_);
    world_.speaking.reset();
    const Reply& reply = world_.inner.replies.at(*client);
    if (before && *before != *client) {
      world_.expect(reply.verdict == Verdict::busy, "the second writer was not told that the GPU is busy");
      world_.expect(world_.inner.cards[gpu].lock == lock_before, "somebody else's clock was changed");
    }
    if (request.op == Op::reset && reply.verdict == Verdict::ok) {
      world_.writers[gpu] = *client;
      world_.expect(!world_.inner.cards[gpu].lock, "a reset that leaves a lock");
    }
    heard_[*client] = now_;
    if (request.op == Op::lock && reply.verdict == Verdict::ok)
      world_.expect(request.value >= kLeast && request.value <= kMost, "a request outside the range was granted");
    if (request.op == Op::lock && reply.verdict == Verdict::ok)
      world_.expect(world_.inner.cards[gpu].lock == reply.locked_mhz, "a lock that is not the one replied");
  }
  std::optional<int> writer_of(std::size_t gpu) const {
    const auto found = world_.writers.find(gpu);
    return found == world_.writers.end() ? std::nullopt : std::optional(found->second);
  }

  void check() {
    for (std::size_t gpu = 0; gpu < 2; ++gpu) {
      const auto& card = world_.inner.cards[gpu];
      if (!card.lock) continue;
      const std::string uuid = gpu == 0 ? "A" : "B";
      const auto& journal = world_.inner.journalled;
      world_.expect(std::count(journal.begin(), journal.end(), uuid) == 1, "a lock that the journal does not know");
      // A driver that refuses to reset is the one excuse, as long as the table goes on trying.
      if (card.reset_code != 0)
        world_.expect(table_->next_tick().has_value(), "a failed restore that is given up");
      else
        world_.expect(writer_of(gpu).has_value(), "a lock without an owner");
    }
    if (table_->clean())
      world_.expect(!world_.inner.cards[0].lock && !world_.inner.cards[1].lock, "clean with a lock left");
  }

  /// However it went: once everybody is gone and the driver works again, every clock is at stock.
  void finish() {
    table_->drop_all(now_);
    for (int tries = 0; tries < 100 && !table_->clean(); ++tries) pass(std::chrono::seconds(5));
    world_.expect(table_->clean() && !world_.inner.cards[0].lock && !world_.inner.cards[1].lock, "a lock was left");
  }

  std::mt19937 random_;
  StrictWorld world_;
  std::vector<LeaseGpu> gpus_;
  std::optional<LeaseTable> table_;
  std::array<std::optional<int>, kClients> clients_;
  int last_ = 0;
  std::map<int, Nanos> heard_;  ///< when each client spoke last
  Nanos now_ = std::chrono::seconds(100);
};

TEST(LeaseTableProperty, TenThousandSequencesOfSeveralClientsKeepEveryInvariant) {
  for (std::uint32_t seed = 0; seed < kSequences; ++seed) {
    const auto violations = Sequence(seed).run();
    ASSERT_TRUE(violations.empty()) << "seed " << seed << ": " << violations.front();
  }
}

}  // namespace
}  // namespace phasewatt::device::lease
