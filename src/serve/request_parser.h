// Bytes to HTTP/1.x requests, stricter than the standard asks: whatever two programs on the way could read differently
// (lone line feeds, folded lines, two lengths, a length with chunks, unknown codings) is refused, never repaired.
// Boost.Beast parses the fields and the chunks; it stays behind request_parser.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "serve/http_message.h"

namespace lathe::serve {

struct ParsedRequest {
  HttpRequest request;  // but for id, peer, tls and draining
  bool keep_alive = true, chunked_answers = true;  // HTTP/1.0 knows no chunks
  bool is_head = false;
};

// One thread. Holds next to nothing between requests.
class RequestParser {
 public:
  enum class State {
    kStart,   // no byte of a request has come
    kHeader,  // part of a header has
    kBody,    // the header is whole, the body is not
    kDone,    // take() the request
    kBad,     // refused: status() and detail(); no further request can be read from this connection
  };

  RequestParser(int64_t header_bytes, int64_t body_bytes);
  ~RequestParser();

  State state() const { return state_; }
  // Reads on; returns how many bytes were used: all of them, but at kDone (the rest belongs to the next request) and kBad.
  size_t put(std::string_view bytes);
  // In state kBody: whether the client waits to be told to go on. Tells so once.
  bool take_expectation();
  ParsedRequest take();  // in state kDone; the state is then kStart

  int status() const { return status_; }
  const std::string& detail() const { return detail_; }

 private:
  struct Beast;
  size_t scan_header(std::string_view bytes);
  void parse_header();
  size_t put_body(std::string_view bytes);
  bool check_target(std::string_view target);
  void refuse(int status, std::string detail);

  const int64_t header_bytes_, body_bytes_;
  State state_ = State::kStart;
  bool expects_ = false;
  int skipped_ = 0;  // of empty lines before a request
  std::string header_;
  std::string rest_;  // of a body, what Beast could not use yet: a piece of a chunk's first line
  std::unique_ptr<Beast> beast_;
  ParsedRequest parsed_;
  int status_ = 0;
  std::string detail_;
};

}  // namespace lathe::serve
