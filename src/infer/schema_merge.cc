#include "infer/schema_merge.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace lathe::infer {
namespace {

constexpr int kMaxReferences = 50;     // one after another
constexpr size_t kMaxCombinations = 256;  // of the alternatives of two anyOf

bool is_true(const Json& schema) { return (schema.is_bool() && schema.as_bool()) || (schema.is_object() && schema.size() == 0); }
bool is_false(const Json& schema) { return schema.is_bool() && !schema.as_bool(); }

Json both(const Json& a, const Json& b) {
  if (is_true(a) || a == b) return b;
  if (is_true(b)) return a;
  if (is_false(a) || is_false(b)) return false;
  return Json(Json::Object{{"allOf", Json(Json::Array{a, b})}});
}

std::vector<std::string> types_of(const Json& type) {
  std::vector<std::string> out;
  if (type.is_string()) out.push_back(type.as_string());
  if (type.is_array())
    for (const Json& entry : type.as_array())
      if (entry.is_string()) out.push_back(entry.as_string());
  return out;
}

Json common_types(const Json& a, const Json& b) {
  Json out = Json::array();
  const std::vector<std::string> of_b = types_of(b);
  const auto has = [](const std::vector<std::string>& list, const char* name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  for (const std::string& type : types_of(a)) {
    if (has(of_b, type.c_str()))
      out.push_back(type);
    else if (type == "integer" && has(of_b, "number"))
      out.push_back("integer");
    else if (type == "number" && has(of_b, "integer"))
      out.push_back("integer");
  }
  return out;
}

Json union_of(const Json& a, const Json& b) {
  Json out = a;
  for (const Json& entry : b.as_array())
    if (std::find(out.as_array().begin(), out.as_array().end(), entry) == out.as_array().end()) out.push_back(entry);
  return out;
}

// Names of one schema that the other's additionalProperties speak of.
Status close_properties(Json& properties, const Json& of, const Json& other, const std::string& at) {
  const Json* closed = other.find("additionalProperties");
  if (closed == nullptr || is_true(*closed)) return {};
  if (other.find("patternProperties") != nullptr) return error_at(at, -1, "schemas with patternProperties cannot be merged");
  const Json *mine = of.find("properties"), *known = other.find("properties");
  if (mine == nullptr || !mine->is_object()) return {};
  for (const auto& [name, schema] : mine->as_object())
    if (known == nullptr || known->find(name) == nullptr) properties[name] = both(schema, *closed);
  return {};
}

// Keywords of arrays whose meaning hangs on a list of items beside them, and whether both schemas say the same by them.
Status check_lists(const Json& a, const Json& b, const std::string& at) {
  bool in_a = false, in_b = false, has_list = false, are_equal = true;
  for (const char* key : {"prefixItems", "items", "additionalItems", "unevaluatedItems"}) {
    const Json *of_a = a.find(key), *of_b = b.find(key);
    in_a |= of_a != nullptr, in_b |= of_b != nullptr;
    for (const Json* value : {of_a, of_b}) has_list |= value != nullptr && (std::string_view(key) == "prefixItems" || value->is_array());
    are_equal &= of_a == of_b || (of_a != nullptr && of_b != nullptr && *of_a == *of_b);
  }
  if (in_a && in_b && has_list && !are_equal) return error_at(at, -1, "schemas with lists of items cannot be merged");
  return {};
}

// Whether `closed` speaks of all names but its own, where `other` speaks of names by a pattern.
Status check_patterns(const Json& closed, const Json& other, const std::string& at) {
  const Json *more = closed.find("additionalProperties"), *mine = closed.find("patternProperties"), *patterns = other.find("patternProperties");
  if (more == nullptr || is_true(*more) || patterns == nullptr || (mine != nullptr && *mine == *patterns)) return {};
  return error_at(at, -1, "schemas with patternProperties cannot be merged");
}

// "nullable" as a type.
void spell_nullable(Json& schema) {
  const Json* nullable = schema.find("nullable");
  if (nullable == nullptr || !nullable->is_bool()) return;
  const bool has_null = nullable->as_bool();
  Json out = Json::object();
  for (const auto& [key, value] : schema.as_object()) {
    if (key == "nullable") continue;
    if (key != "type" || !has_null) {
      out[key] = value;
      continue;
    }
    Json types = Json::array();
    for (const std::string& type : types_of(value)) types.push_back(type);
    types.push_back("null");
    out[key] = std::move(types);
  }
  schema = std::move(out);
}

Result<Json> merge_keyword(const std::string& key, const Json& a, const Json& b, const std::string& at) {
  const auto larger = [&](bool max) -> Json { return (a.as_double() < b.as_double()) == max ? b : a; };
  if (a == b) return a;
  if (key == "type") return common_types(a, b);
  if (key == "properties" || key == "$defs" || key == "definitions") {
    if (!a.is_object() || !b.is_object()) return error_at(at + "/" + key, -1, "must be an object");
    Json out = a;
    for (const auto& [name, schema] : b.as_object()) out[name] = out.contains(name) ? both(Json(out.at(name)), schema) : schema;
    return out;
  }
  if (key == "required" || key == "allOf") {
    if (!a.is_array() || !b.is_array()) return error_at(at + "/" + key, -1, "must be an array");
    return union_of(a, b);
  }
  if (key == "enum") {
    if (!a.is_array() || !b.is_array()) return error_at(at + "/enum", -1, "must be an array");
    Json out = Json::array();
    for (const Json& value : a.as_array())
      if (std::find(b.as_array().begin(), b.as_array().end(), value) != b.as_array().end()) out.push_back(value);
    return out;
  }
  if (key == "items" || key == "additionalProperties" || key == "propertyNames") {
    if (a.is_array() || b.is_array()) return error_at(at + "/" + key, -1, "two different lists cannot be merged");
    return both(a, b);
  }
  if (key == "anyOf") {
    if (!a.is_array() || !b.is_array()) return error_at(at + "/anyOf", -1, "must be an array");
    if (a.size() * b.size() > kMaxCombinations) return error_at(at + "/anyOf", -1, "more than ", kMaxCombinations, " combinations of alternatives");
    Json out = Json::array();
    for (const Json& x : a.as_array())
      for (const Json& y : b.as_array()) out.push_back(both(x, y));
    return out;
  }
  const bool is_bound = a.is_number() && b.is_number();
  if (is_bound && (key == "minimum" || key == "exclusiveMinimum" || key == "minLength" || key == "minItems" || key == "minProperties")) return larger(true);
  if (is_bound && (key == "maximum" || key == "exclusiveMaximum" || key == "maxLength" || key == "maxItems" || key == "maxProperties")) return larger(false);
  if (key == "uniqueItems" && a.is_bool() && b.is_bool()) return Json(true);
  if (key == "const") return error_at(at + "/const", -1, "two different constants: nothing is both");
  return error_at(at + "/" + key, -1, "two schemas that differ in ", key, " cannot be merged");
}

}  // namespace

bool is_annotation(std::string_view keyword) {
  constexpr std::array<std::string_view, 18> kAnnotations = {
      "title", "description", "default", "examples", "example", "$schema", "$id", "id", "$comment", "$anchor", "deprecated", "readOnly", "writeOnly",
      "$defs", "definitions", "$vocabulary", "contentMediaType", "contentEncoding"};
  return std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end() || keyword.starts_with("x-");
}

Result<const Json*> resolve_reference(const Json& root, const std::string& reference, const std::string& at) {
  if (reference.empty() || reference[0] != '#' || (reference.size() > 1 && reference[1] != '/'))
    return error_at(at + "/$ref", -1, "only references into the same schema (#, #/$defs/name) are supported, not ", reference);
  const Json* found = &root;
  for (size_t begin = 1; begin < reference.size();) {
    size_t end = reference.find('/', begin + 1);
    if (end == std::string::npos) end = reference.size();
    std::string name;
    for (size_t i = begin + 1; i < end; ++i) {
      const auto hex = [&](size_t k) {
        const char c = k < end ? reference[k] : 'x';
        return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      };
      if (reference[i] == '~' && i + 1 < end && (reference[i + 1] == '0' || reference[i + 1] == '1')) {
        name += reference[++i] == '0' ? '~' : '/';
      } else if (reference[i] == '%' && hex(i + 1) >= 0 && hex(i + 2) >= 0) {
        name += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
        i += 2;
      } else {
        name += reference[i];
      }
    }
    const Json* next = found->find(name);
    if (next == nullptr && found->is_array() && !name.empty() && name.size() < 7 && name.find_first_not_of("0123456789") == std::string::npos &&
        static_cast<size_t>(std::stoi(name)) < found->size())
      next = &found->at(static_cast<size_t>(std::stoi(name)));
    if (next == nullptr) return error_at(at + "/$ref", -1, "nothing is at ", reference);
    found = next;
    begin = end;
  }
  return found;
}

Result<Json> without_reference(const Json& root, const Json& schema, const std::string& at, int depth) {
  Json out = schema;
  for (int count = depth; out.is_object() && out.contains("$ref"); ++count) {
    if (count > kMaxReferences) return error_at(at + "/$ref", -1, "references go round in a circle");
    const Json reference = out.at("$ref");
    if (!reference.is_string()) return error_at(at + "/$ref", -1, "must be a text");
    LATHE_TRY(const Json* target, resolve_reference(root, reference.as_string(), at));
    Json rest = Json::object();
    bool has_more = false;
    for (const auto& [key, value] : out.as_object()) {
      if (key == "$ref") continue;
      rest[key] = value;
      has_more |= !is_annotation(key);
    }
    if (!has_more) {
      Json next = *target;
      out = std::move(next);
      continue;
    }
    LATHE_TRY(const Json inner, inner_schema(root, *target, at, count + 1));
    LATHE_TRY(out, merge_schemas(root, inner, rest, at, count + 1));
  }
  return out;
}

Result<Json> inner_schema(const Json& root, const Json& schema, const std::string& at, int depth) {
  LATHE_TRY(Json out, without_reference(root, schema, at, depth));
  for (const char* key : {"unevaluatedProperties", "unevaluatedItems"})
    if (const Json* value = out.find(key); value != nullptr && !is_true(*value))
      return error_at(at, -1, key, " is not supported in a schema that stands beside others; write it into the outermost");
  return out;
}

Result<Json> merge_schemas(const Json& root, const Json& first, const Json& second, const std::string& at, int depth) {
  LATHE_TRY(Json a, without_reference(root, first, at, depth));
  LATHE_TRY(Json b, without_reference(root, second, at, depth));
  if (is_true(a)) return b;
  if (is_true(b)) return a;
  if (is_false(a) || is_false(b)) return Json(false);
  if (!a.is_object() || !b.is_object()) return error_at(at, -1, "a schema must be an object or a bool");
  spell_nullable(a), spell_nullable(b);
  LATHE_TRY_STATUS(check_lists(a, b, at));
  LATHE_TRY_STATUS(check_patterns(a, b, at));
  LATHE_TRY_STATUS(check_patterns(b, a, at));
  Json out = a;
  for (const auto& [key, value] : b.as_object()) {
    const Json* mine = a.find(key);
    if (mine == nullptr || (is_annotation(key) && key != "$defs" && key != "definitions")) {
      out[key] = value;
      continue;
    }
    LATHE_TRY(Json merged, merge_keyword(key, *mine, value, at));
    out[key] = std::move(merged);
  }
  if (out.contains("properties")) {
    Json properties = out.at("properties");
    LATHE_TRY_STATUS(close_properties(properties, a, b, at));
    LATHE_TRY_STATUS(close_properties(properties, b, a, at));
    out["properties"] = std::move(properties);
  }
  return out;
}

}  // namespace lathe::infer
