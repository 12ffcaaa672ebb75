#include "phasewatt/workload/datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/readers.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kShipped = "the shipped samples";
constexpr const char* kLayoutHint = "the layout of a data directory is described in docs/datasets.md";

/// Where to look for files: a directory, or the samples in the program.
class Source {
 public:
  explicit Source(std::optional<fs::path> dir) : dir_(std::move(dir)) {}

  /// The first of the candidates that exists.
  [[nodiscard]] Result<LineReader> open(std::string_view dataset, const std::vector<std::string>& candidates) const {
    for (const auto& candidate : candidates) {
      if (!dir_) {
        if (const auto* file = find_embedded(shipped_samples(), candidate))
          return LineReader::over(file->content, fmt::format("{}/{}", kShipped, candidate));
        continue;
      }
      std::error_code ignored;
      if (const fs::path path = *dir_ / candidate; fs::is_regular_file(path, ignored)) return LineReader::open(path);
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
  if (dataset == "truthfulqa") return {"TruthfulQA.csv"};
  if (dataset == "hellaswag") return {fmt::format("hellaswag_{}.jsonl", split)};
  if (split == "val") return {"val.jsonl", "dev.jsonl"};
  return {split + ".jsonl"};
}

const std::vector<std::string> kQuestionFiles{"qaps.csv", "qaps_dev_test.csv"};
const std::vector<std::string> kSummaryFiles{"third_party/wikipedia/summaries.csv", "summaries.csv",
                                             "summaries_dev_test.csv"};

using Stream = Result<std::unique_ptr<QueryStream>>;

Stream stream_narrativeqa_in(const Source& source, LineReader questions, const std::vector<std::string>& summary_files,
                             const std::string& split) {
  PHASEWATT_ASSIGN(LineReader summaries, source.open("narrativeqa", summary_files));
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(std::move(questions)));
  return stream_narrativeqa(std::move(table), std::move(summaries), split.empty() ? "test" : split);
}

/// One of kDatasets in its own form, read from `file`. The summaries of NarrativeQA lie beside its questions.
Stream stream_known(const DatasetSpec& spec, const fs::path& path) {
  PHASEWATT_ASSIGN(LineReader lines, LineReader::open(path));
  if (spec.name == "boolq") return stream_jsonl(std::move(lines), JsonFormat::boolq, {});
  if (spec.name == "hellaswag") return stream_jsonl(std::move(lines), JsonFormat::hellaswag, {});
  if (spec.name == "narrativeqa")
    return stream_narrativeqa_in(Source(path.parent_path()), std::move(lines), kSummaryFiles, spec.split);
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(std::move(lines)));
  return stream_truthfulqa(std::move(table));
}

/// One of kDatasets, looked for in a data directory or in the samples that ship.
Stream stream_from(const Source& source, const DatasetSpec& spec) {
  const std::string& name = spec.name;
  if (name == "narrativeqa") {
    PHASEWATT_ASSIGN(LineReader questions, source.open(name, candidates(name, kQuestionFiles)));
    return stream_narrativeqa_in(source, std::move(questions), candidates(name, kSummaryFiles), spec.split);
  }
  const std::string split = spec.split.empty() ? "val" : spec.split;
  PHASEWATT_ASSIGN(LineReader lines, source.open(name, candidates(name, split_files(name, split))));
  if (name == "boolq") return stream_jsonl(std::move(lines), JsonFormat::boolq, {});
  if (name == "hellaswag") return stream_jsonl(std::move(lines), JsonFormat::hellaswag, {});
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(std::move(lines)));
  return stream_truthfulqa(std::move(table));
}

/// What the first line of a file may be instead of a header with known columns.
std::string columns_hint(const std::vector<std::string>& columns) {
  constexpr std::array<std::string_view, 2> kOwn{"prompt", "question"};
  const std::string& first = columns.front();
  if (first.starts_with('{') || first.starts_with('[')) return "this looks like JSON: read is one JSON object per line";
  for (const char separator : {';', '\t'})
    if (columns.size() == 1 && first.find(separator) != std::string::npos)
      return fmt::format("columns are parted by commas, here they seem to be by {}",
                         separator == '\t' ? "tabs" : "semicolons");
  for (const auto& column : columns)
    for (const auto own : kOwn)
      if (to_lower_ascii(column) == own) return fmt::format("upper and lower case differ: write '{}'", own);
  return "the first line names the columns; your own queries need 'prompt' or 'question' (docs/datasets.md)";
}

