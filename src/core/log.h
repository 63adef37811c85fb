// Logging to standard error (and optionally a file): "time - module - LEVEL - message", level coloured only on a
// terminal, every line flushed. Rows C-17.1, L-15.5 to 15.7, L-15.18. spdlog is behind log.cc. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/text.h"

namespace lathe {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kCritical, kOff };

Result<LogLevel> parse_log_level(std::string_view name);  // DEBUG, INFO, WARNING, ERROR in any case
void set_log_level(LogLevel level);
Status set_log_file(const std::string& path);  // also there, without colours

// Info text as a terminal shows it: numbers before GB, MB, % or docs bold, "Shard n" bold green (row C-17.1).
std::string emphasised(const std::string& text);

void log_text(LogLevel level, std::string_view module, const std::string& text);

template <class... Parts>
void log_info(std::string_view module, const Parts&... parts) { log_text(LogLevel::kInfo, module, join_text(parts...)); }
template <class... Parts>
void log_warning(std::string_view module, const Parts&... parts) { log_text(LogLevel::kWarning, module, join_text(parts...)); }
template <class... Parts>
void log_error(std::string_view module, const Parts&... parts) { log_text(LogLevel::kError, module, join_text(parts...)); }
template <class... Parts>
void log_debug(std::string_view module, const Parts&... parts) { log_text(LogLevel::kDebug, module, join_text(parts...)); }

}  // namespace lathe
