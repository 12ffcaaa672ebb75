#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "phasewatt/workload/bpe_model.h"

namespace phasewatt::workload {

/// Tokens of short pieces that were seen lately. One place per hash: a newcomer replaces what is there, so memory never
/// grows (1 MiB). Not thread-safe.
class PieceCache {
 public:
  static constexpr std::size_t kPieceBytes = 15;  ///< longer pieces are not kept
  static constexpr std::size_t kTokens = 3;       ///< nor pieces of more tokens

  struct Entry {
    std::uint64_t low = 0;
    std::uint64_t high = 0;  ///< the last byte is the piece's length; 0: free
    std::array<TokenId, kTokens> ids{};
    std::uint32_t count = 0;
  };
  struct Key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };

  PieceCache() : entries_(kEntries) {}

  /// The key of a piece of 1 to kPieceBytes bytes at p; the text goes on to `end`.
  static Key key(const char* p, std::size_t bytes, const char* end) {
    Key key;
    if (std::endian::native == std::endian::little && end - p >= 16) {
      std::memcpy(&key.low, p, 8);
      std::memcpy(&key.high, p + 8, 8);
      if (bytes < 8) {
        key.low &= ~std::uint64_t{0} >> (64 - 8 * bytes);
        key.high = 0;
      } else {
        key.high &= (std::uint64_t{1} << (8 * (bytes - 8))) - 1;
      }
    } else {
      std::memcpy(&key.low, p, bytes < 8 ? bytes : 8);
      if (bytes > 8) std::memcpy(&key.high, p + 8, bytes - 8);
    }
    // On a big-endian machine the length goes into another byte, which is free as well.
    key.high |= std::endian::native == std::endian::little ? std::uint64_t{bytes} << 56U : std::uint64_t{bytes};
    return key;
  }

  Entry& at(const Key& key) {
    const std::uint64_t hash = (key.low ^ std::rotl(key.high, 29)) * 0x9E3779B97F4A7C15U;
    return entries_[hash >> (64 - kBits)];
  }

  static bool holds(const Entry& entry, const Key& key) { return entry.low == key.low && entry.high == key.high; }

  static void put(Entry& entry, const Key& key, std::span<const TokenId> ids) {
    if (ids.size() > kTokens) return;
    entry.low = key.low;
    entry.high = key.high;
    entry.count = static_cast<std::uint32_t>(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) entry.ids[i] = ids[i];
  }

 private:
  static constexpr unsigned kBits = 15;
  static constexpr std::size_t kEntries = std::size_t{1} << kBits;

  std::vector<Entry> entries_;
};

}  // namespace phasewatt::workload
