#pragma once

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "phasewatt/workload/tokenizer_parts.h"
#include "tests/workload/random_text.h"

namespace phasewatt::workload {

/// A small byte-level vocabulary and the files it can be written to.
struct TinyVocabulary {
  std::vector<std::string> tokens;  ///< by id: the 256 bytes first
  std::vector<std::pair<std::string, std::string>> merges;

  TinyVocabulary() {
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  }

  void add(const std::string& left, const std::string& right) {
    merges.emplace_back(left, right);
    if (std::find(tokens.begin(), tokens.end(), left + right) == tokens.end()) tokens.push_back(left + right);
  }

  /// Merges of tokens made from few bytes, so that they meet often. Some make a token that is there already.
  static TinyVocabulary random(unsigned seed, int count, const std::string& bytes) {
    TinyVocabulary vocabulary;
    std::mt19937 generator(seed);
    std::vector<std::string> used;
    for (const char c : bytes) used.emplace_back(1, c);
    while (static_cast<int>(vocabulary.merges.size()) < count) {
      const std::pair merge{used[generator() % used.size()], used[generator() % used.size()]};
      const auto& known = vocabulary.merges;
      if (merge.first.size() + merge.second.size() > 20) continue;
      if (std::find(known.begin(), known.end(), merge) != known.end()) continue;
      vocabulary.add(merge.first, merge.second);
      used.push_back(merge.first + merge.second);
    }
    return vocabulary;
  }
};

/// GPT-2's bytes_to_unicode.
inline std::string byte_level(const std::string& bytes) {
  static const auto chars = [] {
    std::array<std::string, 256> table;
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool same = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      table.at(byte) = utf8(same ? byte : next++);
    }
    return table;
  }();
  std::string written;
  for (const char c : bytes) written += chars.at(static_cast<unsigned char>(c));
  return written;
}

inline nlohmann::json vocab_json(const TinyVocabulary& vocabulary) {
  nlohmann::json vocab;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) vocab[byte_level(vocabulary.tokens[id])] = id;
  return vocab;
}

inline std::string merges_txt(const TinyVocabulary& vocabulary) {
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : vocabulary.merges)
    text += fmt::format("{} {}\n", byte_level(left), byte_level(right));
  return text;
}

inline std::string base64(const std::string& bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (unsigned k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : kDigits.at(bits >> (18 - 6 * k) & 63U);
  }
  return text;
}

inline std::string tiktoken(const TinyVocabulary& vocabulary) {
  std::string text;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    text += fmt::format("{} {}\n", base64(vocabulary.tokens[id]), id);
  return text;
}

inline const std::string kLlama3Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// As Llama 3's: no normaliser, Split and ByteLevel, whole pieces.
inline nlohmann::json tokenizer_json(const TinyVocabulary& vocabulary) {
  nlohmann::json merges = nlohmann::json::array();
  for (const auto& [left, right] : vocabulary.merges) merges.push_back({byte_level(left), byte_level(right)});
  nlohmann::json json = nlohmann::json::parse(R"({
    "version": "1.0", "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true}})");
  json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = kLlama3Expression;
  json["model"]["vocab"] = vocab_json(vocabulary);
  json["model"]["merges"] = merges;
  json["added_tokens"] = {{{"id", vocabulary.tokens.size()}, {"content", "<|begin_of_text|>"}, {"special", true}},
                          {{"id", vocabulary.tokens.size() + 1}, {"content", "<|end|>"}, {"special", true}},
                          {{"id", vocabulary.tokens.size() + 2}, {"content", "<|end|>!"}, {"special", false}}};
  return json;
}

}  // namespace phasewatt::workload
