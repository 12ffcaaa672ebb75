#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/prompts.h"
#include "phasewatt/workload/readers.h"
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

Error empty_column(const CsvTable& table, std::string_view column) {
  return bad(table, fmt::format("column '{}' is empty", column));
}

using Summaries = std::unordered_map<std::string, std::string>;

Result<Summaries> read_summaries(std::string_view text, const std::string& name) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(text, name));
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

}  // namespace

Result<Queries> read_truthfulqa(std::string_view text, const std::string& name) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(text, name));
  PHASEWATT_ASSIGN(const std::size_t question, table.column("Question"));
  PHASEWATT_ASSIGN(const std::size_t best, table.column("Best Answer"));
  PHASEWATT_ASSIGN(const std::size_t correct, table.column("Correct Answers"));
  Queries queries;
  while (true) {
    PHASEWATT_ASSIGN(const bool more, table.next());
    if (!more) break;
    if (count_words(table.field(question)) == 0) return empty_column(table, "Question");
    Query& query = queries.emplace_back();
    query.row = static_cast<std::int64_t>(queries.size() - 1);
    query.dataset = "truthfulqa";
    query.id = fmt::format("truthfulqa/{}", query.row);
    query.question = table.field(question);
    query.prompt = truthfulqa_prompt(query.question);
    add_reference(query, table.field(best));
    add_references(query, table.field(correct));
  }
  if (queries.empty()) return bad(table, "no rows after the header");
  return queries;
}

Result<Queries> read_narrativeqa(const NarrativeqaFiles& files, std::string_view split) {
  PHASEWATT_ASSIGN(const Summaries summaries, read_summaries(files.summaries, files.summaries_name));
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(files.questions, files.questions_name));
  PHASEWATT_ASSIGN(const std::size_t document, table.column("document_id"));
  PHASEWATT_ASSIGN(const std::size_t set, table.column("set"));
  PHASEWATT_ASSIGN(const std::size_t question, table.column("question"));
  PHASEWATT_ASSIGN(const std::size_t answer1, table.column("answer1"));
  PHASEWATT_ASSIGN(const std::size_t answer2, table.column("answer2"));
  Queries queries;
  std::set<std::string> splits;
  while (true) {
    PHASEWATT_ASSIGN(const bool more, table.next());
    if (!more) break;
    splits.insert(table.field(set));
    if (table.field(set) != split) continue;
    if (count_words(table.field(question)) == 0) return empty_column(table, "question");
    const auto summary = summaries.find(table.field(document));
    if (summary == summaries.end())
      return bad(table,
                 fmt::format("no summary for document_id '{}' in {}", table.field(document), files.summaries_name));
    Query& query = queries.emplace_back();
    query.row = static_cast<std::int64_t>(queries.size() - 1);
    query.dataset = "narrativeqa";
    query.id = fmt::format("narrativeqa/{}", query.row);
    query.question = table.field(question);
    query.context = summary->second;
    query.prompt = narrativeqa_prompt(query.context, query.question);
    add_reference(query, table.field(answer1));
    add_reference(query, table.field(answer2));
  }
  if (queries.empty())
    return Error{ErrorCode::bad_input, fmt::format("{}: no rows whose set is '{}'", files.questions_name, split),
                 "sets in the file: " + join(std::vector<std::string>(splits.begin(), splits.end()), ", ")};
  return queries;
}

}  // namespace phasewatt::workload
