#include "core/settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace lathe {
namespace {

std::string normalised(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

template <class Number>
bool parse_number(const std::string& text, Number& out) {
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(begin, end, out);
  return code == std::errc() && stop == end && std::isfinite(static_cast<double>(out));  // "nan" and "inf" are no settings
}

bool parse_bool(const std::string& text, bool& out) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") out = true;
  else if (lower == "false" || lower == "0" || lower == "no" || lower == "off") out = false;
  else return false;
  return true;
}

Error bad_value(const Setting& setting, const std::string& got, const char* wanted) {
  return error_at(setting.name, -1, "\"", got, "\" is not ", wanted);
}

Status check_choice(const Setting& setting, const std::string& value) {
  if (setting.choices.empty() || std::find(setting.choices.begin(), setting.choices.end(), value) != setting.choices.end())
    return {};
  std::string list;
  for (const std::string& choice : setting.choices) list += (list.empty() ? "" : ", ") + (choice.empty() ? "\"\"" : choice);
  return error_at(setting.name, -1, "\"", value, "\" is not one of ", list);
}

Status set_words(Setting& setting, const std::vector<std::string>& words) {
  const auto numbers = [&](auto* list, const char* wanted) -> Status {
    list->clear();
    for (const std::string& word : words)  // "1 2" or "1,2"
      for (size_t begin = 0; begin <= word.size();) {
        const size_t end = std::min(word.find(',', begin), word.size());
        typename std::remove_reference_t<decltype(*list)>::value_type number{};
        if (!parse_number(word.substr(begin, end - begin), number)) return bad_value(setting, word, wanted);
        list->push_back(number);
        begin = end + 1;
      }
    return {};
  };
  if (auto* list = std::get_if<std::vector<std::string>*>(&setting.field)) {
    **list = words;
    return {};
  }
  if (auto* list = std::get_if<std::vector<int64_t>*>(&setting.field)) return numbers(*list, "a whole number");
  if (auto* list = std::get_if<std::vector<double>*>(&setting.field)) return numbers(*list, "a number");
  const bool is_switch = std::holds_alternative<bool*>(setting.field) || std::holds_alternative<std::optional<bool>*>(setting.field);
  if (words.size() != 1 && !(is_switch && words.empty()))
    return error_at(setting.name, -1, "needs one value, got ", words.size());
  if (auto* flag = std::get_if<bool*>(&setting.field)) {
    if (words.empty()) **flag = true;
    else if (!parse_bool(words[0], **flag)) return bad_value(setting, words[0], "true or false");
  } else if (auto* state = std::get_if<std::optional<bool>*>(&setting.field)) {
    bool on = true;
    if (!words.empty() && words[0] == "auto") **state = std::nullopt;
    else if (words.empty() || parse_bool(words[0], on)) **state = on;
    else return bad_value(setting, words[0], "true, false or auto");
  } else if (auto* whole = std::get_if<int64_t*>(&setting.field)) {
    if (!parse_number(words[0], **whole)) return bad_value(setting, words[0], "a whole number");
  } else if (auto* number = std::get_if<double*>(&setting.field)) {
    if (!parse_number(words[0], **number)) return bad_value(setting, words[0], "a number");
  } else if (auto* text = std::get_if<std::string*>(&setting.field)) {
    LATHE_TRY_STATUS(check_choice(setting, words[0]));
    **text = words[0];
  }
  return {};
}

Result<std::string> scalar_text(const Setting& setting, const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_null()) return std::string("auto");
  if (value.is_bool()) return std::string(value.as_bool() ? "true" : "false");
  if (value.is_int()) return std::to_string(value.as_int());
  if (value.is_number()) {
    if (std::holds_alternative<int64_t*>(setting.field)) {
      const double number = value.as_double();
      if (number == static_cast<double>(static_cast<int64_t>(number))) return std::to_string(static_cast<int64_t>(number));
    }
    return shortest_double(value.as_double());
  }
  return error_at(setting.name, -1, "expected a single value, got ", value.type_name());
}

