#include "core/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/check.h"

namespace lathe {
namespace {

// Builds a Json from nlohmann's SAX events, with a bound on the depth (trap S8).
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  // rewritten_infinity: the text has been through without_bare_words.
  explicit Builder(int max_depth, bool rewritten_infinity = false) : max_depth_(max_depth), rewritten_infinity_(rewritten_infinity) {}
  bool null() override { return put(Json()); }
  bool boolean(bool v) override { return put(Json(v)); }
  bool number_integer(number_integer_t v) override { return put(Json(int64_t{v})); }
  bool number_unsigned(number_unsigned_t v) override { return put(Json(uint64_t{v})); }
  bool number_float(number_float_t v, const string_t&) override {
    if (rewritten_infinity_ && std::abs(v) == std::numeric_limits<double>::max()) v = std::copysign(std::numeric_limits<double>::infinity(), v);
    return put(Json(v));
  }
  bool string(string_t& v) override { return put(Json(std::move(v))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool key(string_t& v) override {
    keys_.back() = std::move(v);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& e) override {
    offset = static_cast<int64_t>(position);
    message = e.what();
    if (const size_t colon = message.find("syntax error"); colon != std::string::npos) message = message.substr(colon);
    return false;
  }

  Json root;
  int64_t offset = -1;
  std::string message;

 private:
  bool put(Json value) {
    if (stack_.empty()) {
      root = std::move(value);
    } else if (stack_.back().is_array()) {
      stack_.back().push_back(std::move(value));
    } else {
      if (!is_new_key()) {
        message = "key \"" + keys_.back() + "\" stands twice in one object";
        return false;
      }
      stack_.back().as_object().emplace_back(keys_.back(), std::move(value));
    }
    return true;
  }
  // Many keys go into a set: one scan for each would take minutes for a large object.
  bool is_new_key() {
    const Json::Object& object = stack_.back().as_object();
    if (object.size() < kScannedKeys) return !stack_.back().contains(keys_.back());
    std::unordered_set<std::string>& known = known_.back();
    if (known.empty())
      for (const Json::Member& member : object) known.insert(member.first);
    return known.insert(keys_.back()).second;
  }
  bool open(Json value) {
    if (static_cast<int>(stack_.size()) >= max_depth_) {
      message = "nested deeper than " + std::to_string(max_depth_) + " levels";
      return false;
    }
    stack_.push_back(std::move(value));
    keys_.emplace_back();
    known_.emplace_back();
    return true;
  }
  bool close() {
    Json value = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    known_.pop_back();
    return put(std::move(value));
  }

  static constexpr size_t kScannedKeys = 32;

  int max_depth_;
  bool rewritten_infinity_;
  std::vector<Json> stack_;
  std::vector<std::string> keys_;
  std::vector<std::unordered_set<std::string>> known_;  // keys of the objects that are open, from kScannedKeys on
};

// Python writes the bare words NaN, Infinity and -Infinity; they are rewritten to null and to the largest double (a number
// that overflows is an error to the parser).
std::string without_bare_words(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
      out += c;
    } else if (text.substr(i).starts_with("Infinity")) {
      out += "1.7976931348623157e308";
      i += 7;
    } else if (text.substr(i).starts_with("NaN")) {
      out += "null";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

void write_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<uint8_t>(c) < 0x20)
          out += format_text("\\u%04x", static_cast<unsigned>(c));
        else
          out += c;
    }
  }
  out += '"';
}

void write(std::string& out, const Json& value, int indent, int level) {
  const auto new_line = [&](int depth) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<size_t>(indent * depth), ' ');
  };
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_int()) {
    out += std::to_string(value.as_int());
  } else if (value.is_number()) {
    const double number = value.as_double();
    if (!std::isfinite(number)) {
      out += "null";
    } else {
      std::string text = shortest_double(number);
      if (text.find_first_of(".e") == std::string::npos) text += ".0";
      out += text;
    }
  } else if (value.is_string()) {
    write_string(out, repair_utf8(value.as_string()));
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const Json& item : value.as_array()) {
      if (!first) out += indent < 0 ? ", " : ",";
      first = false;
      new_line(level + 1);
      write(out, item, indent, level + 1);
    }
    if (!first) new_line(level);
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : value.as_object()) {
      if (!first) out += indent < 0 ? ", " : ",";
      first = false;
      new_line(level + 1);
      write_string(out, key);
      out += ": ";
      write(out, item, indent, level + 1);
    }
    if (!first) new_line(level);
    out += '}';
  }
}

}  // namespace

