// One server-sent event.
#pragma once

#include <string>

#include "core/json.h"

namespace lathe::serve {

// "data: {...}" and an empty line.
inline std::string event_text(const Json& data) { return "data: " + data.dump() + "\n\n"; }

}  // namespace lathe::serve