// A config file must use the right JSON type: "12" is not 12.
bool type_fits(const Setting& setting, const Json& value) {
  if (std::holds_alternative<bool*>(setting.field)) return value.is_bool();
  if (std::holds_alternative<std::string*>(setting.field)) return value.is_string();
  if (std::holds_alternative<int64_t*>(setting.field) || std::holds_alternative<double*>(setting.field)) return value.is_number();
  if (std::holds_alternative<std::optional<bool>*>(setting.field)) return value.is_bool() || value.is_null();
  return value.is_array();
}

}  // namespace

Setting* SettingsTable::find(std::string_view name) {
  const std::string wanted = normalised(name);
  for (Setting& setting : settings_) {
    if (setting.name == wanted) return &setting;
    for (const std::string& alias : setting.aliases)
      if (normalised(alias) == wanted) return &setting;
  }
  return nullptr;
}

bool SettingsTable::given(std::string_view name) {
  const Setting* setting = find(name);
  return setting != nullptr && setting->given;
}

Status SettingsTable::set_text(std::string_view name, const std::vector<std::string>& words) {
  Setting* setting = find(name);
  if (setting == nullptr) {
    std::vector<std::string> names;
    for (const Setting& known : settings_) names.push_back(known.name);
    const std::string near = nearest_word(normalised(name), names);
    return error_at(std::string(name), -1, "unknown setting", near.empty() ? "" : "; did you mean \"", near, near.empty() ? "" : "\"?");
  }
  setting->given = true;
  return set_words(*setting, words);
}

Status SettingsTable::set_json(std::string_view name, const Json& value) {
  Setting* setting = find(name);
  if (setting == nullptr) return set_text(name, {});
  if (!type_fits(*setting, value)) {
    const bool three_states = std::holds_alternative<std::optional<bool>*>(setting->field);
    const bool list = setting->field.index() >= 4 && !three_states;
    const char* wanted = list ? "a list" : three_states ? "true, false or null" : std::holds_alternative<bool*>(setting->field) ? "true or false"
                         : std::holds_alternative<std::string*>(setting->field)          ? "text" : "a number";
    return error_at(setting->name, -1, "expected ", wanted, ", got ", value.type_name(), " ", value.dump());
  }
  std::vector<std::string> words;
  if (value.is_array()) {
    for (const Json& item : value.as_array()) {
      LATHE_TRY(std::string word, scalar_text(*setting, item));
      words.push_back(std::move(word));
    }
  } else {
    LATHE_TRY(std::string word, scalar_text(*setting, value));
    words.push_back(std::move(word));
  }
  setting->given = true;
  return set_words(*setting, words);
}

Status SettingsTable::read_object(const Json& object, const std::string& path) {
  if (!object.is_object()) return error_at(path, -1, "settings must be a JSON object");
  for (const auto& [key, value] : object.as_object()) {
    if (key.starts_with('_')) continue;
    if (const Status status = set_json(key, value); !status.ok())
      return error_at(path, -1, "key \"", key, "\": ", status.error().message);
  }
  return {};
}

Json SettingsTable::to_json() const {
  Json out = Json::object();
  for (const Setting& setting : settings_) {
    out[setting.name] = std::visit(
        [](auto* field) -> Json {
          using T = std::remove_pointer_t<decltype(field)>;
          if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, int64_t> || std::is_same_v<T, double> || std::is_same_v<T, std::string>) {
            return Json(*field);
          } else if constexpr (std::is_same_v<T, std::optional<bool>>) {
            return field->has_value() ? Json(**field) : Json();
          } else {
            Json list = Json::array();
            for (const auto& item : *field) list.push_back(Json(item));
            return list;
          }
        },
        setting.field);
  }
  return out;
}

}  // namespace lathe
