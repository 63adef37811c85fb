#include "serve/model_server.h"

#include <utility>

#include "serve/access_log.h"

namespace lathe::serve {

ModelServer::ModelServer(ModelServerOptions options)
    : options_(std::move(options)), access_(options_.access), pool_(options_.most_loaded), router_(options_.router, pool_, access_, metrics_) {}

ModelServer::~ModelServer() { stop(); }

Result<std::unique_ptr<ModelServer>> ModelServer::listen(ModelServerOptions options) {
  std::unique_ptr<ModelServer> server(new ModelServer(std::move(options)));
  HttpServerOptions http = server->options_.http;
  http.observer = make_access_log(&server->metrics_);
  const auto handler = [router = &server->router_](const HttpRequest& request, std::shared_ptr<Exchange> exchange) { router->handle(request, std::move(exchange)); };
  LATHE_TRY(server->http_, HttpServer::listen(std::move(http), handler));
  warn_when_exposed(*server->http_, server->access_.needs_key());
  return server;
}

void ModelServer::serve(std::vector<ModelEntry> entries) { pool_.set_entries(std::move(entries)); }

bool ModelServer::drain(double seconds) { return http_->drain(seconds); }

void ModelServer::stop() {
  pool_.stop();  // first: answers under way still end properly
  router_.stop();
  if (http_) http_->stop();
}

}  // namespace lathe::serve
