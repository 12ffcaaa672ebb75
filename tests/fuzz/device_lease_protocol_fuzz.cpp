// Any packets of several clients at the lease table: never a crash, never a lock outside the range or without a writer.
// Input: packets one after the other, each behind a byte that names the client (low two bits) and what happens before
// (bit 2 connects it, bit 3 closes it, bit 4 lets time pass) and its length (high three bits; all ones: a whole one).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "phasewatt/device/lease/lease_table.h"

namespace {

using namespace phasewatt;
using namespace phasewatt::device::lease;

struct FuzzPort final : LeasePort {
  std::vector<bool> locked = std::vector<bool>(2);
  std::vector<std::string> journalled;

  int set_lock(std::size_t gpu, std::uint32_t mhz) override {
    if (mhz < 300 || mhz > 900 || journalled.empty()) std::abort();
    locked[gpu] = true;
    return 0;
  }
  int reset(std::size_t gpu) override {
    locked[gpu] = false;
    return 0;
  }
  GpuLook look(std::size_t /*gpu*/) override { return {}; }
  bool journal(const std::vector<std::string>& now) override {
    journalled = now;
    return true;
  }
  void audit(const std::string& line) override {
    if (line.find('\n') != std::string::npos) std::abort();
  }
  void reply(int /*client*/, const Reply& reply) override {
    if (!parse_reply(std::as_bytes(std::span(&reply, 1)))) std::abort();
  }
  void drop(int /*client*/) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzPort port;
  LeaseTable table({{"GPU-a", {300, 600, 900}}, {"GPU-b", {300, 600, 900}}}, {}, port);
  Nanos now = std::chrono::seconds(1);
  auto rest = std::as_bytes(std::span(data, size));
  while (!rest.empty()) {
    const auto how = std::to_integer<unsigned>(rest.front());
    rest = rest.subspan(1);
    const int client = static_cast<int>(how & 3U);
    if ((how & 8U) != 0) table.close(client, now);
    if ((how & 4U) != 0) {
      table.close(client, now);
      table.connect(client, {}, now);
    }
    if ((how & 16U) != 0) now += std::chrono::milliseconds(700);
    table.tick(now);
    // All ones is a whole request, so that the fuzzer need not guess its length.
    const std::size_t wanted = (how >> 5U) == 7 ? sizeof(Request) : (how >> 5U) * 24;
    const auto packet = rest.first(std::min(wanted, rest.size()));
    table.message(client, packet, now);
    rest = rest.subspan(packet.size());
  }
  table.drop_all(now);
  if (!table.clean() || port.locked[0] || port.locked[1] || !port.journalled.empty()) std::abort();
  return 0;
}
