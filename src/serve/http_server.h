// A small HTTP/1.1 server: keep-alive, whole answers and streams, limits on everything a client can send or withhold
// (traps S2, S11). Boost.Beast parses, Boost.Asio waits; both stay behind http_server.cc. One thread runs all
// connections; answers may come from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace lathe::serve {

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // without the query
  std::string host;    // header Host, empty when absent
  std::string origin;  // header Origin, empty when absent
  std::string body;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;
};

// The answer to one request. Either respond() once, or begin_stream(), send()..., finish(). Any thread. Let go without
// an answer it answers 500; let go in the middle of a stream it cuts the connection, so that the client sees the loss.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void respond(HttpResponse response) = 0;
  virtual void begin_stream(HttpResponse head) = 0;  // head.body is ignored
  virtual void send(std::string text) = 0;
  virtual void finish() = 0;
  virtual bool is_gone() const = 0;  // the client closed its side, or takes too long to read
};

// Called on the server's thread; must not block.
using HttpHandler = std::function<void(const HttpRequest&, std::shared_ptr<Exchange>)>;

struct HttpLimits {
  int64_t connections = 64;         // more are answered 503 and closed
  int64_t header_bytes = 16 << 10;  // 431
  int64_t body_bytes = 1 << 20;     // 413
  int64_t unsent_bytes = 4 << 20;   // a client that does not read is dropped
  double idle_seconds = 75;         // between requests
  double header_seconds = 10;       // from the first byte of a request to the end of its header
  double body_seconds = 30;
  double write_seconds = 30;  // without any progress
  double stop_seconds = 5;    // for answers under way when the server stops
};

class HttpServer {
 public:
  // Port 0: any free one. Errors: unknown host, port taken or not allowed.
  static Result<std::unique_ptr<HttpServer>> listen(const std::string& host, int port, HttpLimits limits,
                                                    HttpHandler handler);
  virtual ~HttpServer() = default;  // stop()
  virtual int port() const = 0;
  virtual bool is_loopback() const = 0;
  virtual void stop() = 0;  // no new connections; answers under way get stop_seconds; then everything is closed
};

}  // namespace lathe::serve
