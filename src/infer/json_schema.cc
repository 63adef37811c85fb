#include "infer/json_schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "infer/json_parts.h"
#include "infer/number_range.h"
#include "infer/regex_facts.h"
#include "infer/regex_parse.h"
#include "infer/schema_merge.h"
#include "infer/string_formats.h"

namespace lathe::infer {
namespace {

constexpr int64_t kMaxSchemas = 20'000;  // that are read, merged ones included

enum TypeBit : unsigned { kNull = 1, kBool = 2, kInteger = 4, kNumber = 8, kString = 16, kArray = 32, kObject = 64, kEvery = 127 & ~kInteger };

struct Keyword {
  std::string_view name;
  unsigned type;  // that it speaks of; 0: of all
};
constexpr auto kKeywords = std::to_array<Keyword>({
    {"type", 0}, {"enum", 0}, {"const", 0}, {"anyOf", 0}, {"oneOf", 0}, {"allOf", 0}, {"$ref", 0}, {"nullable", 0},
    {"properties", kObject}, {"required", kObject}, {"additionalProperties", kObject}, {"patternProperties", kObject}, {"propertyNames", kObject},
    {"minProperties", kObject}, {"maxProperties", kObject}, {"unevaluatedProperties", kObject},
    {"items", kArray}, {"prefixItems", kArray}, {"additionalItems", kArray}, {"minItems", kArray}, {"maxItems", kArray}, {"uniqueItems", kArray},
    {"unevaluatedItems", kArray},
    {"minLength", kString}, {"maxLength", kString}, {"pattern", kString}, {"format", kString},
    {"minimum", kNumber}, {"maximum", kNumber}, {"exclusiveMinimum", kNumber}, {"exclusiveMaximum", kNumber}, {"multipleOf", kNumber},
    {"strict", 0}, {"discriminator", 0},
});

std::string pointer(const std::string& at, std::string_view name) {
  std::string out = at + "/";
  for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

unsigned type_bit(const std::string& name) {
  constexpr std::pair<std::string_view, unsigned> kNames[] = {{"null", kNull}, {"boolean", kBool}, {"integer", kInteger}, {"number", kNumber},
                                                              {"string", kString}, {"array", kArray}, {"object", kObject}};
  for (const auto& [type, bit] : kNames)
    if (type == name) return bit;
  return 0;
}

unsigned type_of_value(const Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_bool()) return kBool;
  if (value.is_number()) return value.is_int() || value.as_double() == static_cast<double>(static_cast<int64_t>(std::clamp(value.as_double(), -9e15, 9e15))) ? kInteger : kNumber;
  return value.is_string() ? kString : value.is_array() ? kArray : kObject;
}

class SchemaReader {
 public:
  explicit SchemaReader(const Json& root) : root_(root), parts_(rules_) {}

  Result<GrammarRules> read_all() {
    const int32_t root = rules_.add_rule("#");
    by_reference_["#"] = root;
    LATHE_TRY(const ExprId body, read(root_, "", 0));
    rules_.define(root, body);
    rules_.root = root;
    return std::move(rules_);
  }

 private:
  // at: the JSON pointer of the schema, for errors.
  Result<ExprId> read(const Json& schema, const std::string& at, int32_t depth) {
    if (depth > kMaxGrammarNesting) return error_at(at, -1, "the schema nests more than ", kMaxGrammarNesting, " levels");
    if (++schemas_ > kMaxSchemas) return error_at(at, -1, "the schema stands for more than ", kMaxSchemas, " schemas");
    LATHE_TRY_STATUS(rules_.within_bounds());
    if (schema.is_bool()) return schema.as_bool() ? parts_.value() : rules_.never();
    if (!schema.is_object()) return error_at(at, -1, "a schema must be an object or a bool, not ", schema.type_name());
    bool has_more = false;
    for (const auto& [key, value] : schema.as_object()) {
      if (is_annotation(key)) continue;
      const auto known = std::find_if(kKeywords.begin(), kKeywords.end(), [&key = key](const Keyword& k) { return k.name == key; });
      if (known == kKeywords.end()) return error_at(pointer(at, key), -1, "the keyword ", key, " is not supported");
      has_more |= key != "$ref" && key != "strict" && key != "discriminator";
    }
    if (schema.contains("$ref")) {
      if (!has_more) return read_reference(schema.at("$ref"), at, depth);
      LATHE_TRY(const Json whole, without_reference(root_, schema, at));
      return read(whole, at, depth + 1);
    }
    if (const Json* all = schema.find("allOf")) return read_all_of(schema, *all, at, depth);
    if (schema.contains("anyOf")) return read_any_of(schema, "anyOf", at, depth);
    if (schema.contains("oneOf")) return read_any_of(schema, "oneOf", at, depth);
    LATHE_TRY(unsigned types, types_of(schema, at));
    if (schema.contains("const") || schema.contains("enum")) return read_values(schema, types, at);
    return read_types(schema, types, at, depth);
  }

