// The chat origin's own paths: POST /chat/completions, GET /health and /stats (rows C-11.10 to C-11.25).
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "infer/chat_loop.h"
#include "serve/access_log.h"
#include "serve/answer_schemas.h"
#include "serve/api_endpoint.h"
#include "serve/chat_request.h"
#include "serve/generation_setup.h"

namespace lathe::serve {
namespace {

constexpr int64_t kWorker = 0;  // of events and logs

// The log's picture of a conversation: roles in capitals between lines of 20 "=" and "-" (row C-11.25); where prompts may be logged.
void log_request(const GenerationRequest& request) {
  if (!may_log_prompts()) return;
  log_info("serve", std::string(20, '='));
  for (const infer::ChatMessage& message : request.messages)
    log_info("serve", message.role == tokenizer::Role::kUser ? "[USER]: " : "[ASSISTANT]: ", infer::printable_text(message.text));
  log_info("serve", std::string(20, '-'));
}

// Events: {"token": text, "gpu": worker} per piece, then {"done": true}.
class OriginAnswer : public infer::RequestListener {
 public:
  OriginAnswer(ModelTarget target, std::shared_ptr<ApiReply> reply, TokenTimes times)
      : target_(std::move(target)), reply_(std::move(reply)), times_(std::move(times)) {}

  bool is_gone() const override { return reply_->is_gone(); }
  void refused() override { reply_->fail(queue_full()); }
  void started(std::span<const infer::LogProb>) override { reply_->begin(); }
  void delta(const infer::Delta& delta) override {
    times_.came(delta.index, delta.tokens.size());
    if (delta.text.empty()) return;
    if (may_log_prompts()) text_ += delta.text;
    Json event = Json::object();
    event["token"] = delta.text;
    event["gpu"] = kWorker;
    reply_->event(event);
  }
  void finished(const infer::Finish&) override {}
  void done(const Status& status, const infer::Usage& usage) override {
    times_.done(usage);
    reply_->note(usage);
    if (may_log_prompts()) {
      log_info("serve", "[ASSISTANT] (worker ", kWorker, reply_->is_gone() ? ", client left" : "", "): ", infer::printable_text(text_));
      log_info("serve", std::string(20, '='));
    }
    if (!status.ok()) return reply_->fail(engine_fault(status));
    Json event = Json::object();
    event["done"] = true;
    reply_->event(event);
    reply_->end();
  }

 private:
  const ModelTarget target_;
  const std::shared_ptr<ApiReply> reply_;
  TokenTimes times_;
  std::string text_;
};

void answer(ApiContext& context, const FoundModel& found, const ApiCall& call) {
  const ServedModel& model = *found.target.model;
  const ChatDefaults defaults{model.defaults.sampling.temperature, model.defaults.sampling.top_k, model.defaults.max_tokens};
  const GenerationRequest wanted = std::get<GenerationRequest>(parse_chat_request(call.body, defaults));
  if (!model.format) return call.reply->fail(*wrong_at("", "The model is a base model without a chat format"));
  std::vector<infer::ChatTurn> turns;
  for (const infer::ChatMessage& message : wanted.messages) turns.push_back({tokenizer::role_name(message.role), message.text, {}, {}});
  Result<infer::ChatPrompt> prompt = model.format->prompt(turns);
  if (!prompt.ok()) return call.reply->fail(*wrong_at("", prompt.error().to_string()));
  infer::Request request;
  request.prompt = std::move(prompt.value().ids);
  request.stop_ids = std::move(prompt.value().stop_ids);
  request.sampling = model.defaults.sampling;
  request.sampling.temperature = wanted.temperature;
  request.sampling.top_k = wanted.top_k;
  request.sampling.seed = context.draw_seed();
  request.max_tokens = wanted.max_tokens;
  request.adapter = found.target.adapter;
  request.client = call.client;
  if (Wrong wrong = check_request(request, found.target, "messages")) return call.reply->fail(*wrong);
  log_request(wanted);
  submit(found.target, std::move(request), std::make_shared<OriginAnswer>(found.target, call.reply, TokenTimes(context.metrics.of(found.name))),
         *call.reply);
}

void chat(ApiContext& context, const ApiCall& call) {
  // Once for its faults: what is omitted is known only with the model.
  const auto parsed = parse_chat_request(call.body, {});
  if (const Refusal* wrong = std::get_if<Refusal>(&parsed)) return call.reply->respond({wrong->status, "application/json", wrong->body.dump(), {}});
  with_model(context, "", call.reply, [&context, call](const FoundModel& found) { answer(context, found, call); });
}

bool is_busy(const ModelWorkerState& worker) { return worker.figures.running > 0 || worker.figures.waiting > 0; }

void health(ApiContext& context, const ApiCall& call) {
  const PoolState state = context.pool.state();
  std::string reason;
  int64_t available = 0;
  for (const PoolState::Model& model : state.models) {
    if (!model.worker.alive) reason = model.worker.failure.empty() ? "the engine has stopped" : "the engine failed: " + model.worker.failure;
    else if (model.worker.stuck) reason = join_text("the engine is stuck: its step has lasted ", format_text("%.0f", model.worker.step_seconds), " s");
    else if (!is_busy(model.worker)) ++available;
  }
  Json body = Json::object();
  body["status"] = reason.empty() ? "ok" : "error";
  body["ready"] = state.ready && reason.empty();
  body["num_gpus"] = static_cast<int64_t>(state.models.size());
  body["available_workers"] = available;
  if (!reason.empty()) body["reason"] = reason;
  call.reply->respond({reason.empty() ? 200 : 503, "application/json", body.dump(), {}});
}

void stats(ApiContext& context, const ApiCall& call) {
  const PoolState state = context.pool.state();
  int64_t available = 0, busy = 0, waiting = 0;
  Json workers = Json::array();
  for (const PoolState::Model& model : state.models) {
    if (model.worker.alive) ++(is_busy(model.worker) ? busy : available);
    waiting += model.worker.figures.waiting;
    Json one = Json::object();
    one["gpu_id"] = static_cast<int64_t>(workers.size());
    one["device"] = model.device;
    workers.push_back(std::move(one));
  }
  Json body = Json::object();
  body["total_workers"] = static_cast<int64_t>(state.models.size());
  body["available_workers"] = available;
  body["busy_workers"] = busy;
  body["waiting_requests"] = waiting;
  body["workers"] = std::move(workers);
  call.reply->respond(body);
}

// What parse_chat_request enforces, for the document.
Json chat_schema() {
  return schema_of(R"({"type": "object", "required": ["messages"], "properties": {
    "messages": {"type": "array", "minItems": 1, "maxItems": 500, "items": {"type": "object", "required": ["role", "content"], "properties": {
      "role": {"enum": ["user", "assistant"]}, "content": {"type": "string", "minLength": 1, "maxLength": 8000}}}},
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2}, "top_k": {"type": ["integer", "null"], "minimum": 0, "maximum": 200},
    "max_tokens": {"type": ["integer", "null"], "minimum": 1, "maximum": 4096}}})");
}

}  // namespace

std::vector<Endpoint> origin_endpoints() {
  std::vector<Endpoint> endpoints;
  endpoints.push_back({"POST", "/chat/completions", "The chat origin's stream of {\"token\", \"gpu\"} events", chat_schema(), Json(), true, true, chat});
  endpoints.push_back({"GET", "/health", "Whether the engine is well", Json(), health_answer_schema(), false, true, health});
  endpoints.push_back({"GET", "/stats", "Workers and queue", Json(), stats_answer_schema(), false, true, stats});
  return endpoints;
}

}  // namespace lathe::serve
