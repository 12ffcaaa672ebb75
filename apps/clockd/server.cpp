#include "apps/clockd/server.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace phasewatt::clockd {
namespace {

using device::lease::Peer;
using device::lease::Reply;
using device::lease::Request;
using device::lease::Verdict;

constexpr int kPacketsPerTurn = 16;  // of one client, so that none keeps the others waiting
constexpr Nanos kStopPatience = std::chrono::seconds(5);

/// Also counts while the machine sleeps: a client that slept with it has not been heard either.
Nanos monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return std::chrono::seconds(t.tv_sec) + Nanos(t.tv_nsec);
}

std::optional<ucred> credentials(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

std::vector<gid_t> groups_of(int socket, const ucred& peer) {
  std::vector<gid_t> groups(1024);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) size = 0;
  groups.resize(size / sizeof(gid_t));
  groups.push_back(peer.gid);
  return groups;
}

}  // namespace

bool permitted(uid_t user, const std::vector<gid_t>& groups, std::optional<gid_t> group) {
  if (user == 0 || user == ::geteuid()) return true;
  return group && std::find(groups.begin(), groups.end(), *group) != groups.end();
}

Server::Server(const ServerOptions& options, UniqueFd state_lock, NvmlGpus& gpus)
    : options_(options), state_lock_(std::move(state_lock)), gpus_(gpus), table_(gpus.list(), options.limits, *this) {}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, UniqueFd state_lock, NvmlGpus& gpus) {
  std::unique_ptr<Server> server(new Server(options, std::move(state_lock), gpus));
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  ::sigprocmask(SIG_BLOCK, &stop, nullptr);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more
  server->signals_.reset(::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!server->signals_) return Error{ErrorCode::io, fmt::format("signalfd: {}", std::strerror(errno)), {}};
  if (options.audit_file) {
    server->audit_.reset(
        ::open(options.audit_file->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!server->audit_)
      return Error{ErrorCode::io,
                   fmt::format("cannot open '{}': {}", options.audit_file->string(), std::strerror(errno)),
                   "see --audit-file"};
  }
  Journal journal = read_journal(options.state_dir);
  if (!journal.readable)
    for (const auto& gpu : gpus.list()) journal.gpus.push_back(gpu.uuid);
  server->table_.recover(journal.gpus, monotonic_now());
  return server;
}

Status Server::serve_inherited(UniqueFd socket) {
  const auto peer = credentials(socket.get());
  if (!peer) return Error{ErrorCode::usage, "--inherited-fd names no Unix socket", {}};
  const Fd client = socket.get();
  clients_.push_back(std::move(socket));
  table_.connect(client, {static_cast<std::uint32_t>(peer->pid), peer->uid}, monotonic_now());
  return ok();
}

Status Server::run() {
  while (!stopping_ && (listener_ || !clients_.empty() || !table_.clean())) turn(true);
  table_.drop_all(monotonic_now());
  const Nanos deadline = monotonic_now() + kStopPatience;
  while (!table_.clean() && monotonic_now() < deadline) turn(false);
  if (table_.clean()) return ok();
  return Error{ErrorCode::io, "a clock could not be taken back; the journal still holds it",
               "phasewatt-clockd --restore tries again; a driver reload or reboot clears it"};
}

void Server::turn(bool accepting) {
  std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}, {accepting ? listener_.get() : -1, POLLIN, 0}};
  for (const auto& client : clients_) polled.push_back({client.get(), POLLIN, 0});
  const auto next = table_.next_tick();
  const auto wait = next ? std::chrono::ceil<std::chrono::milliseconds>(*next - monotonic_now()).count() : -1;
  ::poll(polled.data(), polled.size(), next ? static_cast<int>(std::max<std::int64_t>(wait, 0)) : -1);
  // Taken before the messages are read: who has spoken by now is heard before his lease is looked at.
  const Nanos now = monotonic_now();
  for (std::size_t i = 2; i < polled.size(); ++i)
    if (polled[i].revents != 0) hear(polled[i].fd);
  table_.tick(now);
  if (polled[1].revents != 0) take_in();
  signalfd_siginfo signal{};
  if (polled[0].revents != 0 && ::read(signals_.get(), &signal, sizeof(signal)) > 0) stopping_ = true;
}

void Server::take_in() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto peer = socket ? credentials(socket.get()) : std::nullopt;
  if (!peer) return;
  const Fd client = socket.get();
  const Peer who{static_cast<std::uint32_t>(peer->pid), peer->uid};
  clients_.push_back(std::move(socket));
  if (permitted(peer->uid, groups_of(client, *peer), options_.group)) {
    table_.connect(client, who, monotonic_now());
    return;
  }
  audit(fmt::format("refuse uid={} pid={}", who.uid, who.pid));
  Reply refusal;
  refusal.verdict = Verdict::not_permitted;
  reply(client, refusal);
  drop(client);
}

void Server::hear(Fd client) {
  const auto connected = [&] {
    return std::any_of(clients_.begin(), clients_.end(), [&](const UniqueFd& c) { return c.get() == client; });
  };
  for (int i = 0; i < kPacketsPerTurn && connected(); ++i) {
    std::array<std::byte, sizeof(Request) + 1> packet{};
    const auto got = ::recv(client, packet.data(), packet.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return hang_up(client);
    table_.message(client, std::span(packet).first(static_cast<std::size_t>(got)), monotonic_now());
    table_.answered(client, monotonic_now());  // the driver may have taken long
  }
}

void Server::hang_up(Fd client) {
  table_.close(client, monotonic_now());
  drop(client);
}

void Server::audit(const std::string& line) {
  const auto text = fmt::format("{:%Y-%m-%dT%H:%M:%S}Z {}\n", fmt::gmtime(std::chrono::system_clock::now()), line);
  // A log that is full or not read must not keep a clock from being taken back.
  pollfd log{audit_ ? audit_.get() : STDERR_FILENO, POLLOUT, 0};
  if (::poll(&log, 1, 0) != 1) return;
  [[maybe_unused]] const auto written = ::write(log.fd, text.data(), text.size());
}

void Server::reply(Fd client, const Reply& reply) {
  // A client that does not read its replies misses them; it holds up nobody.
  ::send(client, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Server::drop(Fd client) {
  // A socket that is closed with something unread in it makes the other end lose our last word.
  std::array<std::byte, sizeof(Request)> unread{};
  ::shutdown(client, SHUT_RDWR);
  while (::recv(client, unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
  }
  std::erase_if(clients_, [&](const UniqueFd& c) { return c.get() == client; });
}

}  // namespace phasewatt::clockd
