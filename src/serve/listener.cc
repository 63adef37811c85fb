#include "serve/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace lathe::serve {
namespace {

constexpr int kSocketFlags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

std::string reason() { return std::strerror(errno); }

std::string text_of(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, address, text, sizeof text);
  return text;
}

void describe_peer(const sockaddr_storage& from, Accepted& accepted) {
  if (from.ss_family == AF_INET) {
    accepted.peer = accepted.network = text_of(AF_INET, &reinterpret_cast<const sockaddr_in&>(from).sin_addr);
    return;
  }
  in6_addr address = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    accepted.peer = accepted.network = text_of(AF_INET, address.s6_addr + 12);
    return;
  }
  accepted.peer = text_of(AF_INET6, &address);
  std::fill(address.s6_addr + 8, address.s6_addr + 16, uint8_t{0});
  accepted.network = text_of(AF_INET6, &address) + "/64";
}

bool is_loopback_address(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

// Whether anybody answers at this socket; a dead server's file remains and refuses.
bool somebody_listens(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, kSocketFlags, 0);
  const bool refused = probe >= 0 && ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
  if (probe >= 0) ::close(probe);
  return !refused;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(const HttpAddress& address) {
  std::unique_ptr<Listener> listener(new Listener);
  if (address.socket_path.empty())
    LATHE_TRY_STATUS(listener->open_tcp(address.host, address.port));
  else
    LATHE_TRY_STATUS(listener->open_unix(address.socket_path));
  return listener;
}

Listener::~Listener() {
  if (descriptor_ >= 0) ::close(descriptor_);
  struct stat now {};
  if (inode_ != 0 && ::lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_) ::unlink(path_.c_str());
}

Status Listener::open_tcp(const std::string& host, int port) {
  host_ = host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host_.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0 || !found)
    return error("cannot resolve the host \"", host, "\" (", gai_strerror(code), "); use an address such as 127.0.0.1");
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const auto failed = [&](const char* what) {
    return error("cannot ", what, " ", host, ":", port, " (", reason(), "); choose another port with --port");
  };
  descriptor_ = ::socket(found->ai_family, kSocketFlags, 0);
  if (descriptor_ < 0) return failed("open");
  const int on = 1;
  if (::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return failed("prepare");
  if (::bind(descriptor_, found->ai_addr, found->ai_addrlen) != 0) return failed("bind");
  if (::listen(descriptor_, SOMAXCONN) != 0) return failed("listen at");
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&local), &size) != 0) return failed("read the address of");
  loopback_ = is_loopback_address(local);
  // The port stands at the same place in both kinds of addresses.
  port_ = ntohs(reinterpret_cast<const sockaddr_in&>(local).sin_port);
  return {};
}

Status Listener::open_unix(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path)
    return error_at(path, -1, "the path of a Unix socket may have at most ", sizeof address.sun_path - 1, " bytes");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return error_at(path, -1, "is there already and is no socket; choose another path with --socket");
    if (somebody_listens(address)) return error_at(path, -1, "another server listens at this socket; choose another path with --socket");
    ::unlink(path.c_str());
  }
  const auto failed = [&](const char* what) { return error_at(path, -1, "cannot ", what, " the Unix socket (", reason(), ")"); };
  descriptor_ = ::socket(AF_UNIX, kSocketFlags, 0);
  if (descriptor_ < 0) return failed("open");
  if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed("make");
  path_ = path;
  if (::lstat(path.c_str(), &there) == 0) device_ = there.st_dev, inode_ = there.st_ino;
  // Nobody can connect before listen(), so there is no moment at which others could.
  if (::chmod(path.c_str(), 0600) != 0) return failed("protect");
  if (::listen(descriptor_, SOMAXCONN) != 0) return failed("listen at");
  return {};
}

Accepted Listener::accept() {
  Accepted accepted;
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  accepted.descriptor = ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted.descriptor < 0) {
    // A client that left before it was accepted is nobody's failure.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) accepted.failure = reason();
    return accepted;
  }
  if (is_unix()) {
    accepted.peer = "unix";
    return accepted;
  }
  const int on = 1;
  ::setsockopt(accepted.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  describe_peer(from, accepted);
  return accepted;
}

std::string Listener::url(bool tls) const {
  if (is_unix()) return "unix:" + path_;
  const std::string name = host_ == "0.0.0.0" ? "127.0.0.1" : host_ == "::" ? "[::1]" : host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  return join_text(tls ? "https://" : "http://", name, ":", port_);
}

int64_t fit_connections(int64_t connections, int64_t others) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  const rlim_t wanted = static_cast<rlim_t>(connections + others);
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted) return connections;
  return std::max<int64_t>(1, static_cast<int64_t>(limit.rlim_cur) - others);
}

}  // namespace lathe::serve
