#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "phasewatt/workload/json_rows.h"
#include "phasewatt/workload/prompts.h"
#include "phasewatt/workload/readers.h"

namespace phasewatt::workload {
namespace {

/// Remembers who used an id first.
class Ids {
 public:
  void add(JsonRow& row, std::string_view key, const std::string& id) {
    if (row.error()) return;
    if (const auto [known, fresh] = lines_.emplace(id, row.line()); !fresh)
      row.fail(key, fmt::format("repeats '{}' of line {}", id, known->second));
  }

 private:
  std::unordered_map<std::string, std::int64_t> lines_;
};

Query numbered(std::string_view dataset, std::size_t row) {
  Query query;
  query.dataset = dataset;
  query.row = static_cast<std::int64_t>(row);
  query.id = fmt::format("{}/{}", dataset, row);
  return query;
}

void read_boolq_row(JsonRow& row, Ids& ids, Query& query) {
  query.task = Task::classification;
  query.question = row.text("question");
  query.context = row.text("passage");
  // The official form keeps the title apart; SuperGLUE's passage, which the paper used, begins with it.
  if (row.has("title")) query.context = row.text_or_empty("title") + " -- " + query.context;
  if (row.has("answer") && row.has("label")) row.fail("label", "stands beside 'answer'", "keep one of the two");
  auto truth = row.boolean("answer");
  if (!truth) truth = row.boolean("label");
  query.choices = {" yes", " no"};
  if (truth) query.answer = *truth ? 0 : 1;
  if (const auto idx = row.integer("idx")) ids.add(row, "idx", std::to_string(*idx));
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

void read_generic_row(JsonRow& row, Ids& ids, Query& query) {
  static const std::array<std::string, 9> fields{"prompt", "question",   "context", "id",  "choices",
                                                  "answer", "references", "task",    "meta"};
  row.allow_only(fields);
  query.question = row.text_or_empty("question");
  query.context = row.text_or_empty("context");
  if (row.has("prompt")) {
    query.prompt = row.text("prompt");
    if (query.question.empty()) query.question = query.prompt;
  } else if (row.has("question")) {
    query.prompt = plain_prompt(query.context, row.text("question"));
  } else {
    row.fail("prompt", "is missing", "give 'prompt', or 'question' and perhaps 'context'");
  }
  if (row.has("id")) {
    const std::string id = row.is_string("id") ? row.text("id") : fmt::to_string(row.integer("id").value_or(0));
    query.id = fmt::format("{}/{}", query.dataset, id);
  }
  ids.add(row, "id", query.id);
  query.choices = row.texts("choices");
  if (query.choices.size() == 1) row.fail("choices", "must be two or more");
  query.references = row.texts("references");
  read_generic_answer(row, query);
  read_generic_task(row, query);
}

}  // namespace

Result<Queries> read_boolq(std::string_view text, const std::string& name) {
  Queries queries;
  Ids ids;
  PHASEWATT_TRY(for_each_json_row(text, name, [&](JsonRow& row) {
    read_boolq_row(row, ids, queries.emplace_back(numbered("boolq", queries.size())));
    return true;
  }));
  return queries;
}

Result<Queries> read_hellaswag(std::string_view text, const std::string& name) {
  Queries queries;
  PHASEWATT_TRY(for_each_json_row(text, name, [&](JsonRow& row) {
    read_hellaswag_row(row, queries.emplace_back(numbered("hellaswag", queries.size())));
    return true;
  }));
  return queries;
}

Result<Queries> read_generic(std::string_view text, const std::string& name, const std::string& dataset) {
  Queries queries;
  Ids ids;
  PHASEWATT_TRY(for_each_json_row(text, name, [&](JsonRow& row) {
    read_generic_row(row, ids, queries.emplace_back(numbered(dataset, queries.size())));
    return true;
  }));
  return queries;
}

}  // namespace phasewatt::workload
