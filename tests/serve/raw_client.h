// A client of bare bytes over a loopback socket, so that tests see exactly what the server sends and when.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "core/json.h"

namespace lathe::serve::testing {

struct RawResponse {
  int status = 0;
  std::string head;                            // with the status line
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // chunks joined
  bool complete = false;
};

// How long a test waits for what comes within milliseconds where nobody else wants the processors.
constexpr double kPatience = 60;

class RawClient {
 public:
  explicit RawClient(int port) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  explicit RawClient(const std::string& socket_path) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return socket_; }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void get(std::string_view path, std::string_view headers = "") {
    send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n");
  }
  void post(std::string_view path, std::string_view body, std::string_view headers = "") {
    send("POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" + std::string(body));
  }

  // More bytes into the buffer; false at the end of the stream, an error or a timeout.
  bool receive(double seconds = kPatience) {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(seconds * 1000)) <= 0) return false;
    char bytes[16384];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    buffer_.append(bytes, static_cast<size_t>(got));
    return true;
  }
  bool wait_for(std::string_view text, double seconds = kPatience) {
    while (buffer_.find(text) == std::string::npos)
      if (!receive(seconds)) return false;
    return true;
  }
  bool holds(std::string_view text) const { return buffer_.find(text) != std::string::npos; }
  void discard() { buffer_.clear(); }
  // Whether the server has closed its side (waits for it).
  bool closed(double seconds = kPatience) {
    while (receive(seconds)) buffer_.clear();
    return ended_;
  }

  // The next whole response; the buffer keeps what follows it.
  RawResponse response(double seconds = kPatience) {
    RawResponse result;
    if (!wait_for("\r\n\r\n", seconds)) return result;
    const size_t end = buffer_.find("\r\n\r\n") + 4;
    result.head = buffer_.substr(0, end);
    buffer_.erase(0, end);
    result.status = std::atoi(result.head.substr(9, 3).c_str());
    for (size_t at = result.head.find("\r\n") + 2; at + 2 < result.head.size();) {
      const size_t line_end = result.head.find("\r\n", at), colon = result.head.find(": ", at);
      std::string name = result.head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      result.headers[name] = result.head.substr(colon + 2, line_end - colon - 2);
      at = line_end + 2;
    }
    if (result.status < 200 || result.status == 204) {
      // no body
    } else if (result.headers.count("content-length")) {
      const size_t length = std::strtoull(result.headers["content-length"].c_str(), nullptr, 10);
      while (buffer_.size() < length)
        if (!receive(seconds)) return result;
      result.body = buffer_.substr(0, length);
      buffer_.erase(0, length);
    } else if (result.headers.count("transfer-encoding")) {
      while (true) {
        if (!wait_for("\r\n", seconds)) return result;
        const size_t length = std::strtoull(buffer_.c_str(), nullptr, 16), start = buffer_.find("\r\n") + 2;
        while (buffer_.size() < start + length + 2)
          if (!receive(seconds)) return result;
        result.body += buffer_.substr(start, length);
        buffer_.erase(0, start + length + 2);
        if (length == 0) break;
      }
    } else {
      while (receive(seconds)) {
      }
      result.body = std::move(buffer_);
      buffer_.clear();
    }
    result.complete = true;
    return result;
  }

 private:
  int socket_ = -1;
  bool connected_ = false, ended_ = false;
  std::string buffer_;
};

// Waits until condition() holds; false after `seconds`.
template <class F>
bool eventually(F&& condition, double seconds = kPatience) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::usleep(2000);
  }
  return true;
}

}  // namespace lathe::serve::testing
