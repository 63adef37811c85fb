// A listening socket, TCP or Unix, and what it accepts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"
#include "serve/http_server.h"

namespace lathe::serve {

struct Accepted {
  int descriptor = -1;  // -1: nobody waits, or `failure` says why not
  std::string peer;     // address without port; "unix"
  std::string network;  // what is counted as one client: the address, of IPv6 its first 64 bits; empty: not counted
  std::string failure;
};

class Listener {
 public:
  // Does not wait; the descriptor polls readable when somebody comes. Errors: see HttpServer::listen.
  static Result<std::unique_ptr<Listener>> open(const HttpAddress& address);
  ~Listener();  // closes; removes the socket file if it is still this one
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Accepted accept();
  int descriptor() const { return descriptor_; }
  int port() const { return port_; }  // 0: a Unix socket
  bool is_loopback() const { return loopback_; }
  bool is_unix() const { return !path_.empty(); }
  std::string url(bool tls) const;

 private:
  Listener() = default;
  Status open_tcp(const std::string& host, int port);
  Status open_unix(const std::string& path);

  int descriptor_ = -1, port_ = 0;
  bool loopback_ = true;
  std::string host_, path_;
  dev_t device_ = 0;  // of the socket file
  ino_t inode_ = 0;
};

// Raises this process's limit of open files so that so many connections fit beside `others`; how many do.
int64_t fit_connections(int64_t connections, int64_t others = 128);

}  // namespace lathe::serve
