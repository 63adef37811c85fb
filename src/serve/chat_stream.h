// One chat answer on its way from the worker to the client, as server-sent events (rows C-11.11, C-11.12, C-11.25).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/json.h"
#include "serve/generation_worker.h"
#include "serve/http_server.h"

namespace lathe::serve {

// "data: {...}" and an empty line.
std::string event_text(const Json& data);

// Events: {"token": text, "gpu": worker} per piece, then {"done": true}, or {"error": text} in its place. A request
// that was never started is answered 503.
class ChatStream : public GenerationJob {
 public:
  ChatStream(GenerationRequest request, std::shared_ptr<Exchange> exchange, HttpHeaders headers)
      : request_(std::move(request)), exchange_(std::move(exchange)), headers_(std::move(headers)) {}

  const GenerationRequest& request() const override { return request_; }
  bool is_gone() const override { return exchange_->is_gone(); }
  void start() override;
  void text(std::string_view piece) override;
  void end(const Status& status, bool served) override;

 private:
  GenerationRequest request_;
  std::shared_ptr<Exchange> exchange_;
  HttpHeaders headers_;
  std::string reply_;
};

// The log's picture of a request: messages with their roles in capitals between lines of 20 "=" and "-". Control
// characters are removed.
void log_request(const GenerationRequest& request);
void log_reply(std::string_view reply, bool client_left);

}  // namespace lathe::serve
