// Tokenizer files that say something wrong are refused, with file and line or field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phasewatt/workload/tokenizer.h"
#include "phasewatt/workload/tokenizer_parts.h"
#include "tests/workload/tiny_vocabulary.h"

namespace phasewatt::workload {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TinyVocabulary small() {
  TinyVocabulary vocabulary;
  vocabulary.add("a", "b");
  vocabulary.add("ab", "c");
  return vocabulary;
}

Result<Tokenizer> build(Result<TokenizerParts> parts, const std::string& file) {
  if (!parts) return std::move(parts).error();
  if (!parts->presplit) parts->presplit = Presplit::llama3;
  return Tokenizer::build(*parts, file);
}

template <class Matcher>
void expect_error(const Result<Tokenizer>& result, ErrorCode code, const Matcher& what) {
  ASSERT_FALSE(result) << result->describe();
  EXPECT_EQ(result.error().code, code) << to_string(result.error());
  EXPECT_THAT(result.error().what, what);
}

struct JsonCase {
  const char* pointer;
  json value;
  ErrorCode code;
  const char* what;
};

TEST(TokenizerJson, SaysWhichFieldIsWrong) {
  const std::vector<JsonCase> cases{
      {"/model/type", "Unigram", ErrorCode::unsupported, "model.type"},
      {"/model/type", "Magic", ErrorCode::bad_input, "'model.type' is 'Magic'"},
      {"/model", 3, ErrorCode::bad_input, "field 'model' is not an object"},
      {"/model/vocab", json::array(), ErrorCode::bad_input, "'model.vocab' is not an object"},
      {"/model/vocab", json::object(), ErrorCode::bad_input, "'model.vocab' has no tokens"},
      {"/model/vocab/ab", 9999, ErrorCode::bad_input, "'model.vocab.ab' is 9999, but 258 tokens"},
      {"/model/vocab/ab", 97, ErrorCode::bad_input, "97"},
      {"/model/vocab/ab", -1, ErrorCode::bad_input, "'model.vocab.ab' is not a whole number"},
      {"/model/vocab/ab", 1e9, ErrorCode::bad_input, "'model.vocab.ab' is not a whole number"},
      {"/model/vocab/ab", 1'000'000'000'000, ErrorCode::bad_input, "'model.vocab.ab' is 1000000000000, but 258"},
      {"/added_tokens/1/id", 1'000'000'000'000, ErrorCode::bad_input, "beyond the limit"},
      {"/model/vocab/日", 258, ErrorCode::bad_input, "not in the byte-level form"},
      {"/model/merges", 1, ErrorCode::bad_input, "'model.merges' is not a list"},
      {"/model/merges/1", "ab zz", ErrorCode::bad_input, "'model.merges[1]' merges 'zz', which is not"},
      {"/model/merges/1", "ab", ErrorCode::bad_input, "'model.merges[1]' is not two tokens"},
      {"/model/merges/1", "a b", ErrorCode::bad_input, "'model.merges[1]' merges 'a' and 'b' a second time"},
      {"/model/merges/1", "b c", ErrorCode::bad_input, "makes 'bc', which is not in the vocabulary"},
      {"/model/merges/1", json::array({"a"}), ErrorCode::bad_input, "'model.merges[1]' is neither"},
      {"/model/byte_fallback", true, ErrorCode::unsupported, "byte_fallback"},
      {"/model/dropout", 0.1, ErrorCode::unsupported, "dropout"},
      {"/model/end_of_word_suffix", "</w>", ErrorCode::unsupported, "</w>"},
      {"/normalizer", {{"type", "Lowercase"}}, ErrorCode::unsupported, "'Lowercase'"},
      {"/pre_tokenizer", nullptr, ErrorCode::bad_input, "'pre_tokenizer' is missing"},
      {"/pre_tokenizer", {{"type", "Metaspace"}}, ErrorCode::unsupported, "'Metaspace'"},
      {"/pre_tokenizer/pretokenizers/0/pattern/Regex", "[a-z]+", ErrorCode::unsupported, "'[a-z]+'"},
      {"/pre_tokenizer/pretokenizers/0/behavior", "Removed", ErrorCode::unsupported, "Isolated"},
      {"/pre_tokenizer/pretokenizers/1/add_prefix_space", true, ErrorCode::unsupported, "add_prefix_space"},
      {"/pre_tokenizer/pretokenizers/1/use_regex", true, ErrorCode::unsupported, "use_regex"},
      {"/pre_tokenizer/pretokenizers/1", {{"type", "Digits"}}, ErrorCode::unsupported, "'Digits'"},
      {"/added_tokens/2/id", 300, ErrorCode::bad_input, "'<|end|>!' has id 300, but ids 260 to 299"},
      {"/added_tokens/1/id", 97, ErrorCode::bad_input, "'<|end|>' has id 97, which is 'a'"},
      {"/added_tokens/1/id", 258, ErrorCode::bad_input, "has id 258, which is '<|begin_of_text|>'"},
      {"/added_tokens/1/content", "<|begin_of_text|>", ErrorCode::bad_input, "has the ids 258 and 259"},
      {"/added_tokens/1/content", "", ErrorCode::bad_input, "'added_tokens[1].content' is missing or empty"},
      {"/added_tokens/1/lstrip", true, ErrorCode::unsupported, "added_tokens[1].lstrip"},
  };
  for (const auto& [pointer, value, code, what] : cases) {
    SCOPED_TRACE(std::string(pointer) + " = " + value.dump());
    json document = tokenizer_json(small());
    document[json::json_pointer(pointer)] = value;
    expect_error(build(read_tokenizer_json(document.dump(), "t.json"), "t.json"), code,
                 AllOf(HasSubstr("t.json"), HasSubstr(what)));
  }
}

TEST(TokenizerJson, BothFormsOfMergesAndTheClassicPretokenizerAreRead) {
  json document = tokenizer_json(small());
  document["model"]["merges"][1] = "ab c";
  document["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const auto tokenizer = build(read_tokenizer_json(document.dump(), "t.json"), "t.json");
  ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
  EXPECT_EQ(tokenizer->name(), "gpt2-like");
  EXPECT_EQ(tokenizer->count("abc"), 1U);
}

TEST(TokenizerJson, AddedTokensAtTheEndOfTheVocabularyAreAdded) {
  json document = tokenizer_json(small());
  document["model"]["vocab"]["<｜end｜>"] = 258;
  document["added_tokens"] = {{{"id", 258}, {"content", "<｜end｜>"}}};
  const auto tokenizer = build(read_tokenizer_json(document.dump(), "t.json"), "t.json");
  ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
  EXPECT_EQ(tokenizer->size(), 259U);
  EXPECT_EQ(tokenizer->count("<｜end｜>", {.special_tokens = true}), 1U);
}

TEST(TokenizerJson, CutOffOrNotUtf8) {
  const std::string whole = tokenizer_json(small()).dump();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 1})
    expect_error(build(read_tokenizer_json(whole.substr(0, bytes), "t.json"), "t.json"), ErrorCode::bad_input,
                 HasSubstr("t.json: not valid JSON"));
  expect_error(build(read_tokenizer_json("{\n\xFF}", "t.json"), "t.json"), ErrorCode::bad_input,
               HasSubstr("t.json:2: not valid UTF-8"));
  expect_error(build(read_tokenizer_json("[]", "t.json"), "t.json"), ErrorCode::bad_input,
               HasSubstr("not a JSON object"));
}

