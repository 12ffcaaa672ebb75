#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "phasewatt/workload/json_rows.h"
#include "phasewatt/workload/prompts.h"
#include "phasewatt/workload/readers.h"
#include "phasewatt/workload/row_ids.h"

namespace phasewatt::workload {
namespace {

Query numbered(std::string_view dataset, std::size_t row) {
  Query query;
  query.dataset = dataset;
  query.row = static_cast<std::int64_t>(row);
  query.id = fmt::format("{}/{}", dataset, row);
  return query;
}

/// Fails the row when its id was used before.
void check_id(JsonRow& row, std::string_view key, const std::string& id, RowIds& ids) {
  if (row.error()) return;
  if (const auto used = ids.add(id, row.line())) row.fail(key, *used);
}

void read_boolq_row(JsonRow& row, RowIds& ids, Query& query) {
  query.task = Task::classification;
  query.question = row.text("question");
  query.context = row.text("passage");
  // The official form keeps the title apart; SuperGLUE's passage, which the paper used, begins with it.
  if (row.has("title")) query.context = row.text_or_empty("title") + " -- " + query.context;
  if (row.has("answer") && row.has("label")) row.fail("label", "stands beside 'answer'", "keep one of the two");
  auto truth = row.boolean("answer");
  // SuperGLUE's test split has the label -1.
  if (!truth && !row.is_integer("label", -1)) truth = row.boolean("label");
  query.choices = {" yes", " no"};
  if (truth) query.answer = *truth ? 0 : 1;
  if (const auto idx = row.integer("idx")) check_id(row, "idx", std::to_string(*idx), ids);
  query.prompt = boolq_prompt(query.context, query.question);
}

void read_hellaswag_row(JsonRow& row, Query& query) {
  query.task = Task::classification;
  query.question = row.text("activity_label");
  query.context = row.text("ctx");
  query.choices = row.texts("endings");
  if (query.choices.size() != 4) {
    row.fail("endings",
             row.has("endings") ? fmt::format("must have 4 texts, not {}", query.choices.size()) : "is missing");
    return;
  }
  if (const auto label = row.integer("label")) {
    if (*label < 0 || *label > 3) row.fail("label", fmt::format("must be 0 to 3, not {}", *label));
    query.answer = static_cast<int>(*label);
  }
  query.prompt = hellaswag_prompt(query.question, query.context, std::span<const std::string, 4>(query.choices));
}

/// With choices the answer is an index or the choice's own text; without, it is a right answer as text.
void read_generic_answer(JsonRow& row, Query& query) {
  if (!row.has("answer")) return;
  if (row.is_string("answer")) {
    std::string text = row.text("answer");
    if (query.choices.empty()) {
      if (std::find(query.references.begin(), query.references.end(), text) == query.references.end())
        query.references.insert(query.references.begin(), std::move(text));
      return;
    }
    const auto found = std::find(query.choices.begin(), query.choices.end(), text);
    if (found == query.choices.end()) row.fail("answer", fmt::format("'{}' is none of the choices", text));
    query.answer = static_cast<int>(found - query.choices.begin());
    return;
  }
  const auto index = row.integer("answer");
  if (!index) return;
  if (query.choices.empty()) {
    row.fail("answer", "is an index, but there are no 'choices'", "write a right answer as text");
  } else if (*index < 0 || *index >= static_cast<std::int64_t>(query.choices.size())) {
    row.fail("answer", fmt::format("must be 0 to {}, not {}", query.choices.size() - 1, *index));
  } else {
    query.answer = static_cast<int>(*index);
  }
}

void read_generic_task(JsonRow& row, Query& query) {
  query.task = query.choices.empty() ? Task::generation : Task::classification;
  if (!row.has("task")) return;
  const std::string name = row.text("task");
  const auto task = parse_task(name);
  if (!task)
    row.fail("task", fmt::format("'{}' is unknown", name), "valid: classification, generation");
  else if (*task != query.task)
    row.fail("task", query.choices.empty() ? "is classification, but there are no 'choices'"
                                           : "is generation, but there are 'choices'");
}

void read_generic_row(JsonRow& row, RowIds& ids, Query& query) {
  static const std::array<std::string, 11> fields{
      "prompt", "question",          "context",          "id",  "choices", "answer", "references",
      "task",   "question_entities", "context_entities", "meta"};
  row.allow_only(fields);
  query.question = row.text_or_empty("question");
  query.context = row.text_or_empty("context");
  if (row.has("prompt")) {
    query.prompt = row.text("prompt");
    if (!complete_question(query)) row.fail("context", kContextBesidePrompt, kContextBesidePromptHint);
  } else if (row.has("question")) {
    query.prompt = plain_prompt(query.context, row.text("question"));
  } else {
    row.fail("prompt", "is missing", "give 'prompt', or 'question' and perhaps 'context'");
  }
  if (row.has("id")) {
    const std::string id = row.is_string("id") ? row.text("id") : fmt::to_string(row.integer("id").value_or(0));
    query.id = fmt::format("{}/{}", query.dataset, id);
    check_id(row, "id", id, ids);
  } else if (const auto used = ids.add_number(query.row)) {
    row.fail("id", *used);
  }
  query.question_entities = row.entities("question_entities", query.question);
  query.context_entities = row.entities("context_entities", query.context);
  query.choices = row.texts("choices");
  if (query.choices.size() == 1) row.fail("choices", "must be two or more");
  query.references = row.texts("references");
  read_generic_answer(row, query);
  read_generic_task(row, query);
}

class JsonStream : public QueryStream {
 public:
  JsonStream(LineReader lines, JsonFormat format, std::string name)
      : rows_(std::move(lines)), format_(format), name_(std::move(name)) {}

