// The text of an answer's head.
#pragma once

#include <string>
#include <string_view>

#include "serve/http_message.h"

namespace lathe::serve {

// `framing`: the header lines that say how long the body is, each with its line end.
std::string http_head(const HttpResponse& response, std::string_view framing, std::string_view request_id, bool close);
std::string length_framing(const HttpResponse& response);  // none for answers that have no body by definition

}  // namespace lathe::serve
