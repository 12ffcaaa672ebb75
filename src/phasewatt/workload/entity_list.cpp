#include "phasewatt/workload/entity_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/annotator_lines.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

/// The byte of each code point, and the size.
std::vector<std::uint32_t> code_point_begins(std::string_view text) {
  std::vector<std::uint32_t> begins;
  for (std::size_t i = 0; i < text.size(); i += first_code_points(text.substr(i), 1).size())
    begins.push_back(static_cast<std::uint32_t>(i));
  begins.push_back(static_cast<std::uint32_t>(text.size()));
  return begins;
}

std::optional<EntityListError> read_entity(const simdjson::dom::element& entity, std::span<const std::uint32_t> begins,
                                           EntityList& out) {
  simdjson::dom::object fields;
  if (entity.get(fields) != simdjson::SUCCESS) return EntityListError{"holds an entity that is not an object", {}};
  std::string_view label;
  if (fields["label"].get(label) != simdjson::SUCCESS)
    return EntityListError{"holds an entity without a text field 'label'", {}};
  std::array<std::int64_t, 2> offsets{};
  for (const auto& [name, value] : {std::pair("start", offsets.data()), std::pair("end", offsets.data() + 1)})
    if (fields[name].get(*value) != simdjson::SUCCESS)
      return EntityListError{fmt::format("holds an entity without a whole number '{}'", name), {}};
  const auto [start, end] = offsets;
  const auto length = static_cast<std::int64_t>(begins.size()) - 1;
  if (start == end)
    return EntityListError{fmt::format("holds an empty entity, from {} to {}", start, end),
                           "'end' is exclusive: one character at 3 is \"start\": 3, \"end\": 4"};
  if (start > end)
    return EntityListError{fmt::format("holds an entity from {} to {}, which ends before it begins", start, end), {}};
  if (start < 0 || end > length)
    return EntityListError{
        fmt::format("holds an entity from {} to {}, outside the text's {} characters", start, end, length),
        "offsets count Unicode code points from 0, and 'end' is exclusive"};
  if (const auto type = entity_type_of(label))
    out.entities.push_back({begins[static_cast<std::size_t>(start)], begins[static_cast<std::size_t>(end)], *type});
  else
    ++out.other[std::string(label)];
  return std::nullopt;
}

}  // namespace

std::optional<EntityType> entity_type_of(std::string_view label) {
  using Row = std::pair<std::string_view, EntityType>;
  static constexpr std::array kLabels{
      Row{"person", EntityType::person},     Row{"per", EntityType::person},
      Row{"org", EntityType::organization},  Row{"organization", EntityType::organization},
      Row{"gpe", EntityType::location},      Row{"loc", EntityType::location},
      Row{"fac", EntityType::location},      Row{"location", EntityType::location},
      Row{"facility", EntityType::location},
  };
  const std::string lower = to_lower_ascii(label);
  const auto* row = std::find_if(kLabels.begin(), kLabels.end(), [&](const Row& r) { return r.first == lower; });
  return row == kLabels.end() ? std::nullopt : std::optional(row->second);
}

std::optional<EntityListError> read_entities(const simdjson::dom::array& list, std::string_view text, EntityList& out) {
  const auto begins = code_point_begins(text);
  for (const simdjson::dom::element entity : list)
    if (auto error = read_entity(entity, begins, out)) {
      if (error->hint.empty()) error->hint = R"(an entity is {"start": 0, "end": 3, "label": "PER"})";
      return error;
    }
  std::sort(out.entities.begin(), out.entities.end(), [](const EntitySpan& a, const EntitySpan& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  return std::nullopt;
}

}  // namespace phasewatt::workload
