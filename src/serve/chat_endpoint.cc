// POST /v1/chat/completions.
#include <utility>

#include "serve/answer_schemas.h"
#include "serve/api_bodies.h"
#include "serve/api_endpoint.h"
#include "serve/chat_answer.h"
#include "serve/generation_setup.h"

namespace lathe::serve {
namespace {

// A call that must come: the answer is the JSON of one.
Wrong force_call(const ChatBody& body, const ServedModel& model, infer::Request& request) {
  if (request.grammar) return wrong_at("tool_choice", "a forced call cannot be combined with " + body.structure.place);
  Result<Json> schema = infer::ChatFormat::call_schema(body.tools, body.tool_name);
  if (!schema.ok()) return wrong_at("tools", schema.error().to_string());
  Result<std::shared_ptr<const infer::Grammar>> grammar = model.grammars->json_schema(schema.value());
  if (!grammar.ok()) return wrong_at("tools", grammar.error().to_string());
  request.grammar = std::move(grammar).value();
  return {};
}

void answer(ApiContext& context, const ChatBody& body, const FoundModel& found, const ApiCall& call) {
  const ServedModel& model = *found.target.model;
  const auto refuse = [&](const ApiFault& fault) { call.reply->fail(fault); };
  if (!model.format) return refuse(*wrong_at("model", "is a base model without a chat format; use /v1/completions"));
  using Choice = ChatBody::ToolChoice;
  const bool may_call = *body.tool_choice != Choice::kNone, must_call = *body.tool_choice == Choice::kRequired || *body.tool_choice == Choice::kNamed;
  std::vector<infer::ToolDefinition> tools = may_call ? body.tools : std::vector<infer::ToolDefinition>();
  Result<infer::ChatPrompt> prompt = model.format->prompt(body.turns, tools, body.continue_final_message);
  if (!prompt.ok()) return refuse(*wrong_at("messages", prompt.error().to_string()));
  infer::Request request;
  request.prompt = std::move(prompt.value().ids);
  request.stop_ids = std::move(prompt.value().stop_ids);
  request.client = call.client;
  if (body.log_probs) request.top_log_probs = body.top_log_probs;
  if (Wrong wrong = set_up(body, found.target, context.draw_seed(), request)) return refuse(*wrong);
  if (must_call)
    if (Wrong wrong = force_call(body, model, request)) return refuse(*wrong);
  if (Wrong wrong = check_request(request, found.target, "messages")) return refuse(*wrong);

  ChatAnswer::Options options{found.name, found.target, call.reply, body.stream, body.include_usage && body.stream, body.log_probs, body.n,
                              request.sampling.seed, std::move(tools), must_call, TokenTimes(context.metrics.of(found.name))};
  submit(found.target, std::move(request), std::make_shared<ChatAnswer>(std::move(options)), *call.reply);
}

void chat(ApiContext& context, const ApiCall& call) {
  const auto body = std::make_shared<ChatBody>();
  if (Wrong wrong = read_body(call.body, *body)) return call.reply->fail(*wrong);
  with_model(context, body->model, call.reply, [&context, body, call](const FoundModel& found) { answer(context, *body, found, call); });
}

}  // namespace

std::vector<Endpoint> chat_endpoints() {
  return {{"POST", "/v1/chat/completions", "Go on with a conversation", body_schema<ChatBody>(), chat_answer_schema(), true, false, chat}};
}

}  // namespace lathe::serve
