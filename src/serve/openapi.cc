// The API described by its own tables.
#include <utility>

#include "core/check.h"
#include "serve/answer_schemas.h"
#include "serve/api_endpoint.h"

namespace lathe::serve {
namespace {

Json object_of(std::initializer_list<std::pair<const char*, Json>> members) {
  Json json = Json::object();
  for (const auto& member : members) json[member.first] = member.second;
  return json;
}

Json reference(const char* schema) { return object_of({{"$ref", std::string("#/components/schemas/") + schema}}); }

Json content_of(const char* type, Json schema) { return object_of({{type, object_of({{"schema", std::move(schema)}})}}); }

Json responses_of(const Endpoint& endpoint) {
  Json content = Json::object();
  if (endpoint.path == "/metrics")
    content["text/plain"] = Json::object();
  else if (endpoint.path == "/report")
    content["text/html"] = Json::object();
  else if (!endpoint.answer.is_null())
    content["application/json"] = object_of({{"schema", endpoint.answer}});
  if (endpoint.streams) content["text/event-stream"] = Json::object();
  const Json fault = content_of("application/json", reference(endpoint.origin_faults ? "Detail" : "Fault"));
  const auto faults = [&](const char* text) { return object_of({{"description", text}, {"content", fault}}); };
  Json responses = object_of({{"200", object_of({{"description", "The answer"}, {"content", std::move(content)}})}});
  const bool has_body = !endpoint.body.is_null(), takes_name = endpoint.path.ends_with('}');
  if (has_body) responses["400"] = faults("A field is wrong: the fault names it and its range");
  if (has_body && endpoint.origin_faults) responses["422"] = faults("The body is malformed");
  if (takes_name || (has_body && !endpoint.origin_faults)) responses["404"] = faults("The model is not served here");
  if (endpoint.path == "/health")
    responses["503"] = object_of({{"description", "The engine is dead or stuck"}, {"content", content_of("application/json", endpoint.answer)}});
  else if (has_body)
    responses["503"] = faults("Too many requests are waiting, the model is being loaded, or the engine is out of service");
  responses["default"] = object_of({{"description", "Refused before it was read: key, size, rate"}, {"content", content_of("application/json", Json::object())}});
  return responses;
}

Json operation_of(const Endpoint& endpoint) {
  Json operation = object_of({{"summary", endpoint.summary}});
  if (endpoint.path.ends_with("{id}"))
    operation["parameters"] = Json(Json::Array{object_of({{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", object_of({{"type", "string"}, {"minLength", 1}})}})});
  if (!endpoint.body.is_null())
    operation["requestBody"] = object_of({{"required", true}, {"content", content_of("application/json", endpoint.body)}});
  operation["responses"] = responses_of(endpoint);
  return operation;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

Json openapi_document(const std::vector<Endpoint>& endpoints) {
  Json paths = Json::object();
  for (const Endpoint& endpoint : endpoints) {
    Json& path = paths[endpoint.path];
    if (path.is_null()) path = Json::object();
    path[lower(endpoint.method)] = operation_of(endpoint);
  }
  Json schemas = object_of({{"Fault", fault_schema()}, {"Detail", origin_fault_schema()}});
  Json key = object_of({{"type", "http"}, {"scheme", "bearer"}, {"description", "Where the server was started with keys"}});
  Json document = Json::object();
  document["openapi"] = "3.1.0";
  document["info"] = object_of({{"title", "lathe"}, {"version", "1"}, {"description", "Chat, completions and embeddings of the models served here, in OpenAI's form."}});
  document["paths"] = std::move(paths);
  document["components"] = object_of({{"schemas", std::move(schemas)}, {"securitySchemes", object_of({{"key", std::move(key)}})}});
  document["security"] = Json(Json::Array{Json::object(), object_of({{"key", Json::array()}})});
  return document;
}

}  // namespace lathe::serve
