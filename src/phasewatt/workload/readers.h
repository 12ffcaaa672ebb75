#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/line_reader.h"

/// The datasets' own formats, from memory. `name` stands for the file in messages. Rows are numbered from 0 after the
/// split filter; prompts are the paper's (prompts.h). Every error is bad_input and names file, line and field. Pure and
/// thread-safe. Formats: docs/datasets.md.
namespace phasewatt::workload {

using Queries = std::vector<Query>;

/// Queries of one source, one at a time, in memory that does not grow with their number (beyond about 42 bytes for each
/// id of the user's own, and NarrativeQA's summaries). Not thread-safe.
class QueryStream {
 public:
  virtual ~QueryStream() = default;

  /// Reads the next query; false at the end, and `query` is then unspecified.
  virtual Result<bool> next(Query& query) = 0;
  /// Name of the dataset the queries belong to; known after the first next().
  [[nodiscard]] virtual std::string dataset() const = 0;
  /// What is read, for progress.
  [[nodiscard]] virtual const LineReader& lines() const = 0;
};

/// Everything that is left of a stream.
Result<Queries> read_all(QueryStream& stream);

/// JSONL; `name` becomes the dataset of `generic` rows, our own form. `by_first_row` tells the form by the fields of
/// the first row.
enum class JsonFormat { by_first_row, boolq, hellaswag, generic };
std::unique_ptr<QueryStream> stream_jsonl(LineReader lines, JsonFormat format, const std::string& name);

/// CSV in the form of TruthfulQA or NarrativeQA, or with columns prompt, or question and context, and perhaps id.
Result<std::unique_ptr<QueryStream>> stream_truthfulqa(CsvTable table);
Result<std::unique_ptr<QueryStream>> stream_narrativeqa(CsvTable questions, LineReader summaries, std::string split);
std::unique_ptr<QueryStream> stream_csv(CsvTable table, const std::string& name);

/// BoolQ: official form (question, title, passage, answer) and SuperGLUE form (question, passage, label, idx).
Result<Queries> read_boolq(std::string_view text, const std::string& name);

/// HellaSwag: activity_label, ctx, endings, label.
Result<Queries> read_hellaswag(std::string_view text, const std::string& name);

/// TruthfulQA: Question, Best Answer, Correct Answers; both revisions.
Result<Queries> read_truthfulqa(std::string_view text, const std::string& name);

/// NarrativeQA: questions (qaps.csv) whose `set` is `split`, with their summaries (summaries.csv).
struct NarrativeqaFiles {
  std::string_view questions;
  std::string questions_name;
  std::string_view summaries;
  std::string summaries_name;
};
Result<Queries> read_narrativeqa(const NarrativeqaFiles& files, std::string_view split);

/// Our own JSONL: prompt, or question and context; id, choices, answer, references, task. `dataset` becomes
/// Query::dataset and the front of the ids.
Result<Queries> read_generic(std::string_view text, const std::string& name, const std::string& dataset);

}  // namespace phasewatt::workload
