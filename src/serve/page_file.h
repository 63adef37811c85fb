// A page's files as answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/http_server.h"

namespace lathe::serve {

// The file of web/ of this name, with headers by which the page runs its own files only, makes no element from text as
// HTML (trap S12) and sends to nobody else; only pages of the same server may show it inside theirs.
std::optional<HttpResponse> page_file(std::string_view name);

// A file that came from outside this program, the report of a run, as a page that can run nothing, load nothing and send nothing.
HttpResponse outside_page(std::string html);

}  // namespace lathe::serve
