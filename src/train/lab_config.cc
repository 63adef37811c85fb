#include "train/lab_config.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/text.h"

namespace lathe::train {
namespace {

// Names that other trainers (and older files) use, and what they are called here (row L-16.11).
const std::map<std::string, std::string>& renamed() {
  static const std::map<std::string, std::string> names = {
      {"lr", "learning_rate"},
      {"grad_clip", "max_grad_norm"},
      {"grad_accum_steps", "gradient_accumulation_steps"},
      {"accumulation_steps", "gradient_accumulation_steps"},
      {"num_steps", "max_steps"},
      {"keep_checkpoints", "save_total_limit"},
      {"lora_r", "r"},
      {"lora_rank", "r"},
      {"alpha", "lora_alpha"},
      {"prompts", "eval_prompts"},
  };
  return names;
}

class Flattener {
 public:
  Flattener(const ConfigKeys& keys, std::string path) : keys_(keys), path_(std::move(path)) {
    for (const ConfigKey& key : keys) {
      for (size_t at = key.section.find('.'); at != std::string::npos; at = key.section.find('.', at + 1)) sections_.insert(key.section.substr(0, at));
      if (!key.section.empty()) sections_.insert(key.section);
    }
  }

  Status walk(const Json& object, const std::string& section) {
    if (!object.is_object())
      return error_at(path_, -1, section.empty() ? "must be a JSON object" : "\"" + section + "\" must be an object", ", is ", object.type_name());
    for (const auto& [key, value] : object.as_object()) {
      if (key.starts_with("_") || value.is_null()) continue;
      const std::string name = section.empty() ? key : section + "." + key;
      if (sections_.count(name) > 0) {
        LATHE_TRY_STATUS(walk(value, name));
        continue;
      }
      const auto known = std::find_if(keys_.begin(), keys_.end(), [&, n = name](const ConfigKey& k) { return k.name() == n; });
      if (known == keys_.end()) return unknown(section, key);
      LATHE_TRY_STATUS(take(*known, value));
    }
    return {};
  }

  Json out = Json::object();

 private:
  Status take(const ConfigKey& key, const Json& value) {
    if (key.setting.empty()) {
      if (std::find(key.neutral.begin(), key.neutral.end(), value) != key.neutral.end()) return {};
      return error_at(path_, -1, "\"", key.name(), "\" has no meaning here and is only taken at ", key.neutral.at(0).dump(), ", not at ", value.dump(),
                      "; leave it out");
    }
    if (const Json* before = out.find(key.setting); before != nullptr && !(*before == value) &&
                                                    !(before->is_number() && value.is_number() && before->as_double() == value.as_double()))
      return error_at(path_, -1, "\"", from_.at(key.setting), "\" is ", before->dump(), " and \"", key.name(), "\" is ", value.dump(),
                      ", they are one setting; keep one of them");
    out[key.setting] = value;
    from_[key.setting] = key.name();
    return {};
  }

  Status unknown(const std::string& section, const std::string& key) const {
    const std::string name = section.empty() ? key : section + "." + key;
    std::vector<std::string> here, elsewhere;
    for (const ConfigKey& k : keys_) {
      if (k.section == section) here.push_back(k.key);
      if (k.key == key) elsewhere.push_back(k.name());
    }
    for (const std::string& s : sections_)
      if (const size_t dot = s.rfind('.'); (dot == std::string::npos ? "" : s.substr(0, dot)) == section) here.push_back(dot == std::string::npos ? s : s.substr(dot + 1));
    const auto now = renamed().find(key);
    if (now != renamed().end() && std::find(here.begin(), here.end(), now->second) != here.end())
      return error_at(path_, -1, "key \"", name, "\" is called \"", section.empty() ? "" : section + ".", now->second, "\"");
    if (!elsewhere.empty()) return error_at(path_, -1, "unknown key \"", name, "\"; it belongs to \"", elsewhere.front(), "\"");
    const std::string near = nearest_word(key, here);
    return error_at(path_, -1, "unknown key \"", name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?");
  }

  const ConfigKeys& keys_;
  std::string path_;
  std::set<std::string> sections_;
  std::map<std::string, std::string> from_;
};

}  // namespace

Result<Json> flat_settings(const Json& config, const ConfigKeys& keys, const std::string& path) {
  Flattener flattener(keys, path);
  LATHE_TRY_STATUS(flattener.walk(config, ""));
  return flattener.out;
}

}  // namespace lathe::train
