#include "phasewatt/device/lease/lease_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace phasewatt::device::lease {
namespace {

// A driver call takes up to some hundred milliseconds; a helper that is silent for so long hangs.
constexpr timeval kSocketPatience{10, 0};
constexpr const char* kStartDaemon = "sudo systemctl enable --now phasewatt-clockd.socket";

Error no_daemon(const std::filesystem::path& path, int number) {
  if (number == EACCES || number == EPERM)
    return {ErrorCode::permission,
            fmt::format("you may not use phasewatt-clockd ('{}': permission denied)", path.string()),
            "join its group and log in again: sudo usermod -aG phasewatt $USER"};
  if (number == ENOENT || number == ECONNREFUSED)
    return {ErrorCode::not_found, fmt::format("no phasewatt-clockd listens at '{}'", path.string()),
            fmt::format("start it: {}", kStartDaemon)};
  return {ErrorCode::io, fmt::format("cannot connect to '{}': {}", path.string(), std::strerror(number)),
          "check the path of the socket"};
}

void set_patience(int socket) {
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kSocketPatience, sizeof(kSocketPatience));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kSocketPatience, sizeof(kSocketPatience));
}

Result<UniqueFd> connect_to(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(address.sun_path))
    return Error{ErrorCode::usage, fmt::format("'{}' is too long for a socket", path.string()), "use a shorter path"};
  path.native().copy(address.sun_path, path.native().size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return no_daemon(path, errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return no_daemon(path, errno);
  return socket;
}

std::string_view why_ended(Verdict verdict) {
  switch (verdict) {
    case Verdict::expired: return "the helper heard nothing for the time of the lease";
    case Verdict::stopping: return "the helper was stopped";
    case Verdict::too_many: return "the helper has no place for another connection";
    case Verdict::not_permitted: return "the helper does not serve this user";
    case Verdict::bad_message: return "the helper speaks another version of the protocol";
    default: return "the helper ended the connection";
  }
}

}  // namespace

Result<std::unique_ptr<LeaseConnection>> LeaseConnection::open(const LeaseOptions& options) {
  auto socket = connect_to(options.socket);
  if (!socket) {
    Error error = std::move(socket).error();
    if (error.code != ErrorCode::not_found || !options.helper) return error;
    if (::geteuid() == 0) return start_helper(*options.helper);
    error.hint += "; or run this command as root";
    return error;
  }
  set_patience(socket->get());
  return std::unique_ptr<LeaseConnection>(new LeaseConnection(std::move(socket).value()));
}

Result<std::unique_ptr<LeaseConnection>> LeaseConnection::start_helper(const HelperOptions& options) {
  PHASEWATT_ASSIGN(auto helper, HelperProcess::start(options));
  auto connection = std::unique_ptr<LeaseConnection>(new LeaseConnection(helper.take_socket()));
  connection->helper_.emplace(std::move(helper));
  connection->helper_options_ = options;
  set_patience(connection->socket_.get());
  // That it runs is known from its first answer; why it does not, from its last words.
  PHASEWATT_TRY(connection->ask(Op::beat));
  return connection;
}

Result<Reply> LeaseConnection::ask(Op op, const std::string& gpu, std::uint32_t value) {
  const auto uuid = to_uuid(gpu);
  if (!uuid) return Error{ErrorCode::usage, fmt::format("'{}' is no GPU's UUID", gpu), "nvidia-smi -L lists them"};
  const std::scoped_lock lock(mutex_);
  if (lost_) return *lost_;
  Request request;
  request.op = op;
  request.sequence = ++sequence_ == 0 ? ++sequence_ : sequence_;
  request.value = value;
  request.gpu = *uuid;
  return exchange(request);
}

std::optional<pid_t> LeaseConnection::helper_pid() const {
  return helper_ ? std::optional(helper_->pid()) : std::nullopt;
}

