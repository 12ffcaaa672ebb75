#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "apps/clockd/journal.h"
#include "apps/clockd/nvml_gpus.h"
#include "phasewatt/device/lease/lease_table.h"

namespace phasewatt::clockd {

struct ServerOptions {
  std::filesystem::path state_dir = device::lease::kStateDir;
  std::optional<std::filesystem::path> audit_file;  ///< absent: standard error
  device::lease::LeaseLimits limits;
  std::optional<gid_t> group;  ///< who may connect, besides root and this process's own user
};

/// The lease table's hands: sockets, journal, GPUs and the audit log, in one thread. Blocks SIGTERM and SIGINT while it
/// lives and takes them as the wish to stop.
class Server final : device::lease::LeasePort {
 public:
  /// Resets what the journal holds before it returns.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, UniqueFd state_lock, NvmlGpus& gpus);
  ~Server() override = default;

  void listen_on(UniqueFd socket) { listener_ = std::move(socket); }
  /// The one client of a helper that is a child.
  Status serve_inherited(UniqueFd socket);
  /// Serves until a signal comes, or, without a listener, until every client is gone and every clock is back. An error:
  /// clocks could not be taken back; the journal still holds them.
  Status run();

 private:
  using Fd = int;

  Server(const ServerOptions& options, UniqueFd state_lock, NvmlGpus& gpus);
  void turn(bool accepting);
  void take_in();
  void hear(Fd client);
  void hang_up(Fd client);

  int set_lock(std::size_t gpu, std::uint32_t mhz) override { return gpus_.lock(gpu, mhz); }
  int reset(std::size_t gpu) override { return gpus_.reset(gpu); }
  device::lease::GpuLook look(std::size_t gpu) override { return gpus_.look(gpu); }
  bool journal(const std::vector<std::string>& locked) override { return write_journal(options_.state_dir, locked); }
  void audit(const std::string& line) override;
  void reply(Fd client, const device::lease::Reply& reply) override;
  void drop(Fd client) override;

  ServerOptions options_;
  UniqueFd state_lock_;
  NvmlGpus& gpus_;
  device::lease::LeaseTable table_;
  UniqueFd listener_;
  UniqueFd signals_;
  UniqueFd audit_;
  std::vector<UniqueFd> clients_;
  bool stopping_ = false;
};

/// May that user connect? By the kernel's word on the other end: root, our own user, or a member of the group.
bool permitted(uid_t user, const std::vector<gid_t>& groups, std::optional<gid_t> group);

}  // namespace phasewatt::clockd
