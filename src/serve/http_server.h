// A small HTTP/1.1 server over TCP, TLS and Unix sockets: keep-alive, whole answers and streams, limits on everything a
// client can send or withhold (traps S2, S11). One thread runs all connections; answers may come from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "serve/http_message.h"

namespace lathe::serve {

struct HttpLimits {
  // More are answered 503 and closed. The process's limit of open files is raised to fit; if it cannot be, fewer are taken.
  int64_t connections = 2048;
  int64_t connections_per_client = 0;  // of one address (IPv6: one /64); 0: no limit; Unix sockets are not counted
  int64_t header_bytes = 16 << 10;     // 431
  int64_t body_bytes = 1 << 20;        // 413
  int64_t unsent_bytes = 4 << 20;      // a client that does not read is dropped
  double idle_seconds = 75;            // between requests
  double header_seconds = 10;          // a TLS handshake; from the first byte of a request to the end of its header
  double body_seconds = 30;
  double write_seconds = 30;  // without any progress
  double stop_seconds = 5;    // for answers under way when the server stops
};

struct HttpAddress {
  std::string host;         // "127.0.0.1"
  int port = 0;             // 0: any free one
  std::string socket_path;  // set: a Unix socket there, mode 0600, and neither host nor port
};

struct HttpServerOptions {
  std::vector<HttpAddress> addresses;  // at least one
  std::string tls_certificate, tls_key;  // PEM files; set: TLS 1.2 or newer on every TCP address
  HttpLimits limits;
  HttpObserver observer;  // may be empty
};

// Connections as they are now, and requests since the start.
struct HttpFigures {
  int64_t connections = 0, answering = 0, accepted = 0, refused = 0, requests = 0, malformed = 0;
};

class HttpServer {
 public:
  // Errors: unknown host; port taken or not allowed; a Unix socket somebody listens at, or a path that is something else
  // (the socket of a dead server is replaced); certificate or key that cannot be read or do not fit.
  static Result<std::unique_ptr<HttpServer>> listen(HttpServerOptions options, HttpHandler handler);
  static Result<std::unique_ptr<HttpServer>> listen(const std::string& host, int port, HttpLimits limits,
                                                    HttpHandler handler);
  virtual ~HttpServer() = default;  // stop()
  virtual int port() const = 0;     // of the first TCP address; 0: none
  // "http://127.0.0.1:8000", "https://[::1]:8443", "unix:/run/lathe.sock"; 0.0.0.0 is given as 127.0.0.1.
  virtual std::vector<std::string> urls() const = 0;
  virtual bool is_loopback() const = 0;  // no other machine reaches any of the addresses
  virtual HttpFigures figures() const = 0;

  // No new connections; requests that still come on open ones reach the handler marked `draining`. Waits until the answers
  // under way have ended; false: they had not after `seconds`. May be called again.
  virtual bool drain(double seconds) = 0;
  virtual void stop() = 0;  // drain(stop_seconds), then everything is closed; the socket file is removed
};

}  // namespace lathe::serve
