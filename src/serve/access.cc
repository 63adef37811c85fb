#include "serve/access.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "core/check.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "serve/local_guard.h"
#include "serve/rate_limit.h"
#include "serve/web_files.h"

namespace lathe::serve {
namespace {

// Takes as long wherever the first difference is.
bool same_digest(const std::string& a, const std::string& b) {
  unsigned difference = a.size() != b.size();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

std::string_view presented_key(const HttpRequest& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view authorization = request.header("authorization");
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  if (authorization.size() > kBearer.size() && std::equal(kBearer.begin(), kBearer.end(), authorization.begin(), [&](char b, char a) { return same(a, b); }))
    return trim_text(authorization.substr(kBearer.size()));
  return request.header("x-api-key");
}

}  // namespace

Result<std::vector<ApiKey>> read_api_keys(const std::string& path) {
  LATHE_TRY(const std::string text, read_file(path));
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0)
    log_warning("serve", path, " can be read by others than its owner; protect the keys with chmod 600");
  std::vector<ApiKey> keys;
  std::set<std::string> names, values;
  int64_t number = 0;
  for (const std::string& line : split_text(text, '\n')) {
    ++number;
    const std::string_view trimmed = trim_text(line);
    if (trimmed.empty() || trimmed.front() == '#') continue;
    const size_t space = trimmed.find_first_of(" \t");
    ApiKey key{join_text("key", keys.size() + 1), std::string(trimmed)};
    if (space != std::string_view::npos) key = {std::string(trimmed.substr(0, space)), std::string(trim_text(trimmed.substr(space)))};
    if (key.key.find_first_of(" \t") != std::string::npos)
      return error_at(path, number, "line ", number, " has more than two words; write one key a line, as NAME KEY or as KEY");
    if (!std::all_of(key.key.begin(), key.key.end(), [](char c) { return c > 0x20 && c < 0x7F; }))
      return error_at(path, number, "line ", number, " has a key with characters that no HTTP header can hold");
    if (!names.insert(key.name).second) return error_at(path, number, "line ", number, " gives the name ", key.name, " a second time");
    if (!values.insert(key.key).second) return error_at(path, number, "line ", number, " gives a key that stands above already");
    keys.push_back(std::move(key));
  }
  if (keys.empty()) return error_at(path, -1, "holds no key; write one a line, as NAME KEY or as KEY");
  return keys;
}

struct Access::Impl {
  AccessOptions options;
  std::vector<std::string> digests;  // of the keys
  RateLimit rates;
  std::string report_pass;

  Impl(AccessOptions given, const Clock& clock)
      : options(std::move(given)), rates(options.requests_per_minute / 60, std::max(1.0, options.requests_per_minute / 10), clock) {
    for (const ApiKey& key : options.keys) digests.push_back(sha256_hex(key.key));
    std::random_device device;
    for (int i = 0; i < 8; ++i) report_pass += format_text("%08x", device());
  }

  bool has_report_pass(const HttpRequest& request) const {
    if (request.path != "/report" || (request.method != "GET" && request.method != "HEAD")) return false;
    const std::optional<std::string> pass = request.query_value("pass");
    return pass && same_digest(*pass, report_pass);
  }

  // The whole list is compared each time, digests against digests: the time tells nothing about a key.
  const ApiKey* find_key(std::string_view presented) const {
    const std::string digest = sha256_hex(presented);
    const ApiKey* found = nullptr;
    for (size_t i = 0; i < digests.size(); ++i)
      if (same_digest(digests[i], digest)) found = &options.keys[i];
    return found;
  }

