#include "phasewatt/engine/libtorch/decoder.h"

#include <gtest/gtest.h>

#include "tests/libtorch/plain_model.h"
#include "tests/libtorch/variants.h"

namespace phasewatt::engine::tests {
namespace {

using libtorch::Decoder;
using libtorch::Piece;
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

std::vector<double> flat(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.to(at::kDouble).contiguous();
  return {dense.data_ptr<double>(), dense.data_ptr<double>() + dense.numel()};
}

std::vector<double> flat(const std::vector<PlainModel::Row>& rows) {
  std::vector<double> out;
  for (const auto& row : rows) out.insert(out.end(), row.begin(), row.end());
  return out;
}

/// A variant in a folder, the decoder on it and the plain model beside it.
struct Pair {
  explicit Pair(const nlohmann::json& json)
      : config(write_model(folder, json)),
        weights(model::WeightFiles::open(folder.path()).value()),
        decoder(config, libtorch::load_weights(config, weights, {}), {}),
        plain(config, weights) {}
  TempFolder folder;
  model::Config config;
  model::WeightFiles weights;
  Decoder decoder;
  PlainModel plain;
};

TEST(Decoder, LogitsAreThoseOfThePlainModel) {
  for (const auto& [name, json] : variants()) {
    Pair pair(json);
    std::mt19937 random(7);
    // 70 tokens are more than one block of queries.
    for (const std::size_t length : {1, 5, 70}) {
      const auto ids = random_ids(random, length);
      pair.decoder.cache().reserve(1, 80);
      const Piece piece{0, 0, ids, static_cast<std::int64_t>(length)};
      EXPECT_LT(distance(flat(pair.decoder.forward({&piece, 1})), flat(pair.plain.logits(ids))), 1e-5)
          << name << ", " << length << " tokens";
    }
  }
}

/// Token by token, in chunks, or at once: the cache holds the same.
TEST(Decoder, CacheContinuesWhereThePassBeforeEnded) {
  for (const auto& [name, json] : variants()) {
    Pair pair(json);
    std::mt19937 random(8);
    const auto ids = random_ids(random, 40);
    const auto expected = flat(pair.plain.logits(ids));
    pair.decoder.cache().reserve(1, 40);
    std::vector<double> found;
    std::int64_t past = 0;
    for (const std::int64_t n : {1, 1, 9, 1, 20, 8}) {
      const Piece piece{0, past, std::span(ids).subspan(static_cast<std::size_t>(past), static_cast<std::size_t>(n)),
                        n};
      const auto part = flat(pair.decoder.forward({&piece, 1}));
      found.insert(found.end(), part.begin(), part.end());
      past += n;
    }
    EXPECT_LT(distance(found, expected), 1e-5) << name;
  }
}

/// Eight sequences of different lengths in one pass, in any slots, are eight passes.
TEST(Decoder, SequencesOfABatchDoNotSeeEachOther) {
  for (const auto& [name, json] : variants()) {
    Pair pair(json);
    std::mt19937 random(9);
    std::vector<std::vector<std::int64_t>> ids;
    for (const std::size_t length : {3, 1, 66, 12, 2, 31, 7, 1}) ids.push_back(random_ids(random, length));
    pair.decoder.cache().reserve(8, 80);
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < ids.size(); ++i) pieces.push_back({static_cast<std::int64_t>(7 - i), 0, ids[i], 1});
    const auto together = pair.decoder.forward(pieces);
    ASSERT_EQ(together.size(0), 8);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Piece alone{0, 0, ids[i], 1};
      EXPECT_LT(distance(flat(together[static_cast<std::int64_t>(i)]), flat(pair.decoder.forward({&alone, 1}))), 1e-5)
          << name << ", sequence " << i;
    }
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
    Decoder decoder(config, libtorch::load_weights(config, weights, {}), {});
    decoder.cache().reserve(1, 8);
    const auto ids = random_ids(random, 8);
    const Piece piece{0, 0, ids, 8};
    EXPECT_LT(distance(flat(decoder.forward({&piece, 1})), flat(PlainModel(config, weights).logits(ids))), 1e-5)
        << dtype;
  }
}

}  // namespace
}  // namespace phasewatt::engine::tests
