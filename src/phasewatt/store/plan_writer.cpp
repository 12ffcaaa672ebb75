#include "phasewatt/store/plan_writer.h"

#include <fmt/format.h>

#include <span>

#include "phasewatt/store/bind.h"
#include "phasewatt/store/ceilings.h"
#include "phasewatt/store/schema.h"

namespace phasewatt::store {
namespace {

SQLite::Statement insert(SQLite::Database& db, const char* table, int columns) {
  return {db, fmt::format("INSERT INTO {} VALUES ({})", table, placeholders(columns))};
}

void write_calibration(SQLite::Database& db, const StudyPlan& plan) {
  SQLite::Statement statement = insert(db, "study_calibration", 3);
  for (std::size_t i = 0; i < plan.calibrations.size(); ++i)
    (Row(statement) << fmt::format("{}{:03}", kSensorsName, i) << std::optional<double>() << plan.calibrations[i])
        .run();
  if (!plan.ceilings) return;
  for (const CeilingColumn& column : kCeilingColumns)
    if (const auto value = column.get(*plan.ceilings))
      (Row(statement) << column.name << *value << plan.ceilings->source).run();
}

void write_study(SQLite::Database& db, const StudyPlan& plan) {
  const Environment& from = plan.environment;
  SQLite::Statement statement = insert(db, "study", 19);
  Row row(statement);
  row << 1 << plan.name << plan.study_toml << plan.fingerprint << to_string(plan.token_kind) << plan.store_prompts
      << plan.baseline;
  row << from.seed << from.program_version << from.host << from.device_id << from.device_name << from.driver
      << from.engine << from.runtime << from.spec_hash << from.device_simulated << from.engine_simulated
      << from.simulated();
  row.run();

  write_calibration(db, plan);
  SQLite::Statement option = insert(db, "study_option", 2);
  for (const auto& [name, value] : plan.invocation) (Row(option) << name << value).run();
  SQLite::Statement text = insert(db, "study_text", 3);
  for (std::size_t i = 0; i < plan.samples.size(); ++i)
    (Row(text) << "sample" << std::int64_t(i) << plan.samples[i]).run();
  for (std::size_t i = 0; i < plan.notes.size(); ++i) (Row(text) << "note" << std::int64_t(i) << plan.notes[i]).run();
}

void write_texts(SQLite::Statement& statement, std::uint32_t query, const char* kind,
                 std::span<const std::string> texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) (Row(statement) << query << kind << std::int64_t(i) << texts[i]).run();
}

/// Without store_prompts no text of the query gets anywhere near the file.
void write_queries(SQLite::Database& db, const StudyPlan& plan) {
  SQLite::Statement statement = insert(db, "query", 16);
  SQLite::Statement texts = insert(db, "query_text", 4);
  std::uint32_t index = 0;
  for (const auto& [query, features, prompt_tokens, option_tokens] : plan.queries) {
    Row row(statement);
    row << index << query.id << query.dataset << query.row << to_string(query.task);
    row << query.answer << prompt_tokens << features.words << features.characters << features.token_entropy_bits
        << features.unique_ratio << features.entity_density << features.causal_question << features.reasoning_complexity
        << features.words_per_sentence << features.complexity_score;
    row.run();
    if (plan.store_prompts) {
      write_texts(texts, index, "question", {&query.question, 1});
      write_texts(texts, index, "context", {&query.context, 1});
      write_texts(texts, index, "prompt", {&query.prompt, 1});
      write_texts(texts, index, "choice", query.choices);
      write_texts(texts, index, "reference", query.references);
    }
    ++index;
  }
}

void write_points(SQLite::Database& db, const StudyPlan& plan) {
  SQLite::Statement statement = insert(db, "point", 8);
  for (const RunPoint& point : plan.points) {
    Row row(statement);
    row << point.index << point.model << point.dataset << point.batch << point.clock_asked << point.clock
        << point.repeat << point.reference;
    row.run();
  }
}

}  // namespace

void write_plan(SQLite::Database& db, const StudyPlan& plan) {
  db.exec(std::string(find_embedded(schema_files(), "schema.sql")->content));
  db.exec(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kSchemaVersion));
  write_study(db, plan);
  write_queries(db, plan);
  write_points(db, plan);
}

}  // namespace phasewatt::store
