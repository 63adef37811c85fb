// A table over the fields of a plain settings struct: one description gives the flags, the config keys, the printed
// configuration and the help of a verb. Defaults < config file < flags; an unknown key is an error that names the
// nearest known one; keys that start with "_" are comments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe {

// optional<bool> is a switch of three states: not set is null in JSON and "auto" on the command line.
using SettingPointer = std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*,
                                    std::vector<int64_t>*, std::vector<double>*, std::optional<bool>*>;

struct Setting {
  std::string name;              // canonical, with underscores: "device_batch_size"; the flag is --device-batch-size
  SettingPointer field;          // its value when the table is built is the default
  std::string help;
  std::string group;             // heading in --help
  std::vector<std::string> choices;  // allowed values of a string, empty = any
  char short_flag = 0;           // 'i' for -i
  std::vector<std::string> aliases;  // other accepted names
  bool given = false;            // set by a config file or a flag
};

class SettingsTable {
 public:
  // The struct must outlive the table. Starts a group of --help; fields added after it belong to it.
  void group(std::string name) { group_ = std::move(name); }
  template <class T>
  Setting& add(std::string name, T* field, std::string help) {
    settings_.push_back(Setting{std::move(name), SettingPointer(field), std::move(help), group_, {}, 0, {}, false});
    return settings_.back();
  }

  std::vector<Setting>& settings() { return settings_; }
  const std::vector<Setting>& settings() const { return settings_; }
  Setting* find(std::string_view name);  // hyphens and underscores alike, aliases too
  bool given(std::string_view name);

  Status set_text(std::string_view name, const std::vector<std::string>& words);  // from flags
  Status set_json(std::string_view name, const Json& value);                      // from a config file
  Status read_object(const Json& object, const std::string& path);                // all keys of a config file
  Json to_json() const;                                                           // the resolved settings

 private:
  std::vector<Setting> settings_;
  std::string group_;
};

}  // namespace lathe
