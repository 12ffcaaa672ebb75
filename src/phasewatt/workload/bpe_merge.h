#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "phasewatt/workload/bpe_model.h"

namespace phasewatt::workload {

/// Merges the bytes of one piece: always the neighbours of lowest rank, the leftmost of them first (Sennrich et al.
/// 2016). Short pieces by scanning; long ones with a heap, so that n bytes cost n log n. Not thread-safe; keeps as much
/// memory as its longest piece needed.
class BpeMerger {
 public:
  explicit BpeMerger(const BpeModel& model) : model_(model) {}

  /// The tokens of a piece of at least one byte; valid until the next call.
  std::span<const TokenId> merge(std::string_view piece);

 private:
  /// One token of the piece so far. `next` is where the token after it stands, `merge` what the two merge into.
  struct Part {
    TokenId id = 0;
    std::uint32_t previous = 0;
    std::uint32_t next = 0;
    Merge merge;
  };

  void scan(std::string_view piece);
  void merge_block(std::string_view block);
  void push(std::uint32_t at);
  void join(std::uint32_t at);

  const BpeModel& model_;
  std::vector<TokenId> ids_;
  std::vector<Merge> merges_;        ///< scan: of each token with the next
  std::vector<Part> parts_;          ///< merge_block: a linked list in place
  std::vector<std::uint64_t> heap_;  ///< merge_block: rank << 32 | position; some of them outdated
};

}  // namespace phasewatt::workload
