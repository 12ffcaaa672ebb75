#pragma once

#include <rapidcheck.h>
#include <unicode/uchar.h>

#include <string>
#include <vector>

namespace phasewatt::workload {

inline std::string utf8(char32_t c) {
  std::string text;
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | c >> 6U);
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | c >> 12U);
    put(0x80U | (c >> 6U & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | c >> 18U);
    put(0x80U | (c >> 12U & 0x3FU));
    put(0x80U | (c >> 6U & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
  return text;
}

/// Any character of Unicode 14 or older, those that need care far more often than others.
inline rc::Gen<char32_t> random_char() {
  static const std::u32string careful =
      U"'''sStTrReEvVmMlLdDſKßé \t\r\n\v\f\u0085\u00a0\u1680\u180e\u2000\u200b\u2028\u2029"
      U"\u202f\u205f\u3000\ufeff\u0300\u0301\u0345²½Ⅷ٣①.,!-_";
  return rc::gen::weightedOneOf<char32_t>(
      {{8, rc::gen::elementOf(careful)},
       {6, rc::gen::inRange<char32_t>(' ', 0x7F)},
       {2, rc::gen::inRange<char32_t>(0, 0x500)},
       {1, rc::gen::inRange<char32_t>(0x3000, 0xD7A4)},
       {1, rc::gen::suchThat(rc::gen::inRange<char32_t>(0, 0x110000), [](char32_t c) {
          UVersionInfo age;
          u_charAge(static_cast<UChar32>(c), age);
          return (c < 0xD800 || c > 0xDFFF) && age[0] <= 14;
        })}});
}

/// Valid UTF-8 with words, numbers, white space and symbols in it.
inline rc::Gen<std::string> random_text() {
  return rc::gen::map(rc::gen::container<std::vector<char32_t>>(random_char()), [](const std::vector<char32_t>& chars) {
    std::string text;
    for (const char32_t c : chars) text += utf8(c);
    return text;
  });
}

}  // namespace phasewatt::workload
