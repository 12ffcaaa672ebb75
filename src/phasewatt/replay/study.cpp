#include "phasewatt/replay/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/base/toml_reader.h"
#include "phasewatt/replay/study_fields.h"
#include "phasewatt/workload/datasets.h"

namespace phasewatt::replay {
namespace {

constexpr std::string_view kSchema = "phasewatt-study/1";
constexpr std::string_view kClocksHint = "use a list of MHz and \"stock\", \"auto:N\" (N from 2 to 64), or \"stock\"";
constexpr double kMaxMhz = 10000;
constexpr double kMaxSeconds = 3600;
/// An interval of a mean from fewer repeats is too wide, and too uncertain, to stop at.
constexpr int kLeastForWidth = 3;

/// Names become parts of query ids, file names and headings.
bool is_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), plain);
}

bool is_mhz(double value) { return value > 0 && value <= kMaxMhz; }

/// Fills a Study from the tables of one file. TomlTable keeps the first error, so that this reads as a list of fields.
class Parser {
 public:
  Parser(TomlTable root, Study& study) : root_(std::move(root)), study_(study) {}

  Status run() {
    read_head();
    read_models();
    read_batch_sizes();
    read_clocks();
    read_baseline();
    // The root ends before its tables are read, so that a misspelt [engin] is told before anything that follows from
    // it.
    auto datasets = root_.tables("datasets");
    auto engine = optional_table("engine");
    auto device = optional_table("device");
    auto decoding = optional_table("decoding");
    auto measure = optional_table("measure");
    PHASEWATT_TRY(root_.finish());
    PHASEWATT_TRY(read_engine_and_device(engine, device, study_));
    if (decoding) PHASEWATT_TRY(read_decoding(*decoding));
    if (measure) PHASEWATT_TRY(read_measure(*measure));
    for (auto& dataset : datasets) PHASEWATT_TRY(read_dataset(dataset));
    if (datasets.empty())
      return Error{ErrorCode::bad_input, study_.source + ": there is no [[datasets]]",
                   "add a table [[datasets]] with name = \"boolq\""};
    return ok();
  }

 private:
  /// Whether the root has `key`; makes an absent one known, so that it is offered for a misspelt one.
  bool knows(std::string_view key) {
    if (root_.has(key)) return true;
    (void)root_.tables(key);
    return false;
  }

  std::optional<TomlTable> optional_table(std::string_view key) {
    if (knows(key)) return root_.table(key);
    return std::nullopt;
  }

  void read_head() {
    const std::string schema = root_.string("schema");
    if (schema != kSchema)
      root_.fail("schema", fmt::format("'schema' is '{}'", schema), fmt::format("this program reads \"{}\"", kSchema));
    study_.name = root_.string("name");
    if (!is_name(study_.name))
      root_.fail("name", "'name' is '" + study_.name + "'", "use 1 to 64 letters, digits, '-', '_' or '.'");
    const std::int64_t seed = root_.integer("seed", 1);
    if (seed < 0) root_.fail("seed", fmt::format("'seed' is {}", seed), "it must not be negative");
    study_.seed = static_cast<std::uint64_t>(seed);
    study_.repeats = bounded(root_, "repeats", study_.repeats, 1, 100);
    study_.store_prompts = root_.boolean("store_prompts", true);
  }

  void read_models() {
    study_.models = root_.strings("models");
    study_.lines.models = root_.line("models");
    if (study_.models.empty()) root_.fail("models", "'models' is empty", "name at least one model");
    std::set<std::string> seen;
    for (const auto& model : study_.models) {
      if (model.empty()) root_.fail("models", "'models' holds an empty name");
      if (!seen.insert(model).second) root_.fail("models", "'models' names '" + model + "' twice", "remove one");
    }
  }

  void read_batch_sizes() {
    const auto sizes = knows("batch_sizes") ? root_.integers("batch_sizes") : std::vector<std::int64_t>{1};
    if (sizes.empty()) root_.fail("batch_sizes", "'batch_sizes' is empty", "name at least one batch size");
    std::set<std::int64_t> seen;
    for (const auto size : sizes) {
      if (size < 1 || size > 1024) {
        root_.fail("batch_sizes", fmt::format("'batch_sizes' holds {}", size), "a batch size must be 1 to 1024");
        return;
      }
      if (!seen.insert(size).second)
        root_.fail("batch_sizes", fmt::format("'batch_sizes' names {} twice", size), "remove one");
      study_.batch_sizes.push_back(static_cast<int>(size));
    }
  }