  bool allows(const std::string& origin) const {
    return std::find(options.cors_origins.begin(), options.cors_origins.end(), origin) != options.cors_origins.end();
  }
};

Access::Access(AccessOptions options, const Clock& clock) {
  for (const std::string& origin : options.cors_origins)
    require(!authority_of(origin).empty() && origin.find_first_of("*\r\n ,") == std::string::npos, "[access] \"", origin,
            "\" is not one exact origin such as http://localhost:3000");
  for (const ApiKey& key : options.keys) require(!key.key.empty(), "[access] the key \"", key.name, "\" is empty");
  impl_ = std::make_unique<Impl>(std::move(options), clock);
}

Access::~Access() = default;

bool Access::needs_key() const { return !impl_->options.keys.empty(); }

const std::string& Access::report_pass() const { return impl_->report_pass; }

bool Access::is_public(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  if (request.path == "/health" || request.path == "/") return true;
  const auto& files = web_files();
  return request.path.starts_with('/') &&
         std::any_of(files.begin(), files.end(), [&](const WebFile& file) { return std::string_view(request.path).substr(1) == file.name; });
}

void warn_when_exposed(const HttpServer& server, bool needs_key) {
  if (server.is_loopback()) return;
  std::string where;
  bool tls = false;
  for (const std::string& url : server.urls()) {
    where += (where.empty() ? "" : ", ") + url;
    tls = tls || url.starts_with("https:");
  }
  if (!needs_key)
    log_warning("serve", "LISTENING AT ", where, " FOR OTHER MACHINES WITHOUT A KEY: whoever reaches this address can use the model. Set ",
                "LATHE_API_KEY or --api-key-file, or use --host 127.0.0.1");
  if (!tls) log_warning("serve", "LISTENING AT ", where, " WITHOUT ENCRYPTION: keys and conversations can be read on the way. Use --tls-cert and --tls-key");
}

Admission Access::admit(const HttpRequest& request) {
  const AccessOptions& options = impl_->options;
  Admission result;
  result.client = request.peer;
  const auto refuse = [&](HttpResponse response) {
    result.answer = std::move(response);
    result.answer->headers.insert(result.answer->headers.end(), result.headers.begin(), result.headers.end());
    return std::move(result);
  };
  if (const std::string reason = refuse_foreign(request, options.cors_origins, options.only_local_names); !reason.empty())
    return refuse(error_response(403, reason, "permission_error"));
  if (!request.origin.empty() && impl_->allows(request.origin)) {
    result.headers = {{"Access-Control-Allow-Origin", request.origin},
                      {"Access-Control-Expose-Headers", "X-Request-Id, Retry-After"},
                      {"Vary", "Origin"}};
    if (request.method == "OPTIONS") {  // a browser asks without the key
      result.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST");
      result.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key, X-Request-Id");
      result.headers.emplace_back("Access-Control-Max-Age", "600");
      return refuse({204, "text/plain", "", {}});
    }
  }
  if (request.draining) {
    HttpResponse response = error_response(503, "The server is stopping", "overloaded_error", "draining");
    if (request.path == "/health") response.body = R"({"status": "draining", "ready": false})";
    response.headers.emplace_back("Retry-After", "5");
    return refuse(std::move(response));
  }
  if (is_public(request) || impl_->has_report_pass(request)) return result;
  const auto limit = [&]() -> bool {
    const double wait = options.requests_per_minute > 0 ? impl_->rates.take(result.client) : 0;
    if (wait <= 0) return false;
    HttpResponse response = error_response(429, "Too many requests; slow down", "rate_limit_error", "rate_limit_exceeded");
    response.headers.emplace_back("Retry-After", std::to_string(static_cast<int64_t>(std::ceil(wait))));
    result = refuse(std::move(response));
    return true;
  };
  if (needs_key()) {
    const std::string_view presented = presented_key(request);
    const ApiKey* key = impl_->find_key(presented);
    if (!key) {
      if (limit()) return result;  // guessing is counted by address
      HttpResponse response = error_response(401, presented.empty() ? "This server needs an API key: send it as \"Authorization: Bearer KEY\""
                                                                    : "This API key is not known here",
                                             "authentication_error", "invalid_api_key");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      return refuse(std::move(response));
    }
    result.client = key->name;
  }
  limit();
  return result;
}

}  // namespace lathe::serve
