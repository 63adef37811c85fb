#include "cli/http_flags.h"

#include <cstdlib>

#include "core/text.h"

namespace lathe::cli {
namespace {

bool is_loopback_name(const std::string& host) { return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127."); }

}  // namespace

void describe_http_flags(SettingsTable& table, HttpFlags& flags) {
  table.group("address");
  table.add("host", &flags.host, "address to listen at; other than loopback: other machines can reach it");
  table.add("port", &flags.port, "0: a free one").short_flag = 'p';
  table.add("socket", &flags.socket, "Unix socket to listen at; alone unless --host or --port is given");
  table.add("tls_cert", &flags.tls_cert, "PEM file: the certificate and its chain; HTTPS");
  table.add("tls_key", &flags.tls_key, "PEM file: the certificate's key");
  table.group("access");
  table.add("api_key", &flags.api_key, "clients must send it; better LATHE_API_KEY or a file");
  table.add("api_key_file", &flags.api_key_file, "several, one NAME KEY a line");
  table.add("cors_origin", &flags.cors_origins, "pages of these origins may use the API");
  table.add("rate_limit", &flags.rate_limit, "requests a minute for each client, a tenth at once; 0: any");
  table.add("max_connections", &flags.max_connections, "more are answered 503");
  table.add("drain_seconds", &flags.drain_seconds, "at the end, for answers under way");
  table.group("log");
  table.add("log_format", &flags.log_format, "of every line").choices = {"text", "json"};
  table.add("log_prompts", &flags.log_prompts, "log conversations in full");
}

Result<HttpSetup> http_setup(const HttpFlags& flags, SettingsTable& table) {
  if (flags.port < 0 || flags.port > 65535) return error_at("port", -1, flags.port, " is not a port (0 to 65535)");
  if (flags.rate_limit < 0) return error_at("rate_limit", -1, "must be at least 0");
  if (flags.max_connections < 1 || flags.max_connections > 1000000) return error_at("max_connections", -1, "must be 1 to 1000000");
  if (flags.drain_seconds < 0 || flags.drain_seconds > 86400) return error_at("drain_seconds", -1, "must be 0 to 86400");
  if (flags.tls_cert.empty() != flags.tls_key.empty())
    return error_at(flags.tls_cert.empty() ? "tls_cert" : "tls_key", -1, "TLS needs both --tls-cert and --tls-key");
  HttpSetup setup;
  if (!flags.socket.empty()) setup.server.addresses.push_back({"", 0, flags.socket});
  const bool tcp = flags.socket.empty() || table.given("host") || table.given("port");
  if (tcp) setup.server.addresses.push_back({flags.host, static_cast<int>(flags.port), ""});
  setup.server.tls_certificate = flags.tls_cert;
  setup.server.tls_key = flags.tls_key;
  setup.server.limits.connections = flags.max_connections;
  const bool exposed = tcp && !is_loopback_name(flags.host);
  if (exposed) setup.server.limits.connections_per_client = 64;  // behind a proxy on this machine all clients have one address

  for (const std::string& origin : flags.cors_origins)
    if (origin.find("://") == std::string::npos || origin.find_first_of("*\r\n ,") != std::string::npos)
      return error_at("cors_origin", -1, "\"", origin, "\" is not one exact origin such as http://localhost:3000");
  setup.access.cors_origins = flags.cors_origins;
  setup.access.only_local_names = !exposed;
  setup.access.requests_per_minute = static_cast<double>(flags.rate_limit);
  const char* variable = std::getenv("LATHE_API_KEY");
  const std::string from_environment = variable ? variable : "";
  if (!flags.api_key_file.empty()) {
    LATHE_TRY(setup.access.keys, serve::read_api_keys(flags.api_key_file));
  }
  const std::string& single = flags.api_key.empty() ? from_environment : flags.api_key;
  if (!single.empty()) {
    if (single.find_first_of(" \t\r\n") != std::string::npos)
      return error_at(flags.api_key.empty() ? "LATHE_API_KEY" : "api_key", -1, "a key is one word");
    setup.access.keys.push_back({"default", single});
  }
  if (flags.api_key.empty() && table.given("api_key")) return error_at("api_key", -1, "is empty; leave it out to let everybody in");
  setup.log.json = flags.log_format == "json";
  setup.log.prompts = flags.log_prompts;
  setup.drain_seconds = static_cast<double>(flags.drain_seconds);
  return setup;
}

}  // namespace lathe::cli
