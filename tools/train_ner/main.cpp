// Trains, writes and scores the entity tagger's model; docs/entities.md has the command behind the shipped one.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crf.h"
#include "lexicon.h"
#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "questions.h"
#include "score.h"

namespace phasewatt::train_ner {
namespace {

using workload::EntityTagger;

constexpr const char* kUsage = R"(usage:
  phasewatt_train_ner --train FILE[:SHARE] ... --output MODEL [options]
  phasewatt_train_ner --evaluate MODEL FILE ...        labelled columns, or .jsonl with "text", "cased" and "entities"

  --train FILE[:SHARE]   labelled columns; SHARE of its sentences is seen in an epoch (1)
  --text FILE            unlabelled text for word classes (plain, or .jsonl with "passage" and "question"); repeatable
  --first-names, --last-names, --places, --large-places, --countries FILE   name lists, one name a line
  --questions FILE:N     N made-up questions from templates with {PER}, {ORG}, {LOC}, filled with names from the lists and
                         the training corpora
  --fold I/N             leave out every sentence of the last --train file whose number mod N is I, and score on them
  --dev FILE             scores printed after training; repeatable
  --epochs, --rate, --l2, --dropout, --lower, --upper, --missed, --min-count, --seed, --buckets, --lexicon, --classes, --class-min VALUE
)";

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "phasewatt_train_ner: %s\n", message.c_str());
  std::exit(2);
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(to_string(result.error()));
  return std::move(result).value();
}

/// "path:number" into both; without a number, the one given.
std::pair<std::string, double> with_number(const std::string& argument, double otherwise) {
  const auto colon = argument.rfind(':');
  if (colon == std::string::npos) return {argument, otherwise};
  return {argument.substr(0, colon), std::strtod(argument.c_str() + colon + 1, nullptr)};
}

void print_scores(const EntityTagger& tagger, const std::string& name, const std::vector<Sentence>& sentences) {
  std::vector<Sentence> lowered;
  lowered.reserve(sentences.size());
  for (const auto& sentence : sentences) lowered.push_back(lower_cased(sentence));
  fmt::print("{}", line(name + " given tokens", score(tagger, sentences, Tokens::given)));
  fmt::print("{}", line(name + " raw text", score(tagger, sentences, Tokens::own)));
  fmt::print("{}", line(name + " given tokens, lower", score(tagger, lowered, Tokens::given)));
  fmt::print("{}", line(name + " raw text, lower", score(tagger, lowered, Tokens::own)));
}

std::string base_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

struct Arguments {
  std::vector<std::pair<std::string, double>> train;
  std::vector<std::filesystem::path> texts;
  std::vector<NameList> lists;
  std::vector<std::string> dev;
  std::string output, questions;
  std::size_t fold = 0, folds = 0;
  std::size_t question_count = 0;
  std::size_t classes = 200, class_min = 5, lexicon = 90000;
  TrainOptions options;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  static const std::map<std::string, workload::WordList> lists{{"--first-names", workload::first_name},
                                                               {"--last-names", workload::last_name},
                                                               {"--places", workload::place},
                                                               {"--large-places", workload::large_place},
                                                               {"--countries", workload::country}};
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (i + 1 >= argc) fail("no value after " + flag + "\n" + kUsage);
    const std::string value = argv[i + 1];
    const double number = std::strtod(value.c_str(), nullptr);
    const auto whole = static_cast<std::size_t>(number);
    if (flag == "--train")
      a.train.push_back(with_number(value, 1));
    else if (flag == "--text")
      a.texts.emplace_back(value);
    else if (lists.contains(flag))
      a.lists.push_back({value, lists.at(flag)});
    else if (flag == "--dev")
      a.dev.push_back(value);
    else if (flag == "--output")
      a.output = value;
    else if (flag == "--fold") {
      a.fold = static_cast<std::size_t>(std::strtoul(value.c_str(), nullptr, 10));
      a.folds = static_cast<std::size_t>(std::strtoul(value.c_str() + value.find('/') + 1, nullptr, 10));
    } else if (flag == "--questions") {
      const auto [path, count] = with_number(value, 3000);
      a.questions = path;
      a.question_count = static_cast<std::size_t>(count);
    } else if (flag == "--epochs")
      a.options.epochs = static_cast<int>(number);
    else if (flag == "--rate")
      a.options.rate = number;
    else if (flag == "--l2")
      a.options.l2 = number;
    else if (flag == "--dropout")
      a.options.dropout = number;
    else if (flag == "--lower")
      a.options.lower = number;
    else if (flag == "--upper")
      a.options.upper = number;
    else if (flag == "--missed")
      a.options.missed = number;
    else if (flag == "--min-count")
      a.options.min_count = static_cast<std::uint32_t>(whole);
    else if (flag == "--seed")
      a.options.seed = whole;
    else if (flag == "--buckets")
      a.options.buckets = whole;
    else if (flag == "--classes")
      a.classes = whole;
    else if (flag == "--class-min")
      a.class_min = whole;
    else if (flag == "--lexicon")
      a.lexicon = whole;
    else
      fail("unknown flag " + flag + "\n" + kUsage);
  }
  if (a.train.empty() || a.output.empty()) fail(kUsage);
  return a;
}

