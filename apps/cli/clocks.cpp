#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/commands.h"
#include "phasewatt/base/records.h"
#include "phasewatt/device/lease/lease_connection.h"

namespace phasewatt::cli {
namespace {

using namespace device::lease;

struct ClocksOptions {
  LeaseOptions lease;
  std::string gpu;        ///< empty = every GPU
  std::string state_dir;  ///< of a helper started as a child; empty = its default
};

/// The GPUs that are meant, each with what the helper sees of it.
Result<std::vector<Reply>> read_gpus(LeaseConnection& helper, const std::string& gpu) {
  std::vector<Reply> all;
  for (std::uint32_t index = 0;; ++index) {
    PHASEWATT_ASSIGN(const Reply reply, gpu.empty() ? helper.ask(Op::read, "", index) : helper.ask(Op::read, gpu));
    if (reply.verdict == Verdict::unknown_gpu && gpu.empty() && index > 0) return all;
    if (reply.verdict == Verdict::unknown_gpu && gpu.empty())
      return Error{ErrorCode::not_found, "phasewatt-clockd sees no GPU", "nvidia-smi -L lists them"};
    if (reply.verdict != Verdict::ok && reply.verdict != Verdict::mig) return to_error(reply, gpu);
    all.push_back(reply);
    if (!gpu.empty()) return all;
  }
}

std::string_view words(Foreign foreign) {
  switch (foreign) {
    case Foreign::cannot_know: return "cannot know";
    case Foreign::not_seen: return "not seen";
    case Foreign::suspected: return "suspected";
  }
  return "cannot know";
}

nlohmann::ordered_json to_json(const Reply& reply) {
  const auto given = [&](Present bit, auto value) {
    return (reply.present & bit) != 0 ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  };
  return {{"gpu", *text_of(reply.gpu)},
          {"mig", reply.verdict == Verdict::mig},
          {"locked_mhz", given(has_lock, reply.locked_mhz)},
          {"seen_mhz", given(has_seen, reply.seen_mhz)},
          {"reasons", given(has_reasons, throttle_words(reply.reasons))},
          {"least_mhz", reply.most_mhz == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(reply.least_mhz)},
          {"most_mhz", reply.most_mhz == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(reply.most_mhz)},
          {"writer_pid", given(has_owner, reply.owner_pid)},
          {"writer_uid", given(has_owner, reply.owner_uid)},
          {"other_writer", words(reply.foreign)}};
}

std::string to_line(const Reply& reply) {
  std::string line = fmt::format("{}  ", *text_of(reply.gpu));
  if (reply.verdict == Verdict::mig) return line + "split into MIG instances: its clock is left alone\n";
  line +=
      (reply.present & has_lock) != 0 ? fmt::format("locked at {} MHz", reply.locked_mhz) : "not locked by phasewatt";
  if ((reply.present & has_seen) != 0) line += fmt::format(", seen {} MHz", reply.seen_mhz);
  if ((reply.present & has_reasons) != 0) line += fmt::format(" ({})", throttle_words(reply.reasons));
  line += reply.most_mhz == 0 ? ", no clock may be locked"
                              : fmt::format(", {} to {} MHz may be locked", reply.least_mhz, reply.most_mhz);
  if ((reply.present & has_owner) != 0)
    line += fmt::format(", held by process {} of user {}", reply.owner_pid, reply.owner_uid);
  return line + fmt::format(", other writer: {}\n", words(reply.foreign));
}

Status show(const ClocksOptions& options, const Console& console) {
  // A helper of our own would see no lock but its own.
  PHASEWATT_ASSIGN(const auto helper, LeaseConnection::open({options.lease.socket, std::nullopt}));
  PHASEWATT_ASSIGN(const auto gpus, read_gpus(*helper, options.gpu));
  auto all = nlohmann::ordered_json::array();
  for (const Reply& reply : gpus) {
    all.push_back(to_json(reply));
    if (!console.json) console.out(to_line(reply));
  }
  if (console.json) console.out(all.dump(2) + "\n");
  return ok();
}

/// Every GPU is tried; the first that could not be reset is the error.
Status reset(const ClocksOptions& options, const Console& console) {
  LeaseOptions lease = options.lease;
  if (!options.state_dir.empty())
    lease.helper->arguments.insert(lease.helper->arguments.end(), {"--state-dir", options.state_dir});
  PHASEWATT_ASSIGN(const auto helper, LeaseConnection::open(lease));
  PHASEWATT_ASSIGN(const auto gpus, read_gpus(*helper, options.gpu));
  auto all = nlohmann::ordered_json::array();
  Status first = ok();
  for (const Reply& seen : gpus) {
    const std::string uuid(*text_of(seen.gpu));
    PHASEWATT_ASSIGN(const Reply reply, helper->ask(Op::reset, uuid));
    const bool done = reply.verdict == Verdict::ok;
    all.push_back({{"gpu", uuid}, {"reset", done}});
    if (done && !console.json) console.out(uuid + "  reset\n");
    if (done || (reply.verdict == Verdict::mig && options.gpu.empty())) {
      if (!done) console.say(to_error(reply, uuid).what);
    } else if (first) {
      first = to_error(reply, uuid);
    } else {
      console.say(to_string(to_error(reply, uuid)));
    }
  }
  if (console.json) console.out(all.dump(2) + "\n");
  return first;
}

}  // namespace

void add_clocks(CLI::App& app, Action& action) {
  auto* clocks = app.add_subcommand("clocks", "the clock lease");
  clocks->require_subcommand(1);
  auto options = std::make_shared<ClocksOptions>();
  auto* show_clocks = clocks->add_subcommand("show", "what phasewatt-clockd has locked and sees");
  auto* reset_clocks = clocks->add_subcommand("reset", "back to the stock clock");
  for (auto* sub : {show_clocks, reset_clocks}) {
    sub->add_option("--gpu", options->gpu);
    sub->add_option("--socket", options->lease.socket);
  }
  reset_clocks->add_option("--state-dir", options->state_dir);
  show_clocks->callback(
      [&action, options] { action = [options](const Console& console) { return show(*options, console); }; });
  reset_clocks->callback(
      [&action, options] { action = [options](const Console& console) { return reset(*options, console); }; });
}

}  // namespace phasewatt::cli
