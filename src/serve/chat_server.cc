#include "serve/chat_server.h"

#include "core/log.h"

namespace lathe::serve {

ChatServer::ChatServer(ChatServerOptions options) : options_(std::move(options)) {}

ChatServer::~ChatServer() { stop(); }

Result<std::unique_ptr<ChatServer>> ChatServer::listen(ChatServerOptions options) {
  std::unique_ptr<ChatServer> server(new ChatServer(std::move(options)));
  const std::string& host = server->options_.host;
  ChatAppOptions& app = server->options_.app;
  app.only_local_names = host == "localhost" || host == "::1" || host.starts_with("127.");
  server->app_ = std::make_shared<ChatApp>(app);
  const auto handler = [app = server->app_](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    app->handle(request, std::move(exchange));
  };
  LATHE_TRY(server->http_, HttpServer::listen(host, server->options_.port, server->options_.limits, handler));
  if (!server->http_->is_loopback())
    log_warning("serve", "LISTENING ON ", host,
                ": every machine that reaches this address can use the model. There is no key and no ",
                "encryption; use --host 127.0.0.1 unless that is what you want");
  log_info("serve", "making 1 worker");
  return server;
}

void ChatServer::attach(std::unique_ptr<Generator> generator) {
  log_info("serve", "worker 0: model loaded on ", generator->device());
  app_->attach(std::move(generator));
  log_info("serve", "all workers are ready: ", url());
}

std::string ChatServer::url() const {
  const std::string& host = options_.host;
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return join_text("http://", name == "0.0.0.0" ? "127.0.0.1" : name, ":", http_->port());
}

void ChatServer::stop() {
  app_->stop();  // first: its running answer still ends properly
  if (http_) http_->stop();
}

}  // namespace lathe::serve
