#include "bench/http_get.h"

#include <netdb.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "bench/response_reader.h"
#include "core/text.h"

namespace lathe::bench {
namespace {

constexpr timeval kPatience{10, 0};

// A blocking connection; -1: none.
int connect_to(const sockaddr* address, socklen_t length) {
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd, address, length) == 0) return fd;
  close(fd);
  return -1;
}

std::string shown(const ServerAddress& server) {
  const bool is_ipv6 = server.host.find(':') != std::string::npos;
  return join_text(is_ipv6 ? "[" : "", server.host, is_ipv6 ? "]" : "", ":", server.port);
}

}  // namespace

Result<ServerAddress> parse_server_url(std::string_view url) {
  const auto refused = [&] { return error("\"", url, "\" must be http://HOST:PORT"); };
  const std::string_view scheme = "http://";
  std::string_view rest = url;
  if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  else if (url.find("://") != std::string_view::npos) return error(url, " must begin with http://");
  rest = rest.substr(0, rest.find('/'));
  ServerAddress server;
  server.port = 80;
  size_t end = rest.find(':');
  if (rest.starts_with('[')) {
    end = rest.find(']');
    if (end == std::string_view::npos) return refused();
    server.host = rest.substr(1, end - 1);
    ++end;
  } else {
    server.host = rest.substr(0, end);
  }
  const std::string_view port = end < rest.size() ? rest.substr(end) : "";
  if (!port.empty()) {
    const auto [stop, problem] = std::from_chars(port.data() + 1, port.data() + port.size(), server.port);
    if (port[0] != ':' || problem != std::errc() || stop != port.data() + port.size()) return refused();
  }
  if (server.host.empty() || server.port < 1 || server.port > 65535) return refused();
  return server;
}

Result<SocketAddress> find_server(const ServerAddress& server) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
  if (code != 0) return error("no address for ", shown(server), ": ", gai_strerror(code));
  const addrinfo* chosen = found;
  // A name may have an IPv6 address before the IPv4 one that the server listens at.
  for (const addrinfo* one = found; one != nullptr && found->ai_next != nullptr; one = one->ai_next) {
    const int fd = connect_to(one->ai_addr, one->ai_addrlen);
    if (fd < 0) continue;
    close(fd);
    chosen = one;
    break;
  }
  SocketAddress address;
  std::memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  address.length = chosen->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

std::string request_head(const ServerAddress& server, std::string_view method, std::string_view path) {
  return join_text(method, " ", path, " HTTP/1.1\r\nHost: ", shown(server), "\r\n",
                   server.api_key.empty() ? "" : "Authorization: Bearer " + server.api_key + "\r\n");
}

Result<std::string> fetch_text(const ServerAddress& server, const std::string& path) {
  LATHE_TRY(const SocketAddress address, find_server(server));
  const std::string request = request_head(server, "GET", path) + "Connection: close\r\n\r\n";
  ResponseReader reader;
  const int fd = connect_to(reinterpret_cast<const sockaddr*>(&address.storage), address.length);
  if (fd >= 0 && send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char bytes[16384];
    ssize_t got = 0;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0 && reader.feed({bytes, static_cast<size_t>(got)}) < ResponseReader::State::kWhole) continue;
    if (got == 0) reader.end();
  }
  if (fd >= 0) close(fd);
  if (reader.state() != ResponseReader::State::kWhole) return error("no answer from ", shown(server), path, "; is the server there?");
  if (reader.status() != 200) return error(shown(server), path, " answers with status ", reader.status());
  return reader.take_body();
}

}  // namespace lathe::bench
