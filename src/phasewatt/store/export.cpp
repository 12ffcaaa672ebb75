#include "phasewatt/store/export.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/store/plan_reader.h"

namespace phasewatt::store {
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names(SQLite::Database& db, const char* query, const std::string* argument = nullptr) {
  SQLite::Statement statement(db, query);
  if (argument != nullptr) statement.bind(1, *argument);
  std::vector<std::string> found;
  while (statement.executeStep()) found.push_back(statement.getColumn(0).getString());
  return found;
}

std::vector<std::string> table_names(SQLite::Database& db) {
  return names(
      db,
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
}

/// All rows of a table in the order of its key, which every table has.
SQLite::Statement select_all(SQLite::Database& db, const std::string& table, const std::string& columns = "*") {
  std::vector<std::string> key = names(db, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", &table);
  std::string sql = fmt::format("SELECT {} FROM \"{}\"", columns, table);
  if (!key.empty()) sql += fmt::format(" ORDER BY \"{}\"", join(key, "\", \""));
  return {db, sql};
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string csv_cell(const SQLite::Column& column) {
  if (column.isNull()) return "";
  if (column.isFloat()) return fmt::format("{}", column.getDouble());
  return csv_text(column.getString());
}

/// Bytes that differ whenever a value or its type does.
void append_value(std::string& bytes, const SQLite::Column& column) {
  const auto append_number = [&](char kind, std::uint64_t bits) {
    bytes += kind;
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFFU);
  };
  if (column.isNull()) {
    bytes += 'n';
  } else if (column.isInteger()) {
    append_number('i', std::bit_cast<std::uint64_t>(column.getInt64()));
  } else if (column.isFloat()) {
    append_number('f', std::bit_cast<std::uint64_t>(column.getDouble()));
  } else {
    const std::string text = column.getString();
    append_number('t', text.size());
    bytes += text;
  }
}

/// SHA-256 of (digest so far + block), block by block: the base room hashes whole strings.
class Chain {
 public:
  std::string bytes;
  void block_if_full() {
    if (bytes.size() >= kBlock) fold();
  }
  std::string finish() {
    fold();
    return digest_;
  }

 private:
  static constexpr std::size_t kBlock = 1U << 20U;
  void fold() {
    digest_ = sha256_hex(digest_ + bytes);
    bytes.clear();
  }
  std::string digest_;
};

}  // namespace

Status export_csv(const fs::path& path, std::string_view table, std::ostream& out) {
  return reading(path, [&](SQLite::Database& db) -> Status {
    const std::vector<std::string> tables = table_names(db);
    const auto found = std::find(tables.begin(), tables.end(), table);
    if (found == tables.end())
      return Error{ErrorCode::not_found, fmt::format("there is no table '{}' in '{}'", table, path.string()),
                   did_you_mean(table, tables)};
    std::vector<std::string> columns = names(db, "SELECT name FROM pragma_table_info(?) ORDER BY cid", &*found);
    // The mark is every table's last column.
    const auto mark = std::find(columns.begin(), columns.end(), "simulated");
    const bool marked = mark != columns.end();
    if (marked) columns.erase(mark);
    columns.emplace_back(marked ? "simulated" : "(SELECT simulated FROM study) AS simulated");
    SQLite::Statement statement = select_all(db, *found, join(columns, ", "));
    for (int i = 0; i < statement.getColumnCount(); ++i) out << (i == 0 ? "" : ",") << statement.getColumnName(i);
    out << '\n';
    while (statement.executeStep() && out) {
      for (int i = 0; i < statement.getColumnCount(); ++i)
        out << (i == 0 ? "" : ",") << csv_cell(statement.getColumn(i));
      out << '\n';
    }
    if (!out.flush()) return Error{ErrorCode::io, "cannot write the exported table", "check the disk and the pipe"};
    return ok();
  });
}

Result<std::string> content_digest(const fs::path& path) {
  return reading(path, [&](SQLite::Database& db) -> Result<std::string> {
    Chain chain;
    for (const std::string& table : table_names(db)) {
      if (table == "session" || table == "study_option") continue;
      chain.bytes += "table " + table + '\n';
      SQLite::Statement statement = select_all(db, table);
      const int columns = statement.getColumnCount();
      while (statement.executeStep()) {
        for (int i = 0; i < columns; ++i) append_value(chain.bytes, statement.getColumn(i));
        chain.block_if_full();
      }
    }
    return chain.finish();
  });
}

}  // namespace phasewatt::store
