// GET /v1/models and /v1/models/{id}.
#include <utility>

#include "serve/answer_schemas.h"
#include "serve/api_endpoint.h"

namespace lathe::serve {
namespace {

constexpr std::string_view kModelPath = "/v1/models/";

// An extension of OpenAI's object: what a loaded model is made of; an adapter tells of the model it rests on.
Json lathe_json(const std::string& place, const PoolState& state) {
  Json json = Json::object();
  for (const PoolState::Model& model : state.models)
    if (model.name == place) {
      json["loaded"] = true;
      json["device"] = model.device;
      if (model.about.is_object())
        for (const auto& [key, value] : model.about.as_object()) json[key] = value;
      return json;
    }
  json["loaded"] = false;
  return json;
}

Json model_json(const ModelEntry& entry, const PoolState& state) {
  Json json = Json::object();
  json["id"] = entry.name;
  json["object"] = "model";
  json["created"] = entry.created;
  json["owned_by"] = "lathe";
  json["root"] = entry.base.empty() ? entry.name : entry.base;
  json["parent"] = entry.base.empty() ? Json() : Json(entry.base);
  json["lathe"] = lathe_json(entry.base.empty() ? entry.name : entry.base, state);
  return json;
}

void list(ApiContext& context, const ApiCall& call) {
  Json data = Json::array();
  const PoolState state = context.pool.state();
  for (const ModelEntry& entry : context.pool.entries()) data.push_back(model_json(entry, state));
  Json json = Json::object();
  json["object"] = "list";
  json["data"] = std::move(data);
  call.reply->respond(json);
}

void show(ApiContext& context, const ApiCall& call) {
  const std::string name = call.path.substr(kModelPath.size());
  for (const ModelEntry& entry : context.pool.entries())
    if (entry.name == name) return call.reply->respond(model_json(entry, context.pool.state()));
  call.reply->fail(model_unknown(name));
}

}  // namespace

std::vector<Endpoint> model_endpoints() {
  return {{"GET", "/v1/models", "The models that requests can name", Json(), models_answer_schema(), false, false, list},
          {"GET", "/v1/models/{id}", "One model", Json(), model_answer_schema(), false, false, show}};
}

}  // namespace lathe::serve
