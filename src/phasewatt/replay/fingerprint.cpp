#include "phasewatt/replay/fingerprint.h"

#include <fmt/format.h>

#include "phasewatt/base/files.h"

namespace phasewatt::replay {
namespace {

/// Fields one after the other, each with its length, so that no two lists of fields give the same bytes.
class Fields {
 public:
  void add(std::string_view text) { fmt::format_to(std::back_inserter(bytes_), "{}:{}\n", text.size(), text); }
  void add(double value) { add(std::string_view(fmt::format("{:.12g}", value))); }  // past what compilers may differ in
  void add(const std::optional<Mhz>& clock) { clock ? add(clock->value()) : add(std::string_view("stock")); }
  template <class Range>
  void add_all(const Range& range) {
    add(static_cast<double>(range.size()));
    for (const auto& item : range) add(item);
  }
  [[nodiscard]] std::string hash() const { return sha256_hex(bytes_); }

 private:
  std::string bytes_;
};

void add_query(Fields& fields, const StudyQuery& q) {
  fields.add(q.query.dataset);
  fields.add(q.query.id);
  fields.add(to_string(q.query.task));
  fields.add(q.query.prompt);
  fields.add_all(q.query.choices);
  fields.add(q.query.answer.value_or(-1));
  fields.add_all(q.query.references);
  const Features& f = q.features;
  for (const double value : {f.words, f.characters, f.token_entropy_bits, f.unique_ratio, f.entity_density,
                             f.causal_question, f.reasoning_complexity, f.words_per_sentence, f.complexity_score})
    fields.add(value);
  fields.add(q.prompt_tokens);
  fields.add_all(q.option_tokens);
}

}  // namespace

std::string fingerprint(const Study& study, const StudyPlan& plan, const std::vector<PlannedClock>& clocks,
                        const PlanInputs& inputs) {
  const device::DeviceInfo& device = inputs.device;
  Fields fields;
  fields.add("phasewatt-fingerprint/2");
  fields.add(kResultsVersion);
  fields.add(std::to_string(study.seed));
  fields.add(study.repeats);
  fields.add_all(study.models);
  // The sample's own words too: simulated noise belongs to them.
  for (const auto& dataset : study.datasets) fields.add(dataset.name + "=" + workload::to_string(dataset.sample));
  fields.add_all(study.batch_sizes);
  for (const auto& clock : clocks) {
    fields.add(clock.snapped);
    fields.add(clock.asked);
  }
  fields.add(plan.baseline);
  fields.add(study.decoding.max_new_tokens);
  fields.add(to_string(study.decoding.stop));
  fields.add(study.reference_every());
  fields.add(study.most_repeats());
  if (study.measure.repeats_max) fields.add(study.measure.confidence_width);
  if (study.by_sensors())
    for (const double value :
         {study.measure.warmup_s, study.measure.warmup_max_s, study.measure.window_s, study.measure.stacked_s})
      fields.add(value);
  fields.add(study.engine);
  fields.add(study.runtime);
  fields.add(plan.environment.runtime);
  if (study.real_engine()) {
    fields.add(study.engine_device);
    fields.add(study.dtype);
    fields.add_all(inputs.model_hashes);
    for (const auto& [model, tokens] : plan.model_tokens) {
      fields.add(model);
      for (const auto& one : tokens) {
        fields.add(one.prompt);
        fields.add_all(one.options);
      }
    }
  }
  fields.add(study.device);
  fields.add(device.id);
  fields.add(device.spec_hash);
  fields.add(study.noise ? "noise" : "quiet");
  for (const Mhz clock : device.supported_clocks) fields.add(clock.value());
  fields.add(to_string(plan.token_kind));
  fields.add(plan.store_prompts ? "prompts" : "no prompts");
  for (const auto& query : plan.queries) add_query(fields, query);
  return fields.hash();
}

}  // namespace phasewatt::replay
