#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/units.h"

/// Start here: the nouns of the whole way, in the order in which data travels. Rooms meet in these structs and not
/// in each other. All are plain values; a number that is not known is absent (`std::optional`), never zero.
namespace phasewatt {

// ---------------------------------------------------------------------------------------------- workload

/// How a query is answered: by scoring given options (log-likelihood) or by generating text.
enum class Task { classification, generation };
std::string_view to_string(Task task);
std::optional<Task> parse_task(std::string_view name);

/// What one token of a length is. Lengths of different kinds are never compared.
enum class TokenKind { word, icu_word, bpe };
std::string_view to_string(TokenKind kind);
std::optional<TokenKind> parse_token_kind(std::string_view name);

/// Kinds of named entities that are told apart.
enum class EntityType { person, organization, location };
std::string_view to_string(EntityType type);  ///< "PER", "ORG", "LOC", as corpora write it

/// A mention of a named entity: the bytes [begin, end) of a text, never empty.
struct EntitySpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  EntityType type = EntityType::person;
  friend bool operator==(const EntitySpan&, const EntitySpan&) = default;
};

/// One question of a dataset, as the model will see it.
struct Query {
  std::string id;        ///< "<dataset>/<row>", unique within a study
  std::string dataset;   ///< "boolq", "hellaswag", "truthfulqa", "narrativeqa" or the user's name
  std::int64_t row = 0;  ///< 0-based row in its source after the reader's filter (split, …)
  Task task = Task::generation;
  std::string question;                                        ///< what is asked, alone
  std::string context;                                         ///< passage or summary, empty when there is none
  std::string prompt;                                          ///< the whole text sent to the model
  std::vector<std::string> choices;                            ///< options to score; empty for generation
  std::optional<int> answer;                                   ///< index of the right choice, when known
  std::vector<std::string> references;                         ///< right answers as text, for generation
  std::optional<std::vector<EntitySpan>> question_entities{};  ///< given with the query, by begin; else a tagger's work
  std::optional<std::vector<EntitySpan>> context_entities{};
};

/// What is known of a query before inference. Definitions: docs/features.md, by profile.
struct Features {
  double words = 0;                 ///< whitespace-separated words of the prompt
  double characters = 0;            ///< Unicode code points of the prompt
  double token_entropy_bits = 0;    ///< Shannon entropy of the token distribution, base 2
  double unique_ratio = 0;          ///< distinct lower-cased words / words
  double entity_density = 0;        ///< 0..1
  double causal_question = 0;       ///< 0 or 1
  double reasoning_complexity = 0;  ///< 0..1
  double words_per_sentence = 0;    ///< words / sentences
  double complexity_score = 0;      ///< 0..1
};

// ---------------------------------------------------------------------------------------------- engine

/// One query as work for an engine. The pointers are borrowed and outlive the call; never null.
struct Request {
  std::uint32_t index = 0;       ///< position in the point's query order, from 0
  const Query* query = nullptr;  ///< what is asked
  const Features* features = nullptr;
  int prompt_tokens = 0;           ///< ≥ 1
  std::vector<int> option_tokens;  ///< tokens of each choice, when scoring
};

/// When generation stops. `length`: always max_new_tokens (the default, so that points are comparable); `eos`: at the
/// end-of-sequence token, at the latest after max_new_tokens.
enum class StopRule { length, eos };
std::string_view to_string(StopRule rule);
std::optional<StopRule> parse_stop_rule(std::string_view name);

struct Decoding {
  int max_new_tokens = 100;
  StopRule stop = StopRule::length;
};

/// What came back for one request.
struct Outcome {
  int output_tokens = 0;                    ///< generated tokens; 0 when scoring
  std::optional<std::string> text;          ///< generated text; a simulated engine never invents one
  std::vector<double> option_logprobs;      ///< one per choice (natural logarithm, summed); empty when unknown
  std::optional<double> simulated_quality;  ///< 0..1 from the item-response model of the simulated engine
};

/// The parts of inference that are told apart.
enum class Phase { prefill, decode, score };
inline constexpr std::array kPhases{Phase::prefill, Phase::decode, Phase::score};
inline constexpr std::size_t kPhaseCount = kPhases.size();
std::string_view to_string(Phase phase);
std::optional<Phase> parse_phase(std::string_view name);

