#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/workload/datasets.h"

/// Which rows of a dataset are used. All functions are pure and thread-safe.
namespace phasewatt::workload {

/// "all", "50" (drawn at random with the study's seed), "first:50", "paper" (= "paper:1000"), "paper:200", "paper:100".
struct SampleSpec {
  enum class Kind { all, random, first, paper };
  Kind kind = Kind::all;
  std::size_t count = 0;  ///< rows; 0 for `all`
};

/// Reads the syntax above; an error of code usage otherwise.
Result<SampleSpec> parse_sample(std::string_view text);
std::string to_string(const SampleSpec& sample);

/// Rows of each dataset's real file that the paper's samples were drawn from, in the order of kDatasets: BoolQ
/// validation, HellaSwag validation, TruthfulQA of 2021, NarrativeQA test.
inline constexpr std::array<std::size_t, 4> kPaperRows{3270, 10042, 817, 10557};

/// The paper's rows, by dataset in the order of kDatasets: one random.Random(42) draws `count` from each in turn
/// (TruthfulQA whole, without a draw, when count ≥ 817). 1 ≤ count ≤ 3270.
std::array<std::vector<std::size_t>, 4> paper_sample(std::size_t count);

/// Row numbers of a sample of `dataset`, in the order drawn; `random` is Python's Random(seed).sample(range(rows), n).
/// An error when there are too few rows, or when the paper's sample is asked of anything but the real file.
Result<std::vector<std::size_t>> sample_rows(const SampleSpec& sample, const Dataset& dataset, std::uint64_t seed);

/// The queries of those rows.
Result<std::vector<Query>> draw(const SampleSpec& sample, const Dataset& dataset, std::uint64_t seed);

/// One sentence for the study: "boolq: 8 of 32 rows of the shipped samples (first:8)". With `seed`, rows that were
/// drawn name it.
std::string describe(const SampleSpec& sample, const Dataset& dataset, std::optional<std::uint64_t> seed = {});

}  // namespace phasewatt::workload
