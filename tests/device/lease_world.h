#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "phasewatt/device/lease/lease_table.h"

/// The world of the lease table in memory: GPUs, a journal, and everything that was said and done, in order.
namespace phasewatt::device::lease::testing {

struct World final : LeasePort {
  struct Card {
    std::optional<std::uint32_t> lock;
    GpuLook look;
    int set_code = 0;  ///< what the driver answers
    int reset_code = 0;
  };

  std::vector<Card> cards;
  std::vector<std::string> journalled;
  bool journal_works = true;
  std::vector<std::string> events;  ///< "journal A", "lock 0 900", "reset 0", "drop 3", …
  std::vector<std::string> audits;
  std::map<int, Reply> replies;  ///< the last one of each client
  std::set<int> dropped;

  int set_lock(std::size_t gpu, std::uint32_t mhz) override {
    events.push_back("lock " + std::to_string(gpu) + " " + std::to_string(mhz));
    // The worst driver: it refuses after it has done what was asked.
    cards[gpu].lock = mhz;
    return cards[gpu].set_code;
  }
  int reset(std::size_t gpu) override {
    events.push_back("reset " + std::to_string(gpu));
    if (cards[gpu].reset_code == 0) cards[gpu].lock.reset();
    return cards[gpu].reset_code;
  }
  GpuLook look(std::size_t gpu) override { return cards[gpu].look; }
  bool journal(const std::vector<std::string>& locked) override {
    std::string event = "journal";
    for (const auto& uuid : locked) event += " " + uuid;
    events.push_back(event);
    if (journal_works) journalled = locked;
    return journal_works;
  }
  void audit(const std::string& line) override { audits.push_back(line); }
  void reply(int client, const Reply& reply) override { replies[client] = reply; }
  void drop(int client) override {
    events.push_back("drop " + std::to_string(client));
    dropped.insert(client);
  }
};

inline Request make_request(Op op, const std::string& gpu = {}, std::uint32_t value = 0) {
  Request request;
  request.op = op;
  request.sequence = 1;
  request.value = value;
  request.gpu = to_uuid(gpu).value();
  return request;
}

inline std::span<const std::byte> bytes_of(const Request& request) { return std::as_bytes(std::span(&request, 1)); }

}  // namespace phasewatt::device::lease::testing