/// One marked stretch of work: a whole prefill, one decode step, or one scoring pass, of one batch.
struct PhaseSpan {
  Phase phase = Phase::prefill;
  Nanos begin{};  ///< monotonic clock of the engine
  Nanos end{};
  double tokens = 0;                   ///< new tokens processed, summed over the batch
  int batch = 0;                       ///< sequences in the pass
  std::optional<Joules> energy_truth;  ///< the simulator's own truth; absent on real hardware
  std::optional<Mhz> clock_truth;      ///< the clock the simulated pass ran at; absent on real hardware
  bool extrapolated = false;           ///< the simulated pass lay outside the range its model was fitted for
  // For the bound of a phase; absent where the engine cannot count.
  std::optional<double> bytes{};  ///< device-memory traffic, read and written
  std::optional<double> flops{};
  std::optional<double> gpu_busy_s{};  ///< of the span, time in which a kernel ran
  std::optional<double> launch_s{};    ///< of gpu_busy_s, what starting kernels one after another took
};

// ---------------------------------------------------------------------------------------------- device

/// Why the clock is not what it could be: NVML's bit values (nvmlClocksEventReasons).
enum ThrottleBit : std::uint64_t {
  throttle_idle = 0x1,
  throttle_locked_clocks = 0x2,
  throttle_sw_power_cap = 0x4,
  throttle_hw_slowdown = 0x8,
  throttle_sw_thermal = 0x20,
  throttle_hw_thermal = 0x40,
};
/// The mask in words, "sw_power_cap+locked_clocks"; "none" for 0.
std::string throttle_words(std::uint64_t mask);

struct PowerSample {
  Nanos at{};  ///< monotonic clock, middle of the read
  Watts power{};
};

struct EnergyReading {
  Nanos at{};
  Joules energy{};  ///< since the counter's start
};

/// What the card reaches at best. Absent where it was not measured.
struct Ceilings {
  std::optional<double> copy_bytes_per_s;    ///< device to device, read and written
  std::optional<double> stream_bytes_per_s;  ///< matrix-vector products over much memory
  std::optional<double> gemm_flops_per_s;    ///< dense FP16
  std::optional<double> launch_s;            ///< from one empty kernel to the next, in a graph
  std::string source;                        ///< "measured …", or "spec file …"; empty when nothing is known
  std::optional<Mhz> gemm_clock{};           ///< SM clock that `gemm_flops_per_s` was reached at, under its own load
};

/// A clock as asked for, as the card supports it, and as it was seen under load. `asked` absent = stock (no lock).
struct ClockSetting {
  std::optional<Mhz> asked;
  std::optional<Mhz> snapped;  ///< nearest supported clock to `asked`
  std::optional<Mhz> seen;     ///< time-weighted under load
};

// ---------------------------------------------------------------------------------------------- replay

/// One cell of the study's grid. Its `index` is its place in the plan's canonical order (model, dataset, batch, clock,
/// repeat, each in the order of the study file) and its key in the store, whatever order the points are run in.
struct RunPoint {
  std::uint32_t index = 0;
  std::string model;  ///< architecture or model id
  std::string dataset;
  int batch = 1;
  std::optional<Mhz> clock;        ///< requested, already snapped; absent = stock
  std::optional<Mhz> clock_asked;  ///< as written in the study
  int repeat = 0;                  ///< from 0
  /// A recurring point at the stock clock, run between the others so that drift shows; in no table but that of drift.
  /// Its `repeat` counts in the order of the run.
  bool reference = false;
};

/// How an energy was obtained. The method travels with the number.
enum class EnergyMethod {
  sim_truth,          ///< the simulated GPU's own integral
  counter_delta,      ///< difference of the energy counter
  power_integral,     ///< integral of power readings
  window_regression,  ///< non-negative least squares over the windows of a sensor (rule 3b of docs/energy.md)
  stacked             ///< the phase repeated back to back (rule 3a)
};
std::string_view to_string(EnergyMethod method);
std::optional<EnergyMethod> parse_energy_method(std::string_view name);

/// May the number enter a conclusion? `degraded` may with a remark, `void_` may not.
enum class Validity { valid, degraded, void_ };
std::string_view to_string(Validity validity);  ///< "valid", "degraded", "void"
std::optional<Validity> parse_validity(std::string_view name);

