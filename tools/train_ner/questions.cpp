#include "questions.h"

#include <array>
#include <random>
#include <sstream>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/entity_decode.h"

namespace phasewatt::train_ner {
namespace {

using workload::Tag;

std::vector<std::string> words(const std::string& text) {
  std::stringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

using Names = std::array<std::vector<std::string>, 3>;

Names mentions(const std::vector<Sentence>& sentences) {
  Names names;
  std::vector<EntitySpan> spans;
  for (const auto& sentence : sentences) {
    spans.clear();
    workload::spans_of_tags(sentence.tags, spans);
    for (const auto& span : spans) {
      std::string name;
      for (auto i = span.begin; i < span.end; ++i) name += (name.empty() ? "" : " ") + sentence.tokens[i];
      if (name[0] >= 'A' && name[0] <= 'Z') names[static_cast<std::size_t>(span.type)].push_back(name);
    }
  }
  return names;
}

class Maker {
 public:
  Maker(Names from_corpora, std::uint64_t seed) : corpora_(std::move(from_corpora)), random_(seed) {}

  Status read(const NameList& list) {
    PHASEWATT_ASSIGN(const auto content, read_file(list.path));
    std::stringstream stream(content);
    for (std::string line; std::getline(stream, line);) lists_[list.list].push_back(line);
    return ok();
  }

  std::string name(std::size_t type) {
    if (type != 1 && below(2) == 0) {
      if (type == 0 && !lists_[workload::first_name].empty()) {
        return pick(lists_[workload::first_name]) + " " + pick(lists_[workload::last_name]);
      }
      auto& places = lists_[below(3) == 0 ? workload::country : workload::large_place];
      if (type == 2 && !places.empty()) return pick(places);
    }
    return corpora_[type].empty() ? "Rome" : pick(corpora_[type]);
  }

  Sentence fill(const std::string& line, bool written) {
    Sentence sentence;
    for (const auto& word : words(line)) {
      const std::size_t type = word == "{PER}" ? 0 : word == "{ORG}" ? 1 : word == "{LOC}" ? 2 : 3;
      bool first = true;
      for (const auto& part : type < 3 ? words(name(type)) : std::vector<std::string>{word}) {
        sentence.tokens.push_back(part);
        sentence.tags.push_back(type == 3 ? Tag::outside : static_cast<Tag>(2 * type + (first ? 0 : 1)));
        first = false;
      }
    }
    if (written) {
      char& c = sentence.tokens[0][0];
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
      sentence.tokens.emplace_back("?");
      sentence.tags.push_back(Tag::outside);
    }
    return sentence;
  }

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

 private:
  Names corpora_;
  std::array<std::vector<std::string>, 256> lists_;
  std::mt19937_64 random_;
};

}  // namespace

Result<std::vector<Sentence>> make_questions(const std::filesystem::path& templates, std::size_t count,
                                             const std::vector<Sentence>& sentences, const std::vector<NameList>& lists,
                                             std::uint64_t seed) {
  PHASEWATT_ASSIGN(const auto content, read_file(templates));
  std::vector<std::string> lines;
  std::stringstream stream(content);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) return Error{ErrorCode::bad_input, templates.string() + ": no templates", "give one a line"};
  Maker maker(mentions(sentences), seed);
  for (const auto& list : lists) PHASEWATT_TRY(maker.read(list));
  std::vector<Sentence> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back(maker.fill(maker.pick(lines), i % 2 == 0));
  return made;
}

}  // namespace phasewatt::train_ner
