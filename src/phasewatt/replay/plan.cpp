#include "phasewatt/replay/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <utility>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/replay/fingerprint.h"

namespace phasewatt::replay {
namespace {

constexpr double kMaxPoints = 1e6;

Status check_models(const Study& study, const std::vector<std::string>& known) {
  if (known.empty()) return ok();
  for (const auto& model : study.models)
    if (std::find(known.begin(), known.end(), model) == known.end())
      return Error{ErrorCode::not_found, study.where(study.lines.models) + ": unknown model '" + model + "'",
                   did_you_mean(model, known)};
  return ok();
}

std::string mhz(Mhz clock) { return fmt::format("{} MHz", clock.value()); }

/// N clocks evenly over the supported range, both ends included.
std::vector<std::optional<Mhz>> spread(const std::vector<Mhz>& supported, int n) {
  const double low = supported.front().value();
  const double high = supported.back().value();
  std::vector<std::optional<Mhz>> clocks;
  clocks.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) clocks.emplace_back(Mhz(low + (high - low) * i / (n - 1)));
  return clocks;
}

/// Snaps one request; an error names the range.
Result<Mhz> snap_within(const std::vector<Mhz>& supported, Mhz asked, const std::string& where) {
  const Mhz low = supported.front();
  const Mhz high = supported.back();
  if (asked < low - half_step(supported, low) || asked > high + half_step(supported, high))
    return Error{ErrorCode::bad_input, fmt::format("{}: {} is outside the supported clocks", where, mhz(asked)),
                 fmt::format("this device supports {} to {}", mhz(low), mhz(high))};
  return device::snap(supported, asked);
}

/// Snaps every clock of the study and merges those that fall together.
Result<std::vector<PlannedClock>> snap_clocks(const Study& study, const std::vector<Mhz>& supported,
                                              std::vector<std::string>& notes) {
  const bool automatic = study.clocks.automatic.has_value();
  std::vector<PlannedClock> clocks;
  for (const auto& asked : automatic ? spread(supported, *study.clocks.automatic) : study.clocks.list) {
    PlannedClock clock{asked, asked};
    if (asked) {
      PHASEWATT_ASSIGN(clock.snapped, snap_within(supported, *asked, study.where(study.lines.clocks)));
    }
    const auto same =
        std::find_if(clocks.begin(), clocks.end(), [&](const auto& c) { return c.snapped == clock.snapped; });
    if (same == clocks.end())
      clocks.push_back(clock);
    else
      notes.push_back(fmt::format("{:.6g} and {:.6g} MHz both snap to {}: they are one point", same->asked->value(),
                                  asked->value(), mhz(*clock.snapped)));
  }
  return clocks;
}

/// What remains without clock control: the stock clock, and a note about the rest.
std::vector<PlannedClock> stock_only(const std::vector<PlannedClock>& clocks, std::vector<std::string>& notes) {
  std::vector<std::string> left_out;
  for (const auto& clock : clocks)
    if (clock.asked) left_out.push_back(fmt::format("{:.6g}", clock.asked->value()));
  if (!left_out.empty())
    notes.push_back("clocks cannot be changed here, so only the stock clock is measured; left out: " +
                    join(left_out, ", ") + " MHz");
  return {PlannedClock{}};
}

Result<std::vector<PlannedClock>> plan_clocks(const Study& study, const PlanInputs& inputs,
                                              std::vector<std::string>& notes) {
  const auto& list = study.clocks.list;
  const bool locks =
      study.clocks.automatic || std::any_of(list.begin(), list.end(), [](const auto& c) { return c.has_value(); });
  if (!locks) return std::vector<PlannedClock>{PlannedClock{}};
  if (inputs.device.supported_clocks.empty()) {
    if (!inputs.clock_control) {
      notes.emplace_back("clocks cannot be changed here, so only the stock clock is measured");
      return std::vector<PlannedClock>{PlannedClock{}};
    }
    return Error{
        ErrorCode::unsupported,
        study.where(study.lines.clocks) + ": device '" + inputs.device.name + "' lists no clocks that can be asked for",
        "use clocks = \"stock\""};
  }
  PHASEWATT_ASSIGN(auto clocks, snap_clocks(study, inputs.device.supported_clocks, notes));
  return inputs.clock_control ? clocks : stock_only(clocks, notes);
}

Result<std::optional<Mhz>> plan_baseline(const Study& study, const PlanInputs& inputs,
                                         const std::vector<PlannedClock>& clocks, std::vector<std::string>& notes) {
  using Kind = StudyBaseline::Kind;
  std::optional<Mhz> highest;
  for (const auto& clock : clocks) highest = std::max(highest, clock.snapped);  // absent (stock) sorts lowest
  if (study.baseline.kind == Kind::highest) return highest;
  if (!inputs.clock_control) {
    if (study.baseline.kind == Kind::clock)
      notes.emplace_back("the baseline is the stock clock, the only one measured");
    return std::optional<Mhz>();
  }
  const std::string where = study.where(study.lines.baseline);
  std::optional<Mhz> baseline;
  if (study.baseline.kind == Kind::clock) {
    if (!highest)
      return Error{ErrorCode::bad_input,
                   where + ": the baseline " + mhz(study.baseline.clock) + " is not among 'clocks'",
                   "use baseline = \"stock\""};
    PHASEWATT_ASSIGN(baseline, snap_within(inputs.device.supported_clocks, study.baseline.clock, where));
  }
  if (std::any_of(clocks.begin(), clocks.end(), [&](const auto& c) { return c.snapped == baseline; })) return baseline;
  return Error{ErrorCode::bad_input,
               where + ": the baseline " + (baseline ? mhz(*baseline) : "\"stock\"") + " is not among 'clocks'",
               "add it to 'clocks', or use baseline = \"highest\""};
}

Status check_query(const StudyQuery& q, const std::string& dataset) {
  const auto bad = [&](const std::string& what) {
    return Error{ErrorCode::bad_input, "query '" + q.query.id + "': " + what, "check the dataset's file"};
  };
  if (q.query.dataset != dataset) return bad("it belongs to dataset '" + q.query.dataset + "', not '" + dataset + "'");
  if (q.prompt_tokens < 1) return bad("its prompt has no tokens");
  if (q.query.task == Task::generation) return ok();
  if (q.query.choices.empty()) return bad("it has no choices to score");
  if (q.option_tokens.size() != q.query.choices.size()) return bad("its choices have no token counts");
  for (const int tokens : q.option_tokens)
    if (tokens < 1) return bad("one of its choices has no tokens");
  return ok();
}

/// A model's own lengths of the queries that the plan got last.
Status check_lengths(const StudyPlan& plan, const std::vector<QueryTokens>& tokens, const std::string& model) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Query& query = plan.queries.at(plan.queries.size() - tokens.size() + i).query;
    const auto& options = tokens[i].options;
    if (tokens[i].prompt < 1 || options.size() != query.choices.size() ||
        std::any_of(options.begin(), options.end(), [](int n) { return n < 1; }))
      return Error{ErrorCode::bad_input, "query '" + query.id + "': its prompt or a choice has no tokens in " + model,
                   "check the dataset's file"};
  }
  return ok();
}

