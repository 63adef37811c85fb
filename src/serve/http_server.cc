#include "serve/http_server.h"

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <ctime>
#include <future>
#include <optional>
#include <thread>
#include <unordered_set>

#include "core/log.h"
#include "core/text.h"

namespace lathe::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kReadBytes = 16 << 10;
constexpr double kLingerSeconds = 2;  // for a refused client to read its answer

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
}

std::string head_text(const HttpResponse& response, bool close, const std::string& framing) {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  std::string text = join_text("HTTP/1.1 ", response.status, " ", std::string_view(reason.data(), reason.size()),
                               "\r\nDate: ", http_date(), "\r\nContent-Type: ", response.content_type, "\r\n");
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
  return text + framing + (close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n");
}

class Connection;
using Connections = std::unordered_set<std::shared_ptr<Connection>>;

struct Shared {
  HttpLimits limits;
  HttpHandler handler;
  Connections connections;
  bool stopping = false;
};

// All members but `gone` belong to the server's thread. One read is always pending while a request is awaited or
// answered (it is how a client's leaving is noticed), at most one write, and one deadline for whatever is waited for.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, Shared& shared)
      : socket_(std::move(socket)), deadline_(socket_.get_executor()), shared_(shared), buffer_(4 * kReadBytes) {}

  void start() {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    next_request();
  }
  void stop() {  // after the answer under way
    close_ = true;
    if (!answering_) close();
  }
  void close() {
    gone = true;
    error_code ignored;
    socket_.close(ignored);
    deadline_.cancel();
    shared_.connections.erase(shared_from_this());
  }

  // Calls of the exchange number `request`, posted to this thread; those of an earlier request come too late.
  void respond(uint64_t request, const HttpResponse& response) {
    if (!expects(request) || begun_) return;
    begun_ = true;
    const std::string head = head_text(response, close_, join_text("Content-Length: ", response.body.size(), "\r\n"));
    write(head_only_ ? head : head + response.body);
    answer_done();
  }
  void begin_stream(uint64_t request, const HttpResponse& head) {
    if (!expects(request) || begun_) return;
    begun_ = streaming_ = true;
    if (!chunked_) close_ = true;
    write(head_text(head, close_, chunked_ ? "Transfer-Encoding: chunked\r\n" : ""));
  }
  void send(uint64_t request, std::string text) {
    if (!expects(request) || !streaming_ || text.empty()) return;
    write(chunked_ ? format_text("%zx\r\n", text.size()) + text + "\r\n" : std::move(text));
  }
  void finish(uint64_t request) {
    if (!expects(request) || !streaming_) return;
    if (chunked_) write("0\r\n\r\n");
    answer_done();
  }
  void abandon(uint64_t request) {  // the exchange was let go
    if (!expects(request)) return;
    if (!begun_) return respond(request, {500, "application/json", R"({"detail": "Internal Server Error"})", {}});
    close_ = true;  // after what was sent, without the end mark: the client sees that something is missing
    answer_done();
  }

  std::atomic<bool> gone = false;

 private:
  bool expects(uint64_t request) const { return request == request_number_ && answering_ && !answer_done_ && !gone; }

  void wait(double seconds) {
    deadline_.expires_after(milliseconds(seconds));
    deadline_.async_wait([self = shared_from_this()](error_code e) {
      if (!e && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->close();
    });
  }

  void no_deadline() { deadline_.expires_at(asio::steady_timer::time_point::max()); }

  void next_request() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(static_cast<uint32_t>(shared_.limits.header_bytes));
    parser_->body_limit(static_cast<uint64_t>(shared_.limits.body_bytes));
    answering_ = begun_ = streaming_ = answer_done_ = header_seen_ = head_only_ = false;
    wait(buffer_.size() == 0 ? shared_.limits.idle_seconds : shared_.limits.header_seconds);
    parse();
    read();
  }

  void read() {
    if (reading_ || gone || buffer_.size() + kReadBytes > buffer_.max_size()) return;
    reading_ = true;
    socket_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](error_code e, size_t bytes) { self->on_read(e, bytes); });
  }

  void on_read(error_code e, size_t bytes) {
    reading_ = false;
    if (gone) return;
    if (e) return close();
    if (lingering_) {
      buffer_.consume(buffer_.size());
      return read();
    }
    // Beast consumes nothing of a header before it is whole, so an empty buffer means that a request begins here.
    if (!answering_ && !header_seen_ && buffer_.size() == 0) wait(shared_.limits.header_seconds);
    buffer_.commit(bytes);
    if (!answering_) parse();
    read();
  }

  void parse() {
    while (buffer_.size() > 0 && !answering_ && !gone) {
      error_code e;
      const size_t used = parser_->put(buffer_.data(), e);
      buffer_.consume(used);
      if (e == http::error::need_more) return;
      if (e) return refuse(e);
      if (parser_->is_header_done() && !header_seen_) {
        header_seen_ = true;
        wait(shared_.limits.body_seconds);
        const auto expect = parser_->get()[http::field::expect];
        if (beast::iequals(expect, "100-continue") && !parser_->is_done()) write("HTTP/1.1 100 Continue\r\n\r\n");
      }
      if (parser_->is_done()) return dispatch();
      if (used == 0) return;
    }
  }

  void refuse(error_code e) {
    HttpResponse response{400, "application/json", R"({"detail": "Malformed request"})", {}};
    if (e == http::error::header_limit)
      response = {431, "application/json", R"({"detail": "Request header too large"})", {}};
    if (e == http::error::body_limit)
      response = {413, "application/json", R"({"detail": "Request body too large"})", {}};
    close_ = answering_ = true;
    respond(++request_number_, response);
  }

  void dispatch();

  void write(std::string text) {
    if (gone) return;
    out_ += text;
    if (static_cast<int64_t>(out_.size() + writing_.size()) > shared_.limits.unsent_bytes) return close();
    flush();
  }

  void flush() {
    if (!writing_.empty() || out_.empty()) return;
    writing_.swap(out_);
    write_some(0);
  }

  void write_some(size_t done) {
    wait(shared_.limits.write_seconds);
    socket_.async_write_some(asio::buffer(writing_.data() + done, writing_.size() - done),
                             [self = shared_from_this(), done](error_code e, size_t bytes) {
                               if (self->gone) return;
                               if (e) return self->close();
                               if (done + bytes < self->writing_.size()) return self->write_some(done + bytes);
                               self->writing_.clear();
                               self->no_deadline();
                               self->on_written();
                             });
  }

  void on_written() {
    if (!out_.empty()) return flush();
    if (!answering_) return wait(shared_.limits.body_seconds);  // the interim answer
    if (!answer_done_) return;
    if (!close_) return next_request();
    if (shared_.stopping) return close();
    // Closing at once would reset the connection and could take the answer with it: wait for the client to close.
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    lingering_ = true;
    buffer_.consume(buffer_.size());
    wait(kLingerSeconds);
    read();
  }

  void answer_done() {
    answer_done_ = true;
    if (writing_.empty() && out_.empty()) on_written();
  }

  tcp::socket socket_;
  asio::steady_timer deadline_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string out_, writing_;  // waiting, and under way
  uint64_t request_number_ = 0;
  bool reading_ = false, header_seen_ = false, lingering_ = false;
  bool answering_ = false, begun_ = false, streaming_ = false, answer_done_ = false;
  bool close_ = false, chunked_ = true, head_only_ = false;
};

