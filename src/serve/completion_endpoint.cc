// POST /v1/completions.
#include <utility>

#include "serve/answer_schemas.h"
#include "serve/api_bodies.h"
#include "serve/api_endpoint.h"
#include "serve/completion_answer.h"
#include "serve/generation_setup.h"

namespace lathe::serve {
namespace {

void answer(ApiContext& context, const CompletionBody& body, const FoundModel& found, const ApiCall& call) {
  const ServedModel& model = *found.target.model;
  infer::Request common;
  if (Wrong wrong = set_up(body, found.target, context.draw_seed(), common)) return call.reply->fail(*wrong);
  common.client = call.client;
  const bool prompt_only = *common.max_tokens == 0;
  if (prompt_only) common.max_tokens = 1;
  if (body.log_probs) {
    common.top_log_probs = *body.log_probs;
    common.prompt_log_probs = body.echo;
  }
  std::vector<CompletionAnswer::Prompt> prompts;
  for (size_t i = 0; i < body.prompts.size(); ++i) {
    const std::string place = prompt_place("prompt", i, body.prompts.size());
    CompletionAnswer::Prompt prompt{common, "", false};
    std::vector<int32_t>& ids = prompt.request.prompt;
    if (Wrong wrong = prompt_ids(body.prompts[i], body.add_special_tokens, model, place, ids)) return call.reply->fail(*wrong);
    if (Wrong wrong = check_request(prompt.request, found.target, place)) return call.reply->fail(*wrong);
    const std::string* text = std::get_if<std::string>(&body.prompts[i]);
    if (body.echo) prompt.text = text ? *text : model.tokenizer.decode(ids);
    prompt.added_first = text && body.add_special_tokens && model.tokenizer.find_bos().has_value();
    prompts.push_back(std::move(prompt));
  }
  CompletionAnswer::Options options{found.name, found.target, call.reply, body.stream, body.include_usage && body.stream, body.echo,
                                    body.log_probs.has_value(), prompt_only, common.sampling.seed, context.metrics.of(found.name)};
  std::make_shared<CompletionAnswer>(std::move(options), std::move(prompts))->start();
}

void complete(ApiContext& context, const ApiCall& call) {
  const auto body = std::make_shared<CompletionBody>();
  if (Wrong wrong = read_body(call.body, *body)) return call.reply->fail(*wrong);
  with_model(context, body->model, call.reply, [&context, body, call](const FoundModel& found) { answer(context, *body, found, call); });
}

}  // namespace

std::vector<Endpoint> completion_endpoints() {
  return {{"POST", "/v1/completions", "Go on with a text", body_schema<CompletionBody>(), completion_answer_schema(), true, false, complete}};
}

}  // namespace lathe::serve
