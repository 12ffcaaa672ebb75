#include "phasewatt/workload/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unicode/normalizer2.h>

#include <filesystem>
#include <thread>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/tokenizer_nfc.h"
#include "tests/workload/tiny_vocabulary.h"

namespace phasewatt::workload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::uint32_t>;

TinyVocabulary words() {
  TinyVocabulary vocabulary;
  vocabulary.add("h", "e");
  vocabulary.add("l", "l");
  vocabulary.add("he", "ll");
  vocabulary.add("hell", "o");
  vocabulary.add(" ", "hello");
  vocabulary.add("\xC3", "\xA9");
  return vocabulary;
}
constexpr std::uint32_t kHello = 259;
constexpr std::uint32_t kSpaceHello = 260;
constexpr std::uint32_t kAccented = 261;
constexpr std::uint32_t kBegin = 262;

Tokenizer open_json(const nlohmann::json& json) {
  const auto parts = read_tokenizer_json(json.dump(), "tokenizer.json");
  EXPECT_TRUE(parts) << to_string(parts.error());
  auto tokenizer = Tokenizer::build(*parts, "tokenizer.json");
  EXPECT_TRUE(tokenizer) << to_string(tokenizer.error());
  return *tokenizer;
}

Tokenizer tiny() { return open_json(tokenizer_json(words())); }

Ids encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  Ids ids;
  tokenizer.encode(text, ids, options);
  EXPECT_EQ(tokenizer.count(text, options), ids.size());
  return ids;
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("phasewatt-tokenizer-{}", getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  void write(const std::string& name, const std::string& text) const { EXPECT_TRUE(write_file(path_ / name, text)); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Tokenizer, EncodesAndDecodes) {
  const auto tokenizer = tiny();
  EXPECT_THAT(encode(tokenizer, "hello hello he"), ElementsAre(kHello, kSpaceHello, ' ', 256U));
  EXPECT_THAT(encode(tokenizer, ""), ElementsAre());
  EXPECT_EQ(tokenizer.decode(Ids{kHello, kAccented, kBegin}).value(), "hello\u00e9<|begin_of_text|>");
  const auto wrong = tokenizer.decode(Ids{kHello, 265});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, HasSubstr("265"));
}

TEST(Tokenizer, AppendsToWhatIsThere) {
  Ids ids{1, 2};
  tiny().encode("hello", ids);
  EXPECT_THAT(ids, ElementsAre(1U, 2U, kHello));
}

TEST(Tokenizer, SaysWhatItIs) {
  const auto tokenizer = tiny();
  EXPECT_EQ(tokenizer.name(), "llama-3-like");
  EXPECT_EQ(tokenizer.size(), 265U);
  EXPECT_EQ(tokenizer.fingerprint().size(), 16U);
  EXPECT_EQ(tokenizer.describe(),
            "llama-3-like, 265 tokens, vocabulary " + tokenizer.fingerprint() + ", from tokenizer.json");
}

TEST(Tokenizer, AddedTokensAreTextUnlessAskedFor) {
  const auto tokenizer = tiny();
  const std::string text = "hello<|end|>!<|end|> hello<|en";
  EXPECT_EQ(encode(tokenizer, text).front(), kHello);
  EXPECT_EQ(encode(tokenizer, "<|end|>").size(), 7U);
  // The longest of those that begin at the same place.
  const Ids ids = encode(tokenizer, text, {.special_tokens = true});
  EXPECT_THAT(ids, ElementsAre(kHello, 264U, 263U, kSpaceHello, '<', '|', 'e', 'n'));
  EXPECT_EQ(tokenizer.decode(ids).value(), text);
  EXPECT_EQ(tokenizer.added_token("<|end|>"), 263U);
  EXPECT_EQ(tokenizer.added_token("hello"), std::nullopt);
}

TEST(Tokenizer, BosComesFirstWhenAskedForAndKnown) {
  EXPECT_THAT(encode(tiny(), "hello", {.bos = true}), ElementsAre(kBegin, kHello));
  auto json = tokenizer_json(words());
  json["added_tokens"] = nlohmann::json::array();
  const auto without = open_json(json);
  EXPECT_EQ(without.bos(), std::nullopt);
  EXPECT_THAT(encode(without, "hello", {.bos = true}), ElementsAre(kHello));
}

