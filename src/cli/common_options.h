// The flags that every verb has.
#pragma once

#include "cli/verb.h"

namespace lathe::cli {

inline constexpr const char* kCommonGroup = "common";

void describe_common(SettingsTable& table, CommonOptions& options);

// Checks what the table cannot: dtype names of the origins, devices that are absent, ranks that do not fit.
// `ranks`: the verb may be one of several ranks.
Status resolve_common(CommonOptions& options, bool ranks = false);

// Threads, log level, log file and quiet, for the whole process.
Status apply_common(const CommonOptions& options, bool log_level_given);

}  // namespace lathe::cli
