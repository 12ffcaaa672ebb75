#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "phasewatt/base/units.h"

/// Values to SQL and back, in the order of the columns. For the store's own use; throws SQLite::Exception.
namespace phasewatt::store {

/// Fills a prepared INSERT from the left. Text is bound without a copy: it must live until run().
class Row {
 public:
  explicit Row(SQLite::Statement& statement) : statement_(statement) { statement_.tryReset(); }

  Row& operator<<(const std::string& text) { return statement_.bindNoCopy(++column_, text), *this; }
  Row& operator<<(std::string_view text) { return statement_.bind(++column_, std::string(text)), *this; }
  Row& operator<<(const char* text) { return *this << std::string_view(text); }
  Row& operator<<(double number) { return statement_.bind(++column_, number), *this; }
  /// 64-bit masks and seeds keep their bits: SQLite knows signed integers only.
  Row& operator<<(std::uint64_t bits) { return statement_.bind(++column_, std::bit_cast<std::int64_t>(bits)), *this; }
  Row& operator<<(std::int64_t number) { return statement_.bind(++column_, number), *this; }
  Row& operator<<(std::uint32_t number) { return *this << std::int64_t{number}; }
  Row& operator<<(int number) { return *this << std::int64_t{number}; }
  Row& operator<<(bool flag) { return *this << std::int64_t{flag ? 1 : 0}; }
  template <class Tag, class Rep>
  Row& operator<<(Quantity<Tag, Rep> quantity) {
    return *this << quantity.value();
  }
  template <class T>
  Row& operator<<(const std::optional<T>& value) {
    if (value) return *this << *value;
    return statement_.bind(++column_), *this;
  }

  void run() {
    statement_.exec();
    statement_.tryReset();
  }

 private:
  SQLite::Statement& statement_;
  int column_ = 0;
};

/// Reads a result row from the left.
class Fields {
 public:
  explicit Fields(SQLite::Statement& statement) : statement_(statement) {}

  std::string text() { return statement_.getColumn(column_++).getString(); }
  double number() { return statement_.getColumn(column_++).getDouble(); }
  std::int64_t integer() { return statement_.getColumn(column_++).getInt64(); }
  bool flag() { return integer() != 0; }
  std::uint64_t bits() { return std::bit_cast<std::uint64_t>(integer()); }
  int small() { return static_cast<int>(integer()); }
  std::uint32_t index() { return static_cast<std::uint32_t>(integer()); }

  template <class T = double>
  std::optional<T> maybe() {
    const SQLite::Column column = statement_.getColumn(column_++);
    if (column.isNull()) return std::nullopt;
    if constexpr (std::is_same_v<T, std::string>)
      return column.getString();
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(column.getInt64());
    else
      return T(column.getDouble());
  }

 private:
  SQLite::Statement& statement_;
  int column_ = 0;
};

/// "?,?,?" for an INSERT.
inline std::string placeholders(int count) {
  std::string marks = "?";
  for (int i = 1; i < count; ++i) marks += ",?";
  return marks;
}

}  // namespace phasewatt::store
