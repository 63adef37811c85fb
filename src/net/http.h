// HTTP over libcurl: one request at a time, its body streamed. Redirects are followed (never from https down to http),
// certificates are checked, proxies come from the environment (https_proxy, http_proxy, all_proxy, no_proxy) and so does
// another file of root certificates (SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE). A slow body is fine, a stalled
// one is not: there is no limit on the whole time. Rows L-2.9, C-1.7, C-17.13. Functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace lathe::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string url;  // http:// or https://
  Headers headers;
  std::string body;               // not empty: POST
  int64_t first_byte = -1;        // >= 0: asks for the bytes from there on (Range)
  double connect_seconds = 30;
  double stall_seconds = 30;      // this long below stall_bytes_per_s ends the request
  int64_t stall_bytes_per_s = 1;
};

struct HttpReply {
  int status = 0;         // 0: none came
  Headers headers;        // of the last response; names in lower case
  Headers hop_headers;    // of the responses that redirected here
  std::string url;        // of the last response
  std::string broken;     // not empty: the connection failed, stalled or ended early, and this is why
  bool fatal = false;     // broken, and trying again will not help (certificate, unknown scheme)
  bool stopped = false;   // broken because the process was asked to stop (core/signals.h)

  // The value of a header of the last response, else of a redirecting one; empty when absent.
  std::string header(std::string_view name) const;
  // The length of the body of this response; -1 unknown.
  int64_t content_length() const;
};

// Called with each part of the body. The first call comes when the headers of the last response are in `reply`.
using BodySink = std::function<Status(const HttpReply& reply, std::string_view part)>;

// The error is the sink's own, or a URL that is none. Everything the other side does is in the reply.
Result<HttpReply> http_request(const HttpRequest& request, const BodySink& sink);

// The same with the body in memory; more than `most_bytes` is an error.
struct HttpText {
  HttpReply reply;
  std::string body;
};
Result<HttpText> http_text(const HttpRequest& request, int64_t most_bytes = int64_t{64} << 20);

// May the same request succeed later: connection failures, 408, 425, 429 and 5xx.
bool worth_retrying(const HttpReply& reply);
// Seconds that the server asks to wait (Retry-After in seconds or as a date); 0 when it does not.
double retry_after(const HttpReply& reply);
// "HTTP 404 (Not Found)" or the reason the connection broke.
std::string describe(const HttpReply& reply);

std::string percent_encode_path(std::string_view path);  // keeps / and the characters a path may hold

}  // namespace lathe::net
