// POST /tokenize and /detokenize, in vLLM's form.
#include <utility>

#include "serve/answer_schemas.h"
#include "serve/api_bodies.h"
#include "serve/api_endpoint.h"
#include "serve/answer_json.h"
#include "serve/generation_setup.h"

namespace lathe::serve {
namespace {

Wrong ids_of(const TokenizeBody& body, const ServedModel& model, std::vector<int32_t>& ids) {
  if (body.prompt) return prompt_ids(*body.prompt, body.add_special_tokens.value_or(true), model, "prompt", ids);
  if (!model.format) return wrong_at("messages", "the model is a base model without a chat format");
  Result<infer::ChatPrompt> prompt = model.format->prompt(*body.turns, body.tools, body.continue_final_message);
  if (!prompt.ok()) return wrong_at("messages", prompt.error().to_string());
  ids = std::move(prompt.value().ids);
  return {};
}

void answer_tokenize(const TokenizeBody& body, const ServedModel& model, ApiReply& reply) {
  std::vector<int32_t> ids;
  if (Wrong wrong = ids_of(body, model, ids)) return reply.fail(*wrong);
  Json tokens = Json::array(), texts = Json::array();
  for (const int32_t id : ids) {
    tokens.push_back(int64_t{id});
    if (body.return_token_strs) texts.push_back(token_name(model.tokenizer, id));
  }
  Json json = Json::object();
  json["count"] = static_cast<int64_t>(ids.size());
  json["max_model_len"] = model.context_limit;
  json["tokens"] = std::move(tokens);
  json["token_strs"] = body.return_token_strs ? std::move(texts) : Json();
  reply.respond(json);
}

void answer_detokenize(const DetokenizeBody& body, const ServedModel& model, ApiReply& reply) {
  std::vector<int32_t> ids;
  if (Wrong wrong = prompt_ids(body.tokens, false, model, "tokens", ids)) return reply.fail(*wrong);
  Json json = Json::object();
  json["prompt"] = model.tokenizer.decode(ids);
  reply.respond(json);
}

template <class Body>
auto with_body(void (*answer)(const Body&, const ServedModel&, ApiReply&)) {
  return [answer](ApiContext& context, const ApiCall& call) {
    const auto body = std::make_shared<Body>();
    if (Wrong wrong = read_body(call.body, *body)) return call.reply->fail(*wrong);
    with_model(context, body->model, call.reply,
               [body, answer, reply = call.reply](const FoundModel& found) { answer(*body, *found.target.model, *reply); });
  };
}

}  // namespace

std::vector<Endpoint> token_endpoints() {
  return {{"POST", "/tokenize", "Token ids of a text or a conversation", body_schema<TokenizeBody>(), tokenize_answer_schema(), false, false,
           with_body(answer_tokenize)},
          {"POST", "/detokenize", "The text of token ids", body_schema<DetokenizeBody>(), detokenize_answer_schema(), false, false,
           with_body(answer_detokenize)}};
}

}  // namespace lathe::serve
