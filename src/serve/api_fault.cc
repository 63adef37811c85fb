#include "serve/api_fault.h"

#include "core/text.h"

namespace lathe::serve {
namespace {

ApiFault unavailable(std::string message, std::string code, int retry_seconds) {
  return {std::move(message), "", 503, "server_error", std::move(code), retry_seconds};
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Json fault_json(const ApiFault& fault) {
  Json inner = Json::object();
  inner["message"] = fault.message;
  inner["type"] = fault.type;
  inner["param"] = text_or_null(fault.param);
  inner["code"] = text_or_null(fault.code);
  Json body = Json::object();
  body["error"] = std::move(inner);
  return body;
}

HttpResponse fault_response(const ApiFault& fault) {
  HttpResponse response{fault.status, "application/json", fault_json(fault).dump(), {}};
  if (fault.retry_seconds > 0) response.headers.emplace_back("Retry-After", std::to_string(fault.retry_seconds));
  return response;
}

ApiFault model_unknown(std::string_view name) {
  return {join_text("The model \"", name, "\" is not served here; /v1/models lists those that are"), "model", 404, "invalid_request_error",
          "model_not_found", 0};
}

ApiFault queue_full() { return unavailable("Too many requests are waiting; try again in a moment", "queue_full", 5); }

ApiFault model_loading(std::string_view message) { return unavailable(std::string(message), "model_unavailable", 5); }

ApiFault engine_down(std::string_view message) { return unavailable(std::string(message), "engine_down", 0); }

ApiFault path_unknown(std::string_view path) {
  return {join_text("Nothing is served at ", path, "; /openapi.json lists what is"), "", 404, "invalid_request_error", "unknown_url", 0};
}

ApiFault method_unknown(std::string_view method) {
  return {join_text("Method ", method, " is not allowed here"), "", 405, "invalid_request_error", "method_not_allowed", 0};
}

ApiFault prompt_too_long(std::string_view message, std::string_view param) {
  return {std::string(message), std::string(param), 400, "invalid_request_error", "context_length_exceeded", 0};
}

}  // namespace lathe::serve
