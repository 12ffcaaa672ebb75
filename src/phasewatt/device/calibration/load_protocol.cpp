#include "phasewatt/device/calibration/load_protocol.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

namespace phasewatt::device {
namespace {

struct CeilingName {
  std::string_view name;
  std::optional<double> Ceilings::*member;
};
constexpr std::array kCeilingKeys{
    CeilingName{"copy_bytes_per_s", &Ceilings::copy_bytes_per_s},
    CeilingName{"stream_bytes_per_s", &Ceilings::stream_bytes_per_s},
    CeilingName{"gemm_flops_per_s", &Ceilings::gemm_flops_per_s},
    CeilingName{"launch_s", &Ceilings::launch_s},
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

template <class Number>
std::optional<Number> number(std::string_view word) {
  Number value{};
  const auto [end, trouble] = std::from_chars(word.data(), word.data() + word.size(), value);
  return trouble == std::errc() && end == word.data() + word.size() ? std::optional(value) : std::nullopt;
}

std::optional<Stretch> stretch(std::string_view begin, std::string_view end) {
  const auto from = number<std::int64_t>(begin);
  const auto to = number<std::int64_t>(end);
  if (!from || !to || *from < 0 || *to <= *from) return std::nullopt;
  return Stretch{Nanos(*from), Nanos(*to)};
}

}  // namespace

std::string quoted(std::string_view line) {
  constexpr std::size_t kMost = 80;
  std::string out = "'";
  for (const char c : line.substr(0, kMost)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out + (line.size() > kMost ? "...'" : "'");
}

Result<LoadLine> parse_load_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto words = words_of(line);
  const Error bad{ErrorCode::bad_input, fmt::format("the load command answered {}", quoted(line)),
                  "it must say ready, on <ns>, off <ns>, ceiling <name> <number> [<ns> <ns>] or measured; see "
                  "docs/calibration.md"};
  if (words.size() == 1 && words[0] == "ready") return LoadLine(LoadReady{});
  if (words.size() == 1 && words[0] == "measured") return LoadLine(LoadMeasured{});
  if (words.size() == 2 && (words[0] == "on" || words[0] == "off")) {
    const auto at = number<std::int64_t>(words[1]);
    if (!at || *at < 0) return bad;
    return words[0] == "on" ? LoadLine(LoadOn{Nanos(*at)}) : LoadLine(LoadOff{Nanos(*at)});
  }
  if ((words.size() == 3 || words.size() == 5) && words[0] == "ceiling") {
    const auto value = number<double>(words[2]);
    std::optional<Stretch> when;
    if (words.size() == 5) {
      when = stretch(words[3], words[4]);
      if (!when) return bad;
    }
    for (const auto& each : kCeilingKeys)
      if (each.name == words[1] && value && std::isfinite(*value) && *value > 0)
        return LoadLine(LoadCeiling{each.member, *value, when});
  }
  return bad;
}

}  // namespace phasewatt::device
