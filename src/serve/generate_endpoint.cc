// POST /generate of the lab's program (row L-10.3): one text in, one text out.
#include <utility>

#include "core/log.h"
#include "serve/answer_json.h"
#include "serve/answer_schemas.h"
#include "serve/api_bodies.h"
#include "serve/api_endpoint.h"
#include "serve/generation_setup.h"

namespace lathe::serve {
namespace {

class TextAnswer : public infer::RequestListener {
 public:
  TextAnswer(FoundModel found, std::shared_ptr<ApiReply> reply, TokenTimes times)
      : found_(std::move(found)), reply_(std::move(reply)), times_(std::move(times)) {}

  bool is_gone() const override { return reply_->is_gone(); }
  void refused() override { reply_->fail(queue_full()); }
  void delta(const infer::Delta& delta) override {
    times_.came(delta.index, delta.tokens.size());
    text_ += delta.text;
  }
  void finished(const infer::Finish& finish) override { finish_ = finish_word(finish.reason); }
  void done(const Status& status, const infer::Usage& usage) override {
    times_.done(usage);
    reply_->note(usage);
    if (!status.ok()) return reply_->fail(engine_fault(status));
    Json json = Json::object();
    json["text"] = std::move(text_);
    json["model"] = found_.name;
    json["finish_reason"] = finish_;
    json["usage"] = usage_json(usage);
    reply_->respond(json);
  }

 private:
  const FoundModel found_;
  const std::shared_ptr<ApiReply> reply_;
  TokenTimes times_;
  std::string text_, finish_ = "stop";
};

// The prompt in the form that was asked for, else in the model's own.
Wrong write_prompt(const GenerateBody& body, const ServedModel& model, infer::Request& request) {
  std::optional<infer::ChatFormat> format = model.format;
  if (body.chat_template && *body.chat_template == "none") format.reset();
  else if (body.chat_template && !body.chat_template->empty()) {
    Result<infer::ChatFormat> found = infer::ChatFormat::find(*body.chat_template, model.tokenizer);
    if (!found.ok()) return wrong_at("template", found.error().to_string());
    if (format && format->name() != *body.chat_template)
      log_warning("serve", "a request asks for template ", *body.chat_template, ", the model was trained with ", format->name());
    format = std::move(found).value();
  }
  if (!format) return prompt_ids(body.prompt, true, model, "prompt", request.prompt);
  const std::vector<infer::ChatTurn> turns = {{"user", body.prompt, {}, {}}};
  Result<infer::ChatPrompt> prompt = format->prompt(turns);
  if (!prompt.ok()) return wrong_at("prompt", prompt.error().to_string());
  request.prompt = std::move(prompt.value().ids);
  request.stop_ids = std::move(prompt.value().stop_ids);
  return {};
}

void answer(ApiContext& context, const GenerateBody& body, const FoundModel& found, const ApiCall& call) {
  infer::Request request;
  if (Wrong wrong = write_prompt(body, *found.target.model, request)) return call.reply->fail(*wrong);
  request.client = call.client;
  GenerationBody common;
  common.max_tokens = body.max_new_tokens;
  common.temperature = body.temperature;
  if (Wrong wrong = set_up(common, found.target, context.draw_seed(), request)) return call.reply->fail(*wrong);
  if (Wrong wrong = check_request(request, found.target, "prompt")) return call.reply->fail(*wrong);
  submit(found.target, std::move(request), std::make_shared<TextAnswer>(found, call.reply, TokenTimes(context.metrics.of(found.name))), *call.reply);
}

void generate(ApiContext& context, const ApiCall& call) {
  const auto body = std::make_shared<GenerateBody>();
  if (Wrong wrong = read_body(call.body, *body)) return call.reply->fail(*wrong);
  with_model(context, body->model, call.reply, [&context, body, call](const FoundModel& found) { answer(context, *body, found, call); });
}

}  // namespace

std::vector<Endpoint> generate_endpoints() {
  return {{"POST", "/generate", "An answer to one text", body_schema<GenerateBody>(), generate_answer_schema(), false, false, generate}};
}

}  // namespace lathe::serve
