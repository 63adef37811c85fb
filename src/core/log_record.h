// The log for machines: every line one JSON object {"time", "level", "module", "message", ...}.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "core/log.h"

namespace lathe {

enum class LogFormat { kText, kJson };
void set_log_format(LogFormat format);  // of the whole process; text at first

// As text: `text` alone. As JSON: the members of `fields` (an object), too.
void log_record(LogLevel level, std::string_view module, const std::string& text, const Json& fields);

}  // namespace lathe
