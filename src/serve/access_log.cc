#include "serve/access_log.h"

#include <atomic>

#include "core/log_record.h"
#include "core/text.h"

namespace lathe::serve {
namespace {

std::atomic<bool> prompts{false};

// Of a closed set: what clients invent makes no new series.
std::string method_label(const std::string& method) {
  for (const char* known : {"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})
    if (method == known) return method;
  return method.empty() ? "none" : "other";
}

void count(Metrics& metrics, const HttpRecord& record) {
  metrics.counter("lathe_http_requests_total", "Requests that were answered or cut, by status (0: cut before an answer)",
                  {{"method", method_label(record.method)}, {"code", std::to_string(record.status)}})
      .add();
  metrics
      .histogram("lathe_http_request_seconds", "From the end of a request to the end of its answer",
                 {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300})
      .observe(record.seconds);
  metrics.counter("lathe_http_sent_bytes_total", "Bytes of answers, heads included").add(static_cast<double>(record.bytes_out));
}

}  // namespace

void apply_log_options(const AccessLogOptions& options) {
  set_log_format(options.json ? LogFormat::kJson : LogFormat::kText);
  prompts = options.prompts;
}

bool may_log_prompts() { return prompts; }

HttpObserver make_access_log(Metrics* metrics) {
  return [metrics](const HttpRecord& record) {
    if (metrics) count(*metrics, record);
    const std::string method = record.method.empty() ? "-" : record.method;
    // Escaped: a path may hold what would look like another line or like a colour.
    const std::string path = record.path.empty() ? "-" : Json(record.path).dump();
    const std::string milliseconds = format_text("%.1f", record.seconds * 1e3);
    Json fields = Json::object();
    fields["id"] = record.id;
    fields["peer"] = record.peer;
    fields["method"] = method;
    fields["path"] = record.path;
    fields["status"] = int64_t{record.status};
    fields["complete"] = record.complete;
    fields["ms"] = record.seconds * 1e3;
    fields["bytes_in"] = record.bytes_in;
    fields["bytes_out"] = record.bytes_out;
    std::string notes;
    for (const auto& [name, value] : record.notes) {
      fields[name] = value;
      notes += join_text(" ", name, "=", value);
    }
    const bool routine = record.method != "POST" && (record.path == "/health" || record.path == "/metrics");
    log_record(routine ? LogLevel::kDebug : LogLevel::kInfo, "http",
               join_text(record.peer, " ", method, " ", path, " ", record.status, record.complete ? "" : " cut", " ", milliseconds, " ms ",
                         record.bytes_out, " bytes", notes, " id=", record.id),
               fields);
  };
}

}  // namespace lathe::serve
