// The hand-made splitters give the pieces that the expressions give: compared with PCRE2 on random text.
#include "phasewatt/workload/pretokenize.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unicode/uchar.h>

#include <memory>
#include <string>
#include <vector>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tests/workload/random_text.h"

namespace phasewatt::workload {
namespace {

using Pieces = std::vector<std::string>;

/// An expression's matches, one after the other; PCRE2 with Unicode properties.
class Expression {
 public:
  explicit Expression(const std::string& pattern) {
    int error = 0;
    PCRE2_SIZE where = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                              &error, &where, nullptr));
    if (!code_) throw std::invalid_argument("bad expression at " + std::to_string(where));
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  [[nodiscard]] Pieces split(const std::string& text) const {
    Pieces pieces;
    std::size_t at = 0;
    while (at < text.size()) {
      const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0,
                                    match_.get(), nullptr);
      const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match_.get());
      if (found < 1 || span[0] != at || span[1] == at) return {"no match at " + std::to_string(at)};
      pieces.push_back(text.substr(at, span[1] - at));
      at = span[1];
    }
    return pieces;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> match_;
};

/// The expressions as published, but for \s: PCRE2's takes in U+180E, which is not White_Space. The engines that the
/// models' authors use (Oniguruma, Rust's regex) mean White_Space: the separators and six controls.
std::string with_white_space(std::string pattern) {
  const auto replace_all = [&](const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = pattern.find(from, at)) != std::string::npos; at += to.size())
      pattern.replace(at, from.size(), to);
  };
  replace_all(R"([^\s\p{L}\p{N}])", R"([^\x09-\x0d\x85\p{Z}\p{L}\p{N}])");
  replace_all(R"(\s)", R"([\x09-\x0d\x85\p{Z}])");
  replace_all(R"(\S)", R"([^\x09-\x0d\x85\p{Z}])");
  return pattern;
}

const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

template <class Split>
Pieces split(const std::string& text) {
  const Split next;
  // A copy of exactly this size lets a sanitizer see a read beyond the end.
  const std::vector<char> bytes(text.begin(), text.end());
  const char* p = bytes.data();
  const char* end = p + bytes.size();
  Pieces pieces;
  while (p < end) {
    const char* after = next(p, end);
    if (after <= p || after > end) return {"no progress"};
    pieces.emplace_back(p, after);
    p = after;
  }
  return pieces;
}

template <class Split>
void check_against(const std::string& pattern) {
  const Expression expression(with_white_space(pattern));
  rc::check("pieces are PCRE2's", [&] {
    for (const std::string& text : *rc::gen::container<std::vector<std::string>>(20, random_text()))
      RC_ASSERT(split<Split>(text) == expression.split(text));
  });
}

TEST(Pretokenize, Llama3IsTheExpression) { check_against<Cl100kSplit<3>>(kLlama3); }
TEST(Pretokenize, Qwen2IsTheExpression) { check_against<Cl100kSplit<1>>(kQwen2); }
TEST(Pretokenize, Gpt2IsTheExpression) { check_against<Gpt2Split>(kGpt2); }

/// Every sequence of up to five of the characters that the expressions tell apart.
template <class Split>
void check_all_short(const std::string& pattern) {
  const Expression expression(with_white_space(pattern));
  const Pieces alphabet{"a", "S", "ſ", "1", " ", "\n", "\t", "\u00a0", "'", "l", "é"};
  std::vector<std::size_t> digits;
  for (std::size_t length = 1; length <= 5; ++length) {
    digits.assign(length, 0);
    for (bool more = true; more;) {
      std::string text;
      for (const std::size_t digit : digits) text += alphabet[digit];
      ASSERT_EQ(split<Split>(text), expression.split(text)) << text;
      std::size_t i = 0;
      while (i < length && ++digits[i] == alphabet.size()) digits[i++] = 0;
      more = i < length;
    }
  }
}

TEST(Pretokenize, Llama3OnAllShortTexts) { check_all_short<Cl100kSplit<3>>(kLlama3); }
TEST(Pretokenize, Gpt2OnAllShortTexts) { check_all_short<Gpt2Split>(kGpt2); }

TEST(Pretokenize, KindsAreTheEnginesClasses) {
  const std::vector<std::pair<CharKind, Expression>> classes = [] {
    std::vector<std::pair<CharKind, Expression>> list;
    list.emplace_back(CharKind::letter, Expression(R"(\p{L}+)"));
    list.emplace_back(CharKind::number, Expression(R"(\p{N}+)"));
    list.emplace_back(CharKind::newline, Expression(R"([\r\n]+)"));
    list.emplace_back(CharKind::space, Expression(R"([\x09\x0b\x0c\x85\p{Z}]+)"));
    list.emplace_back(CharKind::other, Expression(R"([^\x09-\x0d\x85\p{Z}\p{L}\p{N}]+)"));
    return list;
  }();
  std::array<std::string, 5> texts;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    // Characters younger than PCRE2's tables (Unicode 14) are not known there.
    UVersionInfo age;
    u_charAge(static_cast<UChar32>(c), age);
    if (age[0] > 14) continue;
    texts.at(static_cast<std::size_t>(char_kinds()[c])) += utf8(c);
  }
  for (const auto& [kind, pattern] : classes) {
    const auto& text = texts.at(static_cast<std::size_t>(kind));
    EXPECT_EQ(pattern.split(text).size(), 1U) << static_cast<int>(kind);
  }
}

TEST(Pretokenize, WhatTheExpressionsSay) {
  EXPECT_EQ(split<Cl100kSplit<3>>("I'm sure it'S 12345  \n\n  x!!\n"),
            (Pieces{"I", "'m", " sure", " it", "'S", " ", "123", "45", "  \n\n", " ", " x", "!!\n"}));
  EXPECT_EQ(split<Cl100kSplit<1>>("a 12"), (Pieces{"a", " ", "1", "2"}));
  EXPECT_EQ(split<Gpt2Split>("I'm it'S 123  x"), (Pieces{"I", "'m", " it", "'", "S", " 123", " ", " x"}));
}

TEST(Pretokenize, BrokenUtf8IsSymbols) {
  EXPECT_EQ(split<Cl100kSplit<3>>("ab\xFF\xFE"
                                  "cd"),
            (Pieces{"ab", "\xFF\xFE", "cd"}));
  EXPECT_EQ(split<Cl100kSplit<3>>("a\xE2\x82"), (Pieces{"a", "\xE2\x82"}));
  EXPECT_EQ(split<Cl100kSplit<3>>(std::string("a\0b", 3)), (Pieces{"a", std::string("\0b", 2)}));
  // Overlong, surrogate, beyond U+10FFFF.
  for (const char* bytes : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80"})
    EXPECT_EQ(decode_wide(bytes, bytes + std::char_traits<char>::length(bytes)).bytes, 1U);
}

}  // namespace
}  // namespace phasewatt::workload
