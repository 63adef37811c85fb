#include "serve/chat_app.h"

#include <algorithm>
#include <optional>
#include <random>

#include "core/check.h"
#include "core/log.h"
#include "serve/chat_stream.h"
#include "serve/local_guard.h"
#include "serve/page_file.h"

namespace lathe::serve {
namespace {

constexpr const char* kChatPath = "/chat/completions";

HttpResponse json_response(int status, const Json& body) { return {status, "application/json", body.dump(), {}}; }
HttpResponse json_response(const Refusal& refusal) { return json_response(refusal.status, refusal.body); }

// The chat page's files; those of the dashboard of a training run are not among them.
std::optional<HttpResponse> find_file(std::string_view path) {
  if (path == "/") return page_file("index.html");
  if (path == "/index.html" || path.starts_with("/dashboard")) return std::nullopt;
  return page_file(path.substr(std::min<size_t>(1, path.size())));
}

}  // namespace

ChatApp::ChatApp(ChatAppOptions options) : options_(std::move(options)) {
  for (const std::string& origin : options_.cors_origins)
    require(!authority_of(origin).empty() && origin.find_first_of("*\r\n ,") == std::string::npos, "[chat_app] \"",
            origin, "\" is not one exact origin such as http://localhost:3000");
  if (!options_.draw_seed)
    options_.draw_seed = [] {
      std::random_device device;
      return uint64_t{device()} & 0x7FFFFFFF;
    };
}

ChatApp::~ChatApp() { stop(); }

GenerationWorker* ChatApp::worker() const {
  const std::lock_guard lock(mutex_);
  return worker_.get();
}

void ChatApp::attach(std::unique_ptr<Generator> generator) {
  const std::lock_guard lock(mutex_);
  require(!worker_, "[chat_app] a generator is attached already");
  if (!stopped_) worker_ = std::make_unique<GenerationWorker>(std::move(generator), options_.max_waiting);
}

void ChatApp::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  if (GenerationWorker* running = worker()) running->stop();
}

HttpHeaders ChatApp::cors_headers(const HttpRequest& request) const {
  const auto& allowed = options_.cors_origins;
  if (std::find(allowed.begin(), allowed.end(), request.origin) == allowed.end()) return {};
  return {{"Access-Control-Allow-Origin", request.origin},
          {"Access-Control-Allow-Methods", "GET, POST"},
          {"Access-Control-Allow-Headers", "Content-Type"},
          {"Vary", "Origin"}};
}

void ChatApp::handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  HttpResponse response;
  if (const std::string reason = refuse_foreign(request, options_.cors_origins, options_.only_local_names); !reason.empty())
    response = json_response(refusal(403, reason));
  else if (request.path == kChatPath && request.method == "POST")
    return chat(request, exchange);
  else
    response = route(request);
  for (auto& header : cors_headers(request)) response.headers.push_back(std::move(header));
  exchange->respond(std::move(response));
}

HttpResponse ChatApp::route(const HttpRequest& request) const {
  const bool chat_path = request.path == kChatPath;
  std::optional<HttpResponse> file = find_file(request.path);
  if (!chat_path && !file && request.path != "/health" && request.path != "/stats")
    return json_response(refusal(404, "Not Found"));
  if (request.method == "OPTIONS" && !cors_headers(request).empty()) return {204, "text/plain", "", {}};
  if (chat_path || (request.method != "GET" && request.method != "HEAD")) {
    HttpResponse response = json_response(refusal(405, "Method Not Allowed"));
    response.headers.emplace_back("Allow", chat_path ? "POST" : "GET, HEAD");
    return response;
  }
  if (file) return *std::move(file);
  return request.path == "/health" ? health() : stats();
}

HttpResponse ChatApp::health() const {
  const GenerationWorker* running = worker();
  const WorkerState state = running ? running->state() : WorkerState{};
  const bool dead = running && !state.alive;
  Json body = Json::object();
  body["status"] = dead ? "error" : "ok";
  body["ready"] = state.alive;
  body["num_gpus"] = int64_t{running ? 1 : 0};
  body["available_workers"] = int64_t{state.alive && !state.busy ? 1 : 0};
  if (dead) body["reason"] = state.failure.empty() ? "the engine has stopped" : "the engine failed: " + state.failure;
  return json_response(dead ? 503 : 200, body);
}

HttpResponse ChatApp::stats() const {
  const GenerationWorker* running = worker();
  const WorkerState state = running ? running->state() : WorkerState{};
  Json workers = Json::array();
  if (running) {
    Json one = Json::object();
    one["gpu_id"] = 0;
    one["device"] = running->generator().device();
    workers.push_back(std::move(one));
  }
  Json body = Json::object();
  body["total_workers"] = int64_t{running ? 1 : 0};
  body["available_workers"] = int64_t{state.alive && !state.busy ? 1 : 0};
  body["busy_workers"] = int64_t{state.busy ? 1 : 0};
  body["waiting_requests"] = state.waiting;
  body["workers"] = std::move(workers);
  return json_response(200, body);
}

void ChatApp::chat(const HttpRequest& request, const std::shared_ptr<Exchange>& exchange) {
  const HttpHeaders cors = cors_headers(request);
  const auto refuse = [&](const Refusal& why, bool retry) {
    HttpResponse response = json_response(why);
    response.headers = cors;
    if (retry) response.headers.emplace_back("Retry-After", "5");
    exchange->respond(std::move(response));
  };
  auto parsed = parse_chat_request(request.body, options_.defaults);
  if (const Refusal* wrong = std::get_if<Refusal>(&parsed)) return refuse(*wrong, false);
  GenerationRequest& wanted = std::get<GenerationRequest>(parsed);
  GenerationWorker* running = worker();
  if (!running) return refuse(refusal(503, "The model is still being loaded"), true);
  if (const Status fits = running->generator().check(wanted); !fits.ok())
    return refuse(refusal(400, fits.error().to_string()), false);
  wanted.seed = options_.draw_seed();
  log_request(wanted);
  switch (running->submit(std::make_shared<ChatStream>(std::move(wanted), exchange, cors))) {
    case Submission::kAccepted:
      return;
    case Submission::kFull:
      return refuse(refusal(503, "Too many requests are waiting; try again in a moment"), true);
    case Submission::kDown:
      return refuse(refusal(503, "The engine is out of service; see /health"), false);
  }
}

}  // namespace lathe::serve
