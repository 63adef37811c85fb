#include "serve/page_file.h"

#include "serve/web_files.h"

namespace lathe::serve {
namespace {

const HttpHeaders kPageHeaders = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-cache"}};

const char* content_type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "application/octet-stream";
}

}  // namespace

std::optional<HttpResponse> page_file(std::string_view name) {
  for (const WebFile& file : web_files())
    if (file.name == name) return HttpResponse{200, content_type_of(name), std::string(file.bytes), kPageHeaders};
  return std::nullopt;
}

}  // namespace lathe::serve
