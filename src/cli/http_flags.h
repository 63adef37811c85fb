// The flags of verbs that listen: addresses, TLS, keys, limits, logs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/settings.h"
#include "serve/access.h"
#include "serve/access_log.h"
#include "serve/http_server.h"

namespace lathe::cli {

struct HttpFlags {
  std::string host = "127.0.0.1";
  int64_t port = 8000;
  std::string socket;  // set without host or port being given: only there
  std::string tls_cert, tls_key;
  std::string api_key, api_key_file;
  std::vector<std::string> cors_origins;
  int64_t rate_limit = 0;
  int64_t max_connections = 2048;
  int64_t drain_seconds = 30;
  std::string log_format = "text";
  bool log_prompts = false;
};

void describe_http_flags(SettingsTable& table, HttpFlags& flags);

// What the flags and LATHE_API_KEY come to; `table` tells which were given. Errors name the flag.
struct HttpSetup {
  serve::HttpServerOptions server;  // without observer
  serve::AccessOptions access;
  serve::AccessLogOptions log;
  double drain_seconds = 30;
};
Result<HttpSetup> http_setup(const HttpFlags& flags, SettingsTable& table);

}  // namespace lathe::cli
