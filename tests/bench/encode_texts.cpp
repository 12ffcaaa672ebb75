// Encodes many texts on one thread and says how long that took; scripts/bench_tokenizers.py compares with others.
//   encode_texts TOKENIZER TEXTS REPEATS [IDS]
// TEXTS: for each text its length (32 bits, little-endian) and its bytes. IDS receives for each text the number of ids
// and the ids, the same way. Prints one JSON object; `seconds` has one entry per repeat, each with a new encoder.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/tokenizer.h"

namespace {

using namespace phasewatt;
using namespace phasewatt::workload;

int fail(const std::string& message) {
  fmt::print(stderr, "encode_texts: {}\n", message);
  return 1;
}

void put(std::uint32_t number, std::string& out) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(number >> shift & 0xFFU));
}

std::uint32_t get(std::string_view bytes) {
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 4; ++i) number |= std::uint32_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  return number;
}

bool split_texts(std::string_view file, std::vector<std::string_view>& texts) {
  while (!file.empty()) {
    if (file.size() < 4 || get(file) > file.size() - 4) return false;
    texts.push_back(file.substr(4, get(file)));
    file.remove_prefix(4 + texts.back().size());
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return fail("usage: encode_texts TOKENIZER TEXTS REPEATS [IDS]");
  const auto tokenizer = Tokenizer::open(argv[1]);
  if (!tokenizer) return fail(to_string(tokenizer.error()));
  const auto file = read_file(argv[2]);
  if (!file) return fail(to_string(file.error()));
  std::vector<std::string_view> texts;
  if (!split_texts(*file, texts)) return fail("TEXTS is cut off");
  int repeats = 0;
  std::from_chars(argv[3], argv[3] + std::strlen(argv[3]), repeats);
  if (repeats < 1) return fail("REPEATS must be 1 or more");

  std::string seconds;
  std::vector<std::vector<std::uint32_t>> ids(texts.size());
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    TokenEncoder encoder(*tokenizer);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      ids[i] = {};
      encoder.encode(texts[i], ids[i]);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    seconds += fmt::format("{}{:.6f}", repeat == 0 ? "" : ", ", took.count());
  }

  std::size_t bytes = 0;
  std::size_t tokens = 0;
  std::string out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bytes += texts[i].size();
    tokens += ids[i].size();
    put(static_cast<std::uint32_t>(ids[i].size()), out);
    for (const std::uint32_t id : ids[i]) put(id, out);
  }
  if (argc == 5) {
    if (const auto written = write_file(argv[4], out); !written) return fail(to_string(written.error()));
  }
  fmt::print(
      "{{\"name\": \"{}\", \"texts\": {}, \"bytes\": {}, \"tokens\": {}, \"sha256\": \"{}\", \"seconds\": [{}]}}\n",
      tokenizer->name(), texts.size(), bytes, tokens, sha256_hex(out), seconds);
  return 0;
}
