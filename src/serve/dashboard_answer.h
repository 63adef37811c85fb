// One answer of the model in training on its way to the dashboard, as server-sent events.
#pragma once

#include <memory>
#include <string>

#include "serve/generation_worker.h"
#include "serve/http_server.h"
#include "serve/live_generator.h"

namespace lathe::serve {

// Events: {"step": of the weights, "copy_mb": memory of the copy} once they are there, {"token": text} per piece, then {"done": true},
// or {"error": text} in its place. A request that was never started is answered 503.
class DashboardAnswer : public GenerationJob {
 public:
  // The generator outlives it.
  DashboardAnswer(GenerationRequest request, std::shared_ptr<Exchange> exchange, const LiveGenerator& generator)
      : request_(std::move(request)), exchange_(std::move(exchange)), generator_(generator) {}

  const GenerationRequest& request() const override { return request_; }
  bool is_gone() const override { return exchange_->is_gone(); }
  void start() override;
  void text(std::string_view piece) override;
  void end(const Status& status, bool served) override;

 private:
  void announce();  // the step, once

  GenerationRequest request_;
  std::shared_ptr<Exchange> exchange_;
  const LiveGenerator& generator_;
  bool announced_ = false;
};

// The head of every stream of events.
HttpResponse event_stream_head();

}  // namespace lathe::serve
