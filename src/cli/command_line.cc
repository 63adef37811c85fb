#include "cli/command_line.h"

#include <algorithm>
#include <cctype>

namespace lathe::cli {
namespace {

bool is_switch(const Setting& setting) {
  return std::holds_alternative<bool*>(setting.field) || std::holds_alternative<std::optional<bool>*>(setting.field);
}

bool is_list(const Setting& setting) {
  return std::holds_alternative<std::vector<std::string>*>(setting.field) ||
         std::holds_alternative<std::vector<int64_t>*>(setting.field) ||
         std::holds_alternative<std::vector<double>*>(setting.field);
}

// "-1", "-.5" and "-inf" are values, "-" alone is standard input by custom; everything else with a dash is a flag.
bool looks_like_flag(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  const auto second = static_cast<unsigned char>(word[1]);
  return std::isdigit(second) == 0 && second != '.' && word != "-inf";
}

bool is_truth_word(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word == "true" || word == "false";
}

Error unknown_flag(const std::string& spelling, const SettingsTable& table) {
  std::vector<std::string> names = {"help"};
  for (const Setting& setting : table.settings()) {
    names.push_back(with_hyphens(setting.name));
    for (const std::string& alias : setting.aliases) names.push_back(with_hyphens(alias));
  }
  const std::string near = nearest_word(with_hyphens(spelling.substr(std::min(spelling.size(), spelling.find_first_not_of('-')))), names);
  return error("unknown flag ", spelling, near.empty() ? "" : "; did you mean --", near, near.empty() ? "" : "?");
}

Setting* find_short(SettingsTable& table, char letter) {
  for (Setting& setting : table.settings())
    if (setting.short_flag == letter) return &setting;
  return nullptr;
}

class Splitter {
 public:
  Splitter(const std::vector<std::string>& words, SettingsTable& table) : words_(words), table_(table) {}

  Result<CommandLine> split() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word == "--") {
        out_.operands.insert(out_.operands.end(), words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
        break;
      }
      if (!looks_like_flag(word)) {
        out_.operands.push_back(word);
      } else if (word == "--help" || word == "-h" || word == "--help=all") {
        out_.help = true;
        out_.help_all = word == "--help=all";
      } else if (word.starts_with("--")) {
        LATHE_TRY_STATUS(long_flag(word));
      } else {
        LATHE_TRY_STATUS(short_flag(word));
      }
    }
    return std::move(out_);
  }

 private:
  Status long_flag(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string spelling = word.substr(0, equals);
    const std::string name = spelling.substr(2);
    if (Setting* setting = table_.find(name)) {
      if (equals != std::string::npos) return add(spelling, *setting, {word.substr(equals + 1)});
      return take_values(spelling, *setting);
    }
    if (name.starts_with("no-") || name.starts_with("no_")) {
      Setting* setting = table_.find(name.substr(3));
      if (setting != nullptr && is_switch(*setting) && equals == std::string::npos) return add(spelling, *setting, {"false"});
    }
    return unknown_flag(spelling, table_);
  }

  Status short_flag(const std::string& word) {
    Setting* setting = find_short(table_, word[1]);
    const std::string spelling = word.substr(0, 2);
    if (setting == nullptr || (is_switch(*setting) && word.size() > 2)) return unknown_flag(word, table_);
    if (word.size() == 2) return take_values(spelling, *setting);
    return add(spelling, *setting, {word.substr(word[2] == '=' ? 3 : 2)});
  }

  Status take_values(const std::string& spelling, const Setting& setting) {
    std::vector<std::string> values;
    const auto more = [&] { return next_ < words_.size() && words_[next_] != "--" && !looks_like_flag(words_[next_]); };
    if (is_switch(setting)) {
      const bool three_states = std::holds_alternative<std::optional<bool>*>(setting.field);
      if (more() && (is_truth_word(words_[next_]) || (three_states && words_[next_] == "auto"))) values.push_back(words_[next_++]);
    } else if (is_list(setting)) {
      while (more()) values.push_back(words_[next_++]);
    } else if (more()) {
      values.push_back(words_[next_++]);
    }
    if (values.empty() && !is_switch(setting)) return error(spelling, " needs a value");
    return add(spelling, setting, std::move(values));
  }

  Status add(const std::string& spelling, const Setting& setting, std::vector<std::string> values) {
    out_.flags.push_back({spelling, setting.name, std::move(values)});
    return {};
  }

  const std::vector<std::string>& words_;
  SettingsTable& table_;
  size_t next_ = 0;
  CommandLine out_;
};

}  // namespace

std::string with_hyphens(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

Result<CommandLine> split_command_line(const std::vector<std::string>& words, SettingsTable& table) {
  return Splitter(words, table).split();
}

Status apply_flags(const std::vector<Flag>& flags, SettingsTable& table) {
  for (size_t i = 0; i < flags.size(); ++i) {
    const Flag& flag = flags[i];
    std::vector<std::string> words = flag.words;
    if (is_list(*table.find(flag.name))) {
      words.clear();
      for (size_t k = 0; k <= i; ++k)
        if (flags[k].name == flag.name) words.insert(words.end(), flags[k].words.begin(), flags[k].words.end());
    }
    if (const Status status = table.set_text(flag.name, words); !status.ok())
      return error(flag.spelling, ": ", status.error().message);
  }
  return {};
}

}  // namespace lathe::cli
