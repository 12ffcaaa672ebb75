#include "score.h"

#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/workload/entity_decode.h"

namespace phasewatt::train_ner {
namespace {

double ratio(std::size_t a, std::size_t b) { return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b); }

}  // namespace

double Score::precision(std::size_t type) const { return ratio(right[type], found[type]); }
double Score::recall(std::size_t type) const { return ratio(right[type], wanted[type]); }
double Score::f1(std::size_t type) const { return ratio(2 * right[type], found[type] + wanted[type]); }

Score score(const workload::EntityTagger& tagger, const std::vector<Sentence>& sentences, Tokens tokens) {
  workload::EntityWorker worker(tagger);
  std::vector<EntitySpan> found, wanted;
  std::vector<std::string_view> views;
  Score result;
  for (const auto& sentence : sentences) {
    if (tokens == Tokens::given) {
      views.assign(sentence.tokens.begin(), sentence.tokens.end());
      worker.tag_tokens(views, found);
      wanted.clear();
      workload::spans_of_tags(sentence.tags, wanted);
    } else {
      worker.tag(sentence.text, found);
      wanted = sentence.spans;
    }
    for (const auto& span : wanted) {
      for (const std::size_t i : {static_cast<std::size_t>(span.type), std::size_t{3}}) ++result.wanted[i];
    }
    for (const auto& span : found) {
      const bool right = std::find(wanted.begin(), wanted.end(), span) != wanted.end();
      for (const std::size_t i : {static_cast<std::size_t>(span.type), std::size_t{3}}) {
        ++result.found[i];
        result.right[i] += right ? 1 : 0;
      }
    }
  }
  return result;
}

std::string line(const std::string& name, const Score& score) {
  return fmt::format("{:<44} P {:.3f} R {:.3f} F1 {:.3f} | PER {:.3f} ORG {:.3f} LOC {:.3f} | n {}\n", name,
                     score.precision(3), score.recall(3), score.f1(3), score.f1(0), score.f1(1), score.f1(2),
                     score.wanted[3]);
}

}  // namespace phasewatt::train_ner
