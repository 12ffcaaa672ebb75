#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

/// Errors that can happen are values: `Result<T>` holds a T or an Error, never both, never neither.
namespace phasewatt {

/// What kind of thing went wrong. Each maps to one exit code of the program (apps/cli/exit_code.h).
enum class ErrorCode {
  usage,          ///< a flag or argument that cannot be meant
  bad_input,      ///< a file (study, dataset, spec, reply) that says something invalid
  not_found,      ///< a file, model, device or column that is not there
  exists,         ///< an output that would be overwritten
  io,             ///< the operating system refused: disk full, read-only, broken pipe
  unsupported,    ///< valid, but this build or machine cannot do it
  permission,     ///< the user may not do it
  out_of_memory,  ///< host or device memory does not suffice
  interrupted,    ///< SIGINT or SIGTERM; the state so far is kept
  not_valid,      ///< finished, but the numbers do not carry the demanded validity
  database,       ///< a results database that is damaged, foreign or newer than the program
  internal,       ///< a bug of ours
};

/// Lower-case name of the code, as printed with --json.
std::string_view to_string(ErrorCode code);

/// One failure: what happened, and what the user can do next. `hint` may be empty, `what` never is.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;  ///< names the file, line, field or flag
  std::string hint;  ///< the next step, as a sentence
};

/// "what (hint)" on one line, for logs and tests.
std::string to_string(const Error& error);

/// A T or an Error. Reading `value()` of a failed result is a bug; it throws std::bad_variant_access.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const& {
    assert(error_);
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    assert(error_);
    return *std::move(error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

/// Success, for `return ok();`.
inline Status ok() { return {}; }

}  // namespace phasewatt

/// Leaves the enclosing function with the error of a failed Result or Status.
#define PHASEWATT_TRY(expression)                              \
  do {                                                         \
    if (auto phasewatt_try_ = (expression); !phasewatt_try_) { \
      return std::move(phasewatt_try_).error();                \
    }                                                          \
  } while (false)

#define PHASEWATT_CONCAT_IMPL(a, b) a##b
#define PHASEWATT_CONCAT(a, b) PHASEWATT_CONCAT_IMPL(a, b)
#define PHASEWATT_ASSIGN_IMPL(tmp, declaration, expression) \
  auto tmp = (expression);                                  \
  if (!tmp) return std::move(tmp).error();                  \
  declaration = std::move(tmp).value()

/// `PHASEWATT_ASSIGN(auto x, f());` binds the value of a Result or leaves with its error.
#define PHASEWATT_ASSIGN(declaration, ...) \
  PHASEWATT_ASSIGN_IMPL(PHASEWATT_CONCAT(phasewatt_result_, __LINE__), declaration, (__VA_ARGS__))
