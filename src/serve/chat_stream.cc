#include "serve/chat_stream.h"

#include "core/log.h"
#include "infer/chat_loop.h"

namespace lathe::serve {
namespace {

constexpr int64_t kWorker = 0;  // the only one

}  // namespace

std::string event_text(const Json& data) { return "data: " + data.dump() + "\n\n"; }

void ChatStream::start() {
  HttpResponse head{200, "text/event-stream", "", headers_};
  head.headers.emplace_back("Cache-Control", "no-cache");
  head.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy in front must pass every event on at once
  exchange_->begin_stream(std::move(head));
}

void ChatStream::text(std::string_view piece) {
  reply_ += piece;
  Json event = Json::object();
  event["token"] = piece;
  event["gpu"] = kWorker;
  exchange_->send(event_text(event));
}

void ChatStream::end(const Status& status, bool served) {
  if (!served) {
    if (!exchange_->is_gone())
      exchange_->respond({503,
                          "application/json",
                          [&] {
                            Json body = Json::object();
                            body["detail"] = status.ok() ? "the request was dropped" : status.error().to_string();
                            return body.dump();
                          }(),
                          {}});
    return;
  }
  Json event = Json::object();
  if (status.ok())
    event["done"] = true;
  else
    event["error"] = status.error().to_string();
  log_reply(reply_, exchange_->is_gone());
  exchange_->send(event_text(event));
  exchange_->finish();
}

void log_request(const GenerationRequest& request) {
  log_info("serve", std::string(20, '='));
  for (const infer::ChatMessage& message : request.messages)
    log_info("serve", message.role == tokenizer::Role::kUser ? "[USER]: " : "[ASSISTANT]: ",
             infer::printable_text(message.text));
  log_info("serve", std::string(20, '-'));
}

void log_reply(std::string_view reply, bool client_left) {
  log_info("serve", "[ASSISTANT] (worker ", kWorker, client_left ? ", client left" : "",
           "): ", infer::printable_text(reply));
  log_info("serve", std::string(20, '='));
}

}  // namespace lathe::serve
