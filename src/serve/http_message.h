// What a handler sees of one HTTP request, and how it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe::serve {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;   // "GET"
  std::string path;     // percent-decoded once, valid UTF-8, without the query
  std::string query;    // as sent, without "?"
  std::string host;     // header Host (or of an absolute target), empty when absent
  std::string origin;   // header Origin, empty when absent
  HttpHeaders headers;  // as sent, in order; those of a trailer are not among them
  std::string body;
  std::string id;         // X-Request-Id of the client when sane, else made here; echoed in the answer
  std::string peer;       // address without port; "unix" for a Unix socket
  bool tls = false;       // came over TLS
  bool draining = false;  // the server is stopping and takes nothing new: answer 503 (Access does)

  // The first header of that name in any case; empty when absent.
  std::string_view header(std::string_view name) const;
  // The decoded value of "name=value" in the query; "" for a bare name.
  std::optional<std::string> query_value(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;
};

// A refusal in the words of both kinds of clients: OpenAI's {"error": {"message", "type", "param", "code"}} and {"detail": message}.
HttpResponse error_response(int status, std::string_view message, std::string_view type = "invalid_request_error", std::string_view code = "");

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
  // A figure for the access log ("prompt_tokens", "completion_tokens"); before the answer ends.
  virtual void note(std::string, int64_t) {}
};

// Called on the server's thread; must not block.
using HttpHandler = std::function<void(const HttpRequest&, std::shared_ptr<Exchange>)>;

// One request and what became of it, for logs and metrics: never its header, query or body.
struct HttpRecord {
  std::string id, peer, method, path;  // method and path are empty when the request was malformed
  int status = 0;                      // 0: cut before an answer began
  bool complete = false;               // the whole answer was handed to the system
  double seconds = 0;                  // from the end of the request to the end of the answer
  int64_t bytes_in = 0, bytes_out = 0;  // of the body; of head and body
  std::vector<std::pair<std::string, int64_t>> notes;
};
using HttpObserver = std::function<void(const HttpRecord&)>;  // on the server's thread; must not block

// "a%20b" -> "a b"; nothing when a "%" is not followed by two hexadecimal digits.
std::optional<std::string> decode_percent(std::string_view text);

}  // namespace lathe::serve
