// A page's files as answers.
#pragma once

#include <optional>
#include <string_view>

#include "serve/http_server.h"

namespace lathe::serve {

// The file of web/ of this name, with headers by which the page runs its own files only and sends to nobody else.
std::optional<HttpResponse> page_file(std::string_view name);

}  // namespace lathe::serve
