#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/sample.h"

/// The study file: what to measure, as a person writes it. Every key, type, default and range: docs/study-file.md.
/// Values only; nothing here looks at a device, an engine or a dataset.
namespace phasewatt::replay {

struct StudyDataset {
  std::string name;             ///< "boolq", "hellaswag", "narrativeqa", "truthfulqa", or the user's own with `file`
  workload::SampleSpec sample;  ///< which of its queries
  std::string file;             ///< overrides where the queries come from; empty = the shipped or --data-dir one
  int line = 0;                 ///< in the study file, for messages
};

/// The clocks as asked for.
struct StudyClocks {
  std::optional<int> automatic;          ///< N of "auto:N": N clocks evenly over the supported range, ends included
  std::vector<std::optional<Mhz>> list;  ///< otherwise these, in order; absent = stock
};

/// The clock all comparisons refer to.
struct StudyBaseline {
  enum class Kind { highest, stock, clock };
  Kind kind = Kind::highest;
  Mhz clock{};  ///< when `clock`
};

/// How a point is measured by sensors, and how often ([measure]).
struct MeasureRules {
  /// The simulated GPU in virtual time tells the truth; with this its sensors are read instead, as those of a real card
  /// are. Behind NVML it is always so.
  bool by_sensors = false;
  double warmup_s = 10;       ///< at least so long under the point's own load before anything counts
  double warmup_max_s = 120;  ///< at most so long, when the temperature is not steady before
  double window_s = 0;   ///< the queries go through again until so much has been measured; 0 = what the sensors need
  double stacked_s = 2;  ///< for each phase, repeated back to back as the cross-check; 0 = none
  std::optional<int> reference_every;  ///< points between two runs of the reference point; 0 = none; absent = 20 by
                                       ///< sensors, none otherwise
  std::optional<int> repeats_max;      ///< absent: `repeats` is a fixed count. Else repeats go on up to this one…
  double confidence_width = 0.02;      ///< …until the 95 % interval of the mean is no wider than this share of it
};

/// A study file after all checks that need nothing but the file.
struct Study {
  std::string text;    ///< the file, verbatim
  std::string source;  ///< its name in messages
  std::string name;
  std::uint64_t seed = 1;
  int repeats = 5;
  std::vector<std::string> models;
  std::vector<StudyDataset> datasets;
  std::vector<int> batch_sizes;
  StudyClocks clocks;
  StudyBaseline baseline;
  bool store_prompts = true;
  Decoding decoding;
  std::string engine = "sim";          ///< "sim", "cpu", or "libtorch"
  std::string runtime = "eager";       ///< "eager", or "graph"
  std::string engine_device = "auto";  ///< of "libtorch": "auto", "cpu", "cuda", "cuda:N", "cuda:N,M"; "cpu" of "cpu"
  std::string dtype = "auto";          ///< of "libtorch": "auto", "f32", "f16", "bf16"
  int threads = 0;                     ///< of the CPU's arithmetic; 0 = the engine's choice

  std::string device = "sim";                      ///< "sim", "nvml", or "none": nobody measures energy
  std::string gpu;                                 ///< of "nvml": index, UUID or PCI id; empty = the first one visible
  std::string spec = "rtx-pro-6000-blackwell-ws";  ///< id of a shipped spec, or a path when `spec_is_path`
  bool spec_is_path = false;
  bool noise = true;
  MeasureRules measure;

  /// Lines in the file (0 = the key is absent), so that later checks can still name them.
  struct Lines {
    int models = 0;
    int engine_device = 0;
    int dtype = 0;
    int clocks = 0;
    int baseline = 0;
  } lines;
  /// "file:line" of a key, or "file" when `line` is 0.
  [[nodiscard]] std::string where(int line) const;
  /// The engine computes; otherwise it tells what a simulated GPU would take.
  [[nodiscard]] bool real_engine() const { return engine != "sim"; }
  /// Whether points are measured by sensors; otherwise the simulator's truth is taken, or times alone.
  [[nodiscard]] bool by_sensors() const { return device == "nvml" || (device == "sim" && measure.by_sensors); }
  [[nodiscard]] int reference_every() const { return measure.reference_every.value_or(by_sensors() ? 20 : 0); }
  [[nodiscard]] int most_repeats() const { return measure.repeats_max.value_or(repeats); }
};

/// The numbers in the engine's device: 0 and 1 of "cuda:0,1"; none of "auto", "cpu" and "cuda".
std::vector<int> engine_gpus(const Study& study);

/// Parses and checks. bad_input names file, line and the nearest valid key or value; unsupported names an engine or
/// device kind that this build lacks. `source` stands in messages.
Result<Study> parse_study(std::string_view text, std::string_view source);

/// The same from a file; also not_found and io.
Result<Study> load_study(const std::filesystem::path& path);

/// A commented study file to start from; it parses.
std::string study_template();

}  // namespace phasewatt::replay
