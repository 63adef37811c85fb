#include "serve/body_table.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/log.h"
#include "core/text.h"

namespace lathe::serve {
namespace {

constexpr double kTwo63 = 9223372036854775808.0;

// What a value is, for messages; never the value of a long one.
std::string shown(const Json& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  std::string text = value.dump();
  return text.size() <= 40 ? text : std::string("a longer ") + value.type_name();
}

template <class T>
Json json_of(const std::optional<T>& value) { return value ? Json(*value) : Json(); }

}  // namespace

Wrong wrong_at(const std::string& place, std::string message) {
  ApiFault fault;
  fault.message = place.empty() ? std::move(message) : place + ": " + message;
  fault.param = place;
  return fault;
}

Wrong read_integer(const Json& value, const std::string& place, int64_t low, int64_t high, int64_t& field) {
  const auto refuse = [&] { return wrong_at(place, join_text("must be an integer from ", low, " to ", high, ", not ", shown(value))); };
  if (!value.is_number()) return refuse();
  if (!value.is_int()) {
    const double number = value.as_double();
    if (std::floor(number) != number || !(number >= -kTwo63 && number < kTwo63)) return refuse();
  }
  const int64_t number = value.is_int() ? value.as_int() : static_cast<int64_t>(value.as_double());
  if (number < low || number > high) return refuse();
  field = number;
  return {};
}

Wrong read_number(const Json& value, const std::string& place, double low, double high, double& field) {
  if (!value.is_number() || !(value.as_double() >= low && value.as_double() <= high))
    return wrong_at(place, join_text("must be a number from ", shortest_double(low), " to ", shortest_double(high), ", not ", shown(value)));
  field = value.as_double();
  return {};
}

Wrong read_flag(const Json& value, const std::string& place, bool& field) {
  if (!value.is_bool()) return wrong_at(place, join_text("must be true or false, not ", shown(value)));
  field = value.as_bool();
  return {};
}

Wrong read_text(const Json& value, const std::string& place, int64_t shortest, int64_t longest, std::string& field) {
  if (!value.is_string()) return wrong_at(place, join_text("must be a text, not ", shown(value)));
  const std::string& text = value.as_string();
  const int64_t length = count_code_points(text);
  if (length < shortest) return wrong_at(place, shortest == 1 ? std::string("must not be empty") : join_text("must have at least ", shortest, " characters"));
  if (length > longest) return wrong_at(place, join_text("must have at most ", longest, " characters, not ", length));
  field = text;
  return {};
}

Json schema_of(std::string_view json_text) {
  Result<Json> parsed = parse_json(json_text);
  LATHE_CHECK(parsed.ok(), "a schema of the source is not JSON");
  return std::move(parsed).value();
}

Json integer_schema(int64_t low, int64_t high) {
  Json schema = Json::object();
  schema["type"] = "integer";
  schema["minimum"] = low;
  schema["maximum"] = high;
  return schema;
}

Json text_schema(int64_t shortest, int64_t longest) {
  Json schema = Json::object();
  schema["type"] = "string";
  if (shortest > 0) schema["minLength"] = shortest;
  schema["maxLength"] = longest;
  return schema;
}

Json list_schema(Json items, int64_t fewest, int64_t most) {
  Json schema = Json::object();
  schema["type"] = "array";
  schema["items"] = std::move(items);
  if (fewest > 0) schema["minItems"] = fewest;
  schema["maxItems"] = most;
  return schema;
}

Json either_schema(std::vector<Json> choices) {
  Json schema = Json::object();
  schema["anyOf"] = Json(Json::Array(std::move(choices)));
  return schema;
}

BodyTable::Field& BodyTable::other(std::string name, Json schema, Read read, std::string help) {
  fields_.push_back({std::move(name), std::move(help), std::move(schema), Json(), std::move(read), false, {}});
  return fields_.back();
}

BodyTable::Field& BodyTable::integer(std::string name, int64_t* field, int64_t low, int64_t high, std::string help) {
  Field& made = other(std::move(name), integer_schema(low, high),
                      [=](const Json& value, const std::string& place) { return read_integer(value, place, low, high, *field); }, std::move(help));
  made.fallback = *field;
  return made;
}

BodyTable::Field& BodyTable::integer(std::string name, std::optional<int64_t>* field, int64_t low, int64_t high, std::string help) {
  Field& made = other(std::move(name), integer_schema(low, high),
                      [=](const Json& value, const std::string& place) { return read_integer(value, place, low, high, field->emplace()); }, std::move(help));
  made.fallback = json_of(*field);
  return made;
}

BodyTable::Field& BodyTable::number(std::string name, double* field, double low, double high, std::string help) {
  Json schema = Json::object();
  schema["type"] = "number";
  schema["minimum"] = low;
  schema["maximum"] = high;
  Field& made = other(std::move(name), std::move(schema),
                      [=](const Json& value, const std::string& place) { return read_number(value, place, low, high, *field); }, std::move(help));
  made.fallback = *field;
  return made;
}

BodyTable::Field& BodyTable::number(std::string name, std::optional<double>* field, double low, double high, std::string help) {
  double unused = 0;
  Field& made = number(std::move(name), &unused, low, high, std::move(help));
  made.read = [=](const Json& value, const std::string& place) { return read_number(value, place, low, high, field->emplace()); };
  made.fallback = json_of(*field);
  return made;
}

BodyTable::Field& BodyTable::flag(std::string name, bool* field, std::string help) {
  Json schema = Json::object();
  schema["type"] = "boolean";
  Field& made = other(std::move(name), std::move(schema),
                      [=](const Json& value, const std::string& place) { return read_flag(value, place, *field); }, std::move(help));
  made.fallback = *field;
  return made;
}

BodyTable::Field& BodyTable::flag(std::string name, std::optional<bool>* field, std::string help) {
  Json schema = Json::object();
  schema["type"] = "boolean";
  Field& made = other(std::move(name), std::move(schema),
                      [=](const Json& value, const std::string& place) { return read_flag(value, place, field->emplace()); }, std::move(help));
  made.fallback = json_of(*field);
  return made;
}

BodyTable::Field& BodyTable::text(std::string name, std::string* field, int64_t shortest, int64_t longest, std::string help) {
  return other(std::move(name), text_schema(shortest, longest),
               [=](const Json& value, const std::string& place) { return read_text(value, place, shortest, longest, *field); }, std::move(help));
}

BodyTable::Field& BodyTable::integers(std::string name, std::vector<int32_t>* field, int64_t most, int64_t low, int64_t high, std::string help) {
  const auto read = [=](const Json& value, const std::string& place) -> Wrong {
    if (!value.is_array()) return wrong_at(place, "must be a list of integers");
    if (static_cast<int64_t>(value.size()) > most) return wrong_at(place, join_text("must have at most ", most, " entries, not ", value.size()));
    field->clear();
    for (size_t i = 0; i < value.size(); ++i) {
      int64_t number = 0;
      if (Wrong wrong = read_integer(value.at(i), join_text(place, "[", i, "]"), low, high, number)) return wrong;
      field->push_back(static_cast<int32_t>(number));
    }
    return {};
  };
  return other(std::move(name), list_schema(integer_schema(low, high), 0, most), read, std::move(help));
}

Wrong BodyTable::read(const Json& body) const {
  for (const Json::Member& member : body.as_object()) {
    const bool known = std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) {
      return field.name == member.first || std::find(field.aliases.begin(), field.aliases.end(), member.first) != field.aliases.end();
    });
    if (!known) log_debug("serve", "field \"", repair_utf8(member.first.substr(0, 80)), "\" is not known and ignored");
  }
  for (const Field& field : fields_) {
    std::string place = field.name;
    const Json* value = body.find(field.name);
    for (const std::string& other : field.aliases)
      if (!value || value->is_null()) {
        if (const Json* found = body.find(other)) value = found, place = other;
      }
    if (!value || (value->is_null() && !field.required)) {
      if (field.required) return wrong_at(field.name, "is required");
      continue;
    }
    if (Wrong wrong = field.read(*value, place)) return wrong;
  }
  return {};
}

