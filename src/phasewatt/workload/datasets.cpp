#include "phasewatt/workload/datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/json_rows.h"
#include "phasewatt/workload/readers.h"

namespace phasewatt::workload {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kShipped = "the shipped samples";
constexpr const char* kLayoutHint = "the layout of a data directory is described in docs/datasets.md";

struct SourceFile {
  std::string name;
  std::string content;
};

/// Where to look for files: a directory, or the samples in the program.
class Source {
 public:
  explicit Source(std::optional<fs::path> dir) : dir_(std::move(dir)) {}

  /// The first of the candidates that exists.
  [[nodiscard]] Result<SourceFile> open(std::string_view dataset, const std::vector<std::string>& candidates) const {
    for (const auto& candidate : candidates) {
      if (!dir_) {
        if (const auto* file = find_embedded(shipped_samples(), candidate))
          return SourceFile{fmt::format("{}/{}", kShipped, candidate), std::string(file->content)};
        continue;
      }
      std::error_code ignored;
      const fs::path path = *dir_ / candidate;
      if (!fs::is_regular_file(path, ignored)) continue;
      PHASEWATT_ASSIGN(std::string content, read_file(path));
      return SourceFile{path.string(), std::move(content)};
    }
    const std::string where = dir_ ? dir_->string() : std::string(kShipped);
    return Error{ErrorCode::not_found, fmt::format("{}: no file of {} in {}", dataset, dataset, where),
                 fmt::format("looked for {}; {}", join(candidates, ", "), kLayoutHint)};
  }

 private:
  std::optional<fs::path> dir_;
};

/// Each path below the dataset's folder, then the same without it.
std::vector<std::string> candidates(std::string_view folder, const std::vector<std::string>& files) {
  std::vector<std::string> paths;
  paths.reserve(2 * files.size());
  for (const auto& file : files) paths.push_back(fmt::format("{}/{}", folder, file));
  paths.insert(paths.end(), files.begin(), files.end());
  return paths;
}

std::vector<std::string> split_files(std::string_view dataset, const std::string& split) {
  if (dataset == "hellaswag") return {fmt::format("hellaswag_{}.jsonl", split)};
  if (split == "val") return {"val.jsonl", "dev.jsonl"};
  return {split + ".jsonl"};
}

const std::vector<std::string> kQuestionFiles{"qaps.csv", "qaps_dev_test.csv"};
const std::vector<std::string> kSummaryFiles{"third_party/wikipedia/summaries.csv", "summaries.csv",
                                             "summaries_dev_test.csv"};

Result<Dataset> finish(std::string_view name, const SourceFile& file, Result<Queries> queries) {
  if (!queries) return std::move(queries).error();
  return Dataset{std::string(name), file.name, false, std::move(queries).value()};
}

Result<Dataset> load_narrativeqa(const SourceFile& questions, const SourceFile& summaries, const std::string& split) {
  const NarrativeqaFiles files{questions.content, questions.name, summaries.content, summaries.name};
  return finish("narrativeqa", questions, read_narrativeqa(files, split.empty() ? "test" : split));
}

/// The summaries that belong to a questions file lie beside it.
Result<Dataset> load_narrativeqa_file(const fs::path& path, const SourceFile& questions, const std::string& split) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  PHASEWATT_ASSIGN(const SourceFile summaries, Source(folder).open("narrativeqa", kSummaryFiles));
  return load_narrativeqa(questions, summaries, split);
}

Result<Dataset> parse_as(std::string_view dataset, const SourceFile& file) {
  if (dataset == "boolq") return finish(dataset, file, read_boolq(file.content, file.name));
  if (dataset == "hellaswag") return finish(dataset, file, read_hellaswag(file.content, file.name));
  return finish(dataset, file, read_truthfulqa(file.content, file.name));
}