  Result<bool> next(Query& query) override {
    PHASEWATT_ASSIGN(const bool more, rows_.next());
    if (!more) return false;
    JsonRow& row = rows_.row();
    if (format_ == JsonFormat::by_first_row) format_ = format_of(row);
    query = numbered(dataset(), row_++);
    switch (format_) {
      case JsonFormat::boolq: read_boolq_row(row, ids_, query); break;
      case JsonFormat::hellaswag: read_hellaswag_row(row, query); break;
      default: read_generic_row(row, ids_, query); break;
    }
    if (row.error()) return *row.error();
    return true;
  }

  [[nodiscard]] std::string dataset() const override {
    switch (format_) {
      case JsonFormat::boolq: return "boolq";
      case JsonFormat::hellaswag: return "hellaswag";
      default: return name_;
    }
  }

  [[nodiscard]] const LineReader& lines() const override { return rows_.lines(); }

 private:
  /// A field that only our own form has tells it, so that nothing the user gave is passed over as unknown.
  static JsonFormat format_of(const JsonRow& row) {
    constexpr std::array kOwn{"id", "prompt", "context", "choices", "references"};
    if (std::any_of(kOwn.begin(), kOwn.end(), [&](const char* key) { return row.has(key); }))
      return JsonFormat::generic;
    if (row.has("endings") && row.has("ctx")) return JsonFormat::hellaswag;
    return row.has("passage") && row.has("question") ? JsonFormat::boolq : JsonFormat::generic;
  }

  JsonRows rows_;
  JsonFormat format_;
  std::string name_;
  RowIds ids_;
  std::size_t row_ = 0;
};

}  // namespace

std::unique_ptr<QueryStream> stream_jsonl(LineReader lines, JsonFormat format, const std::string& name) {
  return std::make_unique<JsonStream>(std::move(lines), format, name);
}

Result<Queries> read_all(QueryStream& stream) {
  Queries queries;
  while (true) {
    PHASEWATT_ASSIGN(const bool more, stream.next(queries.emplace_back()));
    if (!more) break;
  }
  queries.pop_back();
  return queries;
}

Result<Queries> read_boolq(std::string_view text, const std::string& name) {
  return read_all(*stream_jsonl(LineReader::over(text, name), JsonFormat::boolq, {}));
}

Result<Queries> read_hellaswag(std::string_view text, const std::string& name) {
  return read_all(*stream_jsonl(LineReader::over(text, name), JsonFormat::hellaswag, {}));
}

Result<Queries> read_generic(std::string_view text, const std::string& name, const std::string& dataset) {
  return read_all(*stream_jsonl(LineReader::over(text, name), JsonFormat::generic, dataset));
}

}  // namespace phasewatt::workload