TEST(TokenizerJson, ATokenThatIsThereTwice) {
  std::string text = tokenizer_json(small()).dump();
  const std::string entry = "\"abc\":257";
  text.replace(text.find(entry), entry.size(), "\"ab\":257");
  expect_error(build(read_tokenizer_json(text, "t.json"), "t.json"), ErrorCode::bad_input,
               HasSubstr("'model.vocab.ab' is there twice"));
}

TEST(TokenizerJson, AMissingByteIsSaid) {
  json document = tokenizer_json(small());
  document["model"]["vocab"].erase("z");
  document["model"]["vocab"]["ab"] = 'z';
  document["model"]["vocab"]["abc"] = 256;
  document["added_tokens"] = json::array();
  expect_error(build(read_tokenizer_json(document.dump(), "t.json"), "t.json"), ErrorCode::bad_input,
               HasSubstr("the byte 0x7a is no token"));
}

TEST(TokenizerJson, DeepNestingIsAnError) {
  expect_error(build(read_tokenizer_json(std::string(100'000, '['), "t.json"), "t.json"), ErrorCode::bad_input,
               HasSubstr("not valid JSON"));
}

TEST(VocabMerges, SaysWhichLineIsWrong) {
  const std::string vocab = vocab_json(small()).dump();
  for (const auto& [merges, what] : std::vector<std::pair<std::string, std::string>>{
           {"#version: 0.2\na b\nab\n", "m.txt:3: is not two tokens"},
           {"a b\r\nab  c\r\n", "m.txt:2: is not two tokens"},
           {"a b\n\nq x\n", "m.txt:3: makes 'qx'"},
           {"a b\nab 日\n", "m.txt:2: merges '日', which is not in the vocabulary"},
           {"a b\na b\n", "m.txt:2: merges 'a' and 'b' a second time"},
           {"a b\n\xC3\n", "m.txt:2: not valid UTF-8"}}) {
    expect_error(build(read_vocab_merges(vocab, "v.json", merges, "m.txt"), "v.json"), ErrorCode::bad_input,
                 HasSubstr(what));
  }
  expect_error(build(read_vocab_merges(R"({"a": 1})", "v.json", "", "m.txt"), "v.json"), ErrorCode::bad_input,
               HasSubstr("v.json: field 'vocab.a' is 1, but 1 tokens"));
}

TEST(Tiktoken, SaysWhichLineIsWrong) {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"", "t:1: no tokens"},
           {"IQ== 0\nIg==\n", "t:2: not of the form"},
           {"IQ== 0\nIg= 1\n", "t:2: the token is not valid base64"},
           {"IQ== 0\nI*== 1\n", "t:2: the token is not valid base64"},
           {"IQ== 0\nIh== 1\n", "t:2: the token is not valid base64"},
           {"IQ== 0\n=== 1\n", "t:2: the token is not valid base64"},
           {"IQ== 0\n 1\n", "t:2: the token is not valid base64"},
           {"IQ== 0\nIg== x\n", "t:2: the rank is not a whole number"},
           {"IQ== 0\nIg== -1\n", "t:2: the rank is not a whole number"},
           {"IQ== 0\nIg== 1 \n", "t:2: the rank is not a whole number"},
           {"IQ== 0\r\nIg== 0\r\n", "t:2: rank 0 is that of line 1 too"},
           {"IQ== 0\nIg== 99999999\n", "t:2: rank 99999999 is beyond the limit"},
           {"IQ== 0\nIg== 99999999999999999999999\n", "t:2: the rank is not a whole number"},
           {"IQ== 0\nIg== 2\n", "t: no token has rank 1"},
           {"IQ== 0\nIg== 1000000\n", "t:2: rank 1000000 in a file of 2 lines"},
           {"IQ== 0\nIg== 1000000", "t:2: rank 1000000 in a file of 2 lines"},
           {"IQ== 7\n", "t:1: rank 7 in a file of 1 line"},
           {"IQ== 0\n\xFF 1\n", "t:2: not valid UTF-8"},
           {base64(std::string(2000, 'a')) + " 0\n", "t:1: a token longer than 1024 bytes"}})
    expect_error(build(read_tiktoken(text, "t"), "t"), ErrorCode::bad_input, HasSubstr(what));
  expect_error(build(read_tiktoken(tiktoken(small()) + "YQ== 258\n", "t"), "t"), ErrorCode::bad_input,
               HasSubstr("t:259: token 258 has the same bytes as token 97 of line 98"));
}

TEST(Tiktoken, ASentencePieceModelIsToldApart) {
  const std::string model("\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02", 16);
  expect_error(build(read_tiktoken(model, "tokenizer.model"), "tokenizer.model"), ErrorCode::unsupported,
               HasSubstr("SentencePiece"));
}

TEST(SideFiles, SayWhichFieldIsWrong) {
  const auto wrong = [](Status (*reader)(std::string_view, const std::string&, TokenizerParts&),
                        std::string_view text) {
    TokenizerParts parts;
    const auto status = reader(text, "s.json", parts);
    return status ? std::string("no error") : status.error().what;
  };
  EXPECT_THAT(wrong(read_added_tokens, R"({"<a>": "1"})"), HasSubstr("s.json: field '<a>' is not a whole number"));
  EXPECT_THAT(wrong(read_added_tokens, R"({"<a>": 1)"), HasSubstr("s.json: not valid JSON"));
  EXPECT_THAT(wrong(read_tokenizer_config, R"({"added_tokens_decoder": []})"), HasSubstr("added_tokens_decoder"));
  EXPECT_THAT(wrong(read_tokenizer_config, R"({"added_tokens_decoder": {"x": {"content": "<a>"}}})"),
              HasSubstr("'added_tokens_decoder.x' has no id for a name"));
  EXPECT_THAT(wrong(read_tokenizer_config, R"({"added_tokens_decoder": {"3": {}}})"),
              HasSubstr("'added_tokens_decoder.3.content'"));
}

TEST(ByteLevel, WritesEachByteOnce) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(bytes_of_byte_level(byte_level(all)), all);
  EXPECT_EQ(bytes_of_byte_level("Ġthe"), " the");
  for (const char* none : {" ", "\u00ad", "\u0144", "日", "\xC3", "\xFF"})
    EXPECT_EQ(bytes_of_byte_level(none), std::nullopt) << none;
}

}  // namespace
}  // namespace phasewatt::workload