Result<Dataset> load_from(const Source& source, const DatasetSpec& spec) {
  const std::string& name = spec.name;
  if (name == "narrativeqa") {
    PHASEWATT_ASSIGN(const SourceFile questions, source.open(name, candidates(name, kQuestionFiles)));
    PHASEWATT_ASSIGN(const SourceFile summaries, source.open(name, candidates(name, kSummaryFiles)));
    return load_narrativeqa(questions, summaries, spec.split);
  }
  const std::string split = spec.split.empty() ? "val" : spec.split;
  const std::vector<std::string> files =
      name == "truthfulqa" ? std::vector<std::string>{"TruthfulQA.csv"} : split_files(name, split);
  PHASEWATT_ASSIGN(const SourceFile file, source.open(name, candidates(name, files)));
  return parse_as(name, file);
}

/// Which dataset's format a JSONL file has, by the fields of its first row; empty for ours.
Result<std::string> detect_jsonl(const SourceFile& file) {
  std::string format;
  PHASEWATT_TRY(for_each_json_row(file.content, file.name, [&](JsonRow& row) {
    if (row.has("endings") && row.has("ctx")) format = "hellaswag";
    if (row.has("passage") && row.has("question")) format = "boolq";
    return false;
  }));
  return format;
}

Result<std::string> detect_csv(const SourceFile& file) {
  PHASEWATT_ASSIGN(const CsvTable table, CsvTable::open(file.content, file.name));
  if (table.has("Question") && table.has("Best Answer")) return std::string("truthfulqa");
  if (table.has("document_id") && table.has("question")) return std::string("narrativeqa");
  return Error{ErrorCode::bad_input, fmt::format("{}:1: the columns are those of no dataset read here", file.name),
               "CSV files are read in the forms of TruthfulQA and NarrativeQA; write your own queries as JSONL "
               "(docs/datasets.md)"};
}

bool looks_like_csv(const fs::path& path, std::string_view content) {
  const std::string extension = to_lower_ascii(path.extension().string());
  if (extension == ".csv") return true;
  if (extension == ".jsonl" || extension == ".ndjson" || extension == ".json") return false;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (content.substr(0, kByteOrderMark.size()) == kByteOrderMark) content.remove_prefix(kByteOrderMark.size());
  return trim(content).substr(0, 1) != "{";
}

}  // namespace

Result<Dataset> load_dataset(const DatasetSpec& spec, const std::optional<fs::path>& data_dir) {
  const bool known = std::find(kDatasets.begin(), kDatasets.end(), spec.name) != kDatasets.end();
  if (spec.name == "truthfulqa" && !spec.split.empty())
    return Error{ErrorCode::usage, "truthfulqa has no splits, but '" + spec.split + "' is asked for",
                 "leave the split out"};
  if (!spec.file.empty()) {
    if (!known) return read_queries(spec.file, spec.name);
    PHASEWATT_ASSIGN(std::string content, read_file(spec.file));
    const SourceFile file{spec.file, std::move(content)};
    return spec.name == "narrativeqa" ? load_narrativeqa_file(spec.file, file, spec.split) : parse_as(spec.name, file);
  }
  if (!known)
    return Error{ErrorCode::not_found, "no dataset '" + spec.name + "'",
                 did_you_mean(spec.name, std::vector<std::string>(kDatasets.begin(), kDatasets.end()))};
  PHASEWATT_ASSIGN(Dataset dataset, load_from(Source(data_dir), spec));
  if (!data_dir) {
    dataset.shipped = true;
    dataset.source = kShipped;
  }
  return dataset;
}

Result<Dataset> read_queries(const fs::path& path, const std::string& name) {
  PHASEWATT_ASSIGN(std::string content, read_file(path));
  const SourceFile file{path.string(), std::move(content)};
  const bool csv = looks_like_csv(path, file.content);
  PHASEWATT_ASSIGN(const std::string format, csv ? detect_csv(file) : detect_jsonl(file));
  if (format == "narrativeqa") return load_narrativeqa_file(path, file, {});
  if (!format.empty()) return parse_as(format, file);
  const std::string dataset = name.empty() ? path.stem().string() : name;
  return finish(dataset, file, read_generic(file.content, file.name, dataset));
}

}  // namespace phasewatt::workload
