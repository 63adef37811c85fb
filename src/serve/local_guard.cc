#include "serve/local_guard.h"

#include <algorithm>

namespace lathe::serve {
namespace {

// The name in "name:port", "[::1]:port" or "name".
std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

}  // namespace

std::string_view authority_of(std::string_view origin) {
  const size_t at = origin.find("://");
  return at == std::string_view::npos ? std::string_view() : origin.substr(at + 3);
}

std::string refuse_foreign(const HttpRequest& request, const std::vector<std::string>& allowed, bool only_local_names) {
  const std::string_view name = host_name(request.host);
  const bool named_by_origin =
      std::any_of(allowed.begin(), allowed.end(), [&](const std::string& origin) { return host_name(authority_of(origin)) == name; });
  if (only_local_names && !request.host.empty() && name != "localhost" && name != "127.0.0.1" && name != "[::1]" && !named_by_origin)
    return "This server answers on its own machine only; open it as http://127.0.0.1 or http://localhost";
  if (request.origin.empty() || authority_of(request.origin) == request.host) return "";
  if (std::find(allowed.begin(), allowed.end(), request.origin) != allowed.end()) return "";
  return "Requests from pages of another origin are not allowed";
}

}  // namespace lathe::serve
