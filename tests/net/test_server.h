// A real HTTP server on loopback that misbehaves on demand: one thread per connection, plain sockets, HTTP/1.1 with
// Connection: close. FileSite serves one changeable file with a queue of faults.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace lathe::net {

struct ServedRequest {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class Connection {
 public:
  Connection(int fd, const std::atomic<bool>& ending) : fd_(fd), ending_(ending) {}
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void reply(const std::string& status, const std::string& headers, std::string_view body) {
    send("HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n");
    send(body);
  }
  // Waits; returns early when the server ends.
  void stall(double seconds) {
    for (int i = 0; i < static_cast<int>(seconds * 50) && !ending_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  // The peer sees a reset instead of an end.
  void reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
  const std::atomic<bool>& ending_;
};

class TestServer {
 public:
  using Handler = std::function<void(Connection&, const ServedRequest&)>;

  explicit TestServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no loopback server");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~TestServer() {
    ending_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& target) const { return address() + target; }
  std::vector<ServedRequest> requests() const {
    const std::lock_guard<std::mutex> hold(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (!ending_) {
      pollfd ready{listener_, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    ServedRequest request;
    if (read_request(fd, request)) {
      {
        const std::lock_guard<std::mutex> hold(mutex_);
        requests_.push_back(request);
      }
      Connection connection(fd, ending_);
      handler_(connection, request);
    }
    shutdown(fd, SHUT_WR);
    close(fd);
  }
  bool read_request(int fd, ServedRequest& request) const {
    std::string text;
    size_t end = std::string::npos, length = 0;
    char block[65536];
    while (end == std::string::npos || text.size() < end + 4 + length) {
      pollfd ready{fd, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) {
        if (ending_) return false;
        continue;
      }
      const ssize_t count = recv(fd, block, sizeof block, 0);
      if (count <= 0) return false;
      text.append(block, static_cast<size_t>(count));
      if (end != std::string::npos || (end = text.find("\r\n\r\n")) == std::string::npos) continue;
      parse_head(text.substr(0, end), request);
      if (const std::string value = request.header("content-length"); !value.empty()) length = std::stoul(value);
      if (!request.header("expect").empty()) ::send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
    }
    request.body = text.substr(end + 4);
    return true;
  }
  static void parse_head(const std::string& head, ServedRequest& request) {
    size_t at = head.find("\r\n");
    const std::string first = head.substr(0, at);
    const size_t space = first.find(' ');
    request.method = first.substr(0, space);
    request.target = first.substr(space + 1, first.rfind(' ') - space - 1);
    while (at != std::string::npos) {
      const size_t begin = at + 2;
      at = head.find("\r\n", begin);
      std::string line = head.substr(begin, at == std::string::npos ? at : at - begin);
      const size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      size_t value = colon + 1;
      while (value < line.size() && line[value] == ' ') ++value;
      request.headers[name] = line.substr(value);
    }
  }

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::vector<ServedRequest> requests_;
};

// One file under every path. Each request takes the next fault from the queue.
class FileSite {
 public:
  struct Fault {
    enum class Kind { kNone, kStatus, kTruncate, kReset, kStall, kSlow, kIgnoreRange, kWrongRange, kChangeAfter } kind = Kind::kNone;
    std::string status, headers;  // kStatus
    size_t bytes = 0;             // kTruncate, kReset, kStall, kChangeAfter: after so many of this response's body
    std::string content, etag;    // kChangeAfter: what the file is then; the connection breaks
  };
  using Kind = Fault::Kind;

  explicit FileSite(std::string content, std::string etag = "\"v1\"") : content_(std::move(content)), etag_(std::move(etag)) {}

  void fail_with(Fault fault) {
    const std::lock_guard<std::mutex> hold(mutex_);
    faults_.push_back(std::move(fault));
  }
  void change(std::string content, std::string etag) {
    const std::lock_guard<std::mutex> hold(mutex_);
    content_ = std::move(content);
    etag_ = std::move(etag);
  }
  std::string extra_headers;  // of 200 and 206

  void operator()(Connection& connection, const ServedRequest& request) {
    Fault fault;
    std::string content, etag;
    {
      const std::lock_guard<std::mutex> hold(mutex_);
      if (!faults_.empty()) {
        fault = faults_.front();
        faults_.pop_front();
      }
      content = content_;
      etag = etag_;
    }
    if (fault.kind == Kind::kStatus) return connection.reply(fault.status, fault.headers, "this is not the file");
    size_t first = 0;
    bool partial = false;
    const std::string range = request.header("range"), if_range = request.header("if-range");
    if (range.starts_with("bytes=") && fault.kind != Kind::kIgnoreRange && (if_range.empty() || if_range == etag)) {
      first = std::stoul(range.substr(6));
      partial = true;
    }
    const std::string tag = etag.empty() ? "" : "ETag: " + etag + "\r\n";
    if (partial && first >= content.size())
      return connection.reply("416 Range Not Satisfiable", tag + "Content-Range: bytes */" + std::to_string(content.size()) + "\r\n", "");
    if (fault.kind == Kind::kWrongRange) ++first;
    std::string head = partial ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
    if (partial) head += "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(content.size() - 1) + "/" + std::to_string(content.size()) + "\r\n";
    connection.send(head + "Connection: close\r\n" + tag + extra_headers + "Content-Length: " + std::to_string(content.size() - first) + "\r\n\r\n");
    const std::string_view body = std::string_view(content).substr(first);
    switch (fault.kind) {
      case Kind::kTruncate:
        connection.send(body.substr(0, fault.bytes));
        return;
      case Kind::kReset:
        connection.send(body.substr(0, fault.bytes));
        connection.stall(0.05);
        return connection.reset();
      case Kind::kStall:
        connection.send(body.substr(0, fault.bytes));
        return connection.stall(120);
      case Kind::kSlow:
        for (size_t at = 0; at < body.size(); at += body.size() / 8 + 1) {
          connection.send(body.substr(at, body.size() / 8 + 1));
          connection.stall(0.2);
        }
        return;
      case Kind::kChangeAfter:
        connection.send(body.substr(0, fault.bytes));
        return change(fault.content, fault.etag);
      default:
        connection.send(body);
    }
  }

 private:
  std::mutex mutex_;
  std::string content_, etag_;
  std::deque<Fault> faults_;
};

}  // namespace lathe::net