Json BodyTable::schema() const {
  Json properties = Json::object(), required = Json::array();
  for (const Field& field : fields_) {
    std::vector<std::string> names = {field.name};
    names.insert(names.end(), field.aliases.begin(), field.aliases.end());
    for (const std::string& name : names) {
      Json schema = field.schema;
      if (!field.required) {
        Json null = Json::object();
        null["type"] = "null";
        schema = either_schema({std::move(schema), std::move(null)});
      }
      schema["description"] = name == field.name ? field.help : "The same as " + field.name + ".";
      if (!field.fallback.is_null()) schema["default"] = field.fallback;
      properties[name] = std::move(schema);
    }
    if (field.required) required.push_back(field.name);
  }
  Json schema = Json::object();
  schema["type"] = "object";
  schema["properties"] = std::move(properties);
  if (required.size() > 0) schema["required"] = std::move(required);
  return schema;
}

Wrong parse_body(std::string_view text, Json& body) {
  JsonLimits limits;
  limits.max_depth = kMaxBodyDepth;
  limits.allow_comments = limits.allow_bare_words = false;
  Result<Json> parsed = parse_json(text, "", limits);
  if (!parsed.ok()) return wrong_at("", "The body is not JSON: " + parsed.error().to_string());
  if (!parsed.value().is_object()) return wrong_at("", "The body must be a JSON object");
  body = std::move(parsed).value();
  return {};
}

}  // namespace lathe::serve
