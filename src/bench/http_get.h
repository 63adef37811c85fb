// The address of a server under measurement, and single requests to it. Plain blocking sockets, any thread.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "core/result.h"

namespace lathe::bench {

struct ServerAddress {
  std::string host = "127.0.0.1";  // a name or an address, IPv6 without its brackets
  int port = 0;
  std::string api_key;             // sent as a bearer token when not empty
};

// http://HOST[:PORT][/...] or HOST[:PORT]; an IPv6 address stands in brackets. The port is 80 where none is named.
Result<ServerAddress> parse_server_url(std::string_view url);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// Of the addresses that the name has, the first that takes a connection, else the first. Error: the name has none.
Result<SocketAddress> find_server(const ServerAddress& server);

// The request's line and the headers that every request has, without the empty line.
std::string request_head(const ServerAddress& server, std::string_view method, std::string_view path);

// One GET; the body of an answer 200. Waits ten seconds for a byte.
Result<std::string> fetch_text(const ServerAddress& server, const std::string& path);

}  // namespace lathe::bench
