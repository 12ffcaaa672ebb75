#include "lexicon.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

#include "clusters.h"
#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/workload/entity_features.h"
#include "phasewatt/workload/entity_tokens.h"

namespace phasewatt::train_ner {
namespace {

using namespace workload;

constexpr std::size_t kCoarse = 48;
constexpr int kRounds = 8;

struct Counts {
  std::size_t all = 0;
  std::size_t inside = 0;  ///< in a mixed-case sentence, not first
  std::size_t capitalized = 0;
  std::uint32_t number = 0;
};

struct Reader {
  EntityModel none{1, 1};
  std::unordered_map<std::uint64_t, Counts> counts;
  std::vector<std::uint64_t> corpus;

  void add(std::string_view text) {
    std::vector<TokenSpan> tokens;
    for (std::size_t begin = 0; begin < text.size();) {
      begin = next_sentence(text, begin, tokens);
      std::size_t upper = 0, lower = 0, starting = 0;
      const auto token_at = [&](const TokenSpan& t) { return text.substr(t.begin, t.end - t.begin); };
      for (const auto& t : tokens) {
        const auto cases = letter_cases(token_at(t));
        upper += cases.upper;
        lower += cases.lower;
        starting += token_at(t)[0] >= 'A' && token_at(t)[0] <= 'Z';
      }
      const auto mode = case_mode(upper, lower, starting);
      corpus.push_back(0);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const Word word = describe_word(none, token_at(tokens[i]), mode).word;
        Counts& c = counts[word.lower];
        ++c.all;
        if (mode == CaseMode::mixed && i > 0) {
          ++c.inside;
          c.capitalized += letter_cases(token_at(tokens[i]).substr(0, 1)).upper;
        }
        corpus.push_back(word.lower);
      }
    }
  }
};

std::uint8_t capitals_of(const Counts& c) {
  if (c.inside < 2) return 0;
  const double share = static_cast<double>(c.capitalized) / static_cast<double>(c.inside);
  if (c.capitalized == 0) return c.inside < 10 ? 2 : 1;
  if (share < 0.1) return 3;
  if (share < 0.5) return 4;
  if (share < 0.9) return 5;
  return c.inside < 5 ? 6 : 7;
}

Status add_list(const NameList& list, Lexicon& lexicon) {
  PHASEWATT_ASSIGN(const auto content, read_file(list.path));
  std::stringstream stream(content);
  const EntityModel none(1, 1);
  std::vector<TokenSpan> tokens;
  for (std::string line; std::getline(stream, line);) {
    std::vector<std::uint64_t> words;
    for (std::size_t begin = 0; begin < line.size();) {
      begin = next_sentence(line, begin, tokens);
      for (const auto& t : tokens) {
        words.push_back(
            describe_word(none, std::string_view(line).substr(t.begin, t.end - t.begin), CaseMode::mixed).word.lower);
      }
    }
    if (words.size() == 1) lexicon[words[0]].lists |= list.list;
    if (words.size() < 2 || words.size() > 4 || list.list == first_name || list.list == last_name) continue;
    std::uint64_t phrase = words[0];
    for (std::size_t i = 1; i < words.size(); ++i) phrase = extend_phrase(phrase, words[i]);
    lexicon[phrase].lists |= place_phrase;
    lexicon[words[0]].lists |= starts_place_phrase;
  }
  return ok();
}

}  // namespace

Result<Lexicon> build_lexicon(const std::vector<std::filesystem::path>& texts, const std::vector<std::string>& extra,
                              const std::vector<NameList>& lists, std::size_t classes, std::size_t min_count) {
  Reader reader;
  for (const auto& path : texts) {
    PHASEWATT_ASSIGN(const auto content, read_file(path));
    if (path.extension() != ".jsonl") {
      reader.add(content);
      continue;
    }
    std::stringstream stream(content);
    for (std::string line; std::getline(stream, line);) {
      const auto row = nlohmann::json::parse(line, nullptr, false);
      if (!row.is_object()) continue;
      for (const char* field : {"passage", "question"}) reader.add(row.value(field, std::string()));
    }
  }
  for (const auto& text : extra) reader.add(text);

  std::vector<std::pair<std::uint64_t, Counts*>> frequent;
  for (auto& [hash, counts] : reader.counts) {
    if (counts.all >= min_count) frequent.emplace_back(hash, &counts);
  }
  std::sort(frequent.begin(), frequent.end(), [](const auto& a, const auto& b) {
    return a.second->all != b.second->all ? a.second->all > b.second->all : a.first < b.first;
  });
  for (std::size_t i = 0; i < frequent.size(); ++i) frequent[i].second->number = static_cast<std::uint32_t>(i + 1);
  std::vector<std::uint32_t> corpus;
  corpus.reserve(reader.corpus.size());
  for (const auto hash : reader.corpus) corpus.push_back(hash == 0 ? 0 : reader.counts[hash].number);
  const auto fine = word_classes(corpus, frequent.size() + 1, classes, kRounds);
  const auto coarse = word_classes(corpus, frequent.size() + 1, kCoarse, kRounds);

  Lexicon lexicon;
  for (const auto& [hash, counts] : frequent) {
    lexicon[hash] = {static_cast<std::uint8_t>(fine[counts->number]), static_cast<std::uint8_t>(coarse[counts->number]),
                     capitals_of(*counts), 0};
  }
  for (const auto& list : lists) PHASEWATT_TRY(add_list(list, lexicon));
  return lexicon;
}

}  // namespace phasewatt::train_ner