/// Closed list of reasons and remarks; to_string gives the name in the store, explain() a sentence with the next step.
enum class Reason {
  power_limited,           ///< software power cap at the stock or highest clock: a remark, the point stays valid
  clock_not_attained,      ///< the seen clock misses the requested lock: void
  throttled,               ///< thermal or hardware slowdown was active: void
  foreign_process,         ///< somebody else used the GPU: void
  foreign_lock,            ///< the stock clock was wanted, and somebody had locked another: void
  lease_lost,              ///< the helper that held the lock ended or did not hear us: void
  stalled,                 ///< the study stood still in the middle, and the idle time is in the energy: degraded
  no_energy,               ///< no sensor gave the energy: degraded
  lost_samples,            ///< too many samples lost: void
  sensor_too_slow,         ///< the window is too short for the sensor: degraded
  counter_power_disagree,  ///< the two energies differ beyond tolerance: degraded
  out_of_memory,           ///< the model does not fit: void
  engine_failed,           ///< the engine gave an error: void; the message is in RunRecord::detail
  extrapolated,            ///< outside the range the simulator was fitted for: degraded
  counter_reset,           ///< the energy counter ran backwards: void
  sensor_stuck,            ///< a sensor repeated one value while others moved: degraded
  bad_reading,             ///< a sensor gave what is no number, or no possible one: degraded
  thermal_drift,           ///< the card warmed up or cooled down over the point: degraded
  not_settled,             ///< heat was not steady when the point began, however long the warm-up: degraded
  phases_disagree,         ///< the two methods for a phase's energy differ beyond their errors: degraded
  not_calibrated,          ///< the sensors' timing is assumed: a remark, the point stays valid
};
inline constexpr std::array kReasons{Reason::power_limited,
                                     Reason::clock_not_attained,
                                     Reason::throttled,
                                     Reason::foreign_process,
                                     Reason::foreign_lock,
                                     Reason::lease_lost,
                                     Reason::stalled,
                                     Reason::no_energy,
                                     Reason::lost_samples,
                                     Reason::sensor_too_slow,
                                     Reason::counter_power_disagree,
                                     Reason::out_of_memory,
                                     Reason::engine_failed,
                                     Reason::extrapolated,
                                     Reason::counter_reset,
                                     Reason::sensor_stuck,
                                     Reason::bad_reading,
                                     Reason::thermal_drift,
                                     Reason::not_settled,
                                     Reason::phases_disagree,
                                     Reason::not_calibrated};
std::string_view to_string(Reason reason);
std::optional<Reason> parse_reason(std::string_view name);
std::string_view explain(Reason reason);
/// The verdict a reason leads to when it stands alone; a record's verdict is the worst of its reasons'.
Validity severity(Reason reason);

/// Totals of one phase over a point.
struct PhaseTotals {
  double seconds = 0;  ///< wall time in the phase
  double tokens = 0;   ///< new tokens, summed over sequences
  std::int64_t spans = 0;
  std::optional<Joules> energy{};            ///< absent when no method could give it
  std::optional<EnergyMethod> method{};      ///< of `energy`
  std::optional<double> energy_rel_error{};  ///< half width of its 95 % interval / value; 0 for sim_truth
  /// The same energy by the other method (stacked repetitions), for the cross-check.
  std::optional<Joules> stacked_energy{};
  std::optional<double> stacked_rel_error{};
  std::optional<Joules> energy_truth{};  ///< the simulator's own, kept beside what its sensors gave
  std::optional<double> bytes{};         ///< device-memory traffic
  std::optional<double> flops{};
  std::optional<double> gpu_busy_s{};
  std::optional<double> launch_s{};
};

/// How a point was looked at.
struct SamplingReport {
  std::int64_t reads = 0;
  std::int64_t lost = 0;               ///< deadlines that passed, reads that failed or found no place
  std::optional<double> cpu_share;     ///< of one core, that the sampler took from the host; absent in virtual time
  std::optional<double> driver_share;  ///< of one core, of which inside the driver's calls
};

/// What one request cost inside its batch.
struct RequestRecord {
  std::uint32_t index = 0;  ///< position in the point's query order
  std::uint32_t query = 0;  ///< index into StudyPlan::queries
  int prompt_tokens = 0;
  int output_tokens = 0;          ///< 0 when scored
  double ttft_s = 0;              ///< begin of batch → end of prefill
  double latency_s = 0;           ///< end to end; at batch > 1 the batch's wall time
  std::optional<Joules> energy;   ///< its part of the batch's energy: docs/energy.md has the rule, which conserves
  std::optional<double> quality;  ///< 0..1
};

