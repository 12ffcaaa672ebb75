#include "phasewatt/store/plan_reader.h"

#include "phasewatt/store/bind.h"
#include "phasewatt/store/ceilings.h"

namespace phasewatt::store {
namespace {

Status read_head(SQLite::Database& db, const std::filesystem::path& path, StudyPlan& plan) {
  SQLite::Statement statement(db, R"(SELECT name, study_toml, fingerprint, token_kind, store_prompts, baseline_sm_mhz,
      seed, program_version, host, device_id, device_name, driver, engine, runtime, spec_hash,
      device_simulated, engine_simulated FROM study)");
  if (!statement.executeStep()) return damaged(path, "it has no study");
  Fields f(statement);
  plan.name = f.text();
  plan.study_toml = f.text();
  plan.fingerprint = f.text();
  const std::string kind = f.text();
  PHASEWATT_ASSIGN(plan.token_kind, known(parse_token_kind(kind), kind, path));
  plan.store_prompts = f.flag();
  plan.baseline = f.maybe<Mhz>();
  Environment& from = plan.environment;
  from.seed = f.bits();
  for (std::string* text : {&from.program_version, &from.host, &from.device_id, &from.device_name, &from.driver,
                            &from.engine, &from.runtime, &from.spec_hash})
    *text = f.text();
  from.device_simulated = f.flag();
  from.engine_simulated = f.flag();
  return ok();
}

void read_lists(SQLite::Database& db, StudyPlan& plan) {
  SQLite::Statement options(db, "SELECT name, value FROM study_option");
  while (options.executeStep()) {
    Fields f(options);
    std::string name = f.text();
    plan.invocation[std::move(name)] = f.text();
  }
  SQLite::Statement texts(db, "SELECT kind, text FROM study_text ORDER BY kind, position");
  while (texts.executeStep()) {
    Fields f(texts);
    std::vector<std::string>& list = f.text() == "sample" ? plan.samples : plan.notes;
    list.push_back(f.text());
  }
}

void read_calibration(SQLite::Database& db, StudyPlan& plan) {
  SQLite::Statement sensors(db, "SELECT text FROM study_calibration WHERE name LIKE ? ORDER BY name");
  sensors.bind(1, std::string(kSensorsName) + "%");
  while (sensors.executeStep()) plan.calibrations.push_back(Fields(sensors).text());
  SQLite::Statement statement(db, "SELECT name, value, text FROM study_calibration WHERE value IS NOT NULL");
  while (statement.executeStep()) {
    Fields f(statement);
    const std::string name = f.text();
    const double value = f.number();
    for (const CeilingColumn& column : kCeilingColumns) {
      if (column.name != name) continue;
      if (!plan.ceilings) plan.ceilings.emplace();
      column.set(*plan.ceilings, value);
      plan.ceilings->source = f.maybe<std::string>().value_or("");
      break;
    }
  }
}

Result<StudyQuery> read_query(SQLite::Statement& statement, const std::filesystem::path& path) {
  StudyQuery row;
  Fields f(statement);
  row.query.id = f.text();
  row.query.dataset = f.text();
  row.query.row = f.integer();
  const std::string task = f.text();
  PHASEWATT_ASSIGN(row.query.task, known(parse_task(task), task, path));
  row.query.answer = f.maybe<int>();
  row.prompt_tokens = f.small();
  Features& features = row.features;
  for (double* number : {&features.words, &features.characters, &features.token_entropy_bits, &features.unique_ratio,
                         &features.entity_density, &features.causal_question, &features.reasoning_complexity,
                         &features.words_per_sentence, &features.complexity_score})
    *number = f.number();
  return row;
}

void put_text(Query& query, std::string_view kind, std::string text) {
  if (kind == "question")
    query.question = std::move(text);
  else if (kind == "context")
    query.context = std::move(text);
  else if (kind == "prompt")
    query.prompt = std::move(text);
  else if (kind == "choice")
    query.choices.push_back(std::move(text));
  else
    query.references.push_back(std::move(text));
}

Status read_queries(SQLite::Database& db, const std::filesystem::path& path, StudyPlan& plan) {
  SQLite::Statement statement(db,
                              R"(SELECT query_id, dataset, dataset_row, task, answer_index,
      prompt_tokens, words, characters, token_entropy_bits, unique_ratio, entity_density, causal_question,
      reasoning_complexity, words_per_sentence, complexity_score, query_index FROM query ORDER BY query_index)");
  while (statement.executeStep()) {
    if (statement.getColumn(15).getInt64() != std::int64_t(plan.queries.size()))
      return damaged(path, "a query is missing");
    PHASEWATT_ASSIGN(StudyQuery query, read_query(statement, path));
    plan.queries.push_back(std::move(query));
  }
  SQLite::Statement texts(db, "SELECT query_index, kind, text FROM query_text ORDER BY query_index, kind, position");
  while (texts.executeStep()) {
    Fields f(texts);
    const std::uint32_t index = f.index();
    if (index >= plan.queries.size()) return damaged(path, "a text belongs to no query");
    const std::string kind = f.text();
    put_text(plan.queries[index].query, kind, f.text());
  }
  return ok();
}

}  // namespace

Result<std::vector<RunPoint>> read_points(SQLite::Database& db, const std::filesystem::path& path) {
  std::vector<RunPoint> points;
  SQLite::Statement statement(db,
                              R"(SELECT point_index, model, dataset, batch, sm_mhz_asked, sm_mhz_snapped, repeat_index,
      reference FROM point ORDER BY point_index)");
  while (statement.executeStep()) {
    Fields f(statement);
    RunPoint point;
    point.index = f.index();
    if (point.index != points.size()) return damaged(path, "a point is missing");
    point.model = f.text();
    point.dataset = f.text();
    point.batch = f.small();
    point.clock_asked = f.maybe<Mhz>();
    point.clock = f.maybe<Mhz>();
    point.repeat = f.small();
    point.reference = f.flag();
    points.push_back(std::move(point));
  }
  return points;
}

Result<StudyPlan> read_plan_from(SQLite::Database& db, const std::filesystem::path& path) {
  StudyPlan plan;
  PHASEWATT_TRY(read_head(db, path, plan));
  read_lists(db, plan);
  read_calibration(db, plan);
  PHASEWATT_TRY(read_queries(db, path, plan));
  PHASEWATT_ASSIGN(plan.points, read_points(db, path));
  return plan;
}

}  // namespace phasewatt::store