class ConnectionExchange : public Exchange {
 public:
  ConnectionExchange(std::shared_ptr<Connection> connection, asio::any_io_executor executor, uint64_t request)
      : connection_(std::move(connection)), executor_(std::move(executor)), request_(request) {}
  ~ConnectionExchange() override {
    post([request = request_](Connection& c) { c.abandon(request); });
  }
  void respond(HttpResponse response) override {
    post([request = request_, response = std::move(response)](Connection& c) { c.respond(request, response); });
  }
  void begin_stream(HttpResponse head) override {
    post([request = request_, head = std::move(head)](Connection& c) { c.begin_stream(request, head); });
  }
  void send(std::string text) override {
    post([request = request_, text = std::move(text)](Connection& c) mutable { c.send(request, std::move(text)); });
  }
  void finish() override {
    post([request = request_](Connection& c) { c.finish(request); });
  }
  bool is_gone() const override { return connection_->gone; }

 private:
  template <class F>
  void post(F function) {
    asio::post(executor_,
               [connection = connection_, function = std::move(function)]() mutable { function(*connection); });
  }
  std::shared_ptr<Connection> connection_;
  asio::any_io_executor executor_;
  uint64_t request_;
};

void Connection::dispatch() {
  auto message = parser_->release();
  no_deadline();
  answering_ = true;
  ++request_number_;
  if (!message.keep_alive() || shared_.stopping) close_ = true;
  chunked_ = message.version() >= 11;
  head_only_ = message.method() == http::verb::head;
  const auto text = [](boost::string_view view) { return std::string(view.data(), view.size()); };
  HttpRequest request;
  request.method = text(message.method_string());
  request.path = text(message.target());
  request.path = request.path.substr(0, request.path.find('?'));
  request.host = text(message[http::field::host]);
  request.origin = text(message[http::field::origin]);
  request.body = std::move(message.body());
  const auto exchange =
      std::make_shared<ConnectionExchange>(shared_from_this(), socket_.get_executor(), request_number_);
  try {
    shared_.handler(request, exchange);
  } catch (const std::exception& e) {
    log_error("serve", request.method, " ", request.path,
              " failed: ", e.what());  // the exchange answers 500 as it goes
  }
}

