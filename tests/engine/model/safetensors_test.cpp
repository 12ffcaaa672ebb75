#include "phasewatt/engine/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include "tests/engine/model/tiny_folder.h"

namespace phasewatt::engine::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::RawTensor;
using tests::safetensors_bytes;
using tests::TempFolder;

Result<std::vector<TensorEntry>> parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), file.size(), "f");
}

/// A file with this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return out + header + std::string(data_bytes, 'x');
}

std::string message(const std::string& file) {
  const auto entries = parse(file);
  return entries ? "was read" : entries.error().what;
}

TEST(Safetensors, ReadsWhatWasWritten) {
  const auto file = safetensors_bytes({{"b", "F32", {2, 3}, std::string(24, 'b')}, {"a", "BF16", {}, "aa"}});
  const auto entries = parse(file).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].name, "b");
  EXPECT_THAT(entries[0].shape, ElementsAre(2, 3));
  EXPECT_EQ(entries[1].dtype, Dtype::bf16);
  EXPECT_EQ(file.substr(entries[1].begin, entries[1].end - entries[1].begin), "aa");
}

TEST(Safetensors, RefusesWhatDoesNotAddUp) {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_EQ(message(file_of("{" + a + "}", 8)), "was read");
  EXPECT_THAT(message(""), HasSubstr("too few for a header"));
  EXPECT_THAT(message(file_of("{" + a + "}", 7)), HasSubstr("'a' ends at byte 8 of 7"));
  EXPECT_THAT(message(file_of("{" + a + "}", 9)), HasSubstr("1 bytes belong to no tensor"));
  EXPECT_THAT(message(file_of("{" + a + "," + a + "}", 8)), HasSubstr("'a' comes twice"));
  EXPECT_THAT(message(file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12)),
              HasSubstr("'b' begins at byte 4, where 8 is expected"));
  EXPECT_THAT(message(file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16)),
              HasSubstr("'b' begins at byte 12"));
  EXPECT_THAT(message(file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)),
              HasSubstr("needs 12 bytes, its data_offsets span 8"));
  EXPECT_THAT(message(file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0)),
              HasSubstr("needs too many bytes"));
  EXPECT_THAT(message(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8)), HasSubstr("ascending"));
  EXPECT_THAT(message(file_of(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8)), HasSubstr("shape"));
  EXPECT_THAT(message(file_of(R"({"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}})", 8)),
              HasSubstr("dtype is 'Q4'"));
  EXPECT_THAT(message(file_of("[]", 0)), HasSubstr("not a JSON object"));
  EXPECT_THAT(message(file_of("{]", 0)), HasSubstr("not valid JSON"));
  EXPECT_THAT(message(file_of(R"({"a":[[[[[[]]]]]]})", 0)), HasSubstr("nested deeper"));
}

TEST(Safetensors, RefusesAHeaderLengthThatLies) {
  std::string file = file_of("{}", 0);
  file[1] = 1;
  EXPECT_THAT(message(file), HasSubstr("its header claims 258 bytes, and the file has 10"));
  std::fill(file.begin(), file.begin() + 8, '\xFF');
  EXPECT_THAT(message(file), HasSubstr("above 100000000"));
}

/// What is written is read back, byte for byte.
RC_GTEST_PROP(Safetensors, RoundTrip, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 8);
  std::vector<RawTensor> tensors;
  for (std::size_t i = 0; i < count; ++i) {
    const bool half = *rc::gen::arbitrary<bool>();
    const auto shape = *rc::gen::resize(4, rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange(0, 5)));
    std::size_t bytes = half ? 2 : 4;
    for (const auto dimension : shape) bytes *= static_cast<std::size_t>(dimension);
    tensors.push_back({"t" + std::to_string(i), half ? "F16" : "F32", shape,
                       *rc::gen::container<std::string>(bytes, rc::gen::arbitrary<char>())});
  }
  const std::string file = safetensors_bytes(tensors);
  const auto entries = parse(file);
  RC_ASSERT(entries.ok());
  RC_ASSERT(entries->size() == tensors.size());
  for (const auto& entry : *entries) {
    const auto& original = tensors.at(std::stoul(entry.name.substr(1)));
    RC_ASSERT(entry.shape == original.shape);
    RC_ASSERT(file.substr(entry.begin, entry.end - entry.begin) == original.bytes);
  }
}

