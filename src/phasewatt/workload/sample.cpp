#include "phasewatt/workload/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "phasewatt/workload/python_random.h"

namespace phasewatt::workload {
namespace {

constexpr std::uint64_t kPaperSeed = 42;
constexpr std::size_t kTruthfulqa = 2;  // its place in kDatasets
constexpr std::array<std::size_t, 3> kPaperCounts{1000, 200, 100};

/// A whole number from 1; 0 when the text is anything else.
std::size_t parse_count(std::string_view text) {
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc{} && end == text.data() + text.size() ? count : 0;
}

std::vector<std::size_t> first_rows(std::size_t count) {
  std::vector<std::size_t> rows(count);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

Result<std::vector<std::size_t>> paper_rows(const SampleSpec& sample, const Dataset& dataset) {
  const auto known = std::find(kDatasets.begin(), kDatasets.end(), dataset.name);
  if (known == kDatasets.end())
    return Error{ErrorCode::usage,
                 fmt::format("'{}' is none of the paper's datasets, so '{}' cannot be drawn from it", dataset.name,
                             to_string(sample)),
                 "use 'all', a number of rows or 'first:N'"};
  const auto index = static_cast<std::size_t>(known - kDatasets.begin());
  if (dataset.queries.size() != kPaperRows[index])
    return Error{
        ErrorCode::usage,
        fmt::format("the sample '{}' needs the real {} file of {} rows, but there are {} rows in {}", to_string(sample),
                    dataset.name, kPaperRows[index], dataset.queries.size(), dataset.source),
        "point --data-dir at the original files (docs/datasets.md), or use 'all', a number of rows or 'first:N'"};
  return paper_sample(sample.count)[index];
}

}  // namespace

Result<SampleSpec> parse_sample(std::string_view text) {
  using Kind = SampleSpec::Kind;
  const Error error{ErrorCode::usage, fmt::format("'{}' is not a sample", text),
                    "valid: all, a number of rows (from 1), first:N, paper, paper:1000, paper:200, paper:100"};
  if (text == "all") return SampleSpec{Kind::all, 0};
  if (text == "paper") return SampleSpec{Kind::paper, kPaperCounts[0]};
  const std::size_t colon = text.find(':');
  const std::size_t count = parse_count(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (count == 0) return error;
  if (colon == std::string_view::npos) return SampleSpec{Kind::random, count};
  if (text.substr(0, colon) == "first") return SampleSpec{Kind::first, count};
  if (text.substr(0, colon) == "paper" &&
      std::find(kPaperCounts.begin(), kPaperCounts.end(), count) != kPaperCounts.end())
    return SampleSpec{Kind::paper, count};
  return error;
}

std::string to_string(const SampleSpec& sample) {
  switch (sample.kind) {
    case SampleSpec::Kind::random: return std::to_string(sample.count);
    case SampleSpec::Kind::first: return fmt::format("first:{}", sample.count);
    case SampleSpec::Kind::paper: return fmt::format("paper:{}", sample.count);
    case SampleSpec::Kind::all: break;
  }
  return "all";
}

std::array<std::vector<std::size_t>, 4> paper_sample(std::size_t count) {
  PythonRandom random(kPaperSeed);
  std::array<std::vector<std::size_t>, 4> rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool whole = i == kTruthfulqa && count >= kPaperRows[i];
    rows[i] = whole ? first_rows(kPaperRows[i]) : random.sample(kPaperRows[i], count);
  }
  return rows;
}

Result<std::vector<std::size_t>> sample_rows(const SampleSpec& sample, const Dataset& dataset, std::uint64_t seed) {
  const std::size_t rows = dataset.queries.size();
  if (sample.kind == SampleSpec::Kind::paper) return paper_rows(sample, dataset);
  if (sample.kind == SampleSpec::Kind::all) return first_rows(rows);
  if (sample.count > rows)
    return Error{
        ErrorCode::usage,
        fmt::format("the sample '{}' of {} asks for more than the {} rows of {}", to_string(sample), dataset.name, rows,
                    dataset.source),
        dataset.shipped ? "use 'all', or point --data-dir at the original files (docs/datasets.md)" : "use 'all'"};
  if (sample.kind == SampleSpec::Kind::first) return first_rows(sample.count);
  return PythonRandom(seed).sample(rows, sample.count);
}

Result<std::vector<Query>> draw(const SampleSpec& sample, const Dataset& dataset, std::uint64_t seed) {
  PHASEWATT_ASSIGN(const auto rows, sample_rows(sample, dataset, seed));
  std::vector<Query> queries;
  queries.reserve(rows.size());
  for (const std::size_t row : rows) queries.push_back(dataset.queries[row]);
  return queries;
}

std::string describe(const SampleSpec& sample, const Dataset& dataset, std::optional<std::uint64_t> seed) {
  const std::size_t rows = dataset.queries.size();
  const std::size_t drawn = sample.kind == SampleSpec::Kind::all ? rows : std::min(sample.count, rows);
  const bool seeded = seed && sample.kind == SampleSpec::Kind::random;
  return fmt::format("{}: {} of {} rows of {} ({}{})", dataset.name, drawn, rows, dataset.source, to_string(sample),
                     seeded ? fmt::format(", seed {}", *seed) : "");
}

}  // namespace phasewatt::workload