  Result<ExprId> read_reference(const Json& reference, const std::string& at, int32_t depth) {
    if (!reference.is_string()) return error_at(at + "/$ref", -1, "must be a text");
    const std::string& name = reference.as_string();
    if (const auto it = by_reference_.find(name); it != by_reference_.end()) return rules_.call(it->second);
    LATHE_TRY(const Json* target, resolve_reference(root_, name, at));
    const int32_t rule = rules_.add_rule(name);
    by_reference_[name] = rule;
    LATHE_TRY(const ExprId body, read(*target, name.substr(1), depth + 1));
    rules_.define(rule, body);
    return rules_.call(rule);
  }

  static Json without(const Json& schema, std::string_view key) {
    Json out = Json::object();
    for (const auto& [name, value] : schema.as_object())
      if (name != key) out[name] = value;
    return out;
  }

  static bool says_nothing(const Json& schema) {
    return std::all_of(schema.as_object().begin(), schema.as_object().end(), [](const Json::Member& m) { return is_annotation(m.first); });
  }

  Result<ExprId> read_all_of(const Json& schema, const Json& all, const std::string& at, int32_t depth) {
    if (!all.is_array() || all.size() == 0) return error_at(at + "/allOf", -1, "must be an array of schemas");
    Json merged = without(schema, "allOf");
    if (all.size() == 1 && says_nothing(merged)) return read(all.at(size_t{0}), at + "/allOf/0", depth + 1);
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string place = at + "/allOf/" + std::to_string(i);
      LATHE_TRY(const Json inner, inner_schema(root_, all.at(i), place));
      LATHE_TRY(merged, merge_schemas(root_, merged, inner, place));
      // Each merging goes through all properties.
      const Json* properties = merged.find("properties");
      schemas_ += properties != nullptr && properties->is_object() ? 1 + static_cast<int64_t>(properties->size()) : 1;
      if (schemas_ > kMaxSchemas) return error_at(place, -1, "the schema stands for more than ", kMaxSchemas, " schemas");
    }
    return read(merged, at, depth + 1);
  }

  Result<ExprId> read_any_of(const Json& schema, const std::string& key, const std::string& at, int32_t depth) {
    const Json& list = schema.at(key);
    const std::string place = pointer(at, key);
    if (!list.is_array() || list.size() == 0) return error_at(place, -1, "must be an array of schemas");
    if (key == "oneOf") LATHE_TRY_STATUS(check_apart(list, place));
    const Json base = without(schema, key);
    const bool alone = says_nothing(base);
    std::vector<ExprId> alternatives;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string own = place + "/" + std::to_string(i);
      Json merged = list.at(i);
      if (!alone) {
        LATHE_TRY(const Json inner, inner_schema(root_, list.at(i), own));
        LATHE_TRY(merged, merge_schemas(root_, base, inner, own));
      }
      LATHE_TRY(const ExprId alternative, read(merged, own, depth + 1));
      alternatives.push_back(alternative);
    }
    return rules_.choice(std::move(alternatives));
  }