TEST(Tokenizer, NormalisesWhereTheModelAsks) {
  const std::string decomposed = "e\u0301";
  EXPECT_EQ(encode(tiny(), decomposed), (Ids{'e', 0xCC, 0x81}));
  auto json = tokenizer_json(words());
  json["normalizer"] = {{"type", "NFC"}};
  const auto tokenizer = open_json(json);
  EXPECT_THAT(encode(tokenizer, decomposed), ElementsAre(kAccented));
  EXPECT_THAT(encode(tokenizer, "\u00e9"), ElementsAre(kAccented));
  // Around bytes that are not UTF-8, and not across an added token.
  EXPECT_EQ(encode(tokenizer, decomposed + "\xFF" + decomposed), (Ids{kAccented, 0xFF, kAccented}));
  EXPECT_THAT(encode(tokenizer, "e<|end|>\u0301", {.special_tokens = true}), ElementsAre('e', 263U, 0xCCU, 0x81U));
}

RC_GTEST_PROP(Nfc, IsIcus, ()) {
  const std::string text = *random_text();
  UErrorCode status = U_ZERO_ERROR;
  std::string expected;
  icu::Normalizer2::getNFCInstance(status)
      ->normalize(icu::UnicodeString::fromUTF8(text), status)
      .toUTF8String(expected);
  std::string scratch;
  RC_ASSERT(U_SUCCESS(status));
  RC_ASSERT(to_nfc(text, scratch) == expected);
}

RC_GTEST_PROP(Tokenizer, RoundTripsUnicode, ()) {
  static const auto tokenizer = tiny();
  const std::string text = *random_text();
  RC_ASSERT(tokenizer.decode(encode(tokenizer, text)).value() == text);
  RC_ASSERT(tokenizer.decode(encode(tokenizer, text, {.special_tokens = true})).value() == text);
}

RC_GTEST_PROP(Tokenizer, RoundTripsAnyBytes, (const std::string& text)) {
  static const auto tokenizer = tiny();
  RC_ASSERT(tokenizer.decode(encode(tokenizer, text)).value() == text);
}

TEST(Tokenizer, NulAndBrokenUtf8AreBytes) {
  const std::string text("he\0\xFF\xC3\xE2\x82 hello", 13);
  EXPECT_EQ(encode(tiny(), text), (Ids{256, 0, 0xFF, 0xC3, 0xE2, 0x82, kSpaceHello}));
}

TEST(Tokenizer, EncodersShareATokenizerBetweenThreads) {
  const auto tokenizer = tiny();
  std::array<Ids, 2> ids;
  {
    std::array<std::thread, 2> threads;
    for (std::size_t i = 0; i < 2; ++i)
      threads.at(i) = std::thread([&, i] {
        TokenEncoder encoder(tokenizer);
        for (int round = 0; round < 100; ++round) encoder.encode("hello e\u0301 123 hello", ids.at(i));
      });
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(ids[0], ids[1]);
}

TEST(Tokenizer, EncoderOutlivesItsTokenizer) {
  auto encoder = [] { return TokenEncoder(tiny()); }();
  Ids ids;
  encoder.encode("hello", ids);
  EXPECT_THAT(ids, ElementsAre(kHello));
}

TEST(Tokenizer, AllFormsGiveTheSameIds) {
  const Folder folder;
  const auto vocabulary = words();
  const std::string text = "hello hello\u00e9 12345 <|end|>";
  std::vector<Ids> ids;
  std::vector<std::string> fingerprints;
  const auto open = [&] {
    const auto tokenizer = Tokenizer::open(folder.path());
    ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
    ids.push_back(encode(*tokenizer, text, {.special_tokens = true}));
    fingerprints.push_back(tokenizer->fingerprint());
  };
  const nlohmann::json added{
      {"<|begin_of_text|>", 262}, {"<|end|>", 263}, {"<|start_header_id|>", 264}, {"<|eot_id|>", 265}};
  // From the last in the order of search to the first.
  folder.write("special_tokens.json", added.dump());
  folder.write("tokenizer.model", tiktoken(vocabulary));
  open();
  folder.write("words.tiktoken", tiktoken(vocabulary));
  folder.write("tokenizer.model", "never read");
  open();
  folder.write("words.tiktoken", "never read");
  folder.write("vocab.json", vocab_json(vocabulary).dump());
  folder.write("merges.txt", merges_txt(vocabulary));
  open();
  folder.write("vocab.json", "never read");
  auto json = tokenizer_json(vocabulary);
  json["added_tokens"].erase(2);
  folder.write("tokenizer.json", json.dump());
  open();
  ASSERT_EQ(ids.size(), 4U);
  for (std::size_t i = 1; i < ids.size(); ++i) {
    EXPECT_EQ(ids[i], ids[0]) << i;
    EXPECT_EQ(fingerprints[i], fingerprints[0]) << i;
  }
  EXPECT_THAT(ids[0], ElementsAre(kHello, kSpaceHello - 0U, kAccented, ' ', '1', '2', '3', '4', '5', ' ', 263U));
}

TEST(Tokenizer, TheClassInTheConfigurationNamesTheFamily) {
  const Folder folder;
  folder.write("words.tiktoken", tiktoken(words()));
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "Qwen2Tokenizer", "bos_token": {"content": "<s>"},
                   "added_tokens_decoder": {"262": {"content": "<s>"}}})");
  const auto qwen = Tokenizer::open(folder.path() / "words.tiktoken");
  ASSERT_TRUE(qwen) << to_string(qwen.error());
  EXPECT_EQ(qwen->name(), "qwen2-like");
  EXPECT_EQ(qwen->bos(), 262U);
  EXPECT_THAT(encode(*qwen, "e\u0301"), ElementsAre(kAccented));
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  const auto gpt2 = Tokenizer::open(folder.path());
  ASSERT_TRUE(gpt2) << to_string(gpt2.error());
  EXPECT_EQ(gpt2->name(), "gpt2-like");
}