/// Moves the queries into the plan, in study order.
Status take_queries(const Study& study, PlanInputs& inputs, StudyPlan& plan) {
  std::set<std::string> ids;
  for (const auto& dataset : study.datasets) {
    const auto input = std::find_if(inputs.datasets.begin(), inputs.datasets.end(),
                                    [&](const DatasetInput& d) { return d.name == dataset.name; });
    if (input == inputs.datasets.end())
      return Error{ErrorCode::internal, "dataset '" + dataset.name + "' of the study was not loaded", {}};
    if (input->queries.empty())
      return Error{ErrorCode::bad_input, study.where(dataset.line) + ": dataset '" + dataset.name + "' has no queries",
                   "check its file and its sample"};
    for (auto& query : input->queries) {
      PHASEWATT_TRY(check_query(query, dataset.name));
      if (!ids.insert(query.query.id).second)
        return Error{ErrorCode::bad_input, "query id '" + query.query.id + "' occurs twice", "make the ids unique"};
      plan.queries.push_back(std::move(query));
    }
    for (auto& [model, tokens] : input->model_tokens) {
      PHASEWATT_TRY(check_lengths(plan, tokens, model));
      auto& all = plan.model_tokens[model];
      all.insert(all.end(), std::make_move_iterator(tokens.begin()), std::make_move_iterator(tokens.end()));
      if (all.size() != plan.queries.size())
        return Error{ErrorCode::internal, "model '" + model + "' has token counts for some queries only", {}};
    }
    plan.samples.push_back(std::move(input->sample));
  }
  return ok();
}

