#pragma once

#include <gtest/gtest.h>

#include "tests/engine/embedded/plain_model.h"
#include "tests/engine/embedded/variants.h"

/// A decoder on tiny models of every variant, held to the plain model.
namespace phasewatt::engine::tests {
namespace {

using embedded::Piece;
using model::tests::TempFolder;

/// ‖a - b‖ / ‖b‖
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a.at(i) - b[i]) * (a.at(i) - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

std::vector<double> flat(const std::vector<PlainModel::Row>& rows) {
  std::vector<double> out;
  for (const auto& row : rows) out.insert(out.end(), row.begin(), row.end());
  return out;
}

/// A variant in a folder, a decoder on it with room for eight sequences, and the plain model beside it.
struct Pair {
  explicit Pair(const nlohmann::json& json)
      : config(write_model(folder, json)),
        weights(model::WeightFiles::open(folder.path()).value()),
        forward(make_forward(config, weights, 8, 80)),
        plain(config, weights) {}
  [[nodiscard]] std::vector<double> alone(const Piece& piece) const { return forward({&piece, 1}); }
  TempFolder folder;
  model::Config config;
  model::WeightFiles weights;
  Forward forward;
  PlainModel plain;
};

TEST(Decoder, LogitsAreThoseOfThePlainModel) {
  for (const auto& [name, json] : variants()) {
    const Pair pair(json);
    std::mt19937 random(7);
    // 70 tokens are more than one block of queries.
    for (const std::size_t length : {1, 5, 70}) {
      const auto ids = random_ids(random, length);
      const auto found = pair.alone({0, 0, ids, static_cast<std::int64_t>(length)});
      EXPECT_LT(distance(found, flat(pair.plain.logits(ids))), 1e-5) << name << ", " << length << " tokens";
    }
  }
}

/// Token by token, in chunks, or at once: the cache holds the same.
TEST(Decoder, CacheContinuesWhereThePassBeforeEnded) {
  for (const auto& [name, json] : variants()) {
    const Pair pair(json);
    std::mt19937 random(8);
    const auto ids = random_ids(random, 40);
    std::vector<double> found;
    std::int64_t past = 0;
    for (const std::int64_t n : {1, 1, 9, 1, 20, 8}) {
      const auto tokens = std::span(ids).subspan(static_cast<std::size_t>(past), static_cast<std::size_t>(n));
      const auto part = pair.alone({0, past, tokens, n});
      found.insert(found.end(), part.begin(), part.end());
      past += n;
    }
    EXPECT_LT(distance(found, flat(pair.plain.logits(ids))), 1e-5) << name;
  }
}

/// Eight sequences of different lengths in one pass, in any slots, are eight passes.
TEST(Decoder, SequencesOfABatchDoNotSeeEachOther) {
  for (const auto& [name, json] : variants()) {
    const Pair pair(json);
    std::mt19937 random(9);
    std::vector<std::vector<std::int64_t>> ids;
    for (const std::size_t length : {3, 1, 66, 12, 2, 31, 7, 1}) ids.push_back(random_ids(random, length));
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < ids.size(); ++i) pieces.push_back({static_cast<std::int64_t>(7 - i), 0, ids[i], 1});
    const auto together = pair.forward(pieces);
    std::vector<double> one_by_one;
    for (const auto& one : ids) {
      const auto row = pair.alone({0, 0, one, 1});
      one_by_one.insert(one_by_one.end(), row.begin(), row.end());
    }
    EXPECT_LT(distance(together, one_by_one), 1e-5) << name;
  }
}

TEST(Decoder, HalfPrecisionWeightsAreConverted) {
  for (const char* const dtype : {"F16", "BF16"}) {
    TempFolder folder;
    const auto config = write_model(folder, model::tests::tiny_config());
    auto tensors = model::tests::random_tensors(config);
    std::mt19937 random(3);
    for (auto& tensor : tensors) {
      tensor.dtype = dtype;
      tensor.bytes.resize(tensor.bytes.size() / 2);
      for (std::size_t i = 0; i < tensor.bytes.size(); i += 2) {
        // Any sign and mantissa; exponents that keep the values below 1/2.
        const auto noise = static_cast<std::uint16_t>(random());
        const bool brain = tensor.dtype == "BF16";
        const std::uint16_t exponent = brain ? (noise & 3U) + 122U : (noise & 3U) + 10U;
        const auto bits =
            static_cast<std::uint16_t>((noise & (brain ? 0x807FU : 0x83FFU)) | (exponent << (brain ? 7 : 10)));
        std::memcpy(tensor.bytes.data() + i, &bits, 2);
      }
    }
    folder.write("model.safetensors", model::tests::safetensors_bytes(tensors));
    const auto weights = model::WeightFiles::open(folder.path()).value();
    const auto ids = random_ids(random, 8);
    const Piece piece{0, 0, ids, 8};
    const auto found = make_forward(config, weights, 1, 8)({&piece, 1});
    EXPECT_LT(distance(found, flat(PlainModel(config, weights).logits(ids))), 1e-5) << dtype;
  }
}

}  // namespace
}  // namespace phasewatt::engine::tests
