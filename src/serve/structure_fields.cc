#include "serve/structure_fields.h"

#include "core/text.h"

namespace lathe::serve {
namespace {

constexpr int64_t kMaxPattern = 65536, kMaxChoices = 1000, kMaxChoice = 4096;

Wrong begin(Structure& structure, Structure::Kind kind, const std::string& place) {
  if (structure.kind != Structure::Kind::kNone) return wrong_at(place, "cannot be combined with " + structure.place);
  structure.kind = kind;
  structure.place = place;
  return {};
}

// A schema, or the text of one.
Wrong read_schema(const Json& value, const std::string& place, Structure& structure) {
  if (Wrong wrong = begin(structure, Structure::Kind::kSchema, place)) return wrong;
  structure.schema = value;
  if (value.is_string()) {
    JsonLimits limits;
    limits.max_depth = kMaxBodyDepth;
    limits.allow_comments = limits.allow_bare_words = false;
    Result<Json> parsed = parse_json(value.as_string(), "", limits);
    if (!parsed.ok()) return wrong_at(place, "is not JSON: " + parsed.error().to_string());
    structure.schema = std::move(parsed).value();
  }
  if (!structure.schema.is_object() && !structure.schema.is_bool()) return wrong_at(place, "must be a JSON Schema, an object");
  return {};
}

Wrong read_pattern(const Json& value, const std::string& place, Structure::Kind kind, Structure& structure) {
  if (Wrong wrong = begin(structure, kind, place)) return wrong;
  return read_text(value, place, 1, kMaxPattern, structure.text);
}

Wrong read_choices(const Json& value, const std::string& place, Structure& structure) {
  if (Wrong wrong = begin(structure, Structure::Kind::kChoice, place)) return wrong;
  if (!value.is_array() || value.size() == 0) return wrong_at(place, "must be a list of texts, one at least");
  if (static_cast<int64_t>(value.size()) > kMaxChoices) return wrong_at(place, join_text("must have at most ", kMaxChoices, " entries, not ", value.size()));
  for (size_t i = 0; i < value.size(); ++i)
    if (Wrong wrong = read_text(value.at(i), join_text(place, "[", i, "]"), 1, kMaxChoice, structure.choices.emplace_back())) return wrong;
  return {};
}

Wrong read_structured_outputs(const Json& value, const std::string& place, Structure& structure) {
  if (!value.is_object()) return wrong_at(place, "must be an object with json, regex, choice or grammar");
  for (const Json::Member& member : value.as_object()) {
    if (member.second.is_null()) continue;
    const std::string at = place + "." + member.first;
    Wrong wrong;
    if (member.first == "json") wrong = read_schema(member.second, at, structure);
    else if (member.first == "regex") wrong = read_pattern(member.second, at, Structure::Kind::kRegex, structure);
    else if (member.first == "choice") wrong = read_choices(member.second, at, structure);
    else if (member.first == "grammar") wrong = read_pattern(member.second, at, Structure::Kind::kGrammar, structure);
    else wrong = wrong_at(place, "must be an object with json, regex, choice or grammar");
    if (wrong) return wrong;
  }
  return {};
}

Wrong read_response_format(const Json& value, const std::string& place, Structure& structure) {
  const Json* type = value.find("type");
  if (!type || !type->is_string()) return wrong_at(place, "must be an object with a type");
  if (type->as_string() == "text") return {};
  if (type->as_string() == "json_object") return begin(structure, Structure::Kind::kAnyObject, place);
  if (type->as_string() != "json_schema") return wrong_at(place + ".type", "must be text, json_object or json_schema");
  const Json* outer = value.find("json_schema");
  const Json* schema = outer ? outer->find("schema") : nullptr;
  if (!schema || !schema->is_object()) return wrong_at(place + ".json_schema.schema", "is required, an object");
  return read_schema(*schema, place + ".json_schema.schema", structure);
}

Json choices_schema() { return list_schema(text_schema(1, kMaxChoice), 1, kMaxChoices); }
Json schema_schema() { return schema_of(R"({"anyOf": [{"type": "object"}, {"type": "boolean"}, {"type": "string", "contentMediaType": "application/json"}]})"); }

}  // namespace

void add_structure_fields(BodyTable& table, Structure& structure) {
  Structure* field = &structure;
  const auto pattern = [field](Structure::Kind kind) {
    return [field, kind](const Json& value, const std::string& place) { return read_pattern(value, place, kind, *field); };
  };
  table.other("response_format", schema_of(R"({"anyOf": [
      {"type": "object", "required": ["type"], "properties": {"type": {"enum": ["text", "json_object"]}}},
      {"type": "object", "required": ["type", "json_schema"], "properties": {"type": {"const": "json_schema"}, "json_schema":
        {"type": "object", "required": ["schema"], "properties": {"name": {"type": "string"}, "schema": {"type": "object"}}}}}]})"),
              [field](const Json& value, const std::string& place) { return read_response_format(value, place, *field); },
              "What the answer has to be: text, any JSON object, or JSON that a schema describes.");
  table.other("guided_json", schema_schema(),
              [field](const Json& value, const std::string& place) { return read_schema(value, place, *field); }, "The answer is JSON that this schema describes.");
  table.other("guided_regex", text_schema(1, kMaxPattern), pattern(Structure::Kind::kRegex), "The whole answer matches this regular expression.");
  table.other("guided_choice", choices_schema(),
              [field](const Json& value, const std::string& place) { return read_choices(value, place, *field); }, "The answer is one of these texts.");
  table.other("guided_grammar", text_schema(1, kMaxPattern), pattern(Structure::Kind::kGrammar), "The answer belongs to this grammar, in GBNF.");
  Json outputs = schema_of(R"({"type": "object", "properties": {}, "additionalProperties": false, "maxProperties": 1})");
  outputs["properties"]["json"] = schema_schema();
  outputs["properties"]["regex"] = text_schema(1, kMaxPattern);
  outputs["properties"]["choice"] = choices_schema();
  outputs["properties"]["grammar"] = text_schema(1, kMaxPattern);
  table.other("structured_outputs", std::move(outputs),
              [field](const Json& value, const std::string& place) { return read_structured_outputs(value, place, *field); },
              "guided_json, guided_regex, guided_choice or guided_grammar under vLLM's later names.");
}

}  // namespace lathe::serve
