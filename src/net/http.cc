#include "net/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <memory>

#include "core/environment.h"
#include "core/signals.h"
#include "core/text.h"

namespace lathe::net {
namespace {

constexpr long kMostRedirects = 10;

struct CurlProcess {
  CurlProcess() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~CurlProcess() { curl_global_cleanup(); }
};

struct Transfer {
  HttpReply reply;
  const BodySink* sink = nullptr;
  Status failure;  // of the sink
  CURL* handle = nullptr;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = trim_text({data, size * count});
  HttpReply& reply = transfer.reply;
  if (line.starts_with("HTTP/")) {  // a further response begins: of a redirect, a proxy's CONNECT, or 100 Continue
    reply.hop_headers.insert(reply.hop_headers.end(), reply.headers.begin(), reply.headers.end());
    reply.headers.clear();
    const size_t space = line.find(' ');
    reply.status = 0;
    if (space != line.npos) std::from_chars(line.data() + space + 1, line.data() + line.size(), reply.status);
  } else if (const size_t colon = line.find(':'); colon != line.npos) {
    reply.headers.emplace_back(lower(trim_text(line.substr(0, colon))), std::string(trim_text(line.substr(colon + 1))));
  }
  return size * count;
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  char* url = nullptr;
  curl_easy_getinfo(transfer.handle, CURLINFO_EFFECTIVE_URL, &url);
  if (url != nullptr && transfer.reply.url != url) transfer.reply.url = url;
  transfer.failure = (*transfer.sink)(transfer.reply, {data, size * count});
  return transfer.failure.ok() ? size * count : 0;
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return StopSignals::requested() ? 1 : 0; }

std::string root_certificates() {
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"})
    if (std::string file = environment(name); !file.empty()) return file;
  return "";
}

bool hopeless(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return true;
    default:
      return false;
  }
}

std::string reason_of(CURLcode code, const char* details, const HttpRequest& request) {
  if (code == CURLE_OPERATION_TIMEDOUT)
    return join_text("stalled: ", details[0] != '\0' ? details : "no connection", " (limits: ", request.connect_seconds, " s to connect, ",
                     request.stall_seconds, " s without data)");
  if (code == CURLE_PARTIAL_FILE) return join_text("the body ended early: ", details);
  return details[0] != '\0' ? details : curl_easy_strerror(code);
}

}  // namespace

std::string HttpReply::header(std::string_view name) const {
  for (const Headers* list : {&headers, &hop_headers})
    for (const auto& [key, value] : *list)
      if (key == name) return value;
  return "";
}

int64_t HttpReply::content_length() const {
  for (const auto& [key, value] : headers) {
    if (key != "content-length") continue;
    int64_t bytes = -1;
    const auto [stop, code] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    return code == std::errc() && stop == value.data() + value.size() && bytes >= 0 ? bytes : -1;
  }
  return -1;
}

Result<HttpReply> http_request(const HttpRequest& request, const BodySink& sink) {
  static const CurlProcess process;
  const bool encrypted = request.url.starts_with("https://");
  if (!encrypted && !request.url.starts_with("http://")) return error_at(request.url, -1, "is no http:// or https:// address");

  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  if (!handle) return error("libcurl could not start");
  CURL* const curl = handle.get();
  Transfer transfer;
  transfer.sink = &sink;
  transfer.handle = curl;
  char details[CURL_ERROR_SIZE] = "";

  std::unique_ptr<curl_slist, void (*)(curl_slist*)> lines(nullptr, curl_slist_free_all);
  const auto add_line = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(lines.get(), line.c_str());
    if (longer == nullptr) return;
    static_cast<void>(lines.release());
    lines.reset(longer);
  };
  for (const auto& [name, value] : request.headers) add_line(name + ": " + value);
  add_line("Accept-Encoding: identity");  // lengths and ranges are those of the file itself
  if (request.first_byte >= 0) add_line(join_text("Range: bytes=", request.first_byte, "-"));

  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, join_text("lathe/", tool_version()).c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, details);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMostRedirects);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, encrypted ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::lround(request.connect_seconds * 1000));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(request.stall_bytes_per_s));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, std::lround(request.stall_seconds)));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
  if (const std::string file = root_certificates(); !file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, file.c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  }

  const CURLcode code = curl_easy_perform(curl);
  if (!transfer.failure.ok()) return transfer.failure.error();
  HttpReply& reply = transfer.reply;
  char* url = nullptr;
  curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
  reply.url = url != nullptr ? url : request.url;
  if (code != CURLE_OK) {
    reply.stopped = code == CURLE_ABORTED_BY_CALLBACK;
    reply.broken = reply.stopped ? "stopped by a signal" : reason_of(code, details, request);
    reply.fatal = hopeless(code);
  }
  return std::move(reply);
}

Result<HttpText> http_text(const HttpRequest& request, int64_t most_bytes) {
  HttpText out;
  LATHE_TRY(out.reply, http_request(request, [&](const HttpReply& reply, std::string_view part) -> Status {
              if (static_cast<int64_t>(out.body.size() + part.size()) > most_bytes)
                return error_at(reply.url, -1, "the answer is longer than ", most_bytes, " bytes");
              out.body += part;
              return {};
            }));
  return out;
}

bool worth_retrying(const HttpReply& reply) {
  if (!reply.broken.empty()) return !reply.fatal && !reply.stopped;
  return reply.status == 408 || reply.status == 425 || reply.status == 429 || reply.status >= 500;
}

double retry_after(const HttpReply& reply) {
  for (const auto& [key, value] : reply.headers) {
    if (key != "retry-after") continue;
    double seconds = 0;
    const auto [stop, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (code == std::errc() && stop == value.data() + value.size()) return std::isfinite(seconds) ? std::max(0.0, seconds) : 0.0;
    const time_t date = curl_getdate(value.c_str(), nullptr);
    return date < 0 ? 0.0 : std::max(0.0, static_cast<double>(date - std::time(nullptr)));
  }
  return 0;
}

std::string describe(const HttpReply& reply) {
  if (!reply.broken.empty()) return reply.broken;
  constexpr std::pair<int, const char*> kNames[] = {
      {401, "Unauthorized"},       {403, "Forbidden"},   {404, "Not Found"},           {407, "Proxy Authentication Required"},
      {408, "Request Timeout"},    {410, "Gone"},        {416, "Range Not Satisfiable"}, {429, "Too Many Requests"},
      {500, "Internal Server Error"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"}};
  for (const auto& [status, name] : kNames)
    if (status == reply.status) return join_text("HTTP ", status, " (", name, ")");
  return join_text("HTTP ", reply.status);
}

std::string percent_encode_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : format_text("%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace lathe::net
