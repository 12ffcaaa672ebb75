#include "phasewatt/base/toml_reader.h"

#include <toml++/toml.h>

#include <cmath>
#include <set>

#include "phasewatt/base/text.h"

namespace phasewatt {

struct TomlTable::Impl {
  struct File {
    toml::table root;
    std::string name;
    std::optional<Error> error;
  };
  std::shared_ptr<File> file;
  const toml::table* table = nullptr;
  toml::table empty;  // stands in for a missing sub-table
  std::string path;   // "sensor.energy", for messages
  std::set<std::string, std::less<>> asked;

  [[nodiscard]] std::string full(std::string_view key) const {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
  [[nodiscard]] std::string where(const toml::node* node) const {
    const auto line = node != nullptr ? node->source().begin.line : table->source().begin.line;
    return line == 0 ? file->name : file->name + ":" + std::to_string(line);
  }
  void fail(const toml::node* node, const std::string& what, std::string hint) const {
    if (!file->error) file->error = Error{ErrorCode::bad_input, where(node) + ": " + what, std::move(hint)};
  }
  const toml::node* find(std::string_view key, bool required, std::string_view kind) {
    asked.insert(std::string(key));
    const toml::node* node = table->get(key);
    if (node == nullptr && required)
      fail(nullptr, "missing key '" + full(key) + "'", "add it; it wants " + std::string(kind));
    return node;
  }
  void wrong_type(const toml::node* node, std::string_view key, std::string_view kind) const {
    fail(node, "'" + full(key) + "' must be " + std::string(kind), {});
  }
};

namespace {

std::optional<double> as_number(const toml::node& node) {
  if (!node.is_number()) return std::nullopt;
  const auto value = node.value<double>();
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

}  // namespace

TomlTable::TomlTable(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<TomlTable> TomlTable::parse(std::string_view text, std::string_view name) {
  auto impl = std::make_shared<Impl>();
  impl->file = std::make_shared<Impl::File>();
  impl->file->name = std::string(name);
  if (const auto bad = find_invalid_utf8(text); bad != std::string_view::npos)
    return Error{ErrorCode::bad_input, std::string(name) + ": byte " + std::to_string(bad) + " is not valid UTF-8",
                 "save the file as UTF-8"};
  try {
    impl->file->root = toml::parse(text, name);
  } catch (const toml::parse_error& e) {
    return Error{ErrorCode::bad_input,
                 std::string(name) + ":" + std::to_string(e.source().begin.line) + ": " + std::string(e.description()),
                 "see https://toml.io for the syntax"};
  }
  impl->table = &impl->file->root;
  return TomlTable(std::move(impl));
}

bool TomlTable::has(std::string_view key) const { return impl_->table->contains(key); }
bool TomlTable::is_string(std::string_view key) const {
  const auto* node = impl_->table->get(key);
  return node != nullptr && node->is_string();
}
bool TomlTable::is_array(std::string_view key) const {
  const auto* node = impl_->table->get(key);
  return node != nullptr && node->is_array();
}

int TomlTable::line(std::string_view key) const {
  const auto* node = impl_->table->get(key);
  return node == nullptr ? 0 : static_cast<int>(node->source().begin.line);
}

void TomlTable::fail(std::string_view key, std::string what, std::string hint) {
  impl_->fail(impl_->table->get(key), what, std::move(hint));
}

double TomlTable::number(std::string_view key) {
  const auto* node = impl_->find(key, true, "a number");
  if (node == nullptr) return 0;
  if (const auto value = as_number(*node)) return *value;
  impl_->wrong_type(node, key, "a finite number");
  return 0;
}

std::int64_t TomlTable::integer(std::string_view key) {
  const auto* node = impl_->find(key, true, "a whole number");
  if (node == nullptr) return 0;
  if (node->is_integer()) return node->value_or(std::int64_t{0});
  impl_->wrong_type(node, key, "a whole number");
  return 0;
}

std::string TomlTable::string(std::string_view key) {
  const auto* node = impl_->find(key, true, "a string");
  if (node == nullptr) return {};
  if (node->is_string()) return node->value_or(std::string());
  impl_->wrong_type(node, key, "a string");
  return {};
}

bool TomlTable::boolean(std::string_view key) {
  const auto* node = impl_->find(key, true, "true or false");
  if (node == nullptr) return false;
  if (node->is_boolean()) return node->value_or(false);
  impl_->wrong_type(node, key, "true or false");
  return false;
}

double TomlTable::number(std::string_view key, double otherwise) {
  impl_->asked.insert(std::string(key));
  return has(key) ? number(key) : otherwise;
}
std::int64_t TomlTable::integer(std::string_view key, std::int64_t otherwise) {
  impl_->asked.insert(std::string(key));
  return has(key) ? integer(key) : otherwise;
}
std::string TomlTable::string(std::string_view key, std::string otherwise) {
  impl_->asked.insert(std::string(key));
  return has(key) ? string(key) : std::move(otherwise);
}
bool TomlTable::boolean(std::string_view key, bool otherwise) {
  impl_->asked.insert(std::string(key));
  return has(key) ? boolean(key) : otherwise;
}

std::vector<TomlTable::Scalar> TomlTable::scalars(std::string_view key) {
  const auto* node = impl_->find(key, true, "a list");
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) {
    impl_->wrong_type(node, key, "a list");
    return {};
  }
  std::vector<Scalar> out;
  for (const auto& element : *array) {
    if (const auto value = as_number(element)) {
      out.push_back({value, {}});
    } else if (element.is_string()) {
      out.push_back({std::nullopt, element.value_or(std::string())});
    } else {
      impl_->wrong_type(&element, key, "a list of finite numbers or strings");
      return {};
    }
  }
  return out;
}

std::vector<double> TomlTable::numbers(std::string_view key) {
  std::vector<double> out;
  for (const auto& scalar : scalars(key)) {
    if (!scalar.number) {
      fail(key, "'" + impl_->full(key) + "' must be a list of numbers");
      return {};
    }
    out.push_back(*scalar.number);
  }
  return out;
}

std::vector<std::int64_t> TomlTable::integers(std::string_view key) {
  std::vector<std::int64_t> out;
  for (const double value : numbers(key)) {
    if (value != std::floor(value) || std::abs(value) > 9e15) {
      fail(key, "'" + impl_->full(key) + "' must be a list of whole numbers");
      return {};
    }
    out.push_back(static_cast<std::int64_t>(value));
  }
  return out;
}

std::vector<std::string> TomlTable::strings(std::string_view key) {
  std::vector<std::string> out;
  for (auto& scalar : scalars(key)) {
    if (scalar.number) {
      fail(key, "'" + impl_->full(key) + "' must be a list of strings");
      return {};
    }
    out.push_back(std::move(scalar.text));
  }
  return out;
}

std::vector<std::vector<double>> TomlTable::number_rows(std::string_view key) {
  const auto* node = impl_->find(key, true, "a list of lists of numbers");
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) {
    impl_->wrong_type(node, key, "a list of lists of numbers");
    return {};
  }
  std::vector<std::vector<double>> out;
  for (const auto& element : *array) {
    const auto* inner = element.as_array();
    std::vector<double> values;
    if (inner != nullptr) {
      for (const auto& e : *inner)
        if (const auto value = as_number(e)) values.push_back(*value);
    }
    if (inner == nullptr || values.size() != inner->size()) {
      impl_->wrong_type(&element, key, "a list of lists of finite numbers");
      return {};
    }
    out.push_back(std::move(values));
  }
  return out;
}

TomlTable TomlTable::table(std::string_view key) {
  auto impl = std::make_shared<Impl>();
  impl->file = impl_->file;
  impl->path = impl_->full(key);
  impl->table = &impl->empty;
  const auto* node = impl_->find(key, true, "a table [" + impl->path + "]");
  if (node != nullptr) {
    if (const auto* table = node->as_table())
      impl->table = table;
    else
      impl_->wrong_type(node, key, "a table [" + impl->path + "]");
  }
  return TomlTable(std::move(impl));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  std::vector<TomlTable> out;
  const auto* node = impl_->find(key, false, "");
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr) {
    impl_->wrong_type(node, key, "an array of tables [[" + impl_->full(key) + "]]");
    return out;
  }
  for (const auto& element : *array) {
    const auto* table = element.as_table();
    if (table == nullptr) {
      impl_->wrong_type(&element, key, "an array of tables [[" + impl_->full(key) + "]]");
      return out;
    }
    auto impl = std::make_shared<Impl>();
    impl->file = impl_->file;
    impl->path = impl_->full(key);
    impl->table = table;
    out.push_back(TomlTable(std::move(impl)));
  }
  return out;
}

Status TomlTable::finish() {
  // An unknown key is reported before a missing one: it is usually the same key, misspelt.
  for (const auto& [key, node] : *impl_->table) {
    if (impl_->asked.contains(key.str())) continue;
    const std::vector<std::string> valid(impl_->asked.begin(), impl_->asked.end());
    return Error{ErrorCode::bad_input,
                 impl_->file->name + ":" + std::to_string(key.source().begin.line) + ": unknown key '" +
                     impl_->full(key.str()) + "'",
                 did_you_mean(key.str(), valid)};
  }
  if (impl_->file->error) return *impl_->file->error;
  return ok();
}

}  // namespace phasewatt