/// A finished point.
struct RunRecord {
  RunPoint point;
  ClockSetting clock;
  std::uint64_t throttle_mask = 0;                ///< union over the point
  std::array<PhaseTotals, kPhaseCount> phases{};  ///< by Phase
  double wall_s = 0;                              ///< sum of batch wall times
  double idle_s = 0;                              ///< wall time in no phase
  std::optional<Joules> energy;                   ///< total of the point: phases + idle
  std::optional<Joules> idle_energy;
  std::optional<EnergyMethod> method;
  std::optional<double> energy_rel_error;  ///< half width of the 95 % interval / value; 0 for sim_truth
  /// The total once more, from the sensor that `energy` does not rest on.
  std::optional<Joules> cross_energy;
  std::optional<double> cross_rel_error;
  int passes = 1;     ///< times the queries went through; times, tokens and energies are means of these
  double tail_s = 0;  ///< of the decode phase: steps after the first sequence of a batch had ended
  std::optional<SamplingReport> sampling;
  std::optional<Celsius> temperature_begin;
  std::optional<Celsius> temperature_end;
  Validity validity = Validity::valid;
  std::vector<Reason> reasons;
  std::string detail;  ///< a sentence for a human, may be empty
  std::vector<RequestRecord> requests;
};

// ---------------------------------------------------------------------------------------------- environment

/// Where the numbers came from; one per study run.
struct Environment {
  std::string program_version;
  std::string host;
  std::string device_id;  ///< GPU UUID, or the spec id of the simulated GPU
  std::string device_name;
  std::string driver;     ///< empty when simulated
  std::string engine;     ///< "sim", "libtorch", …
  std::string runtime;    ///< "eager", "graph", …
  std::string spec_hash;  ///< SHA-256 of the simulated GPU's spec file; empty on real hardware
  bool device_simulated = true;
  bool engine_simulated = true;
  std::uint64_t seed = 0;
  [[nodiscard]] bool simulated() const { return device_simulated || engine_simulated; }
};

/// A query as the study keeps it.
struct StudyQuery {
  Query query;
  Features features;
  int prompt_tokens = 0;
  std::vector<int> option_tokens{};  ///< tokens of each choice, when scored; not stored
};

/// Lengths of one query in a model's own tokens.
struct QueryTokens {
  int prompt = 0;              ///< ≥ 1
  std::vector<int> options{};  ///< of each choice, when scored
};

/// The plan a study carries out: what is stored before the first point runs.
struct StudyPlan {
  std::string name;
  std::string study_toml;   ///< the study file, verbatim
  std::string fingerprint;  ///< SHA-256 over everything that determines results; guards resume
  TokenKind token_kind = TokenKind::word;
  bool store_prompts = true;
  std::optional<Mhz> baseline;                      ///< clock all comparisons refer to; absent = stock
  std::vector<std::string> samples;                 ///< one sentence per dataset: what was drawn, from where
  std::vector<std::string> notes;                   ///< e.g. "two requests snapped to one clock"
  std::map<std::string, std::string> invocation{};  ///< what the command line added, by flag ("data_dir"); for resume
  std::vector<StudyQuery> queries;                  ///< in study order, grouped by dataset
  /// By model, each as `queries`: where a model's own tokens are others than those in `queries`. Not stored; each
  /// request's record has its own.
  std::map<std::string, std::vector<QueryTokens>> model_tokens{};
  std::vector<RunPoint> points;  ///< canonical order; point.index is the position
  Environment environment;
  std::optional<Ceilings> ceilings{};  ///< of the device; absent when nobody measured or stated any
  /// What is taken to be known of the measured GPUs' sensors, as device::to_json writes it, so that a study that is
  /// resumed goes on with the same. Empty in virtual time, and in studies of older versions.
  std::vector<std::string> calibrations{};
};

/// Mean quality that one model reached on one query, over all finished points that scored it.
struct QualityRow {
  std::string model;
  std::uint32_t query = 0;  ///< index into StudyPlan::queries
  double quality = 0;       ///< 0..1
};

/// A study read back from the store: what analysis works on.
struct StudyData {
  StudyPlan plan;
  std::vector<RunRecord> records;     ///< finished points by index; `requests` is left empty
  std::size_t spared = 0;             ///< points that the stop rule made unnecessary
  std::vector<QualityRow> qualities;  ///< ordered by model, then query
};

}  // namespace phasewatt
