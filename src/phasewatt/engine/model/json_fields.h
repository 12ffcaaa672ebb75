#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

/// Reads fields of JSON objects that other programs wrote. Internal to engine/model.
namespace phasewatt::engine::model {

/// One JSON object, at most `most_depth` levels deep; `unique_keys` refuses a key that comes twice at the top level
/// (otherwise the last one counts, as for Python). bad_input, naming the file and the byte.
Result<nlohmann::json> parse_object(std::string_view text, std::string_view name, int most_depth, bool unique_keys);

/// The fields of an object. A field that is null counts as absent. The first problem stays in `problem()`, and what is
/// read after it is a default.
class Fields {
 public:
  Fields(const nlohmann::json& object, std::string file, std::string prefix = "")
      : object_(object), file_(std::move(file)), prefix_(std::move(prefix)) {}

  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  std::optional<std::int64_t> integer(const char* key, std::int64_t least, std::int64_t most);
  std::int64_t needed_integer(const char* key, std::int64_t least, std::int64_t most);
  std::optional<double> number(const char* key, double least, double most);
  double needed_number(const char* key, double least, double most);
  bool flag(const char* key, bool otherwise);
  std::optional<std::string> text(const char* key);

  void bad(const char* key, const std::string& what) { fail(ErrorCode::bad_input, key, what, {}); }
  void unsupported(const char* key, const std::string& what, const std::string& hint = {}) {
    fail(ErrorCode::unsupported, key, what, hint);
  }
  void take(const std::optional<Error>& problem) {
    if (!problem_) problem_ = problem;
  }
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  void fail(ErrorCode code, const char* key, const std::string& what, const std::string& hint);

  const nlohmann::json& object_;
  std::string file_;
  std::string prefix_;
  std::optional<Error> problem_;
};

/// Text from a file as it may stand in a message: short, and without bytes a terminal would act on.
std::string in_quotes(std::string_view text);

}  // namespace phasewatt::engine::model
