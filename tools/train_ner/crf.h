#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "corpus.h"
#include "phasewatt/workload/entity_model.h"

namespace phasewatt::train_ner {

struct TrainOptions {
  int epochs = 12;
  double rate = 0.1;     ///< AdaGrad's step (Duchi et al. 2011), falling linearly to zero
  double l2 = 1e-5;      ///< pull to zero, at each touch of a feature
  double dropout = 0.2;  ///< share of features left out, drawn anew for each token
  double lower = 0.25;   ///< share of sentences shown lower-cased in an epoch
  double upper = 0.03;   ///< share of sentences shown in capitals
  double missed =
      0;  ///< added to O where a mention is: makes missing one dearer (softmax margin, Gimpel and Smith 2010)
  std::uint32_t min_count = 2;
  std::uint64_t seed = 1;
  std::size_t buckets = 36000;
};

/// One row of training data: features by token, for one way of writing a sentence.
struct Example {
  std::vector<std::uint32_t> features;  ///< numbers, token after token
  std::vector<std::uint32_t> ends;      ///< end of each token's features
  std::vector<std::uint8_t> classes;
  std::vector<workload::Tag> tags;
};

/// A linear-chain CRF trained by stochastic gradient ascent of the conditional likelihood. Deterministic by seed.
class Trainer {
 public:
  Trainer(const workload::EntityModel& lexicon, TrainOptions options) : lexicon_(lexicon), options_(options) {}

  /// Adds a sentence. `share` is the share of epochs in which it is seen.
  void add(const Sentence& sentence, double share);
  void run();
  /// Puts the heaviest features, rounded, and the transitions into the model. Returns how many found room.
  std::size_t write(workload::EntityModel& model) const;
  [[nodiscard]] std::size_t features() const { return hashes_.size(); }

 private:
  struct Row {
    std::array<float, workload::kLanes> w{};
    std::array<float, workload::kLanes> g{};
  };
  struct Item {
    std::array<Example, 3> written;  ///< as is, lower-cased, in capitals
    double share = 1;
  };
  using Matrix = std::array<std::array<float, workload::kLanes>, workload::kTags>;

  Example example(const Sentence& sentence);
  void drop_rare();
  double learn(const Example& example, float rate);

  const workload::EntityModel& lexicon_;
  TrainOptions options_;
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::uint64_t> hashes_;
  std::vector<Item> items_;
  std::vector<Row> weights_;
  std::array<Matrix, workload::kTokenClasses> transitions_{}, transition_g_{};
  std::uint64_t random_ = 1;
};

}  // namespace phasewatt::train_ner