/// One more than there are stretches of `every` points, so that each lies between two; 0 without references.
int references(std::size_t points, int every) {
  return every == 0 ? 0 : static_cast<int>((points + static_cast<std::size_t>(every) - 1) / every) + 1;
}

Status make_points(const Study& study, const std::vector<PlannedClock>& clocks, StudyPlan& plan) {
  const double per_model = static_cast<double>(study.datasets.size()) * static_cast<double>(study.batch_sizes.size()) *
                           static_cast<double>(clocks.size()) * study.most_repeats();
  const double count = static_cast<double>(study.models.size()) * per_model;
  if (count > kMaxPoints)
    return Error{ErrorCode::bad_input, fmt::format("{}: {:.0f} points are too many", study.source, count),
                 fmt::format("at most {:.0f}; use fewer clocks, batch sizes or repeats", kMaxPoints)};
  const auto next = [&] { return static_cast<std::uint32_t>(plan.points.size()); };
  for (const auto& model : study.models)
    for (const auto& dataset : study.datasets)
      for (const int batch : study.batch_sizes)
        for (const auto& clock : clocks)
          for (int repeat = 0; repeat < study.most_repeats(); ++repeat)
            plan.points.push_back(RunPoint{next(), model, dataset.name, batch, clock.snapped, clock.asked, repeat});
  const int again = references(static_cast<std::size_t>(per_model), study.reference_every());
  for (const auto& model : study.models)
    for (int repeat = 0; repeat < again; ++repeat)
      plan.points.push_back(RunPoint{next(), model, study.datasets.front().name, study.batch_sizes.front(),
                                     std::nullopt, std::nullopt, repeat, true});
  return ok();
}

Environment environment_of(const Study& study, const PlanInputs& inputs) {
  Environment environment = inputs.environment;
  environment.device_id = inputs.device.id;
  environment.device_name = inputs.device.name;
  environment.driver = inputs.device.driver;
  environment.spec_hash = inputs.device.spec_hash;
  environment.device_simulated = inputs.device.simulated;
  environment.seed = study.seed;
  return environment;
}

/// 0 ≤ result < n: draws until the value falls below the largest multiple of n, so that each is equally likely.
std::uint64_t below(std::mt19937_64& generator, std::uint64_t n) {
  const std::uint64_t limit = generator.max() - generator.max() % n;
  std::uint64_t value = generator();
  while (value >= limit) value = generator();
  return value % n;
}

}  // namespace

Mhz half_step(const std::vector<Mhz>& supported, Mhz clock) {
  const auto at = std::lower_bound(supported.begin(), supported.end(), clock);
  Mhz gap{};
  if (at != supported.end() && at != supported.begin()) gap = std::max(gap, *at - *(at - 1));
  if (at != supported.end() && at + 1 != supported.end()) gap = std::max(gap, *(at + 1) - *at);
  return gap / 2;
}

