// The texts of --help: everything, one family of verbs, one verb.
#pragma once

#include <string>

#include "cli/verbs.h"

namespace lathe::cli {

inline constexpr int kScreenLines = 50;

std::string help_of_program(const VerbList& verbs);
std::string help_of_family(const VerbList& verbs, const std::string& first);  // "" when no verb begins with it

// Flags by group with their defaults and one example. The short form fits a screen: where there are too many flags,
// the groups at the end give only names; the full form explains every flag.
std::string help_of_verb(const VerbInfo& info, const SettingsTable& table, const Found& found, bool full);

// "--device-batch-size", or with underscores for the programs whose documents spell it so (row L-15.2).
std::string flag_spelling(const std::string& name, bool underscores);

}  // namespace lathe::cli
