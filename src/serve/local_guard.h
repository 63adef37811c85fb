// Who may use a server on this machine. A browser sends requests for any page its user opens, so a server on loopback answers only to
// its own names in Host (a foreign name could be rebound to 127.0.0.1) and only to pages of its own origin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/http_server.h"

namespace lathe::serve {

// Why the request is refused; empty: it is not. `allowed`: exact other origins ("http://localhost:3000") whose pages may ask.
std::string refuse_foreign(const HttpRequest& request, const std::vector<std::string>& allowed, bool only_local_names);

// "localhost:3000" of "http://localhost:3000"; empty when it is no origin.
std::string_view authority_of(std::string_view origin);

}  // namespace lathe::serve