Json::Json(uint64_t value) {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    value_ = static_cast<int64_t>(value);
  else
    value_ = static_cast<double>(value);
}

const char* Json::type_name() const {
  constexpr const char* kNames[] = {"null", "true/false", "whole number", "number", "text", "list", "object"};
  return kNames[value_.index()];
}

bool Json::as_bool() const {
  require(is_bool(), "[json] expected true/false, got ", type_name());
  return std::get<bool>(value_);
}
int64_t Json::as_int() const {
  if (const double* number = std::get_if<double>(&value_); number && std::floor(*number) == *number && std::abs(*number) < 0x1p53)
    return static_cast<int64_t>(*number);
  require(is_int(), "[json] expected a whole number, got ", type_name());
  return std::get<int64_t>(value_);
}
double Json::as_double() const {
  require(is_number(), "[json] expected a number, got ", type_name());
  return is_int() ? static_cast<double>(std::get<int64_t>(value_)) : std::get<double>(value_);
}
const std::string& Json::as_string() const {
  require(is_string(), "[json] expected text, got ", type_name());
  return std::get<std::string>(value_);
}
const Json::Array& Json::as_array() const {
  require(is_array(), "[json] expected a list, got ", type_name());
  return std::get<Array>(value_);
}
Json::Array& Json::as_array() {
  require(is_array(), "[json] expected a list, got ", type_name());
  return std::get<Array>(value_);
}
const Json::Object& Json::as_object() const {
  require(is_object(), "[json] expected an object, got ", type_name());
  return std::get<Object>(value_);
}
Json::Object& Json::as_object() {
  require(is_object(), "[json] expected an object, got ", type_name());
  return std::get<Object>(value_);
}

const Json* Json::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const Member& member : as_object())
    if (member.first == key) return &member.second;
  return nullptr;
}
Json* Json::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }
const Json& Json::at(std::string_view key) const {
  const Json* value = find(key);
  require(value != nullptr, "[json] no key \"", key, "\"");
  return *value;
}
Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object{};
  if (Json* value = find(key)) return *value;
  return as_object().emplace_back(std::string(key), Json()).second;
}
size_t Json::size() const { return is_array() ? as_array().size() : as_object().size(); }

std::string Json::get_string(std::string_view key, std::string fallback) const {
  const Json* value = find(key);
  return value && value->is_string() ? value->as_string() : std::move(fallback);
}
int64_t Json::get_int(std::string_view key, int64_t fallback) const {
  const Json* value = find(key);
  return value && value->is_number() ? value->as_int() : fallback;
}
double Json::get_double(std::string_view key, double fallback) const {
  const Json* value = find(key);
  return value && value->is_number() ? value->as_double() : fallback;
}
bool Json::get_bool(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  return value && value->is_bool() ? value->as_bool() : fallback;
}

std::string Json::dump(int indent) const {
  std::string out;
  write(out, *this, indent, 0);
  return out;
}

Result<Json> parse_json(std::string_view text, const std::string& path, JsonLimits limits) {
  Builder builder(limits.max_depth);
  if (nlohmann::json::sax_parse(text, &builder, nlohmann::json::input_format_t::json, true, limits.allow_comments))
    return std::move(builder.root);
  const bool bare_word = text.find("Infinity") != std::string_view::npos || text.find("NaN") != std::string_view::npos;
  if (limits.allow_bare_words && bare_word && builder.offset >= 0) {
    Builder second(limits.max_depth, true);
    const std::string repaired = without_bare_words(text);
    if (nlohmann::json::sax_parse(repaired, &second, nlohmann::json::input_format_t::json, true, limits.allow_comments))
      return std::move(second.root);
  }
  return error_at(path, builder.offset, "not valid JSON: ", builder.message);
}

Result<Json> read_json(const fs::path& path) {
  LATHE_TRY(const std::string text, read_file(path));
  return parse_json(text, path.string());
}

Status write_json_atomic(const fs::path& path, const Json& value, int indent) {
  return write_file_atomic(path, value.dump(indent) + "\n");
}

}  // namespace lathe
