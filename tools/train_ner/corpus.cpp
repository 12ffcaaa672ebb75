#include "corpus.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/workload/entity_decode.h"
#include "phasewatt/workload/entity_tokens.h"

namespace phasewatt::train_ner {
namespace {

using workload::Tag;

std::vector<std::string> columns(const std::string& line) {
  std::vector<std::string> parts;
  const char separator = line.find('\t') != std::string::npos ? '\t' : ' ';
  std::stringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

int type_of(std::string_view label) {
  if (label == "PER" || label == "person") return 0;
  if (label == "ORG" || label == "group" || label == "corporation") return 1;
  if (label == "LOC" || label == "location") return 2;
  return -1;
}

Tag tag(int type, bool begins) { return type < 0 ? Tag::outside : static_cast<Tag>(type * 2 + (begins ? 0 : 1)); }

/// Byte spans of the mentions; tokens are looked for in the text one after the other.
void locate(Sentence& sentence) {
  if (sentence.text.empty()) sentence.text = join(sentence.tokens, " ");
  std::vector<EntitySpan> in_tokens;
  workload::spans_of_tags(sentence.tags, in_tokens);
  std::vector<std::pair<std::size_t, std::size_t>> places;
  std::size_t from = 0;
  for (const auto& token : sentence.tokens) {
    std::size_t at = sentence.text.find(token, from);
    if (at == std::string::npos) {  // a text that is not made of the tokens
      sentence.text.clear();
      return locate(sentence);
    }
    places.emplace_back(at, at + token.size());
    from = at + token.size();
  }
  sentence.spans.clear();
  for (const auto& span : in_tokens) {
    sentence.spans.push_back({static_cast<std::uint32_t>(places[span.begin].first),
                              static_cast<std::uint32_t>(places[span.end - 1].second), span.type});
  }
}

template <class Change>
Sentence changed(Sentence sentence, Change&& change) {
  for (auto& token : sentence.tokens) std::transform(token.begin(), token.end(), token.begin(), change);
  std::transform(sentence.text.begin(), sentence.text.end(), sentence.text.begin(), change);
  return sentence;
}

}  // namespace

Result<std::vector<Sentence>> read_corpus(const std::filesystem::path& path) {
  PHASEWATT_ASSIGN(const auto content, read_file(path));
  std::vector<Sentence> sentences;
  Sentence current;
  int previous = -1;
  const auto finish = [&] {
    if (!current.tokens.empty()) {
      locate(current);
      sentences.push_back(std::move(current));
    }
    current = {};
    previous = -1;
  };
  std::stringstream stream(content);
  std::size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (trim(line).empty()) {
      finish();
      continue;
    }
    if (line.starts_with("# ")) {
      if (line.starts_with("# text = ")) current.text = line.substr(9);
      continue;
    }
    const auto parts = columns(line);
    const bool numbered =
        parts.size() >= 3 && std::all_of(parts[0].begin(), parts[0].end(), [](char c) { return c >= '0' && c <= '9'; });
    if (parts.size() < 2) {
      return Error{ErrorCode::bad_input, path.string() + ", line " + std::to_string(number) + ": no tag",
                   "give IOB columns"};
    }
    const std::string& token = numbered ? parts[1] : parts[0];
    const std::string& label = numbered ? parts[2] : parts.back();
    const int type = label.size() > 2 ? type_of(std::string_view(label).substr(2)) : -1;
    if (token.empty()) continue;
    current.tags.push_back(tag(type, label[0] == 'B' || type != previous));
    current.tokens.push_back(token);
    previous = type;
  }
  finish();
  return sentences;
}

Result<std::vector<Sentence>> read_questions(const std::filesystem::path& path, const char* field) {
  PHASEWATT_ASSIGN(const auto content, read_file(path));
  std::vector<Sentence> sentences;
  std::vector<workload::TokenSpan> parts;
  std::stringstream stream(content);
  for (std::string line; std::getline(stream, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_object()) return Error{ErrorCode::bad_input, path.string() + ": a line is no JSON object", {}};
    Sentence sentence;
    sentence.text = row.value(field, std::string());
    for (const auto& e : row["entities"]) {
      sentence.spans.push_back({e[0], e[1], static_cast<EntityType>(type_of(e[2].get<std::string>()))});
    }
    for (std::size_t begin = 0; begin < sentence.text.size();) {
      begin = workload::next_sentence(sentence.text, begin, parts);
      for (const auto& part : parts) {
        const auto inside = std::find_if(sentence.spans.begin(), sentence.spans.end(), [&](const EntitySpan& s) {
          return s.begin <= part.begin && part.begin < s.end;
        });
        const bool in = inside != sentence.spans.end();
        sentence.tags.push_back(tag(in ? static_cast<int>(inside->type) : -1, in && inside->begin == part.begin));
        sentence.tokens.push_back(sentence.text.substr(part.begin, part.end - part.begin));
      }
    }
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

void retokenize(std::vector<Sentence>& sentences) {
  std::vector<workload::TokenSpan> parts;
  for (auto& sentence : sentences) {
    Sentence fine;
    fine.text = sentence.text;
    for (std::size_t i = 0; i < sentence.tokens.size(); ++i) {
      const std::string& token = sentence.tokens[i];
      Tag tag = sentence.tags[i];
      for (std::size_t begin = 0; begin < token.size();) {
        begin = workload::next_sentence(token, begin, parts);
        for (const auto& part : parts) {
          fine.tokens.push_back(token.substr(part.begin, part.end - part.begin));
          fine.tags.push_back(tag);
          if (tag != Tag::outside) tag = static_cast<Tag>(static_cast<unsigned>(tag) | 1U);
        }
      }
    }
    fine.spans = sentence.spans;
    if (!fine.tokens.empty()) sentence = std::move(fine);
  }
}

Sentence lower_cased(const Sentence& sentence) {
  return changed(sentence, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

Sentence upper_cased(const Sentence& sentence) {
  return changed(sentence, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
}

}  // namespace phasewatt::train_ner
