#include "cli/help.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "cli/command_line.h"
#include "cli/common_options.h"
#include "core/check.h"

namespace lathe::cli {
namespace {

constexpr size_t kWidth = 110;
constexpr size_t kFlagColumn = 30;

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

std::string cut(std::string text, size_t width) {
  if (text.size() <= width) return text;
  text.resize(width - 3);
  return text + "...";
}

const char* value_word(const Setting& setting) {
  constexpr std::array<const char*, 8> kWords = {"", " N", " X", " TEXT", " TEXT...", " N...", " X...", ""};
  return kWords[setting.field.index()];
}

std::string default_text(const Setting& setting, const Json& defaults) {
  const Json& value = defaults.at(setting.name);
  if (value.is_string()) return value.as_string();
  if (value.is_null()) return "auto";
  if (value.is_array()) {
    std::string list;
    for (const Json& item : value.as_array()) list += (list.empty() ? "" : " ") + (item.is_string() ? item.as_string() : item.dump());
    return list;
  }
  if (value.is_bool()) return value.as_bool() ? "on; --no-... turns it off" : "";
  return value.is_int() ? value.dump() : shortest_double(value.as_double());
}

std::string flag_line(const Setting& setting, const Json& defaults, bool underscores) {
  const std::string shorter = setting.short_flag != 0 ? std::string("-") + setting.short_flag + ", " : "";
  std::string text = setting.help;
  if (!setting.choices.empty()) {
    std::string list;
    for (const std::string& choice : setting.choices)
      if (!choice.empty()) list += (list.empty() ? "" : "|") + choice;
    text += (text.empty() ? "" : ": ") + list;
  }
  if (const std::string value = default_text(setting, defaults); !value.empty()) text += " [" + value + "]";
  return padded("  " + shorter + flag_spelling(setting.name, underscores) + value_word(setting), kFlagColumn) + text;
}

std::string heading(const std::string& group) { return (group.empty() ? "flags" : group) + ":"; }

// Names only, wrapped: "common: --config, --json, ..."
std::vector<std::string> names_of_group(const std::string& group, const SettingsTable& table, bool underscores) {
  std::vector<std::string> lines = {heading(group)};
  for (const Setting& setting : table.settings()) {
    if (setting.group != group) continue;
    const std::string name = " " + flag_spelling(setting.name, underscores);
    if (lines.back().size() + name.size() > kWidth) lines.push_back("   ");
    lines.back() += name;
  }
  return lines;
}

std::vector<std::string> groups_of(const SettingsTable& table) {
  std::vector<std::string> groups;
  for (const Setting& setting : table.settings())
    if (std::find(groups.begin(), groups.end(), setting.group) == groups.end()) groups.push_back(setting.group);
  return groups;
}

std::string verb_line(std::string_view group, const std::string& name, const std::string& summary) {
  return padded("  " + std::string(group), 11) + padded(name, 20) + cut(summary, kWidth - 31) + "\n";
}

// "tokenizer" of "tokenizer train"; empty: the name is one word.
std::string family_of(const std::string& name) {
  const size_t space = name.find(' ');
  return space == std::string::npos ? "" : name.substr(0, space);
}

// The last words of a large family's verbs, as one line stands for them; empty for a small one.
std::string members_in_one_line(const VerbList& verbs, const std::string& family) {
  std::string members;
  int64_t count = 0;
  for (const auto& verb : verbs) {
    const std::string name = verb->info().name;
    if (family_of(name) != family) continue;
    members += (members.empty() ? "" : ", ") + name.substr(family.size() + 1);
    ++count;
  }
  return count > 2 ? members : "";
}

// Of all verbs, large families in one line each; or of one family, all in full.
std::string verb_lines(const VerbList& verbs, const std::string& only) {
  std::string out;
  std::set<std::string> told;
  for (const std::string_view group : kGroups) {
    bool first = true;
    for (const auto& verb : verbs) {
      const VerbInfo info = verb->info();
      const std::string family = family_of(info.name);
      if (info.group != group || (!only.empty() && family != only && info.name != only)) continue;
      const std::string members = only.empty() && !family.empty() ? members_in_one_line(verbs, family) : "";
      if (!members.empty() && !told.insert(family).second) continue;
      out += members.empty() ? verb_line(first ? group : "", info.name, info.summary) : verb_line(first ? group : "", family + " ...", members);
      first = false;
    }
  }
  return out;
}

}  // namespace

std::string flag_spelling(const std::string& name, bool underscores) {
  constexpr std::array<std::string_view, 3> kAlwaysHyphens = {"log_level", "analyze_only", "use_cache"};
  const bool keep = underscores && std::find(kAlwaysHyphens.begin(), kAlwaysHyphens.end(), name) == kAlwaysHyphens.end();
  return "--" + (keep ? name : with_hyphens(name));
}

std::string help_of_program(const VerbList& verbs) {
  return "lathe: trains a language model from raw text and talks to it, in one native program.\n\n"
         "usage: lathe VERB [flags]\n\n" + verb_lines(verbs, "") +
         "\n`lathe VERB --help` explains a verb; `lathe --version` and `lathe doctor` this installation.\n"
         "Every verb takes --config FILE, --print-config, --json, --quiet, --threads N, --seed N, --base-dir DIR.\n"
         "Exit status: 0 done, 1 data or settings wrong, 2 wrong usage, 3 interrupted with a valid checkpoint.\n";
}

std::string help_of_family(const VerbList& verbs, const std::string& first) {
  const std::string lines = verb_lines(verbs, first);
  return lines.empty() ? "" : "usage: lathe " + first + " VERB [flags]\n\n" + lines;
}

namespace {

// Lines that a shell takes as one, when pasted behind the first word.
std::vector<std::string> wrapped_command(const std::string& command) {
  std::vector<std::string> lines(1);
  std::istringstream words(command);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && lines.back().size() + word.size() + 3 > kWidth) {
      lines.back() += " \\";
      lines.emplace_back("        ");
    }
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

}  // namespace

std::string help_of_verb(const VerbInfo& info, const SettingsTable& table, const Found& found, bool full) {
  const bool underscores = found.alias != nullptr && found.alias->underscores;
  const Json defaults = table.to_json();
  std::vector<std::string> head = {"lathe " + found.program + ": " + info.summary, "",
                                   "usage: lathe " + found.program + " [flags]" + (info.operands.empty() ? "" : " " + info.operands)};
  std::vector<std::string> tail = wrapped_command("example: " + info.example);
  tail.insert(tail.begin(), "");

  const std::vector<std::string> groups = groups_of(table);
  // Groups from `explained` on give names only; the common flags always do in the short form.
  size_t explained = full ? groups.size() : static_cast<size_t>(std::count_if(groups.begin(), groups.end(), [](const std::string& group) { return group != kCommonGroup; }));
  for (;; --explained) {
    std::vector<std::string> lines = head;
    for (size_t g = 0; g < groups.size(); ++g) {
      lines.push_back("");
      if (g >= explained) {
        const std::vector<std::string> names = names_of_group(groups[g], table, underscores);
        lines.insert(lines.end(), names.begin(), names.end());
        continue;
      }
      lines.push_back(heading(groups[g]));
      for (const Setting& setting : table.settings())
        if (setting.group == groups[g]) lines.push_back(full ? flag_line(setting, defaults, underscores) : cut(flag_line(setting, defaults, underscores), kWidth));
    }
    lines.insert(lines.end(), tail.begin(), tail.end());
    if (!full) lines.push_back("`lathe " + found.program + " --help=all` explains every flag.");
    if (!full && explained > 0 && static_cast<int>(lines.size()) > kScreenLines) continue;
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
  }
}

}  // namespace lathe::cli