class BeastServer : public HttpServer {
 public:
  BeastServer(HttpLimits limits, HttpHandler handler)
      : acceptor_(io_), pause_(io_), shared_{limits, std::move(handler), {}, false} {}
  ~BeastServer() override { stop(); }

  Status open(const std::string& host, int port) {
    error_code e;
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, e);
    if (e || found.empty())
      return error("cannot resolve the host \"", host, "\" (", e.message(), "); use an address such as 127.0.0.1");
    const tcp::endpoint endpoint = *found.begin();
    const auto step = [&](const char* what) -> Status {
      if (e)
        return error("cannot ", what, " ", host, ":", port, " (", e.message(), "); choose another port with --port");
      return {};
    };
    acceptor_.open(endpoint.protocol(), e);
    LATHE_TRY_STATUS(step("open"));
    acceptor_.set_option(tcp::acceptor::reuse_address(true), e);
    LATHE_TRY_STATUS(step("prepare"));
    acceptor_.bind(endpoint, e);
    LATHE_TRY_STATUS(step("bind"));
    acceptor_.listen(asio::socket_base::max_listen_connections, e);
    LATHE_TRY_STATUS(step("listen at"));
    local_ = acceptor_.local_endpoint();
    accept();
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  int port() const override { return local_.port(); }
  bool is_loopback() const override { return local_.address().is_loopback(); }

  void stop() override {
    if (!thread_.joinable()) return;
    std::promise<void> drained;
    asio::post(io_, [&] {
      shared_.stopping = true;
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      for (const auto& connection : Connections(shared_.connections)) connection->stop();
      give_up_ = std::chrono::steady_clock::now() + milliseconds(shared_.limits.stop_seconds);
      drain(drained);
    });
    drained.get_future().wait();
    io_.stop();
    thread_.join();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code e, tcp::socket socket) {
      if (shared_.stopping) return;
      if (e) {  // out of file descriptors, most likely: a pause lets connections end
        log_warning("serve", "cannot accept a connection: ", e.message());
        pause_.expires_after(std::chrono::milliseconds(100));
        return pause_.async_wait([this](error_code cancelled) {
          if (!cancelled) accept();
        });
      }
      if (static_cast<int64_t>(shared_.connections.size()) >= shared_.limits.connections) {
        const HttpResponse full{
            503, "application/json", R"({"detail": "Too many connections"})", {{"Retry-After", "1"}}};
        const std::string answer =
            head_text(full, true, join_text("Content-Length: ", full.body.size(), "\r\n")) + full.body;
        error_code ignored;
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(answer), ignored);
      } else {
        const auto connection = std::make_shared<Connection>(std::move(socket), shared_);
        shared_.connections.insert(connection);
        connection->start();
      }
      accept();
    });
  }

  void drain(std::promise<void>& drained) {
    if (shared_.connections.empty() || std::chrono::steady_clock::now() >= give_up_) {
      for (const auto& connection : Connections(shared_.connections)) connection->close();
      return drained.set_value();
    }
    pause_.expires_after(std::chrono::milliseconds(10));
    pause_.async_wait([this, &drained](error_code) { drain(drained); });
  }

  // Without the hint for one thread: with it, what this thread posts waits behind later posts of other threads, and the
  // calls of an exchange would change their order.
  asio::io_context io_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  Shared shared_;
  tcp::endpoint local_;
  std::chrono::steady_clock::time_point give_up_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const std::string& host, int port, HttpLimits limits,
                                                       HttpHandler handler) {
  auto server = std::make_unique<BeastServer>(limits, std::move(handler));
  LATHE_TRY_STATUS(server->open(host, port));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace lathe::serve
