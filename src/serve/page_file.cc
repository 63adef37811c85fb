#include "serve/page_file.h"

#include <utility>

#include "serve/web_files.h"

namespace lathe::serve {
namespace {

const HttpHeaders kPageHeaders = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
     "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; "
     "require-trusted-types-for 'script'; trusted-types lathe"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-cache"}};

const HttpHeaders kOutsideHeaders = {
    {"Content-Security-Policy",
     "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"}};

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

HttpResponse outside_page(std::string html) { return {200, "text/html; charset=utf-8", std::move(html), kOutsideHeaders}; }

}  // namespace lathe::serve
