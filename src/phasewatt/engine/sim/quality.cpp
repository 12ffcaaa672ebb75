#include "phasewatt/engine/sim/quality.h"

#include <cmath>
#include <span>
#include <utility>

#include "phasewatt/base/embedded.h"
#include "phasewatt/base/toml_reader.h"
#include "phasewatt/sim/random.h"

namespace phasewatt::engine {

std::span<const EmbeddedFile> shipped_files();

namespace {

constexpr std::array kFeatureNames{std::string_view("entity_density"), std::string_view("causal_question")};

// FNV-1a, 64 bits (Fowler, Noll, Vo). A NUL ends each part, so that ("a", "bc") is not ("ab", "c").
constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325;
std::uint64_t hash(std::string_view text, std::uint64_t state = kFnvBasis) {
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return state * 0x100000001b3;
}

/// The draws of a query (model 0, shared by all models) or of a query and a model.
sim::RandomWords draw(std::uint64_t query, std::uint64_t seed, std::uint64_t model) {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  return sim::philox(query, {low(seed), low(seed >> 32), low(model), low(model >> 32)});
}

double normal(const sim::RandomWords& words) { return sim::normals(words[0], words[1])[0]; }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

double QualityModel::Dataset::difficulty(const Features& x) const {
  const std::array values{x.entity_density, x.causal_question};
  double sum = 0;
  for (std::size_t i = 0; i < kFeatures; ++i)
    sum += features[i].weight * (values[i] - features[i].mean) / features[i].deviation;
  return sum;
}

const QualityModel::Dataset* QualityModel::find(std::string_view dataset) const {
  const auto it = datasets_.find(dataset);
  return it == datasets_.end() ? nullptr : &it->second;
}

bool QualityModel::knows(std::string_view model, std::string_view dataset) const {
  const auto* known = find(dataset);
  return known != nullptr && known->abilities.contains(model);
}

std::optional<double> QualityModel::feature_difficulty(std::string_view dataset, const Features& features) const {
  const auto* known = find(dataset);
  if (known == nullptr) return std::nullopt;
  return known->difficulty(features);
}

std::optional<double> QualityModel::quality(std::string_view model, const Query& query, const Features& features,
                                            std::uint64_t seed) const {
  const auto* dataset = find(query.dataset);
  if (dataset == nullptr || dataset->task != query.task) return std::nullopt;
  const auto ability = dataset->abilities.find(model);
  if (ability == dataset->abilities.end()) return std::nullopt;

  const std::uint64_t key = hash(query.id, hash(query.dataset));
  const double shared = normal(draw(key, seed, 0));
  const auto own = draw(key, seed, hash(model));
  const double margin = ability->second - dataset->difficulty(features) - shared;
  if (!std::isfinite(margin)) return std::nullopt;
  if (dataset->task == Task::generation)
    return sigmoid(dataset->discrimination * (margin + dataset->model_noise * normal(own)));
  const double right = dataset->floor + (1 - dataset->floor) * sigmoid(dataset->discrimination * margin);
  return sim::uniform(own[0]) < right ? 1.0 : 0.0;
}

Result<QualityModel> QualityModel::parse(std::string_view text, std::string_view name) {
  PHASEWATT_ASSIGN(auto file, TomlTable::parse(text, name));
  QualityModel model;
  const auto models = file.strings("models");
  auto weights = file.table("weights");
  std::array<double, kFeatures> weight{};
  for (std::size_t i = 0; i < kFeatures; ++i) weight[i] = weights.number(kFeatureNames[i]);
  auto tables = file.tables("dataset");
  for (auto& table : tables) {
    Dataset dataset;
    const auto id = table.string("id");
    if (const auto task = parse_task(table.string("task")))
      dataset.task = *task;
    else
      table.fail("task", "'task' must be \"classification\" or \"generation\"");
    dataset.discrimination = table.number("discrimination");
    if (dataset.discrimination <= 0) table.fail("discrimination", "'discrimination' must be above 0");
    if (dataset.task == Task::classification) {
      dataset.floor = table.number("floor");
      if (dataset.floor < 0 || dataset.floor >= 1) table.fail("floor", "'floor' must be at least 0 and below 1");
    } else {
      dataset.model_noise = table.number("model_noise");
      if (dataset.model_noise < 0) table.fail("model_noise", "'model_noise' must not be negative");
    }
    for (std::size_t i = 0; i < kFeatures; ++i) {
      const auto moments = table.numbers(kFeatureNames[i]);
      if (moments.size() == 2 && moments[1] > 0)
        dataset.features[i] = {weight[i], moments[0], moments[1]};
      else
        table.fail(kFeatureNames[i],
                   "'" + std::string(kFeatureNames[i]) + "' must be [mean, standard deviation above 0]");
    }
    const auto ability = table.numbers("ability");
    if (ability.size() == models.size())
      for (std::size_t i = 0; i < models.size(); ++i) dataset.abilities.emplace(models[i], ability[i]);
    else
      table.fail("ability", "'ability' must have one number for each of 'models'");
    if (!model.datasets_.emplace(id, std::move(dataset)).second)
      table.fail("id", "dataset '" + id + "' stands twice", "remove one of them");
  }
  // Unknown keys first, from the inside out; each call also reports the first error of the whole file.
  for (auto& table : tables) PHASEWATT_TRY(table.finish());
  PHASEWATT_TRY(file.finish());
  PHASEWATT_TRY(weights.finish());
  return model;
}

Result<QualityModel> QualityModel::shipped() {
  const auto* file = find_embedded(shipped_files(), "quality.toml");
  if (file == nullptr) return Error{ErrorCode::internal, "quality.toml is not in the program", "build it again"};
  return parse(file->content, "quality.toml");
}

}  // namespace phasewatt::engine