Result<StudyPlan> make_plan(const Study& study, PlanInputs inputs) {
  PHASEWATT_TRY(check_models(study, inputs.models));
  StudyPlan plan;
  plan.name = study.name;
  plan.study_toml = study.text;
  plan.token_kind = inputs.token_kind;
  plan.store_prompts = study.store_prompts;
  plan.environment = environment_of(study, inputs);
  PHASEWATT_ASSIGN(const auto clocks, plan_clocks(study, inputs, plan.notes));
  PHASEWATT_ASSIGN(plan.baseline, plan_baseline(study, inputs, clocks, plan.notes));
  PHASEWATT_TRY(take_queries(study, inputs, plan));
  PHASEWATT_TRY(make_points(study, clocks, plan));
  plan.fingerprint = fingerprint(study, plan, clocks, inputs);
  return plan;
}

namespace {

/// The points of one model, by index.
struct ModelPoints {
  std::string model;
  std::vector<std::uint32_t> grid;
  std::vector<std::uint32_t> references;
};

std::vector<ModelPoints> by_model(const StudyPlan& plan) {
  std::vector<ModelPoints> models;
  for (const auto& point : plan.points) {
    auto at = std::find_if(models.begin(), models.end(), [&](const auto& m) { return m.model == point.model; });
    if (at == models.end()) at = models.insert(at, {point.model, {}, {}});
    (point.reference ? at->references : at->grid).push_back(point.index);
  }
  return models;
}

/// Repeat after repeat, each shuffled by the seed.
void shuffle_repeats(const StudyPlan& plan, ModelPoints& points) {
  auto& grid = points.grid;
  const auto repeat_of = [&](std::uint32_t i) { return plan.points[i].repeat; };
  std::stable_sort(grid.begin(), grid.end(), [&](auto a, auto b) { return repeat_of(a) < repeat_of(b); });
  for (std::size_t first = 0; first < grid.size();) {
    const int repeat = repeat_of(grid[first]);
    std::size_t end = first;
    while (end < grid.size() && repeat_of(grid[end]) == repeat) ++end;
    std::mt19937_64 generator(
        sha256_u64(fmt::format("order/1\n{}\n{}\n{}", plan.environment.seed, points.model, repeat)));
    for (std::size_t i = end - first; i > 1; --i) std::swap(grid[first + i - 1], grid[first + below(generator, i)]);
    first = end;
  }
}

}  // namespace

std::vector<std::uint32_t> execution_order(const StudyPlan& plan) {
  std::vector<std::uint32_t> order;
  order.reserve(plan.points.size());
  for (auto& points : by_model(plan)) {
    shuffle_repeats(plan, points);
    const auto& references = points.references;
    std::size_t told = 0;
    for (std::size_t i = 0; i < points.grid.size(); ++i) {
      // Reference k of n comes before the share k/(n−1) of the others.
      while (told + 1 < references.size() && told * points.grid.size() <= i * (references.size() - 1))
        order.push_back(references[told++]);
      order.push_back(points.grid[i]);
    }
    while (told < references.size()) order.push_back(references[told++]);
  }
  return order;
}

QueryRange queries_of(const StudyPlan& plan, const std::string& dataset) {
  const auto of = [&](const StudyQuery& q) { return q.query.dataset == dataset; };
  const auto begin = std::find_if(plan.queries.begin(), plan.queries.end(), of);
  const auto end = std::find_if_not(begin, plan.queries.end(), of);
  return {static_cast<std::uint32_t>(begin - plan.queries.begin()),
          static_cast<std::uint32_t>(end - plan.queries.begin())};
}

std::vector<QueryRange> batches_of(const StudyPlan& plan, QueryRange queries, int batch) {
  std::vector<QueryRange> batches;
  for (std::uint32_t i = queries.begin; i < queries.end; ++i) {
    const bool fits = !batches.empty() && i - batches.back().begin < static_cast<std::uint32_t>(batch) &&
                      plan.queries[i].query.task == plan.queries[i - 1].query.task;
    if (fits)
      batches.back().end = i + 1;
    else
      batches.push_back({i, i + 1});
  }
  return batches;
}

}  // namespace phasewatt::replay
