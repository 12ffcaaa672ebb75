#include "phasewatt/workload/entity_model.h"

#include <algorithm>
#include <span>

#include "phasewatt/base/files.h"

namespace phasewatt::workload {
namespace {

static_assert(std::endian::native == std::endian::little, "the model file is read as it lies");

/// The header as it lies in the file; after it come transitions, buckets and lexicon, and nothing more.
struct Header {
  std::array<char, 8> magic;
  std::uint32_t version;   ///< changes with the layout
  std::uint32_t features;  ///< changes with entity_features.h: a model fits one set of features only
  std::uint32_t buckets;
  std::uint32_t lexicon;
  std::uint64_t checksum;  ///< first 64 bits of the SHA-256 of what follows the header
};
static_assert(sizeof(Header) == 32);

constexpr std::array<char, 8> kMagic{'P', 'W', 'E', 'N', 'T', 'I', 'T', 'Y'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kFeatures = 1;
constexpr std::size_t kMaxBuckets = 1U << 20;
constexpr std::size_t kMaxLexicon = 1U << 24;
constexpr std::size_t kProbes = 16;

Error bad(std::string_view name, std::string_view what) {
  return {ErrorCode::bad_input, std::string(name) + ": " + std::string(what),
          "give a model file written by this version's phasewatt_train_ner"};
}

template <class T>
void append(std::string& bytes, std::span<const T> values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

template <class T>
std::string_view take(std::string_view bytes, std::span<T> values) {
  std::memcpy(values.data(), bytes.data(), values.size_bytes());
  return bytes.substr(values.size_bytes());
}

}  // namespace

EntityModel::EntityModel(std::size_t buckets, std::size_t lexicon) : buckets_(buckets), lexicon_(lexicon) {}

Result<EntityModel> EntityModel::parse(std::string_view bytes, std::string_view name) {
  if (bytes.size() < sizeof(Header)) return bad(name, "too short for an entity model");
  Header header{};
  std::memcpy(&header, bytes.data(), sizeof(Header));
  if (header.magic != kMagic) return bad(name, "not an entity model");
  if (header.version != kVersion || header.features != kFeatures) {
    return bad(name, "an entity model of another version of the program");
  }
  if (header.buckets == 0 || header.buckets > kMaxBuckets || header.lexicon == 0 || header.lexicon > kMaxLexicon) {
    return bad(name, "table sizes out of range");
  }
  std::string_view rest = bytes.substr(sizeof(Header));
  if (rest.size() != sizeof(Transitions) + header.buckets * sizeof(Bucket) + header.lexicon * sizeof(LexiconEntry)) {
    return bad(name, "its length is not what its header says");
  }
  if (sha256_u64(rest) != header.checksum) return bad(name, "the checksum does not match; the file is damaged");

  EntityModel model(header.buckets, header.lexicon);
  rest = take(rest, std::span(&model.transitions_, 1));
  rest = take(rest, std::span(model.buckets_));
  take(rest, std::span(model.lexicon_));
  for (const auto& rows : model.transitions_) {
    for (std::size_t from = 0; from < kTags; ++from) {
      for (std::size_t to = 0; to < kTags; ++to) {
        const std::int16_t score = rows[from][to];
        if (score != kForbidden && (score > kMaxTransition || score < -kMaxTransition)) {
          return bad(name, "a transition score out of range");
        }
      }
    }
  }
  return model;
}

std::string EntityModel::serialize() const {
  const Header header{kMagic,
                      kVersion,
                      kFeatures,
                      static_cast<std::uint32_t>(buckets_.size()),
                      static_cast<std::uint32_t>(lexicon_.size()),
                      0};
  std::string bytes;
  append(bytes, std::span(&header, 1));
  append(bytes, std::span(&transitions_, 1));
  append(bytes, std::span(buckets_));
  append(bytes, std::span(lexicon_));
  seal_entity_model(bytes);
  return bytes;
}

void seal_entity_model(std::string& bytes) {
  if (bytes.size() < sizeof(Header)) return;
  const std::uint64_t checksum = sha256_u64(std::string_view(bytes).substr(sizeof(Header)));
  std::memcpy(bytes.data() + offsetof(Header, checksum), &checksum, sizeof checksum);
}

WordFacts EntityModel::facts(std::uint64_t hash) const {
  const auto check = static_cast<std::uint32_t>(hash) | 1U;
  std::size_t i = entry_of(hash);
  for (std::size_t probe = 0; probe < kProbes; ++probe) {
    const LexiconEntry& entry = lexicon_[i];
    if (entry.check == check) return entry.facts;
    if (entry.check == 0) break;
    i = i + 1 == lexicon_.size() ? 0 : i + 1;
  }
  return {};
}

bool EntityModel::put_facts(std::uint64_t hash, const WordFacts& facts) {
  const auto check = static_cast<std::uint32_t>(hash) | 1U;
  std::size_t i = entry_of(hash);
  for (std::size_t probe = 0; probe < kProbes; ++probe) {
    LexiconEntry& entry = lexicon_[i];
    if (entry.check == 0 || entry.check == check) {
      entry = {check, facts};
      return true;
    }
    i = i + 1 == lexicon_.size() ? 0 : i + 1;
  }
  return false;
}

bool EntityModel::put_row(std::uint64_t hash, const std::array<std::int8_t, kTags - 1>& weights) {
  Bucket& bucket = buckets_[bucket_of(hash)];
  for (std::size_t slot = 0; slot < bucket.checks.size(); ++slot) {
    if (bucket.checks[slot] != 0 && bucket.checks[slot] != check_of(hash)) continue;
    if (bucket.checks[slot] != 0) return false;  // another feature with the same check
    bucket.checks[slot] = check_of(hash);
    std::copy(weights.begin(), weights.end(),
              bucket.weights.begin() + static_cast<std::ptrdiff_t>(slot * weights.size()));
    return true;
  }
  return false;
}

}  // namespace phasewatt::workload
