#include "phasewatt/workload/tokenizer_nfc.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <cstdint>

#include "phasewatt/base/text.h"

namespace phasewatt::workload {
namespace {

/// ICU counts bytes in 32 bits. Longer texts are normalised in parts that end before an ASCII character, with which
/// nothing before it composes.
constexpr std::size_t kPart = std::size_t{1} << 30U;

const icu::Normalizer2* nfc() {
  static const icu::Normalizer2* const instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    return icu::Normalizer2::getNFCInstance(status);
  }();
  return instance;
}

/// True when nothing in the text is U+0300 or beyond: below, nothing decomposes and nothing composes.
bool is_low(std::string_view text) {
  constexpr std::size_t kBlock = 4096;
  while (!text.empty()) {
    const std::string_view block = text.substr(0, kBlock);
    std::uint8_t highest = 0;
    for (const char c : block) highest = std::max(highest, static_cast<std::uint8_t>(c));
    if (highest >= 0xCC) return false;
    text.remove_prefix(block.size());
  }
  return true;
}

icu::StringPiece piece(std::string_view text) { return {text.data(), static_cast<std::int32_t>(text.size())}; }

/// Appends one part, all of it valid UTF-8.
void append_nfc(std::string_view part, std::string& out) {
  UErrorCode status = U_ZERO_ERROR;
  const std::size_t before = out.size();
  icu::StringByteSink<std::string> sink(&out);
  nfc()->normalizeUTF8(0, piece(part), sink, nullptr, status);
  if (U_FAILURE(status) != 0) out.replace(before, std::string::npos, part);
}

std::string_view first_part(std::string_view text) {
  if (text.size() <= kPart) return text;
  std::size_t end = kPart;
  while (end > 0 && static_cast<std::uint8_t>(text[end]) >= 0x80) --end;
  return text.substr(0, end > 0 ? end : kPart);
}

bool is_nfc(std::string_view text) {
  if (text.size() > kPart) return false;
  UErrorCode status = U_ZERO_ERROR;
  return nfc()->isNormalizedUTF8(piece(text), status) != 0 && U_SUCCESS(status) != 0;
}

}  // namespace

std::string_view to_nfc(std::string_view text, std::string& scratch) {
  if (is_low(text) || nfc() == nullptr) return text;
  std::size_t invalid = find_invalid_utf8(text);
  if (invalid == std::string_view::npos && is_nfc(text)) return text;
  scratch.clear();
  while (!text.empty()) {
    std::string_view valid = text.substr(0, invalid);
    text.remove_prefix(valid.size());
    while (!valid.empty()) {
      const std::string_view part = first_part(valid);
      append_nfc(part, scratch);
      valid.remove_prefix(part.size());
    }
    if (text.empty()) break;
    scratch.push_back(text.front());
    text.remove_prefix(1);
    invalid = find_invalid_utf8(text);
  }
  return scratch;
}

}  // namespace phasewatt::workload
