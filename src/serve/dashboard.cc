#include "serve/dashboard.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "core/log.h"
#include "serve/chat_request.h"
#include "serve/event_text.h"
#include "serve/dashboard_answer.h"
#include "serve/local_guard.h"
#include "serve/page_file.h"

namespace lathe::serve {
namespace {

constexpr int64_t kMaxWaiting = 4;       // questions behind the one being answered
constexpr size_t kMaxListeners = 32;     // pages open at once; half of the connections stay for everything else
constexpr int64_t kUnsentBytes = 16 << 20;  // a history of many curves is sent in one piece

HttpResponse json_response(int status, const Json& body) {
  return {status, "application/json", body.dump(), {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}}};
}
HttpResponse refused(int status, std::string_view why) { return json_response(status, refusal(status, why).body); }

std::string event_of(const char* key, Json value) {
  Json event = Json::object();
  event[key] = std::move(value);
  return event_text(event);
}

}  // namespace

Dashboard::Dashboard(DashboardOptions options) : options_(std::move(options)) {
  if (!options_.tokenizer) return;
  auto generator = std::make_unique<LiveGenerator>(loan_, *options_.tokenizer, options_.chat_template);
  generator_ = generator.get();
  worker_ = std::make_unique<GenerationWorker>(std::move(generator), kMaxWaiting);
}

Result<std::unique_ptr<Dashboard>> Dashboard::open(DashboardOptions options) {
  if (options.port < 0 || options.port > 65535) return error_at("dashboard", -1, options.port, " is not a port (0 to 65535)");
  std::unique_ptr<Dashboard> dashboard(new Dashboard(std::move(options)));
  Dashboard* self = dashboard.get();
  HttpLimits limits = self->options_.limits;
  limits.unsent_bytes = std::max(limits.unsent_bytes, kUnsentBytes);
  LATHE_TRY(self->http_, HttpServer::listen("127.0.0.1", self->options_.port, limits,
                                            [self](const HttpRequest& request, std::shared_ptr<Exchange> exchange) { self->handle(request, std::move(exchange)); }));
  self->heart_ = std::thread([self] { self->beat(); });
  if (self->options_.notices.empty()) return dashboard;
  if (Result<DashboardNotice> notice = DashboardNotice::post(self->options_.notices, self->url()); notice.ok())
    self->notice_.emplace(std::move(notice).value());
  else
    log_warning("dashboard", "other programs are not told of this page: ", notice.error().to_string());
  return dashboard;
}

Dashboard::~Dashboard() {
  notice_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& listener : listeners_) listener->finish();
    listeners_.clear();
    stopping_changed_.notify_all();
  }
  if (heart_.joinable()) heart_.join();
  loan_->close();
  if (worker_) worker_->stop();
  if (http_) http_->stop();
}

std::string Dashboard::url() const { return join_text("http://127.0.0.1:", http_->port()); }

void Dashboard::lend(const model::Transformer& model, std::unique_ptr<infer::ModelCopy>& copy) {
  try {
    if (!copy) copy = infer::ModelCopy::of(model);
    copy->take(model);
  } catch (const std::exception& e) {  // no memory for it: the training goes on, the reader is told
    log_warning("dashboard", "cannot copy the weights: ", e.what());
    copy.reset();
  }
}

void Dashboard::push(int64_t step, const Json& values) {
  const std::lock_guard lock(mutex_);
  history_.add(step, values);
  if (listeners_.empty()) return;
  Json line = Json::object();
  line["step"] = step;
  line["values"] = values;
  tell(event_of("line", std::move(line)));
}

void Dashboard::end(const std::string& how) {
  loan_->close();
  const std::lock_guard lock(mutex_);
  ended_ = how;
  tell(event_of("ended", how));
}

Json Dashboard::snapshot() const {
  Json out = history_.to_json();
  out["run"] = options_.run;
  out["chat"] = generator_ != nullptr;
  if (!ended_.empty()) out["ended"] = ended_;
  return out;
}

void Dashboard::tell(const std::string& event) {
  listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(), [](const auto& listener) { return listener->is_gone(); }), listeners_.end());
  for (const auto& listener : listeners_) listener->send(event);
}

void Dashboard::beat() {
  const std::chrono::milliseconds pause(static_cast<int64_t>(options_.heartbeat_seconds * 1000));
  std::unique_lock lock(mutex_);
  while (!stopping_changed_.wait_for(lock, pause, [this] { return stopping_; })) tell(": still here\n\n");
}

void Dashboard::handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  if (const std::string reason = refuse_foreign(request, {}, true); !reason.empty()) return exchange->respond(refused(403, reason));
  if (request.path == "/chat") {
    if (request.method == "POST") return chat(request, std::move(exchange));
    HttpResponse response = refused(405, "Method Not Allowed");
    response.headers.emplace_back("Allow", "POST");
    return exchange->respond(std::move(response));
  }
  const bool data = request.path == "/history" || request.path == "/events";
  const std::string name = request.path == "/" ? "dashboard.html" : request.path.substr(std::min<size_t>(1, request.path.size()));
  const bool known = request.path == "/" || name == "logo.svg" || name == "stream.js" || (name.starts_with("dashboard") && name != "dashboard.html");
  std::optional<HttpResponse> file;
  if (!data && known) file = page_file(name);
  if (!data && !file) return exchange->respond(refused(404, "Not Found"));
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = refused(405, "Method Not Allowed");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return exchange->respond(std::move(response));
  }
  if (file) return exchange->respond(*std::move(file));
  if (request.path == "/events" && request.method == "GET") return listen_to_events(std::move(exchange));
  Json body;
  {
    const std::lock_guard lock(mutex_);
    body = snapshot();
  }
  exchange->respond(json_response(200, body));
}

void Dashboard::listen_to_events(std::shared_ptr<Exchange> exchange) {
  const std::lock_guard lock(mutex_);
  tell("");  // those that left make room
  if (stopping_ || listeners_.size() >= kMaxListeners) return exchange->respond(refused(503, "Too many pages are open"));
  exchange->begin_stream(event_stream_head());
  exchange->send(event_of("history", snapshot()));
  listeners_.push_back(std::move(exchange));
}

void Dashboard::chat(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  if (generator_ == nullptr) return exchange->respond(refused(404, "There is no model to talk to"));
  ChatDefaults defaults;
  defaults.max_tokens = 128;
  auto parsed = parse_chat_request(request.body, defaults);
  if (const Refusal* wrong = std::get_if<Refusal>(&parsed)) return exchange->respond(json_response(wrong->status, wrong->body));
  GenerationRequest& wanted = std::get<GenerationRequest>(parsed);
  const Result<Json> body = parse_json(request.body);
  wanted.continues = body.ok() && body.value().get_bool("continue", false);
  if (const Status fits = generator_->check(wanted); !fits.ok()) return exchange->respond(refused(400, fits.error().to_string()));
  wanted.seed = std::random_device()() & 0x7FFFFFFF;
  switch (worker_->submit(std::make_shared<DashboardAnswer>(std::move(wanted), exchange, *generator_))) {
    case Submission::kAccepted: return;
    case Submission::kFull: return exchange->respond(refused(503, "Too many questions are waiting; try again in a moment"));
    case Submission::kDown: return exchange->respond(refused(503, "The model cannot be asked any more"));
  }
}

}  // namespace lathe::serve
