#include "phasewatt/workload/quality_file.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/json_rows.h"

namespace phasewatt::workload {
namespace {

using QualityScores = std::vector<QualityScore>;

bool is_quality(double value) { return value >= 0 && value <= 1; }

/// Remembers on which line a query and model stood first.
class Seen {
 public:
  /// That line, when it was another one.
  std::optional<std::int64_t> before(const QualityScore& score, std::int64_t line) {
    const auto [known, fresh] = lines_.emplace(std::pair(score.model, score.id), line);
    return fresh ? std::nullopt : std::optional(known->second);
  }

 private:
  std::map<std::pair<std::string, std::string>, std::int64_t> lines_;
};

std::string repeats(const QualityScore& score, std::int64_t line) {
  return fmt::format("repeats the score of model '{}' for query '{}' of line {}", score.model, score.id, line);
}

void read_row(JsonRow& row, Seen& seen, QualityScores& scores) {
  static const std::array<std::string, 3> fields{"id", "model", "quality"};
  row.allow_only(fields);
  QualityScore score;
  if (row.has("id") && !row.is_string("id"))
    score.id = fmt::to_string(row.integer("id").value_or(0));
  else
    score.id = row.text("id");
  score.model = row.text("model");
  const auto quality = row.number("quality");
  if (!quality)
    row.fail("quality", "is missing");
  else if (!is_quality(*quality))
    row.fail("quality", fmt::format("must be 0 to 1, not {}", *quality));
  else
    score.quality = *quality;
  if (row.error()) return;
  if (const auto line = seen.before(score, row.line())) row.fail("id", repeats(score, *line), "keep one of the two");
  scores.push_back(std::move(score));
}

Error bad_row(const CsvTable& table, std::string_view what, std::string hint = {}) {
  return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", table.name(), table.line(), what), std::move(hint)};
}

/// A plain decimal number; absent when there is anything else.
std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

Result<QualityScores> read_csv(LineReader lines) {
  PHASEWATT_ASSIGN(CsvTable table, CsvTable::open(std::move(lines)));
  PHASEWATT_ASSIGN(const std::size_t id, table.column("id"));
  PHASEWATT_ASSIGN(const std::size_t model, table.column("model"));
  PHASEWATT_ASSIGN(const std::size_t quality, table.column("quality"));
  QualityScores scores;
  Seen seen;
  while (true) {
    PHASEWATT_ASSIGN(const bool more, table.next());
    if (!more) break;
    QualityScore score{std::string(trim(table.field(id))), std::string(trim(table.field(model))), 0};
    if (score.id.empty()) return bad_row(table, "column 'id' is empty");
    if (score.model.empty()) return bad_row(table, "column 'model' is empty");
    const auto value = parse_number(table.field(quality));
    if (!value || !is_quality(*value))
      return bad_row(table,
                     fmt::format("column 'quality' must be a number from 0 to 1, not '{}'", table.field(quality)));
    score.quality = *value;
    if (const auto line = seen.before(score, table.line()))
      return bad_row(table, "column 'id' " + repeats(score, *line), "keep one of the two");
    scores.push_back(std::move(score));
  }
  if (scores.empty()) return bad_row(table, "no rows after the header");
  return scores;
}

}  // namespace

Result<QualityScores> read_qualities(std::string_view text, const std::string& name) {
  return read_qualities(LineReader::over(text, name));
}

Result<QualityScores> read_qualities(LineReader lines) {
  PHASEWATT_ASSIGN(const char first, lines.peek());
  if (first != '{' && first != '\0') return read_csv(std::move(lines));
  const std::string name = lines.name();
  JsonRows rows(std::move(lines));
  QualityScores scores;
  Seen seen;
  while (true) {
    PHASEWATT_ASSIGN(const bool more, rows.next());
    if (!more) break;
    read_row(rows.row(), seen, scores);
    if (rows.row().error()) return *rows.row().error();
  }
  if (scores.empty()) return Error{ErrorCode::bad_input, name + ": no score in it", "one JSON object per line"};
  return scores;
}

}  // namespace phasewatt::workload