/// A damaged file is refused, or its tensors still lie inside it, one behind the other.
RC_GTEST_PROP(Safetensors, DamageNeverLeadsOutside, ()) {
  std::string file =
      safetensors_bytes({{"a", "F32", {2, 3}, std::string(24, 'a')}, {"b", "F16", {5}, std::string(10, 'b')}});
  const auto changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i) file[*rc::gen::inRange<std::size_t>(0, file.size())] = *rc::gen::arbitrary<char>();
  file.resize(*rc::gen::inRange<std::size_t>(0, file.size() + 1));
  const auto entries = parse(file);
  if (!entries) return;
  std::uint64_t last = 0;
  for (const auto& entry : *entries) {
    RC_ASSERT(entry.begin >= last && entry.begin <= entry.end && entry.end <= file.size());
    last = entry.end;
  }
  RC_ASSERT(entries->empty() || last == file.size());
}

TEST(Index, NamesMustStayInTheFolder) {
  EXPECT_EQ(parse_index(R"({"weight_map": {"a": "m-1.safetensors"}})", "i")->at("a"), "m-1.safetensors");
  for (const char* const name : {"../x", "/etc/passwd", "..", "", "a\\u0000b"})
    EXPECT_FALSE(parse_index(std::string(R"({"weight_map": {"a": ")") + name + R"("}})", "i")) << name;
  EXPECT_FALSE(parse_index(R"({"weight_map": ["a"]})", "i"));
}

TEST(WeightFiles, OneFileOrSeveral) {
  const TempFolder folder;
  const RawTensor a{"a", "F32", {1}, "1234"};
  const RawTensor b{"b", "F32", {1}, "5678"};
  folder.write("m-1.safetensors", safetensors_bytes({a}));
  folder.write("m-2.safetensors", safetensors_bytes({b}));
  folder.write("model.safetensors.index.json",
               R"({"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}})");
  const auto weights = WeightFiles::open(folder.path()).value();
  EXPECT_EQ(weights.files(), 2U);
  EXPECT_THAT(weights.names(), ElementsAre("a", "b"));
  const auto found = weights.find("b").value();
  EXPECT_EQ(std::memcmp(found.bytes.data(), "5678", 4), 0);
  EXPECT_FALSE(weights.find("c"));

  folder.write("m-2.safetensors", safetensors_bytes({a}));
  EXPECT_THAT(WeightFiles::open(folder.path()).error().what, HasSubstr("'a' is in another file too"));
  folder.write("m-2.safetensors", safetensors_bytes({}));
  EXPECT_THAT(WeightFiles::open(folder.path()).error().what, HasSubstr("'b' is not in 'm-2.safetensors'"));
  std::filesystem::remove(folder.path() / "m-2.safetensors");
  EXPECT_EQ(WeightFiles::open(folder.path()).error().code, ErrorCode::not_found);
}

TEST(WeightFiles, OtherFormatsAndPipesAreNamed) {
  const TempFolder folder;
  EXPECT_EQ(WeightFiles::open(folder.path()).error().code, ErrorCode::not_found);
  folder.write("pytorch_model.bin", "x");
  EXPECT_EQ(WeightFiles::open(folder.path()).error().code, ErrorCode::unsupported);
  ASSERT_EQ(::mkfifo((folder.path() / "model.safetensors").c_str(), 0600), 0);
  EXPECT_THAT(WeightFiles::open(folder.path()).error().what, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace phasewatt::engine::model