  void read_clocks() {
    study_.lines.clocks = root_.line("clocks");
    if (!root_.has("clocks") || root_.is_string("clocks")) {
      read_clocks_word(root_.string("clocks", "stock"));
      return;
    }
    for (const auto& item : root_.scalars("clocks")) {
      std::optional<Mhz> clock;
      if (item.number) {
        if (!is_mhz(*item.number))
          root_.fail("clocks", fmt::format("'clocks' holds {}", *item.number),
                     "a clock is more than 0 and at most 10000 MHz");
        clock = Mhz(*item.number);
      } else if (item.text != "stock") {
        root_.fail("clocks", "'clocks' holds '" + item.text + "'", std::string(kClocksHint));
      }
      const auto& list = study_.clocks.list;
      if (std::find(list.begin(), list.end(), clock) != list.end())
        root_.fail("clocks", "'clocks' names " + (clock ? fmt::format("{}", clock->value()) : "\"stock\"") + " twice",
                   "remove one");
      study_.clocks.list.push_back(clock);
    }
    if (study_.clocks.list.empty()) root_.fail("clocks", "'clocks' is empty", std::string(kClocksHint));
  }

  void read_clocks_word(const std::string& word) {
    constexpr std::string_view kAuto = "auto:";
    if (word == "stock") {
      study_.clocks.list = {std::nullopt};
      return;
    }
    if (word.starts_with(kAuto)) study_.clocks.automatic = whole(std::string_view(word).substr(kAuto.size()));
    if (const auto n = study_.clocks.automatic; n && *n >= 2 && *n <= 64) return;
    root_.fail("clocks", "'clocks' is '" + word + "'", std::string(kClocksHint));
  }

  void read_baseline() {
    study_.lines.baseline = root_.line("baseline");
    StudyBaseline& baseline = study_.baseline;
    if (root_.has("baseline") && !root_.is_string("baseline")) {
      baseline = {StudyBaseline::Kind::clock, Mhz(root_.number("baseline"))};
      if (!is_mhz(baseline.clock.value()))
        root_.fail("baseline", fmt::format("'baseline' is {}", baseline.clock.value()),
                   "a clock is more than 0 and at most 10000 MHz");
      return;
    }
    const std::string word = one_of(root_, "baseline", "highest", Words{"highest", "stock"});
    baseline.kind = word == "stock" ? StudyBaseline::Kind::stock : StudyBaseline::Kind::highest;
  }

  Status read_decoding(TomlTable& table) {
    study_.decoding.max_new_tokens = bounded(table, "max_new_tokens", study_.decoding.max_new_tokens, 1, 4096);
    const std::string stop = one_of(table, "stop", "length", Words{"length", "eos"});
    study_.decoding.stop = parse_stop_rule(stop).value_or(phasewatt::StopRule::length);
    return table.finish();
  }

  static double seconds(TomlTable& table, std::string_view key, double otherwise) {
    const double value = table.number(key, otherwise);
    if (value >= 0 && value <= kMaxSeconds) return value;
    table.fail(key, fmt::format("'{}' is {}", key, value), fmt::format("it must be 0 to {} s", kMaxSeconds));
    return otherwise;
  }

