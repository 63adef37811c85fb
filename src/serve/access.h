// Who may ask what of a server, decided before any routing so that no route can be forgotten (trap S6): keys, names of this
// machine, pages of other origins, rates.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "serve/http_server.h"

namespace lathe::serve {

struct ApiKey {
  std::string name;  // for logs and the fair queue
  std::string key;
};

// One key a line, "NAME KEY" or "KEY" (then "key1", "key2" ... by line); "#" begins a comment line. Warns when others than its owner may
// read the file. Errors name the line: more than two words, a name or key given twice, no key at all.
Result<std::vector<ApiKey>> read_api_keys(const std::string& path);

struct AccessOptions {
  std::vector<ApiKey> keys;               // none: everybody may
  std::vector<std::string> cors_origins;  // exact origins whose pages may ask and read ("http://localhost:3000"); no wildcard
  bool only_local_names = true;  // Host must name this machine, or an origin's host (serve/local_guard.h); for servers on loopback
  double requests_per_minute = 0;  // of one client, a tenth of them (at least one) at once; 0: no limit
};

struct Admission {
  // Set: answer with this and be done (a refusal, or the answer to a CORS preflight). 401 without the right key, 403 for foreign hosts
  // and origins, 429 with Retry-After, 503 while draining. The body has OpenAI's "error" object and the origin's "detail".
  std::optional<HttpResponse> answer;
  HttpHeaders headers;  // to be added to whatever is answered (CORS); `answer` has them already
  std::string client;   // for the fair queue and logs: the key's name, else the address
};

// Any thread.
class Access {
 public:
  // Throws std::invalid_argument for an origin that is not exact.
  explicit Access(AccessOptions options, const Clock& clock = Clock::real());
  ~Access();

  // First thing for every request, known route or not. Without a key and without counting: GET and HEAD of /health and of the page's
  // files. Keys come as "Authorization: Bearer KEY" or "x-api-key: KEY".
  Admission admit(const HttpRequest& request);
  bool needs_key() const;
  // A secret of this server: "GET /report?pass=..." needs no key, for a frame of the page cannot send one. /page/info tells it to those
  // who have a key.
  const std::string& report_pass() const;

  static bool is_public(const HttpRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Loud lines in the log when other machines can reach the server and there is no key, or no encryption.
void warn_when_exposed(const HttpServer& server, bool needs_key);

}  // namespace lathe::serve