TEST(Tokenizer, AnUnknownFamilyIsToldWithWhatWasFound) {
  const Folder folder;
  folder.write("words.tiktoken", tiktoken(words()));
  folder.write("special_tokens.json", R"({"<|odd|>": 262})");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "CodeGenTokenizer"})");
  const auto tokenizer = Tokenizer::open(folder.path());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, ErrorCode::unsupported);
  EXPECT_THAT(tokenizer.error().what,
              testing::AllOf(HasSubstr("CodeGenTokenizer"), HasSubstr("262 tokens"), HasSubstr("<|odd|>")));
}

TEST(Tokenizer, WrongContentIsSaidBeforeAnUnknownFamily) {
  const Folder folder;
  folder.write("words.tiktoken", tiktoken(words()));
  folder.write("special_tokens.json", R"({"<|odd|>": 270})");
  const auto gap = Tokenizer::open(folder.path());
  ASSERT_FALSE(gap);
  EXPECT_THAT(gap.error().what, HasSubstr("added token '<|odd|>' has id 270, but ids 262 to 269 are not given"));
  folder.write("special_tokens.json", "{}");
  folder.write("words.tiktoken", tiktoken(words()) + "YQ== 262\n");
  const auto twice = Tokenizer::open(folder.path());
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().what, HasSubstr("words.tiktoken:263: token 262 has the same bytes as token 97 of line 98"));
}

TEST(Tokenizer, SaysWhichFileToName) {
  const Folder folder;
  folder.write("b.tiktoken", tiktoken(words()));
  folder.write("a.tiktoken", tiktoken(words()));
  const auto two = Tokenizer::open(folder.path());
  ASSERT_FALSE(two);
  EXPECT_THAT(two.error().what, HasSubstr(" holds 2 files *.tiktoken: a.tiktoken, b.tiktoken"));
  folder.write("special_tokens.json", R"({"<|odd|>": 262})");
  const auto side = Tokenizer::open(folder.path() / "special_tokens.json");
  ASSERT_FALSE(side);
  EXPECT_THAT(side.error().what, HasSubstr("special_tokens.json: not a tokenizer, but a file that stands beside one"));
  folder.write("other.json", "{}");
  const auto other = Tokenizer::open(folder.path() / "other.json");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().hint, HasSubstr("tokenizer.json?"));
}

TEST(Tokenizer, SaysWhatIsNotThere) {
  const Folder folder;
  const auto empty = Tokenizer::open(folder.path());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::not_found);
  EXPECT_THAT(empty.error().hint, HasSubstr("tokenizer.json"));
  folder.write("vocab.json", "{}");
  const auto half = Tokenizer::open(folder.path());
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().what, HasSubstr("merges.txt"));
  EXPECT_EQ(Tokenizer::open(folder.path() / "absent.json").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace phasewatt::workload
