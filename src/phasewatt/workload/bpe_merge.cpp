#include "phasewatt/workload/bpe_merge.h"

#include <algorithm>
#include <functional>

namespace phasewatt::workload {
namespace {

/// Up to this many bytes a scan for the lowest rank costs less than a heap.
constexpr std::size_t kScanBytes = 48;

/// Positions have 32 bits. A piece longer than this is merged block by block.
constexpr std::size_t kBlockBytes = std::size_t{1} << 30U;

constexpr std::uint32_t kEnd = std::numeric_limits<std::uint32_t>::max();

std::size_t byte_pair(std::string_view piece, std::size_t at) {
  return std::size_t{static_cast<std::uint8_t>(piece[at])} << 8U | static_cast<std::uint8_t>(piece[at + 1]);
}

}  // namespace

std::span<const TokenId> BpeMerger::merge(std::string_view piece) {
  ids_.clear();
  if (model_.whole_pieces) {
    if (const auto id = model_.tokens.find(piece)) {
      ids_.push_back(*id);
      return ids_;
    }
  }
  if (piece.size() <= kScanBytes) {
    scan(piece);
  } else {
    for (std::size_t at = 0; at < piece.size(); at += kBlockBytes) merge_block(piece.substr(at, kBlockBytes));
  }
  return ids_;
}

void BpeMerger::scan(std::string_view piece) {
  std::size_t count = piece.size();
  ids_.resize(count);
  merges_.resize(count);
  for (std::size_t i = 0; i < count; ++i) ids_[i] = model_.byte_ids[static_cast<std::uint8_t>(piece[i])];
  for (std::size_t i = 0; i + 1 < count; ++i) merges_[i] = model_.byte_merges[byte_pair(piece, i)];
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (merges_[i].rank < merges_[best].rank) best = i;
    if (merges_[best].rank == kNoRank) break;
    ids_[best] = merges_[best].id;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      ids_[i] = ids_[i + 1];
      merges_[i] = merges_[i + 1];
    }
    if (best + 1 < count) merges_[best] = model_.merges.find(ids_[best], ids_[best + 1]);
    if (best > 0) merges_[best - 1] = model_.merges.find(ids_[best - 1], ids_[best]);
  }
  ids_.resize(count);
}

void BpeMerger::push(std::uint32_t at) {
  const std::uint32_t rank = parts_[at].merge.rank;
  if (rank == kNoRank) return;
  heap_.push_back(std::uint64_t{rank} << 32U | at);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

/// Replaces the token at `at` and the one after it by what they merge into.
void BpeMerger::join(std::uint32_t at) {
  Part& part = parts_[at];
  Part& gone = parts_[part.next];
  part.id = part.merge.id;
  part.next = gone.next;
  part.merge = {};
  gone.merge = {};
  if (part.next != kEnd) {
    parts_[part.next].previous = at;
    part.merge = model_.merges.find(part.id, parts_[part.next].id);
    push(at);
  }
  if (part.previous != kEnd) {
    parts_[part.previous].merge = model_.merges.find(parts_[part.previous].id, part.id);
    push(part.previous);
  }
}

void BpeMerger::merge_block(std::string_view block) {
  const auto count = static_cast<std::uint32_t>(block.size());
  parts_.resize(count);
  heap_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    parts_[i] = {model_.byte_ids[static_cast<std::uint8_t>(block[i])], i == 0 ? kEnd : i - 1, last ? kEnd : i + 1,
                 last ? Merge{} : model_.byte_merges[byte_pair(block, i)]};
    if (parts_[i].merge.rank != kNoRank) heap_.push_back(std::uint64_t{parts_[i].merge.rank} << 32U | i);
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const std::uint64_t top = heap_.back();
    heap_.pop_back();
    const auto at = static_cast<std::uint32_t>(top);
    // Neighbours that have changed since left an entry behind that no longer holds.
    if (parts_[at].merge.rank == top >> 32U) join(at);
  }
  for (std::uint32_t at = 0; at != kEnd; at = parts_[at].next) ids_.push_back(parts_[at].id);
}

}  // namespace phasewatt::workload
