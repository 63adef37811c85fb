// The answer to one request of the API on its way to the client: whole, or as server-sent events.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/json.h"
#include "infer/request.h"
#include "serve/api_fault.h"
#include "serve/http_server.h"

namespace lathe::serve {

// One thread at a time, but for is_gone() and answered().
class ApiReply {
 public:
  enum class Form { kOpenAi, kOrigin };  // of faults: {"error": {...}}, or {"detail": text} and, in streams, {"error": text}
  // headers: added to whatever is answered. on_status: told once, when the answer begins; may be empty.
  ApiReply(std::shared_ptr<Exchange> exchange, HttpHeaders headers, Form form = Form::kOpenAi, std::function<void(int)> on_status = {})
      : exchange_(std::move(exchange)), headers_(std::move(headers)), form_(form), on_status_(std::move(on_status)) {}

  void respond(HttpResponse response);
  void respond(const Json& body);
  // Before a stream has begun: a response of the fault's status; after: an event, and the stream ends without [DONE].
  void fail(const ApiFault& fault);

  void begin();                 // a stream; again: nothing
  void event(const Json& data); // begins the stream
  void text_event(std::string_view text);  // the same of data as it stands
  void end();                   // the stream
  void note(const infer::Usage& usage);  // for the access log, before the end
  bool begun() const { return begun_; }

  bool is_gone() const { return exchange_->is_gone(); }
  bool answered() const { return answered_; }  // whole response, or end of the stream

 private:
  std::shared_ptr<Exchange> exchange_;
  HttpHeaders headers_;
  const Form form_;
  const std::function<void(int)> on_status_;
  bool begun_ = false;
  std::atomic<bool> answered_ = false;
};

}  // namespace lathe::serve
