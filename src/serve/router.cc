#include "serve/router.h"

#include <algorithm>
#include <random>
#include <utility>

#include "core/log.h"
#include "serve/page_file.h"

namespace lathe::serve {
namespace {

// The chat page's files; those of the dashboard of a training run are not among them.
std::optional<HttpResponse> find_file(std::string_view path) {
  if (path == "/") return page_file("index.html");
  if (path == "/index.html" || path.starts_with("/dashboard")) return std::nullopt;
  return page_file(path.substr(std::min<size_t>(1, path.size())));
}

bool is_at(const Endpoint& endpoint, std::string_view path) {
  if (!endpoint.path.ends_with('}')) return endpoint.path == path;
  const std::string_view begin = std::string_view(endpoint.path).substr(0, endpoint.path.find('{'));
  return path.size() > begin.size() && path.starts_with(begin);
}

uint64_t seed_of_the_system() {
  thread_local std::random_device device;
  return uint64_t{device()} & 0x7FFFFFFF;
}

RouterOptions completed(RouterOptions options) {
  if (!options.draw_seed) options.draw_seed = seed_of_the_system;
  return options;
}

Json defaults_json(const ServedModel& model) {
  const infer::SamplingOptions& sampling = model.defaults.sampling;
  Json json = Json::object();
  json["temperature"] = sampling.temperature;
  json["top_k"] = sampling.top_k;
  json["top_p"] = sampling.top_p;
  json["min_p"] = sampling.min_p;
  json["repetition_penalty"] = sampling.repetition_penalty;
  json["max_tokens"] = model.defaults.max_tokens;
  return json;
}

}  // namespace

Router::Router(RouterOptions options, ModelPool& pool, Access& access, Metrics& metrics)
    : options_(completed(std::move(options))), pool_(pool), access_(access), metrics_(metrics), api_metrics_(metrics, pool),
      tasks_(options_.task_threads, options_.max_tasks), context_{pool_, tasks_, api_metrics_, options_.draw_seed} {
  for (const auto& family : {model_endpoints, chat_endpoints, completion_endpoints, embedding_endpoints, token_endpoints, generate_endpoints, origin_endpoints})
    for (Endpoint& endpoint : family()) endpoints_.push_back(std::move(endpoint));
  const auto add = [this](const char* path, const char* summary, std::function<void(ApiContext&, const ApiCall&)> run) {
    endpoints_.push_back({"GET", path, summary, Json(), Json::object(), false, false, std::move(run)});
  };
  add("/page/info", "What the page shows of this server", [this](ApiContext&, const ApiCall& call) { page_info(call.reply); });
  add("/report", "The report of a run, a page, where there is one", [this](ApiContext&, const ApiCall& call) { report(call.reply); });
  add("/openapi.json", "This document", [this](ApiContext&, const ApiCall& call) { call.reply->respond(openapi_document(endpoints_)); });
  add("/metrics", "Figures for Prometheus", [this](ApiContext&, const ApiCall& call) {
    call.reply->respond(HttpResponse{200, Metrics::kContentType, metrics_.text(), {}});
  });
}

Router::~Router() { stop(); }

void Router::stop() { tasks_.stop(); }

void Router::handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  Admission admission = access_.admit(request);
  if (admission.answer) return exchange->respond(*std::move(admission.answer));
  std::vector<const Endpoint*> here;
  for (const Endpoint& endpoint : endpoints_)
    if (is_at(endpoint, request.path)) here.push_back(&endpoint);
  if (here.empty()) {
    ApiReply reply(std::move(exchange), std::move(admission.headers));
    return answer_file(request, reply);
  }
  const Endpoint& first = *here.front();
  const auto form = first.origin_faults ? ApiReply::Form::kOrigin : ApiReply::Form::kOpenAi;
  const auto count = [this, path = first.path](int status) { api_metrics_.count_request(path, status); };
  const auto reply = std::make_shared<ApiReply>(std::move(exchange), std::move(admission.headers), form, count);
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  const auto found = std::find_if(here.begin(), here.end(), [&](const Endpoint* endpoint) { return endpoint->method == method; });
  if (found == here.end()) {
    HttpResponse response = fault_response(method_unknown(request.method));
    response.headers.emplace_back("Allow", first.method == "GET" ? "GET, HEAD" : first.method);
    return reply->respond(std::move(response));
  }
  ApiCall call{request.path, request.body, admission.client, reply};
  if ((*found)->method == "GET") return (*found)->run(context_, call);
  if (!tasks_.post([this, endpoint = *found, call = std::move(call)] { endpoint->run(context_, call); })) reply->fail(queue_full());
}

void Router::answer_file(const HttpRequest& request, ApiReply& reply) {
  std::optional<HttpResponse> file = find_file(request.path);
  if (!file) return reply.fail(path_unknown(repair_utf8(request.path.substr(0, 200))));
  if (request.method == "GET" || request.method == "HEAD") return reply.respond(*std::move(file));
  HttpResponse response = fault_response(method_unknown(request.method));
  response.headers.emplace_back("Allow", "GET, HEAD");
  reply.respond(std::move(response));
}

// The reason names files of this machine: it goes to the log.
void Router::report(const std::shared_ptr<ApiReply>& reply) {
  std::error_code code;
  if (options_.report.empty() || !fs::is_regular_file(options_.report, code)) return reply->fail(path_unknown("/report"));
  const auto answer = [file = options_.report, reply] {
    Result<std::string> html = read_file(file);
    if (html.ok()) return reply->respond(outside_page(std::move(html).value()));
    log_warning("serve", html.error().to_string());
    reply->fail(path_unknown("/report"));
  };
  if (!tasks_.post(answer)) reply->fail(queue_full());
}

void Router::page_info(const std::shared_ptr<ApiReply>& reply) {
  const std::vector<ModelEntry> entries = pool_.entries();
  const PoolState state = pool_.state();
  Json models = Json::array();
  for (const ModelEntry& entry : entries) models.push_back(entry.name);
  Json body = Json::object();
  body["models"] = std::move(models);
  body["default_model"] = entries.empty() ? Json() : Json(entries.front().name);
  body["ready"] = state.ready;
  body["key_needed"] = access_.needs_key();
  const std::string dashboard = options_.dashboard ? options_.dashboard() : "";
  std::error_code code;
  const bool has_report = !options_.report.empty() && fs::is_regular_file(options_.report, code);
  body["dashboard"] = dashboard.empty() ? Json() : Json(dashboard);
  body["report"] = has_report ? Json(access_.needs_key() ? "/report?pass=" + access_.report_pass() : "/report") : Json();
  // Nothing is loaded for this: the defaults are told of a model that is there.
  const bool loaded = std::any_of(state.models.begin(), state.models.end(), [&](const PoolState::Model& model) { return !entries.empty() && model.name == entries.front().name; });
  if (!loaded) return reply->respond(body);
  pool_.find(entries.front().name, [reply, body](const ModelPool::Lookup& found) {
    Json told = body;
    if (found.target.model) {
      told["defaults"] = defaults_json(*found.target.model);
      told["context_length"] = found.target.model->context_limit;
      told["chat"] = found.target.model->format.has_value();
    }
    reply->respond(told);
  });
}

}  // namespace lathe::serve