int train(const Arguments& a) {
  std::vector<std::pair<std::vector<Sentence>, double>> corpora;
  for (const auto& [path, share] : a.train) corpora.emplace_back(must(read_corpus(path)), share);
  std::vector<Sentence> held_out;
  if (a.folds > 0) {
    auto& last = corpora.back().first;
    std::vector<Sentence> kept;
    for (std::size_t i = 0; i < last.size(); ++i) (i % a.folds == a.fold ? held_out : kept).push_back(last[i]);
    last = std::move(kept);
  }
  std::vector<std::string> extra;
  for (const auto& [sentences, share] : corpora) {
    for (const auto& sentence : sentences) extra.push_back(sentence.text);
  }
  const auto lexicon = must(build_lexicon(a.texts, extra, a.lists, a.classes, a.class_min));
  workload::EntityModel model(a.options.buckets, a.lexicon);
  std::size_t homeless = 0;
  std::map<std::uint64_t, workload::WordFacts> ordered(lexicon.begin(), lexicon.end());
  for (const auto& [hash, facts] : ordered) homeless += model.put_facts(hash, facts) ? 0 : 1;
  std::fprintf(stderr, "lexicon: %zu entries, %zu without room\n", lexicon.size(), homeless);

  Trainer trainer(model, a.options);
  for (auto& [sentences, share] : corpora) retokenize(sentences);
  if (!a.questions.empty()) {
    std::vector<Sentence> all;
    for (const auto& [sentences, share] : corpora) all.insert(all.end(), sentences.begin(), sentences.end());
    corpora.emplace_back(must(make_questions(a.questions, a.question_count, all, a.lists, a.options.seed)), 1.0);
    retokenize(corpora.back().first);
  }
  for (const auto& [sentences, share] : corpora) {
    for (const auto& sentence : sentences) trainer.add(sentence, share);
  }
  trainer.run();
  trainer.write(model);
  const std::string bytes = model.serialize();
  if (const auto written = write_file(a.output, bytes); !written) fail(to_string(written.error()));
  fmt::print("{}: {} bytes\n", a.output, bytes.size());
  const auto tagger = must(EntityTagger::open_bytes(bytes, a.output));
  for (const auto& path : a.dev) print_scores(tagger, base_name(path), must(read_corpus(path)));
  if (!held_out.empty()) print_scores(tagger, "held-out fold of " + base_name(a.train.back().first), held_out);
  return 0;
}

int evaluate(int argc, char** argv) {
  if (argc < 4) fail(kUsage);
  const auto tagger = must(EntityTagger::open(argv[2]));
  for (int i = 3; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (path.extension() == ".jsonl") {
      fmt::print("{}",
                 line(base_name(path) + " as written", score(tagger, must(read_questions(path, "text")), Tokens::own)));
      print_scores(tagger, base_name(path) + " cased", must(read_questions(path, "cased")));
    } else {
      print_scores(tagger, base_name(path), must(read_corpus(path)));
    }
  }
  return 0;
}

}  // namespace
}  // namespace phasewatt::train_ner

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--evaluate") return phasewatt::train_ner::evaluate(argc, argv);
  return phasewatt::train_ner::train(phasewatt::train_ner::parse(argc, argv));
}