Error unknown_columns(const CsvTable& table) {
  constexpr std::size_t kShown = 120;
  const std::string all = "'" + join(table.columns(), "', '") + "'";
  const auto shown = first_code_points(all, kShown);
  return Error{ErrorCode::bad_input,
               fmt::format("{}:{}: the columns are those of no dataset read here: {}{}", table.name(), table.line(),
                           shown, shown.size() < all.size() ? "…" : ""),
               columns_hint(table.columns())};
}

/// A CSV file by its columns.
Stream stream_any_csv(LineReader lines, const fs::path& path, const std::string& name) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(std::move(lines)));
  if (table.has("Question") && table.has("Best Answer")) return stream_truthfulqa(std::move(table));
  if (table.has("document_id") && table.has("question")) {
    PHASEWATT_ASSIGN(LineReader summaries, Source(path.parent_path()).open("narrativeqa", kSummaryFiles));
    return stream_narrativeqa(std::move(table), std::move(summaries), "test");
  }
  if (table.has("prompt") || table.has("question")) return stream_csv(std::move(table), name);
  return unknown_columns(table);
}

/// The extension, lower-case, without that of a packed file.
std::string extension_of(const fs::path& path) {
  const std::string extension = to_lower_ascii(path.extension().string());
  return extension == ".gz" ? to_lower_ascii(path.stem().extension().string()) : extension;
}

/// The file's name without its extensions.
std::string name_of(const fs::path& path) {
  if (path == "-") return "stdin";
  const fs::path stem = path.stem();
  return to_lower_ascii(path.extension().string()) == ".gz" ? stem.stem().string() : stem.string();
}

Result<Dataset> finish(Stream stream) {
  if (!stream) return std::move(stream).error();
  PHASEWATT_ASSIGN(Queries queries, read_all(**stream));
  return Dataset{(*stream)->dataset(), (*stream)->lines().name(), false, std::move(queries)};
}

}  // namespace

Stream stream_dataset(const DatasetSpec& spec, const std::optional<fs::path>& data_dir) {
  const bool known = std::find(kDatasets.begin(), kDatasets.end(), spec.name) != kDatasets.end();
  if (spec.name == "truthfulqa" && !spec.split.empty())
    return Error{ErrorCode::usage, "truthfulqa has no splits, but '" + spec.split + "' is asked for",
                 "leave the split out"};
  if (!spec.file.empty()) return known ? stream_known(spec, spec.file) : stream_queries(spec.file, spec.name);
  if (!known)
    return Error{ErrorCode::not_found, "no dataset '" + spec.name + "'",
                 did_you_mean(spec.name, std::vector<std::string>(kDatasets.begin(), kDatasets.end()))};
  return stream_from(Source(data_dir), spec);
}

Result<Dataset> load_dataset(const DatasetSpec& spec, const std::optional<fs::path>& data_dir) {
  PHASEWATT_ASSIGN(Dataset dataset, finish(stream_dataset(spec, data_dir)));
  if (!data_dir && spec.file.empty()) {
    dataset.shipped = true;
    dataset.source = kShipped;
  }
  return dataset;
}

Stream stream_queries(const fs::path& path, const std::string& name) {
  PHASEWATT_ASSIGN(LineReader lines, LineReader::open(path));
  const std::string dataset = name.empty() ? name_of(path) : name;
  const std::string extension = extension_of(path);
  bool csv = extension == ".csv";
  if (!csv && extension != ".jsonl" && extension != ".ndjson" && extension != ".json") {
    PHASEWATT_ASSIGN(const char first, lines.peek());
    csv = first != '{' && first != '[' && first != '\0';
  }
  if (csv) return stream_any_csv(std::move(lines), path, dataset);
  return stream_jsonl(std::move(lines), JsonFormat::by_first_row, dataset);
}

Result<Dataset> read_queries(const fs::path& path, const std::string& name) {
  return finish(stream_queries(path, name));
}

}  // namespace phasewatt::workload
