// An HTTP/1.1 response as its bytes come, and the server-sent events in it. As strict as a load generator needs: what it cannot
// read is malformed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::bench {

class ResponseReader {
 public:
  enum class State { kHead, kBody, kWhole, kMalformed };

  // Bytes behind a whole response are malformed: nobody asked for them. body() grows.
  State feed(std::string_view bytes);
  // The connection has ended: a body without a length is whole then.
  State end();

  State state() const { return state_; }
  int status() const { return status_; }
  bool keeps_alive() const { return keeps_alive_; }
  // The data of the events that have become whole since the last call. Anything but an event stream is taken by take_body().
  std::vector<std::string> take_events();
  bool is_event_stream() const { return is_events_; }
  std::string take_body();
  void reset();  // for the next response

 private:
  bool read_head();
  void read_body();
  static constexpr size_t kLongestHead = 64 << 10, kLongestLine = 64;

  State state_ = State::kHead;
  std::string raw_, body_;
  int status_ = 0;
  bool keeps_alive_ = true, is_chunked_ = false, is_events_ = false;
  int64_t left_ = 0;        // bytes of the body or chunk still to come; -1: until the end
  bool in_chunk_ = false, in_trailer_ = false;
};

}  // namespace lathe::bench
