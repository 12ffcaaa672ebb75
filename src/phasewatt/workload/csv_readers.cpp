#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <unordered_map>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/prompts.h"
#include "phasewatt/workload/readers.h"
#include "phasewatt/workload/row_ids.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

void add_reference(Query& query, std::string_view answer) {
  std::string text(trim(answer));
  if (!text.empty() && std::find(query.references.begin(), query.references.end(), text) == query.references.end())
    query.references.push_back(std::move(text));
}

void add_references(Query& query, std::string_view answers) {
  while (!answers.empty()) {
    const std::string_view answer = answers.substr(0, answers.find(';'));
    add_reference(query, answer);
    answers.remove_prefix(std::min(answer.size() + 1, answers.size()));
  }
}

Error bad(const CsvTable& table, std::string_view what, std::string hint = {}) {
  return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", table.name(), table.line(), what), std::move(hint)};
}

Query numbered(std::string_view dataset, std::int64_t row) {
  Query query;
  query.dataset = dataset;
  query.row = row;
  query.id = fmt::format("{}/{}", dataset, row);
  return query;
}

Error empty_column(const CsvTable& table, std::string_view column) {
  return bad(table, fmt::format("column '{}' is empty", column));
}

using Summaries = std::unordered_map<std::string, std::string>;

Result<Summaries> read_summaries(LineReader lines) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(std::move(lines)));
  PHASEWATT_ASSIGN(const std::size_t document, table.column("document_id"));
  PHASEWATT_ASSIGN(const std::size_t summary, table.column("summary"));
  Summaries summaries;
  while (true) {
    PHASEWATT_ASSIGN(const bool more, table.next());
    if (!more) return summaries;
    if (count_words(table.field(document)) == 0) return empty_column(table, "document_id");
    if (count_words(table.field(summary)) == 0) return empty_column(table, "summary");
    if (!summaries.emplace(table.field(document), table.field(summary)).second)
      return bad(table, fmt::format("document_id '{}' has a summary already", table.field(document)));
  }
}

/// What the CSV streams share: the table and the number of rows given out.
class CsvStream : public QueryStream {
 public:
  CsvStream(CsvTable table, std::string dataset) : table_(std::move(table)), dataset_(std::move(dataset)) {}

  Result<bool> next(Query& query) override {
    while (true) {
      PHASEWATT_ASSIGN(const bool more, table_.next());
      if (!more) break;
      query = numbered(dataset_, rows_);
      PHASEWATT_ASSIGN(const bool taken, read_row(query));
      if (!taken) continue;
      ++rows_;
      return true;
    }
    if (rows_ == 0) return no_rows();
    return false;
  }

  [[nodiscard]] std::string dataset() const override { return dataset_; }
  [[nodiscard]] const LineReader& lines() const override { return table_.lines(); }

 protected:
  /// Fills in the query from the current record; false when the record is passed over.
  virtual Result<bool> read_row(Query& query) = 0;
  [[nodiscard]] virtual Error no_rows() const { return bad(table_, "no rows after the header"); }

  CsvTable table_;  // NOLINT(readability-identifier-naming): named as a private member is

 private:
  std::string dataset_;
  std::int64_t rows_ = 0;
};

class TruthfulqaStream : public CsvStream {
 public:
  static Result<std::unique_ptr<QueryStream>> open(CsvTable table) {
    PHASEWATT_ASSIGN(const std::size_t question, table.column("Question"));
    PHASEWATT_ASSIGN(const std::size_t best, table.column("Best Answer"));
    PHASEWATT_ASSIGN(const std::size_t correct, table.column("Correct Answers"));
    std::unique_ptr<TruthfulqaStream> stream(new TruthfulqaStream(std::move(table)));
    stream->question_ = question;
    stream->best_ = best;
    stream->correct_ = correct;
    return std::unique_ptr<QueryStream>(std::move(stream));
  }

 private:
  explicit TruthfulqaStream(CsvTable table) : CsvStream(std::move(table), "truthfulqa") {}

  Result<bool> read_row(Query& query) override {
    if (count_words(table_.field(question_)) == 0) return empty_column(table_, "Question");
    query.question = table_.field(question_);
    query.prompt = truthfulqa_prompt(query.question);
    add_reference(query, table_.field(best_));
    add_references(query, table_.field(correct_));
    return true;
  }

  std::size_t question_ = 0;
  std::size_t best_ = 0;
  std::size_t correct_ = 0;
};

