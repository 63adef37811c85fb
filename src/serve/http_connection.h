// One client's connection: reads requests, hands them over, writes answers, keeps every deadline. Built by the server.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "serve/event_loop.h"
#include "serve/http_server.h"
#include "serve/listener.h"
#include "serve/request_parser.h"
#include "serve/transport.h"

namespace lathe::serve {

class Connection;

// What the connections of a server share; its loop's thread, but for the atomics.
struct ConnectionHost {
  HttpLimits limits;
  HttpHandler handler;
  HttpObserver observer;
  std::shared_ptr<EventLoop> loop;
  std::unordered_set<std::shared_ptr<Connection>> connections;
  std::unordered_map<std::string, int64_t> of_network;  // connections of one client
  std::string scratch;                                  // bytes just read, before anybody keeps them
  std::string id_prefix;                                // of request ids made here
  uint64_t next_id = 0;
  bool draining = false;
  std::atomic<int64_t> open = 0, answering = 0, accepted = 0, refused = 0, requests = 0, malformed = 0;
};

// All members belong to the loop's thread, but `gone`. A read is always awaited while a request is awaited or answered (it is
// how a client's leaving is noticed), at most one write, and one deadline for whatever is waited for.
class Connection : public Watched, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::unique_ptr<Transport> transport, Accepted accepted, ConnectionHost& host);

  void start();
  bool is_late(std::chrono::steady_clock::time_point now) const { return now >= deadline_; }
  void close();
  void on_readable() override;
  void on_writable() override;

  // Calls of the exchange of request number `request`; those of an earlier one come too late and do nothing.
  void respond(uint64_t request, const HttpResponse& response);
  void begin_stream(uint64_t request, const HttpResponse& head);
  void send(uint64_t request, const std::string& text);
  void finish(uint64_t request);
  void abandon(uint64_t request);  // the exchange was let go
  void note(uint64_t request, std::string name, int64_t value);
  void flush();  // what those calls wrote; once after several

  std::atomic<bool> gone = false;

 private:
  bool expects(uint64_t request) const { return request == request_number_ && answering_ && !answer_done_ && !gone; }
  void wait(double seconds);
  void no_deadline() { deadline_ = std::chrono::steady_clock::time_point::max(); }
  void read_later();
  bool may_read() const;
  void shake_hands();
  void take_bytes(std::string_view bytes);
  void parse(std::string_view bytes);
  void refuse();
  void dispatch();
  void write(std::string_view text);
  void send_out();
  void end_answer();
  void next_request();
  void record(bool complete);
  void begin_answer(std::string id, std::string method, std::string path, int64_t bytes_in);
  std::string request_id(std::string_view wanted);

  ConnectionHost& host_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Watch> watch_;  // after the transport, so that it goes first
  const std::string peer_, network_;
  const bool tls_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::optional<RequestParser> parser_;
  std::string kept_;      // bytes of later requests
  std::string out_;       // not yet sent, from written_ on
  size_t written_ = 0;
  uint64_t request_number_ = 0;
  HttpRecord record_;
  std::chrono::steady_clock::time_point began_;
  bool shaken_ = false, awaits_read_ = false, awaits_write_ = false, progressed_ = false, lingering_ = false;
  bool answering_ = false, begun_ = false, streaming_ = false, answer_done_ = false, counted_ = false;
  bool close_ = false, chunked_ = true, head_only_ = false;
};

}  // namespace lathe::serve
