// The table behind routing and /openapi.json: one row for each method and path of the API.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "serve/api_metrics.h"
#include "serve/api_reply.h"
#include "serve/model_pool.h"
#include "serve/task_threads.h"

namespace lathe::serve {

// What endpoints work with; outlives every call.
struct ApiContext {
  ModelPool& pool;
  TaskThreads& tasks;
  ApiMetrics& metrics;
  std::function<uint64_t()> draw_seed;  // 31 bits
};

struct ApiCall {
  std::string path, body, client;
  std::shared_ptr<ApiReply> reply;
};

struct Endpoint {
  std::string method, path;  // a path that ends with "{...}" takes any rest
  std::string summary;
  Json body;                 // JSON Schema of the request's body; null: none
  Json answer;               // JSON Schema of the answer with status 200
  bool streams = false;      // answers with events when asked to
  bool origin_faults = false;  // faults are {"detail": ...} with 422 for malformed bodies, not OpenAI's
  std::function<void(ApiContext&, const ApiCall&)> run;  // on a task's thread; must not block
};

// The model's name as requests write it ("": the first) and what it stands for; `go` runs on a task's thread. Where there is none the
// reply tells: 404, or 503 while it is loaded.
struct FoundModel {
  std::string name;
  ModelTarget target;
};
void with_model(ApiContext& context, const std::string& name, std::shared_ptr<ApiReply> reply, std::function<void(FoundModel)> go);

// Hands the request over; a refusal is told by the reply. True: the listener hears the rest.
bool submit(const ModelTarget& target, infer::Request request, std::shared_ptr<infer::RequestListener> listener, ApiReply& reply);
ApiFault fault_of(Submission refused, const ModelTarget& target);
// What the engine said instead of an answer.
ApiFault engine_fault(const Status& status);

// Families of endpoints.
std::vector<Endpoint> chat_endpoints();        // /v1/chat/completions
std::vector<Endpoint> completion_endpoints();  // /v1/completions
std::vector<Endpoint> embedding_endpoints();   // /v1/embeddings
std::vector<Endpoint> token_endpoints();       // /tokenize, /detokenize
std::vector<Endpoint> model_endpoints();       // /v1/models, /v1/models/{id}
std::vector<Endpoint> generate_endpoints();    // /generate
std::vector<Endpoint> origin_endpoints();      // /chat/completions, /health, /stats

// OpenAPI 3.1.
Json openapi_document(const std::vector<Endpoint>& endpoints);

}  // namespace lathe::serve
