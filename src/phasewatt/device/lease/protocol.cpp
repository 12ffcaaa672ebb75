#include "phasewatt/device/lease/protocol.h"

#include <algorithm>
#include <cstring>

namespace phasewatt::device::lease {
namespace {

/// The packet as a T of our magic and version. Copied, because a packet need not be aligned.
template <class T>
std::optional<T> parse(std::span<const std::byte> packet) {
  T message;
  if (packet.size() != sizeof(T)) return std::nullopt;
  std::memcpy(&message, packet.data(), sizeof(T));
  if (message.magic != kMagic || message.version != kVersion || !text_of(message.gpu)) return std::nullopt;
  return message;
}

}  // namespace

std::optional<std::string_view> text_of(const Uuid& uuid) {
  const auto end = std::find(uuid.begin(), uuid.end(), '\0');
  const bool padded = end != uuid.end() && std::all_of(end, uuid.end(), [](char c) { return c == '\0'; });
  const bool printable = std::all_of(uuid.begin(), end, [](char c) { return c > ' ' && c <= '~'; });
  if (!padded || !printable) return std::nullopt;
  return std::string_view(uuid.data(), static_cast<std::size_t>(end - uuid.begin()));
}

std::optional<Uuid> to_uuid(std::string_view text) {
  Uuid uuid{};
  if (text.size() >= uuid.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), uuid.begin());
  if (text_of(uuid) != text) return std::nullopt;
  return uuid;
}

std::optional<Request> parse_request(std::span<const std::byte> packet) {
  const auto request = parse<Request>(packet);
  if (!request || request->sequence == 0) return std::nullopt;
  const bool named = request->gpu.front() != '\0';
  bool meant = false;
  switch (request->op) {
    case Op::beat: meant = !named && request->value == 0; break;
    case Op::read: meant = !named || request->value == 0; break;
    case Op::lock: meant = named && request->value > 0 && request->value <= kHighestMhz; break;
    case Op::reset: meant = named && request->value == 0; break;
  }
  return meant ? request : std::nullopt;
}

std::optional<Reply> parse_reply(std::span<const std::byte> packet) {
  const auto reply = parse<Reply>(packet);
  if (!reply || static_cast<std::uint16_t>(reply->verdict) > kLastVerdict || reply->foreign > Foreign::suspected)
    return std::nullopt;
  return reply;
}

}  // namespace phasewatt::device::lease
