#include "serve/http_head.h"

#include <ctime>
#include <utility>

namespace lathe::serve {
namespace {

constexpr std::pair<int, const char*> kReasons[] = {
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {304, "Not Modified"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {413, "Payload Too Large"},
    {415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {422, "Unprocessable Entity"}, {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};

const char* reason_of(int status) {
  for (const auto& [code, reason] : kReasons)
    if (code == status) return reason;
  return "Unknown";
}

// Made anew once a second.
const std::string& date_line() {
  thread_local std::time_t at = 0;
  thread_local std::string line;
  const std::time_t now = std::time(nullptr);
  if (now != at || line.empty()) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[48];
    line.assign(text, std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts));
    at = now;
  }
  return line;
}

}  // namespace

std::string http_head(const HttpResponse& response, std::string_view framing, std::string_view request_id, bool close) {
  std::string text;
  text.reserve(320);
  text.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ").append(reason_of(response.status)).append("\r\n");
  text += date_line();
  if (response.status != 204) text.append("Content-Type: ").append(response.content_type).append("\r\n");
  for (const auto& [name, value] : response.headers) text.append(name).append(": ").append(value).append("\r\n");
  if (!request_id.empty()) text.append("X-Request-Id: ").append(request_id).append("\r\n");
  return text.append(framing).append(close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n");
}

std::string length_framing(const HttpResponse& response) {
  return response.status == 204 || response.status == 304 ? "" : "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
}

}  // namespace lathe::serve