Result<Reply> LeaseConnection::exchange(const Request& request) {
  // A failed send is looked into by the receive: the reason may lie there already.
  ::send(socket_.get(), &request, sizeof(request), MSG_NOSIGNAL);
  while (true) {
    std::array<std::byte, sizeof(Reply)> packet{};
    const auto got = ::recv(socket_.get(), packet.data(), packet.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return lose("the helper does not answer");
    if (got <= 0) return lose(last_word_ ? std::string(why_ended(*last_word_)) : "the helper ended");
    const auto reply = static_cast<std::size_t>(got) == packet.size() ? parse_reply(packet) : std::nullopt;
    if (!reply) return lose(std::string(why_ended(Verdict::bad_message)));
    answered_ = true;
    if (reply->sequence == request.sequence) return *reply;
    if (reply->sequence == 0) last_word_ = reply->verdict;
  }
}

Error LeaseConnection::lose(const std::string& what) {
  socket_.reset();
  lost_ = Error{ErrorCode::io, what + ": the clock is not locked any more", "run again what was measured since"};
  if (last_word_ == Verdict::not_permitted || last_word_ == Verdict::too_many || last_word_ == Verdict::bad_message)
    lost_ = Error{last_word_ == Verdict::bad_message ? ErrorCode::unsupported : ErrorCode::permission, what,
                  last_word_ == Verdict::too_many ? "close other programs that use it"
                  : last_word_ == Verdict::bad_message
                      ? "install phasewatt and phasewatt-clockd of the same version"
                      : "join its group and log in again: sudo usermod -aG phasewatt $USER"};
  if (!helper_) return *lost_;
  const std::string words = helper_->last_words();
  if (!answered_)
    lost_ = Error{ErrorCode::io, words.empty() ? "phasewatt-clockd did not start" : words,
                  "see phasewatt-clockd --help; phasewatt doctor says what this machine can control"};
  // Killed or crashed: nobody else is there who would take its locks back.
  else if (auto restored = HelperProcess::restore(helper_options_); !restored)
    lost_ = Error{ErrorCode::io, what + ", and the clock may still be locked", "run phasewatt clocks reset as root"};
  return *lost_;
}

Error to_error(const Reply& reply, const std::string& gpu) {
  switch (reply.verdict) {
    case Verdict::unknown_gpu:
      return {ErrorCode::not_found, fmt::format("the helper knows no GPU '{}'", gpu), "nvidia-smi -L lists them"};
    case Verdict::mig:
      return {ErrorCode::unsupported, fmt::format("{} is split into MIG instances, which share one clock", gpu),
              "measure at the stock clock, or switch MIG off: sudo nvidia-smi -mig 0"};
    case Verdict::not_supported:
      return {ErrorCode::unsupported, fmt::format("{} lists no clock that may be locked", gpu),
              "check --min-mhz and --max-mhz of phasewatt-clockd"};
    case Verdict::busy:
      return {ErrorCode::permission,
              fmt::format("{} is held by process {} of user {}", gpu, reply.owner_pid, reply.owner_uid),
              "wait for it or stop it: its clock comes back by itself"};
    case Verdict::out_of_range:
      return {ErrorCode::bad_input,
              fmt::format("the clock lies outside {} to {} MHz, which {} allows", reply.least_mhz, reply.most_mhz, gpu),
              "ask for a clock in that range, or widen --min-mhz and --max-mhz of phasewatt-clockd"};
    case Verdict::rate_limited:
      return {ErrorCode::permission, fmt::format("the clock of {} was switched too often", gpu),
              fmt::format("ask again in {} ms", reply.wait_ms)};
    case Verdict::restoring:
      return {ErrorCode::io, fmt::format("an earlier lock of {} could not be taken back yet", gpu),
              "the helper tries again; see its log: journalctl -u phasewatt-clockd"};
    case Verdict::journal_failed:
      return {ErrorCode::io, "the helper cannot write its journal, and without it changes no clock",
              "is the disk of its state folder full or read-only?"};
    case Verdict::driver_failed:
      return {reply.driver_code == 4 ? ErrorCode::permission : ErrorCode::io,
              fmt::format("the driver refused to change the clock of {} (NVML code {})", gpu, reply.driver_code),
              reply.driver_code == 4 ? "phasewatt-clockd must run as root, and the container or host must allow it"
                                     : "see nvidia-smi -q -d CLOCK and the kernel's log"};
    default: return {ErrorCode::internal, fmt::format("the helper answered {}", static_cast<int>(reply.verdict)), {}};
  }
}

}  // namespace phasewatt::device::lease