class NarrativeqaStream : public CsvStream {
 public:
  static Result<std::unique_ptr<QueryStream>> open(CsvTable table, LineReader summaries, std::string split) {
    const std::string summaries_name = summaries.name();
    PHASEWATT_ASSIGN(auto known, read_summaries(std::move(summaries)));
    std::array<std::size_t, 5> columns{};
    constexpr std::array kNames{"document_id", "set", "question", "answer1", "answer2"};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      PHASEWATT_ASSIGN(columns[i], table.column(kNames[i]));
    }
    std::unique_ptr<NarrativeqaStream> stream(new NarrativeqaStream(std::move(table)));
    stream->summaries_ = std::move(known);
    stream->summaries_name_ = summaries_name;
    stream->split_ = std::move(split);
    stream->columns_ = columns;
    return std::unique_ptr<QueryStream>(std::move(stream));
  }

 private:
  explicit NarrativeqaStream(CsvTable table) : CsvStream(std::move(table), "narrativeqa") {}

  Result<bool> read_row(Query& query) override {
    const auto& [document, set, question, answer1, answer2] = columns_;
    splits_.insert(table_.field(set));
    if (table_.field(set) != split_) return false;
    if (count_words(table_.field(question)) == 0) return empty_column(table_, "question");
    const auto summary = summaries_.find(table_.field(document));
    if (summary == summaries_.end())
      return bad(table_, fmt::format("no summary for document_id '{}' in {}", table_.field(document), summaries_name_));
    query.question = table_.field(question);
    query.context = summary->second;
    query.prompt = narrativeqa_prompt(query.context, query.question);
    add_reference(query, table_.field(answer1));
    add_reference(query, table_.field(answer2));
    return true;
  }

  [[nodiscard]] Error no_rows() const override {
    return Error{ErrorCode::bad_input, fmt::format("{}: no rows whose set is '{}'", table_.name(), split_),
                 "sets in the file: " + join(std::vector<std::string>(splits_.begin(), splits_.end()), ", ")};
  }

  Summaries summaries_;
  std::string summaries_name_;
  std::string split_;
  std::set<std::string> splits_;
  std::array<std::size_t, 5> columns_{};  ///< document_id, set, question, answer1, answer2
};

/// A user's own CSV: prompt, or question and perhaps context; other columns are ignored.
class GenericStream : public CsvStream {
 public:
  GenericStream(CsvTable table, std::string dataset) : CsvStream(std::move(table), std::move(dataset)) {
    const auto find = [&](std::string_view name) {
      const auto column = table_.column(name);
      return column ? std::optional(*column) : std::nullopt;
    };
    id_ = find("id");
    prompt_ = find("prompt");
    question_ = find("question");
    context_ = find("context");
  }

 private:
  [[nodiscard]] std::string text(const std::optional<std::size_t>& column) const {
    return column ? table_.field(*column) : std::string();
  }

  Result<bool> read_row(Query& query) override {
    query.question = text(question_);
    query.context = text(context_);
    query.prompt = text(prompt_);
    if (prompt_ && count_words(query.prompt) == 0) return empty_column(table_, "prompt");
    if (!prompt_ && count_words(query.question) == 0) return empty_column(table_, "question");
    if (!prompt_) query.prompt = plain_prompt(query.context, query.question);
    if (!complete_question(query))
      return bad(table_, fmt::format("column 'context' {}", kContextBesidePrompt), kContextBesidePromptHint);
    if (!id_) return true;
    const std::string id = text(id_);
    if (count_words(id) == 0) return empty_column(table_, "id");
    query.id = fmt::format("{}/{}", dataset(), id);
    if (const auto used = ids_.add(id, table_.line())) return bad(table_, fmt::format("column 'id' {}", *used));
    return true;
  }

  std::optional<std::size_t> id_;
  std::optional<std::size_t> prompt_;
  std::optional<std::size_t> question_;
  std::optional<std::size_t> context_;
  RowIds ids_;
};

}  // namespace

Result<std::unique_ptr<QueryStream>> stream_truthfulqa(CsvTable table) {
  return TruthfulqaStream::open(std::move(table));
}

Result<std::unique_ptr<QueryStream>> stream_narrativeqa(CsvTable questions, LineReader summaries, std::string split) {
  return NarrativeqaStream::open(std::move(questions), std::move(summaries), std::move(split));
}

std::unique_ptr<QueryStream> stream_csv(CsvTable table, const std::string& name) {
  return std::make_unique<GenericStream>(std::move(table), name);
}

Result<Queries> read_truthfulqa(std::string_view text, const std::string& name) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(text, name));
  PHASEWATT_ASSIGN(const auto stream, stream_truthfulqa(std::move(table)));
  return read_all(*stream);
}

Result<Queries> read_narrativeqa(const NarrativeqaFiles& files, std::string_view split) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(files.questions, files.questions_name));
  PHASEWATT_ASSIGN(const auto stream,
                   stream_narrativeqa(std::move(table), LineReader::over(files.summaries, files.summaries_name),
                                      std::string(split)));
  return read_all(*stream);
}

}  // namespace phasewatt::workload
