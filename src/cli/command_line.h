// Splits a command line into flags and operands and writes the flags into a table of settings. Our own and not a
// library's because of five rules at once: hyphens and underscores are the same, a list takes all words up to the
// next flag (row L-15.4), negative numbers are values, --no-x turns a switch off, and errors name the nearest flag.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "core/settings.h"

namespace lathe::cli {

struct Flag {
  std::string spelling;            // as typed, for messages
  std::string name;                // canonical name of the setting
  std::vector<std::string> words;  // its values; none for a plain switch
};

struct CommandLine {
  std::vector<Flag> flags;
  std::vector<std::string> operands;
  bool help = false;
  bool help_all = false;
};

// Reads words against the table, without changing a setting. After "--" every word is an operand.
Result<CommandLine> split_command_line(const std::vector<std::string>& words, SettingsTable& table);

// Writes the flags into the settings, in order; the words of a repeated list flag are joined.
Status apply_flags(const std::vector<Flag>& flags, SettingsTable& table);

std::string with_hyphens(std::string name);

}  // namespace lathe::cli
