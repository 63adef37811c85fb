// A completions server made of one thread and plain sockets, that answers as it is told to.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"

namespace lathe::bench {

class FakeServer {
 public:
  // One connection, until it says false or the client goes: gets the body of a POST (empty: a GET) and writes to the socket.
  using Answer = std::function<bool(int fd, const std::string& body)>;
  explicit FakeServer(Answer answer) : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 128);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    for (std::thread& thread : threads_) thread.join();
  }
  int port() const { return port_; }
  int64_t requests() const { return requests_; }
  int64_t connections() const { return connections_; }

  static void say(int fd, const std::string& text) { (void)send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  // A whole stream of max_tokens events, `pause` seconds apart, in chunks that end anywhere.
  static bool stream(int fd, const std::string& body, double pause = 0) {
    if (body.empty()) {
      say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      return true;
    }
    const int64_t tokens = parse_json(body).value().get_int("max_tokens", 0);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::string events;
    for (int64_t i = 0; i < tokens; ++i) events += "data: {\"choices\":[{\"index\":0,\"text\":\"w\"}]}\n\n";
    events += "data: {\"choices\":[],\"usage\":{\"completion_tokens\":" + std::to_string(tokens) + "}}\n\ndata: [DONE]\n\n";
    for (size_t at = 0; at < events.size(); at += 37) {
      const std::string part = events.substr(at, 37);
      char size[16];
      std::snprintf(size, sizeof size, "%zx\r\n", part.size());
      say(fd, size + part + "\r\n");
      if (pause > 0) std::this_thread::sleep_for(std::chrono::duration<double>(pause));
    }
    say(fd, "0\r\n\r\n");
    return true;
  }

 private:
  void run() {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ++connections_;
      threads_.emplace_back([this, fd] { talk(fd); });
    }
  }
  void talk(int fd) {
    std::string held;
    char bytes[4096];
    for (;;) {
      const size_t head = held.find("\r\n\r\n");
      size_t length = 0;
      if (head != std::string::npos)
        if (const size_t at = held.find("Content-Length: "); at < head) length = std::stoul(held.substr(at + 16));
      if (head != std::string::npos && held.size() >= head + 4 + length) {
        const std::string body = held.substr(head + 4, length);
        held.erase(0, head + 4 + length);
        ++requests_;
        if (!answer_(fd, body)) break;
        continue;
      }
      const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      held.append(bytes, static_cast<size_t>(got));
    }
    close(fd);
  }

  Answer answer_;
  int listener_, port_ = 0;
  std::atomic<int64_t> requests_{0}, connections_{0};
  std::vector<std::thread> threads_;
  std::thread thread_;
};

}  // namespace lathe::bench
