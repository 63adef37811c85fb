#include "serve/api_reply.h"

#include <utility>

#include "core/text.h"

namespace lathe::serve {

namespace {

Json detail_json(const char* name, const std::string& text) {
  Json json = Json::object();
  json[name] = text;
  return json;
}

}  // namespace

void ApiReply::respond(HttpResponse response) {
  if (answered_.exchange(true)) return;
  if (on_status_) on_status_(response.status);
  response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
  exchange_->respond(std::move(response));
}

void ApiReply::respond(const Json& body) { respond(HttpResponse{200, "application/json", body.dump(), {}}); }

void ApiReply::fail(const ApiFault& fault) {
  const bool origin = form_ == Form::kOrigin;
  if (begun_) {
    event(origin ? detail_json("error", fault.message) : fault_json(fault));
    return end();
  }
  HttpResponse response = fault_response(fault);
  if (origin) response.body = detail_json("detail", fault.message).dump();
  respond(std::move(response));
}

void ApiReply::begin() {
  if (begun_) return;
  begun_ = true;
  if (on_status_) on_status_(200);
  HttpResponse head{200, "text/event-stream", "", headers_};
  head.headers.emplace_back("Cache-Control", "no-cache");
  head.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy in front must pass every event on at once
  exchange_->begin_stream(std::move(head));
}

void ApiReply::event(const Json& data) { text_event(data.dump()); }

void ApiReply::text_event(std::string_view text) {
  begin();
  exchange_->send(join_text("data: ", text, "\n\n"));
}

void ApiReply::note(const infer::Usage& usage) {
  exchange_->note("prompt_tokens", usage.prompt_tokens);
  exchange_->note("cached_tokens", usage.cached_tokens);
  exchange_->note("completion_tokens", usage.completion_tokens);
}

void ApiReply::end() {
  if (answered_.exchange(true)) return;
  exchange_->finish();
}

}  // namespace lathe::serve
