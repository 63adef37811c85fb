// One line for every request: who, what, how it ended, how long it took. Prompts and answers are not in it unless asked for
// (row C-11.25).
#pragma once

#include <string>

#include "serve/http_message.h"
#include "serve/metrics.h"

namespace lathe::serve {

struct AccessLogOptions {
  bool json = false;     // every line of the log is a JSON object
  bool prompts = false;  // conversations and answers are logged in full, too
};

// Sets the log's form for the whole process.
void apply_log_options(const AccessLogOptions& options);

// Writes the access line; /health and /metrics only at level debug. Counts into `metrics` (may be null):
// lathe_http_requests_total{method, code}, lathe_http_request_seconds, lathe_http_sent_bytes_total. Outlived by `metrics`.
HttpObserver make_access_log(Metrics* metrics);

// Whether texts may be logged in full; false until apply_log_options says otherwise.
bool may_log_prompts();

}  // namespace lathe::serve
