#include "serve/http_server.h"

#include <algorithm>
#include <future>
#include <random>
#include <thread>
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "serve/event_loop.h"
#include "serve/http_connection.h"
#include "serve/http_head.h"
#include "serve/listener.h"
#include "serve/transport.h"

namespace lathe::serve {
namespace {

constexpr double kTickSeconds = 0.05;       // how late a deadline may be noticed
constexpr double kAcceptPauseSeconds = 0.1;  // out of file descriptors: lets connections end
constexpr int kAcceptsAtOnce = 64;

class LoopServer;

class Acceptor : public Watched, public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(std::unique_ptr<Listener> listener, LoopServer& server) : listener_(std::move(listener)), server_(server) {}
  void open(EventLoop& loop) {
    watch_ = loop.watch(listener_->descriptor());
    wait();
  }
  void wait() {
    if (watch_) watch_->wait_readable(shared_from_this());
  }
  void close() {
    watch_.reset();
    listener_.reset();
  }
  void on_readable() override;
  void on_writable() override {}

 private:
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Watch> watch_;
  LoopServer& server_;
};

class LoopServer : public HttpServer {
 public:
  ~LoopServer() override { stop(); }

  Status open(HttpServerOptions options, HttpHandler handler) {
    if (options.addresses.empty()) return error("no address to listen at");
    if (options.tls_certificate.empty() != options.tls_key.empty())
      return error("TLS needs both a certificate and its key (--tls-cert and --tls-key)");
    if (!options.tls_certificate.empty()) {
      LATHE_TRY(tls_, TlsContext::load(options.tls_certificate, options.tls_key));
    }
    host_.limits = options.limits;
    host_.handler = std::move(handler);
    host_.observer = std::move(options.observer);
    host_.scratch.resize(64 << 10);
    host_.loop = std::make_shared<EventLoop>();
    std::random_device device;
    host_.id_prefix = format_text("%08x%08x-", device(), device());
    for (const HttpAddress& address : options.addresses) {
      LATHE_TRY(auto listener, Listener::open(address));
      is_loopback_ = is_loopback_ && listener->is_loopback();
      if (port_ == 0) port_ = listener->port();
      urls_.push_back(listener->url(tls_ != nullptr));
      acceptors_.push_back(std::make_shared<Acceptor>(std::move(listener), *this));
    }
    host_.limits.connections = fit_connections(options.limits.connections);
    if (host_.limits.connections < options.limits.connections)
      log_warning("serve", "the limit of open files allows ", host_.limits.connections, " connections, not ", options.limits.connections,
                  "; raise it with ulimit -n");
    for (const auto& acceptor : acceptors_) acceptor->open(*host_.loop);
    host_.loop->every(kTickSeconds, [this] { check_deadlines(); });
    thread_ = std::thread([loop = host_.loop] { loop->run(); });
    return {};
  }

  int port() const override { return port_; }
  std::vector<std::string> urls() const override { return urls_; }
  bool is_loopback() const override { return is_loopback_; }
  HttpFigures figures() const override {
    return {host_.open, host_.answering, host_.accepted, host_.refused, host_.requests, host_.malformed};
  }

  bool drain(double seconds) override {
    if (!thread_.joinable()) return true;
    std::promise<void> closed;
    host_.loop->post([&] {
      host_.draining = true;
      for (const auto& acceptor : std::exchange(acceptors_, {})) acceptor->close();
      closed.set_value();
    });
    closed.get_future().wait();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
    while (host_.answering > 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return host_.answering == 0;
  }

  void stop() override {
    if (!thread_.joinable()) return;
    drain(host_.limits.stop_seconds);
    host_.loop->post([this] {
      for (const auto& connection : std::unordered_set<std::shared_ptr<Connection>>(host_.connections)) connection->close();
      host_.loop->stop();
    });
    thread_.join();
  }

  void admit(Accepted accepted, bool unix_socket) {
    ++host_.accepted;
    const auto found = host_.of_network.find(accepted.network);
    const bool client_full = host_.limits.connections_per_client > 0 && found != host_.of_network.end() &&
                             found->second >= host_.limits.connections_per_client;
    const bool full = static_cast<int64_t>(host_.connections.size()) >= host_.limits.connections;
    const bool tls = tls_ && !unix_socket;
    auto transport = tls && !full && !client_full ? tls_->accept(accepted.descriptor) : make_plain_transport(accepted.descriptor);
    if (!transport) return;
    if (full || client_full) {
      ++host_.refused;
      if (!tls) say_full(*transport, client_full);  // without a handshake there is no way to say it
      return;
    }
    const auto connection = std::make_shared<Connection>(std::move(transport), std::move(accepted), host_);
    host_.connections.insert(connection);
    connection->start();
  }

  void pause(std::shared_ptr<Acceptor> acceptor, const std::string& why) {
    log_warning("serve", "cannot accept a connection: ", why);
    paused_.push_back(std::move(acceptor));
    host_.loop->after(kAcceptPauseSeconds, [this] {
      for (const auto& paused : std::exchange(paused_, {})) paused->wait();
    });
  }

 private:
  static void say_full(Transport& transport, bool client_full) {
    HttpResponse full = error_response(503, client_full ? "Too many connections from this address" : "Too many connections", "overloaded_error");
    full.headers = {{"Retry-After", "1"}};
    const std::string answer = http_head(full, length_framing(full), "", true) + full.body;
    transport.write(answer.data(), answer.size());
  }

  void check_deadlines() {
    const auto now = std::chrono::steady_clock::now();
    late_.clear();
    for (const auto& connection : host_.connections)
      if (connection->is_late(now)) late_.push_back(connection);
    for (const auto& connection : late_) connection->close();
    late_.clear();
  }

  ConnectionHost host_;
  std::shared_ptr<TlsContext> tls_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_, paused_;
  std::vector<std::shared_ptr<Connection>> late_;
  std::vector<std::string> urls_;
  int port_ = 0;
  bool is_loopback_ = true;
  std::thread thread_;
};

void Acceptor::on_readable() {
  for (int i = 0; i < kAcceptsAtOnce && listener_; ++i) {
    Accepted accepted = listener_->accept();
    if (!accepted.failure.empty()) return server_.pause(shared_from_this(), accepted.failure);
    if (accepted.descriptor < 0) break;
    server_.admit(std::move(accepted), listener_->is_unix());
  }
  if (listener_) wait();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(HttpServerOptions options, HttpHandler handler) {
  auto server = std::make_unique<LoopServer>();
  LATHE_TRY_STATUS(server->open(std::move(options), std::move(handler)));
  return std::unique_ptr<HttpServer>(std::move(server));
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const std::string& host, int port, HttpLimits limits, HttpHandler handler) {
  HttpServerOptions options;
  options.addresses.push_back({host, port, ""});
  options.limits = limits;
  return listen(std::move(options), std::move(handler));
}

}  // namespace lathe::serve