  Status read_measure(TomlTable& table) {
    MeasureRules& rules = study_.measure;
    if (study_.device == "none") {
      for (const char* key : {"energy", "warmup_s", "warmup_max_s", "window_s", "stacked_s"})
        if (table.has(key))
          table.fail(key, fmt::format("'{}' is given, and the device is \"none\"", key),
                     "nothing is measured by sensors");
    }
    const bool through_nvml = study_.device == "nvml";
    const std::string energy = one_of(table, "energy", through_nvml ? "sensors" : "truth", Words{"truth", "sensors"});
    if (through_nvml && energy == "truth")
      table.fail("energy", "'energy' is 'truth'", "only a simulated GPU in virtual time tells it; use \"sensors\"");
    rules.by_sensors = energy == "sensors";
    rules.warmup_s = seconds(table, "warmup_s", rules.warmup_s);
    rules.warmup_max_s = seconds(table, "warmup_max_s", std::max(rules.warmup_s, rules.warmup_max_s));
    if (rules.warmup_max_s < rules.warmup_s)
      table.fail("warmup_max_s", fmt::format("'warmup_max_s' is {}", rules.warmup_max_s),
                 fmt::format("it must be at least warmup_s, which is {}", rules.warmup_s));
    rules.window_s = seconds(table, "window_s", rules.window_s);
    rules.stacked_s = seconds(table, "stacked_s", rules.stacked_s);
    const int every = bounded(table, "reference_every", 0, 0, 1'000'000);
    if (table.has("reference_every")) rules.reference_every = every;
    const int most = bounded(table, "repeats_max", study_.repeats, study_.repeats, 100);
    if (table.has("repeats_max")) rules.repeats_max = most;
    rules.confidence_width = table.number("confidence_width", rules.confidence_width);
    if (study_.device == "sim" && !study_.by_sensors())
      for (const char* key : {"warmup_s", "warmup_max_s", "window_s", "stacked_s"})
        if (table.has(key))
          table.fail(key, fmt::format("'{}' is given, and 'energy' is \"truth\"", key),
                     "use energy = \"sensors\"; the simulator's truth needs neither warm-up nor window");
    if (table.has("confidence_width")) {
      if (!(rules.confidence_width > 0 && rules.confidence_width <= 1))
        table.fail("confidence_width", fmt::format("'confidence_width' is {}", rules.confidence_width),
                   "it must be more than 0 and at most 1");
      if (!rules.repeats_max)
        table.fail("confidence_width", "'confidence_width' without 'repeats_max'", "say how many repeats there may be");
    }
    if (rules.repeats_max && study_.repeats < kLeastForWidth)
      table.fail("repeats_max", fmt::format("'repeats' is {}", study_.repeats),
                 fmt::format("a stop rule needs at least {} repeats for an interval", kLeastForWidth));
    return table.finish();
  }

  Status read_dataset(TomlTable& table) {
    const Words shipped(workload::kDatasets.begin(), workload::kDatasets.end());
    StudyDataset dataset;
    dataset.name = table.string("name");
    dataset.line = table.line("name");
    dataset.file = table.string("file", "");
    if (table.has("file") && dataset.file.empty())
      table.fail("file", "'file' is empty", "name a file, or leave the key out");
    if (!is_name(dataset.name))
      table.fail("name", "'name' is '" + dataset.name + "'", "use 1 to 64 letters, digits, '-', '_' or '.'");
    else if (dataset.file.empty() && std::find(shipped.begin(), shipped.end(), dataset.name) == shipped.end())
      table.fail("name", "unknown dataset '" + dataset.name + "'",
                 did_you_mean(dataset.name, shipped) + "; a dataset of your own needs file = \"PATH\"");
    for (const auto& other : study_.datasets)
      if (other.name == dataset.name)
        table.fail("name", fmt::format("dataset '{}' is named twice, first in line {}", dataset.name, other.line),
                   "remove one");
    read_sample(table, dataset);
    study_.datasets.push_back(std::move(dataset));
    return table.finish();
  }

  static void read_sample(TomlTable& table, StudyDataset& dataset) {
    const bool number = table.has("sample") && !table.is_string("sample");
    auto sample =
        workload::parse_sample(number ? std::to_string(table.integer("sample")) : table.string("sample", "all"));
    if (sample)
      dataset.sample = *sample;
    else
      table.fail("sample", "'sample': " + sample.error().what, sample.error().hint);
  }

  TomlTable root_;
  Study& study_;
};

}  // namespace

std::string Study::where(int line) const { return line == 0 ? source : source + ":" + std::to_string(line); }

Result<Study> parse_study(std::string_view text, std::string_view source) {
  PHASEWATT_ASSIGN(TomlTable root, TomlTable::parse(text, source));
  Study study;
  study.text = std::string(text);
  study.source = std::string(source);
  PHASEWATT_TRY(Parser(std::move(root), study).run());
  return study;
}

Result<Study> load_study(const std::filesystem::path& path) {
  PHASEWATT_ASSIGN(const std::string text, read_file(path));
  return parse_study(text, path.string());
}

}  // namespace phasewatt::replay
