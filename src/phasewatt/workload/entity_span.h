#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// A named entity of a text: what every tagger, built in or external, gives.
namespace phasewatt::workload {

enum class EntityType { person, organization, location };
inline constexpr std::array kEntityTypes{EntityType::person, EntityType::organization, EntityType::location};

constexpr std::string_view to_string(EntityType type) {
  switch (type) {
    case EntityType::person: return "person";
    case EntityType::organization: return "organization";
    case EntityType::location: return "location";
  }
  return "";
}

/// The bytes [begin, end) of a text, never empty.
struct EntitySpan {
  std::uint32_t begin, end;
  EntityType type;
  friend bool operator==(const EntitySpan&, const EntitySpan&) = default;
};

}  // namespace phasewatt::workload
