#include "phasewatt/workload/bpe_model.h"

#include <bit>
#include <cstring>

namespace phasewatt::workload {
namespace {

/// Twice the count, rounded up to a power of two.
std::size_t table_size(std::size_t count) { return std::bit_ceil(2 * count + 2); }

std::uint32_t hash_of(std::string_view bytes) {
  std::uint64_t hash = bytes.size() * 0x9E3779B97F4A7C15U;
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = bytes.size() < 8 ? bytes.size() : 8;
    std::memcpy(&word, bytes.data(), count);
    bytes.remove_prefix(count);
    hash = (hash ^ word) * 0xFF51AFD7ED558CCDU;
    hash ^= hash >> 32U;
  }
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

TokenTable::TokenTable(std::size_t count) : slots_(table_size(count)) { ends_.reserve(count); }

bool TokenTable::add(std::string_view bytes) {
  const std::uint32_t hash = hash_of(bytes);
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  for (; slots_[i].id_plus_1 != 0; i = (i + 1) & mask)
    if (slots_[i].hash == hash && this->bytes(slots_[i].id_plus_1 - 1) == bytes) return false;
  text_ += bytes;
  ends_.push_back(text_.size());
  slots_[i] = {hash, static_cast<std::uint32_t>(ends_.size())};
  return true;
}

std::optional<TokenId> TokenTable::find(std::string_view bytes) const {
  const std::uint32_t hash = hash_of(bytes);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask; slots_[i].id_plus_1 != 0; i = (i + 1) & mask) {
    const TokenId id = slots_[i].id_plus_1 - 1;
    if (slots_[i].hash == hash && this->bytes(id) == bytes) return id;
  }
  return std::nullopt;
}

MergeTable::MergeTable(std::size_t count)
    : slots_(table_size(count)),
      mask_(slots_.size() - 1),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {}

bool MergeTable::add(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t wanted = key(left, right);
  std::size_t i = slot_of(wanted);
  for (; slots_[i].merge.rank != kNoRank; i = (i + 1) & mask_)
    if (slots_[i].key == wanted) return false;
  slots_[i] = {wanted, merge};
  return true;
}

std::optional<std::uint8_t> BpeModel::index_bytes() {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto id = tokens.find({&c, 1});
    if (!id) return static_cast<std::uint8_t>(byte);
    byte_ids[byte] = *id;
  }
  byte_merges.resize(std::size_t{256} * 256);
  for (unsigned pair = 0; pair < byte_merges.size(); ++pair)
    byte_merges[pair] = merges.find(byte_ids[pair >> 8U], byte_ids[pair & 0xFFU]);
  return std::nullopt;
}

}  // namespace phasewatt::workload
