// The lab's config files have their keys in sections; here stands, in one table per program, which setting each of them is
// (rows L-1.6, L-1.8, L-1.9, L-5.10, L-7.30, L-16.8, L-16.11).
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::train {

struct ConfigKey {
  std::string section;        // "" at the top, "training_params", "evaluation_config.generation_config"
  std::string key;
  std::string setting;        // name in the settings table; empty: no meaning here, only the neutral values are taken
  std::vector<Json> neutral = {};
  std::string name() const { return section.empty() ? key : section + "." + key; }
};

using ConfigKeys = std::vector<ConfigKey>;

// A file's keys as settings, in its order. Null values and keys that start with "_" count as absent, at any depth. Errors name
// the key: unknown (with the nearest known one, or the new name of a renamed one), a section that is no object, two keys of one
// setting with different values (contradiction C39), a key without meaning at a value that is not neutral.
Result<Json> flat_settings(const Json& config, const ConfigKeys& keys, const std::string& path);

}  // namespace lathe::train
