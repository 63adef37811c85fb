// Why a request is not served, in the form that OpenAI's clients understand: {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "serve/http_server.h"

namespace lathe::serve {

struct ApiFault {
  std::string message;
  std::string param;  // the field, as in "messages[0].content"; empty: none
  int status = 400;
  std::string type = "invalid_request_error";
  std::string code;        // for programs; empty: none
  int retry_seconds = 0;   // of status 503: header Retry-After; 0: none
};

Json fault_json(const ApiFault& fault);
HttpResponse fault_response(const ApiFault& fault);

// Faults of the server, not of the request.
ApiFault model_unknown(std::string_view name);              // 404 model_not_found
ApiFault queue_full();                                      // 503, with Retry-After (trap S3)
ApiFault model_loading(std::string_view message);           // 503, with Retry-After
ApiFault engine_down(std::string_view message);             // 503
ApiFault path_unknown(std::string_view path);               // 404
ApiFault method_unknown(std::string_view method);           // 405
ApiFault prompt_too_long(std::string_view message, std::string_view param);

}  // namespace lathe::serve