  // oneOf asks that no second alternative holds: known when types, constants or a required constant property tell them apart.
  Status check_apart(const Json& list, const std::string& place) {
    std::vector<Json> whole;
    for (size_t i = 0; i < list.size(); ++i) {
      LATHE_TRY(Json schema, without_reference(root_, list.at(i), place + "/" + std::to_string(i)));
      whole.push_back(std::move(schema));
    }
    if (whole.size() > 64) return error_at(place, -1, "more than 64 alternatives; use anyOf");
    for (size_t i = 0; i < whole.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (!are_apart(whole[i], whole[j], 0))
          return error_at(place + "/" + std::to_string(i), -1, "may hold together with alternative ", j,
                          ", which oneOf forbids; use anyOf, or tell them apart by type or by a required property with a constant");
    return {};
  }

  static std::optional<Json::Array> constants(const Json& schema) {
    if (const Json* value = schema.find("const")) return Json::Array{*value};
    if (const Json* values = schema.find("enum"); values != nullptr && values->is_array()) return values->as_array();
    return std::nullopt;
  }

  // Types (integers as numbers) that instances may have.
  unsigned possible_types(const Json& schema) {
    unsigned types = 0;
    if (const auto values = constants(schema)) {
      for (const Json& value : *values) types |= type_of_value(value);
    } else {
      const auto declared = types_of(schema, "", false);
      types = declared.ok() ? declared.value() : unsigned{kEvery};
    }
    return (types & kInteger) ? (types & ~kInteger) | kNumber : types;
  }

  bool are_apart(const Json& a, const Json& b, int depth) {
    if (!a.is_object() || !b.is_object() || depth > 3) return (a.is_bool() && !a.as_bool()) || (b.is_bool() && !b.as_bool());
    if ((possible_types(a) & possible_types(b)) == 0) return true;
    const auto of_a = constants(a), of_b = constants(b);
    if (of_a && of_b)
      return std::none_of(of_a->begin(), of_a->end(), [&](const Json& x) { return std::any_of(of_b->begin(), of_b->end(), [&](const Json& y) { return equal_values(x, y); }); });
    if ((possible_types(a) & possible_types(b)) != kObject) return false;
    const Json *in_a = a.find("properties"), *in_b = b.find("properties"), *required_a = a.find("required"), *required_b = b.find("required");
    if (!in_a || !in_b || !required_a || !required_b || !in_a->is_object() || !in_b->is_object() || !required_a->is_array() || !required_b->is_array()) return false;
    for (const auto& [name, schema] : in_a->as_object()) {
      const auto asks = [&name = name](const Json& list) { return std::find(list.as_array().begin(), list.as_array().end(), Json(name)) != list.as_array().end(); };
      const Json* other = in_b->find(name);
      if (other == nullptr || !asks(*required_a) || !asks(*required_b)) continue;
      const auto x = without_reference(root_, schema, ""), y = without_reference(root_, *other, "");
      if (x.ok() && y.ok() && are_apart(x.value(), y.value(), depth + 1)) return true;
    }
    return false;
  }

  static bool equal_values(const Json& a, const Json& b) {
    if (a.is_number() && b.is_number()) return a == b || a.as_double() == b.as_double();
    if (a.is_array() && b.is_array()) return std::equal(a.as_array().begin(), a.as_array().end(), b.as_array().begin(), b.as_array().end(), equal_values);
    if (!a.is_object() || !b.is_object()) return a == b;
    return a.size() == b.size() && std::all_of(a.as_object().begin(), a.as_object().end(), [&](const Json::Member& member) {
             const Json* other = b.find(member.first);
             return other != nullptr && equal_values(member.second, *other);
           });
  }

  // implied: without "type", the types its keywords speak of, all when there is none.
  Result<unsigned> types_of(const Json& schema, const std::string& at, bool implied = true) {
    unsigned types = 0;
    if (const Json* type = schema.find("type")) {
      Json::Array names = type->is_array() ? type->as_array() : Json::Array{*type};
      for (const Json& name : names) {
        const unsigned bit = name.is_string() ? type_bit(name.as_string()) : 0;
        if (bit == 0) return error_at(at + "/type", -1, "must be null, boolean, integer, number, string, array, object or a list of them");
        types |= bit;
      }
    } else {
      if (implied)
        for (const auto& [key, value] : schema.as_object())
          for (const Keyword& keyword : kKeywords)
            if (keyword.name == key) types |= keyword.type;
      if (types == 0) types = kEvery;
    }
    if (const Json* nullable = schema.find("nullable"); nullable != nullptr && nullable->is_bool() && nullable->as_bool()) types |= kNull;
    return types;
  }

  Result<ExprId> read_values(const Json& schema, unsigned types, const std::string& at) {
    const std::string key = schema.contains("enum") ? "enum" : "const";
    if (key == "enum" && !schema.at("enum").is_array()) return error_at(at + "/enum", -1, "must be an array");
    for (const auto& [name, value] : schema.as_object())
      if (!is_annotation(name) && name != "enum" && name != "const" && name != "type" && name != "nullable" && name != "strict")
        return error_at(pointer(at, name), -1, "is not supported beside ", key);
    if (!schema.contains("type")) types = kEvery | kInteger;
    if (types & kNumber) types |= kInteger;
    std::vector<std::string> texts;
    std::vector<ExprId> choices;
    const Json::Array values = key == "enum" ? schema.at("enum").as_array() : Json::Array{schema.at("const")};
    for (const Json& value : values)
      if ((types & type_of_value(value)) != 0 && (key == "const" || !schema.contains("const") || equal_values(value, schema.at("const"))))
        value.is_array() || value.is_object() ? choices.push_back(parts_.constant(value)) : texts.push_back(value.dump());
    if (!texts.empty()) choices.push_back(rules_.one_of(texts));
    return rules_.choice(std::move(choices));
  }

  Result<ExprId> read_types(const Json& schema, unsigned types, const std::string& at, int32_t depth) {
    if (types == kEvery && says_nothing(without(without(schema, "type"), "nullable"))) return parts_.value();
    std::vector<ExprId> choices;
    if (types & kNull) choices.push_back(rules_.literal("null"));
    if (types & kBool) choices.push_back(rules_.choice({rules_.literal("true"), rules_.literal("false")}));
    if (types & (kNumber | kInteger)) {
      LATHE_TRY(const ExprId number, read_number(schema, (types & kNumber) == 0, at));
      choices.push_back(number);
    }
    if (types & kString) {
      LATHE_TRY(const ExprId text, read_string(schema, at));
      choices.push_back(text);
    }
    if (types & kArray) {
      LATHE_TRY(const ExprId array, read_array(schema, at, depth));
      choices.push_back(array);
    }
    if (types & kObject) {
      LATHE_TRY(const ExprId object, read_object(schema, at, depth));
      choices.push_back(object);
    }
    return rules_.choice(std::move(choices));
  }

  Result<ExprId> read_number(const Json& schema, bool is_integer, const std::string& at) {
    std::optional<NumberBound> min, max;
    if (const Json* step = schema.find("multipleOf"); step != nullptr && !(is_integer && step->is_number() && step->as_double() == 1))
      return error_at(at + "/multipleOf", -1, "is not supported");
    for (const bool low : {true, false}) {
      std::optional<NumberBound>& bound = low ? min : max;
      const char *plain = low ? "minimum" : "maximum", *exclusive = low ? "exclusiveMinimum" : "exclusiveMaximum";
      if (const Json* value = schema.find(plain)) {
        if (!value->is_number()) return error_at(pointer(at, plain), -1, "must be a number");
        bound = NumberBound{value->as_double(), false};
      }
      const Json* value = schema.find(exclusive);
      if (value == nullptr) continue;
      if (value->is_bool()) {  // draft 4
        if (value->as_bool() && bound) bound->is_exclusive = true;
      } else if (!value->is_number()) {
        return error_at(pointer(at, exclusive), -1, "must be a number");
      } else if (!bound || (low ? value->as_double() >= bound->value : value->as_double() <= bound->value)) {
        bound = NumberBound{value->as_double(), true};
      }
    }
    if (!min && !max) return is_integer ? parts_.integer() : parts_.number();
    auto range = is_integer ? add_integer_range(rules_, min, max) : add_decimal_range(rules_, min, max);
    if (!range.ok()) return error_at(at + (min ? schema.contains("minimum") ? "/minimum" : "/exclusiveMinimum" : schema.contains("maximum") ? "/maximum" : "/exclusiveMaximum"),
                                     -1, range.error().message);
    return range;
  }

  Result<std::optional<int64_t>> count(const Json& schema, const char* key, const std::string& at) {
    const Json* value = schema.find(key);
    if (value == nullptr) return std::optional<int64_t>();
    if (!value->is_number() || value->as_double() < 0 || value->as_double() != static_cast<double>(static_cast<int64_t>(std::min(value->as_double(), 9e15))))
      return error_at(pointer(at, key), -1, "must be a whole number of 0 or more");
    return std::optional<int64_t>(value->as_int());
  }

  struct Counts {
    int64_t min = 0, max = -1;
  };
  Result<Counts> counts(const Json& schema, const char* min_key, const char* max_key, const std::string& at) {
    LATHE_TRY(const std::optional<int64_t> min, count(schema, min_key, at));
    LATHE_TRY(const std::optional<int64_t> max, count(schema, max_key, at));
    Counts out{min.value_or(0), max.value_or(-1)};
    if (out.min > kMaxRepetition) return error_at(pointer(at, min_key), -1, "more than ", kMaxRepetition, " is not supported");
    if (out.max > kMaxRepetition) return error_at(pointer(at, max_key), -1, "more than ", kMaxRepetition, " is not supported");
    return out;
  }

  Result<ExprId> read_string(const Json& schema, const std::string& at) {
    LATHE_TRY(const Counts length, counts(schema, "minLength", "maxLength", at));
    if (length.max >= 0 && length.max < length.min) return rules_.never();
    const Json *pattern = schema.find("pattern"), *format = schema.find("format");
    if (pattern != nullptr && !pattern->is_string()) return error_at(at + "/pattern", -1, "must be a text");
    if (format != nullptr && !format->is_string()) return error_at(at + "/format", -1, "must be a text");
    if (pattern != nullptr && format != nullptr) return error_at(at + "/format", -1, "is not supported beside pattern");
    if (pattern == nullptr && format == nullptr) return parts_.text(length.min, length.max);
    const char* key = pattern != nullptr ? "pattern" : "format";
    std::string regex = pattern != nullptr ? pattern->as_string() : "";
    if (format != nullptr) {
      const char* known = format_pattern(format->as_string());
      if (known == nullptr) return error_at(at + "/format", -1, "the format ", format->as_string(), " is not supported (", known_formats(), " are)");
      regex = known;
    }
    const bool search = pattern != nullptr;
    if (length.min > 0 || length.max >= 0) LATHE_TRY_STATUS(check_lengths(regex, search, length, at, key));
    auto body = add_regex(rules_, regex, {search, true});
    if (!body.ok()) return error_at(pointer(at, key), -1, body.error().message, " (at byte ", body.error().offset, " of the pattern)");
    return rules_.sequence({rules_.literal("\""), body.value(), rules_.literal("\"")});
  }

  // A pattern beside lengths is supported where its own texts keep them.
  static Status check_lengths(const std::string& regex, bool search, const Counts& length, const std::string& at, const char* key) {
    GrammarRules plain;
    const auto body = add_regex(plain, regex, {search, false});
    if (!body.ok()) return error_at(pointer(at, key), -1, body.error().message, " (at byte ", body.error().offset, " of the pattern)");
    const TextLengths own = text_lengths(plain, body.value());
    if (own.min < length.min) return error_at(at + "/minLength", -1, "is supported beside ", key, " only where every text of it is that long");
    if (length.max >= 0 && (own.max < 0 || own.max > length.max))
      return error_at(at + "/maxLength", -1, "is supported beside ", key, " only where no text of it is longer");
    return {};
  }

  Result<ExprId> read_array(const Json& schema, const std::string& at, int32_t depth) {
    LATHE_TRY(const Counts length, counts(schema, "minItems", "maxItems", at));
    if (const Json* unique = schema.find("uniqueItems"); unique != nullptr && (!unique->is_bool() || unique->as_bool()) && (length.max < 0 || length.max > 1))
      return error_at(at + "/uniqueItems", -1, "is not supported");
    const Json *items = schema.find("items"), *prefix = schema.find("prefixItems");
    std::string rest_key = "items";
    if (items != nullptr && items->is_array() && prefix == nullptr) prefix = items, items = schema.find("additionalItems"), rest_key = "additionalItems";
    if (schema.contains("unevaluatedItems") && (!schema.at("unevaluatedItems").is_bool() || items != nullptr))
      return error_at(at + "/unevaluatedItems", -1, "is not supported");
    if (prefix != nullptr && !prefix->is_array()) return error_at(at + "/prefixItems", -1, "must be an array of schemas");
    std::vector<ExprId> first;
    for (size_t i = 0; prefix != nullptr && i < prefix->size(); ++i) {
      LATHE_TRY(const ExprId item, read(prefix->at(i), at + (prefix == schema.find("items") ? "/items/" : "/prefixItems/") + std::to_string(i), depth + 1));
      first.push_back(own_rule(item));
    }
    // After listed items come others only where they are described.
    ExprId rest = rules_.never();
    if (items != nullptr) {
      LATHE_TRY(const ExprId read_rest, read(*items, pointer(at, rest_key), depth + 1));
      rest = read_rest;
    } else if (first.empty()) {
      rest = parts_.value();
    }
    if (length.max >= 0 && length.max < length.min) return rules_.never();
    return parts_.array(first, own_rule(rest), length.min, length.max);
  }

  // Parts that stand in several places are made once.
  ExprId own_rule(ExprId body) {
    if (rules_.expr(body).kind == Expr::Kind::kCall || rules_.expr(body).cost < 8) return body;
    const int32_t rule = rules_.add_rule("(part)");
    rules_.define(rule, body);
    return rules_.call(rule);
  }

  Result<ExprId> read_object(const Json& schema, const std::string& at, int32_t depth) {
    LATHE_TRY(const Counts size, counts(schema, "minProperties", "maxProperties", at));
    const Json *declared = schema.find("properties"), *required = schema.find("required"), *more = schema.find("additionalProperties"),
               *patterns = schema.find("patternProperties"), *names = schema.find("propertyNames");
    if (declared != nullptr && !declared->is_object()) return error_at(at + "/properties", -1, "must be an object");
    if (schema.contains("unevaluatedProperties")) {
      if (!schema.at("unevaluatedProperties").is_bool() || more != nullptr) return error_at(at + "/unevaluatedProperties", -1, "is not supported");
      more = &schema.at("unevaluatedProperties");
    }
    if (names != nullptr && (declared != nullptr || patterns != nullptr))
      return error_at(at + "/propertyNames", -1, "is not supported beside properties or patternProperties");

    std::set<std::string> needed;
    if (required != nullptr) {
      if (!required->is_array()) return error_at(at + "/required", -1, "must be an array of names");
      for (const Json& name : required->as_array()) {
        if (!name.is_string()) return error_at(at + "/required", -1, "must be an array of names");
        needed.insert(name.as_string());
      }
    }
    if (names != nullptr && !needed.empty()) return error_at(at + "/propertyNames", -1, "is not supported beside required");
    std::vector<JsonProperty> properties;
    std::vector<std::string> known;
    const auto add = [&](const std::string& name, const Json& value, const std::string& place) -> Status {
      LATHE_TRY(const ExprId body, read(value, place, depth + 1));
      known.push_back(name);
      if (value.is_bool() && !value.as_bool() && !needed.contains(name)) return {};
      properties.push_back({rules_.sequence({rules_.literal(Json(name).dump()), parts_.colon(), own_rule(body)}), needed.contains(name)});
      return {};
    };
    if (declared != nullptr)
      for (const auto& [name, value] : declared->as_object()) LATHE_TRY_STATUS(add(name, value, pointer(at + "/properties", name)));
    for (const std::string& name : needed)  // what is required and not described is of the kind of the others
      if (declared == nullptr || !declared->contains(name)) LATHE_TRY_STATUS(add(name, more != nullptr ? *more : Json(true), at + "/additionalProperties"));

    std::optional<ExprId> extra;
    if (patterns != nullptr && patterns->is_object() && patterns->size() > 0) {
      LATHE_TRY(extra, read_pattern(*patterns, known, more, at, depth));
    } else if (patterns != nullptr && !patterns->is_object()) {
      return error_at(at + "/patternProperties", -1, "must be an object");
    } else if (more != nullptr ? !more->is_bool() || more->as_bool() : declared == nullptr) {
      ExprId value = parts_.value();
      if (more != nullptr) {
        LATHE_TRY(value, read(*more, at + "/additionalProperties", depth + 1));
      }
      ExprId key = parts_.key_beside(known);
      if (names != nullptr) {
        LATHE_TRY(const Json text, merge_schemas(root_, *names, Json(Json::Object{{"type", "string"}}), at + "/propertyNames"));
        LATHE_TRY(key, read(text, at + "/propertyNames", depth + 1));
      }
      extra = rules_.sequence({key, parts_.colon(), own_rule(value)});
    } else if (names != nullptr) {
      return error_at(at + "/propertyNames", -1, "is not supported where additionalProperties is false");
    }
    return close_object(properties, extra, size, at);
  }

  Result<ExprId> read_pattern(const Json& patterns, const std::vector<std::string>& known, const Json* more, const std::string& at, int32_t depth) {
    const std::string place = at + "/patternProperties";
    if (patterns.size() > 1) return error_at(place, -1, "more than one pattern is not supported");
    if (more != nullptr && (!more->is_bool() || more->as_bool()))
      return error_at(at + "/additionalProperties", -1, "is supported beside patternProperties only where it is false");
    const auto& [pattern, schema] = patterns.as_object()[0];
    const auto key = add_regex(rules_, pattern, {true, true});
    if (!key.ok()) return error_at(pointer(place, pattern), -1, key.error().message);
    for (const std::string& name : known) {
      LATHE_TRY(const bool matches, regex_finds(pattern, name));
      if (matches) return error_at(pointer(place, pattern), -1, "the pattern also matches the property ", name, ", which is not supported");
    }
    LATHE_TRY(const ExprId value, read(schema, pointer(place, pattern), depth + 1));
    return rules_.sequence({rules_.literal("\""), key.value(), rules_.literal("\""), parts_.colon(), own_rule(value)});
  }

  Result<ExprId> close_object(const std::vector<JsonProperty>& properties, std::optional<ExprId> extra, const Counts& size, const std::string& at) {
    const auto needed = static_cast<int64_t>(std::count_if(properties.begin(), properties.end(), [](const JsonProperty& p) { return p.is_required; }));
    const auto declared = static_cast<int64_t>(properties.size());
    if (size.max >= 0 && size.max < std::max(size.min, needed)) return rules_.never();
    // Keys may come twice among those that are not declared, so that they only count as one.
    const int64_t least = std::max<int64_t>(size.min, 0);
    if (least > std::max<int64_t>(needed, 1)) return error_at(at + "/minProperties", -1, "more than the required properties (and 1) is not supported");
    int64_t extra_max = -1;
    if (size.max >= 0 && (extra || size.max < declared)) {
      if (declared > needed) return error_at(at + "/maxProperties", -1, "is not supported beside optional properties");
      extra_max = size.max - declared;
    }
    return parts_.object(properties, extra, least > needed, extra_max);
  }

  const Json& root_;
  GrammarRules rules_;
  JsonParts parts_;
  std::map<std::string, int32_t> by_reference_;
  int64_t schemas_ = 0;
};

}  // namespace

Result<GrammarRules> rules_of_json_schema(const Json& schema) { return SchemaReader(schema).read_all(); }

}  // namespace lathe::infer
