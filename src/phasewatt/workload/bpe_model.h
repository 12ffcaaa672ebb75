#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The tables byte-level BPE runs on: which bytes each token stands for, and which neighbours merge in which order.
/// Immutable once built, then shareable between threads.
namespace phasewatt::workload {

using TokenId = std::uint32_t;

inline constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

/// Token bytes by id, and back, in one flat open-addressing table.
class TokenTable {
 public:
  /// `count` tokens will be added.
  explicit TokenTable(std::size_t count = 0);

  /// Adds the next id; false, adding nothing, when the bytes are there already.
  bool add(std::string_view bytes);

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] std::string_view bytes(TokenId id) const {
    const std::size_t begin = id == 0 ? 0 : ends_[id - 1];
    return std::string_view(text_).substr(begin, ends_[id] - begin);
  }
  [[nodiscard]] std::optional<TokenId> find(std::string_view bytes) const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id_plus_1 = 0;  ///< 0: free
  };

  std::string text_;               ///< all tokens, one after the other
  std::vector<std::size_t> ends_;  ///< where each ends in it
  std::vector<Slot> slots_;        ///< a power of two, at most half full
};

/// What two neighbours merge into. A lower rank merges first.
struct Merge {
  std::uint32_t rank = kNoRank;
  TokenId id = 0;
};

/// Merges by pair of neighbours: flat open addressing, and a direct table for pairs of single bytes.
class MergeTable {
 public:
  explicit MergeTable(std::size_t count = 0);

  /// Adds a merge; false, changing nothing, when the pair has one already.
  bool add(TokenId left, TokenId right, Merge merge);

  /// rank = kNoRank when the pair does not merge.
  [[nodiscard]] Merge find(TokenId left, TokenId right) const {
    const std::uint64_t wanted = key(left, right);
    for (std::size_t i = slot_of(wanted);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.key == wanted) return slot.merge;
      if (slot.merge.rank == kNoRank) return {};
    }
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    Merge merge;  ///< rank = kNoRank: free
  };

  static std::uint64_t key(TokenId left, TokenId right) { return std::uint64_t{left} << 32U | right; }
  [[nodiscard]] std::size_t slot_of(std::uint64_t k) const {
    return static_cast<std::size_t>((k * 0x9E3779B97F4A7C15U) >> shift_);
  }

  std::vector<Slot> slots_;  ///< a power of two, at most half full
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
};

struct BpeModel {
  TokenTable tokens;
  MergeTable merges;
  std::array<TokenId, 256> byte_ids{};  ///< the token of each single byte
  std::vector<Merge> byte_merges;       ///< merge of two bytes at [first << 8 | second]: the first step of every piece
  bool whole_pieces = false;            ///< a piece that is a token is taken whole, whatever the merges say

  /// Fills byte_ids and byte_merges; the first byte that is no token, if there is one.
  std::optional<std::uint8_t> index_bytes();
};

}  // namespace phasewatt::workload
