#include "serve/dashboard_answer.h"

#include "serve/event_text.h"

namespace lathe::serve {

HttpResponse event_stream_head() {
  return {200, "text/event-stream", "", {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}, {"X-Content-Type-Options", "nosniff"}}};
}

void DashboardAnswer::start() { exchange_->begin_stream(event_stream_head()); }

void DashboardAnswer::announce() {
  if (std::exchange(announced_, true)) return;
  Json event = Json::object();
  event["step"] = generator_.step();
  event["copy_mb"] = static_cast<double>(generator_.copy_bytes()) / 1048576;
  exchange_->send(event_text(event));
}

void DashboardAnswer::text(std::string_view piece) {
  announce();
  Json event = Json::object();
  event["token"] = piece;
  exchange_->send(event_text(event));
}

void DashboardAnswer::end(const Status& status, bool served) {
  Json event = Json::object();
  if (!served) {
    event["detail"] = status.ok() ? "the request was dropped" : status.error().to_string();
    if (!exchange_->is_gone()) exchange_->respond({503, "application/json", event.dump(), {}});
    return;
  }
  if (status.ok()) {
    announce();
    event["done"] = true;
  } else {
    event["error"] = status.error().to_string();
  }
  exchange_->send(event_text(event));
  exchange_->finish();
}

}  // namespace lathe::serve
