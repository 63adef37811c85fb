#include "serve/http_connection.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "serve/http_exchange.h"
#include "serve/http_head.h"

namespace lathe::serve {
namespace {

constexpr double kLingerSeconds = 2;       // for a refused client to read its answer
constexpr size_t kMostKeptBytes = 64 << 10;  // of requests sent ahead of their time

std::chrono::steady_clock::time_point after(double seconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

bool is_sane_id(std::string_view id) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == ':'; };
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, Accepted accepted, ConnectionHost& host)
    : host_(host),
      transport_(std::move(transport)),
      watch_(host.loop->watch(transport_->descriptor())),
      peer_(std::move(accepted.peer)),
      network_(std::move(accepted.network)),
      tls_(transport_->is_tls()) {}

void Connection::start() {
  ++host_.open;
  if (!network_.empty()) ++host_.of_network[network_];
  wait(host_.limits.header_seconds);
  shake_hands();
}

void Connection::close() {
  if (gone.exchange(true)) return;
  const auto self = shared_from_this();
  record(false);
  watch_.reset();
  transport_.reset();
  parser_.reset();
  kept_ = out_ = std::string();
  --host_.open;
  if (const auto found = host_.of_network.find(network_); found != host_.of_network.end() && --found->second == 0)
    host_.of_network.erase(found);
  host_.connections.erase(self);
}

void Connection::wait(double seconds) { deadline_ = after(seconds); }

void Connection::shake_hands() {
  const Transfer done = transport_->handshake();
  if (done.state == Transfer::State::kEnd) return close();
  shaken_ = done.state == Transfer::State::kDone;
  if (shaken_) return next_request();
  if (done.state == Transfer::State::kWantRead) return read_later();
  awaits_write_ = true;
  watch_->wait_writable(shared_from_this());
}

void Connection::next_request() {
  parser_.emplace(host_.limits.header_bytes, host_.limits.body_bytes);
  answering_ = begun_ = streaming_ = answer_done_ = head_only_ = false;
  wait(host_.limits.idle_seconds);
  const std::string bytes = std::exchange(kept_, std::string());
  parse(bytes);
  read_later();
}

bool Connection::may_read() const { return !gone && !awaits_read_ && (lingering_ || kept_.size() < kMostKeptBytes); }

void Connection::read_later() {
  if (!may_read()) return;
  awaits_read_ = true;
  // What TLS has taken from the descriptor already does not make it readable again.
  if (shaken_ && transport_->has_unread()) return host_.loop->post([self = shared_from_this()] { self->on_readable(); });
  watch_->wait_readable(shared_from_this());
}

void Connection::on_readable() {
  awaits_read_ = false;
  if (gone) return;
  if (!shaken_) return shake_hands();
  const Transfer got = transport_->read(host_.scratch.data(), host_.scratch.size());
  if (got.state == Transfer::State::kEnd) return close();
  if (got.state == Transfer::State::kWantWrite && !awaits_write_) {
    awaits_write_ = true;
    return watch_->wait_writable(shared_from_this());
  }
  if (got.state == Transfer::State::kDone) take_bytes({host_.scratch.data(), got.bytes});
  if (!gone && !awaits_write_ && written_ < out_.size()) flush();  // TLS may have had to read before it could write
  read_later();
}

void Connection::on_writable() {
  awaits_write_ = false;
  if (gone) return;
  if (!shaken_) return shake_hands();
  flush();
  if (may_read()) on_readable();
}

void Connection::take_bytes(std::string_view bytes) {
  if (lingering_) return;
  if (answering_)
    kept_ += bytes;
  else
    parse(bytes);
}

void Connection::parse(std::string_view bytes) {
  using State = RequestParser::State;
  if (bytes.empty()) return;
  const State before = parser_->state();
  const size_t used = parser_->put(bytes);
  const State now = parser_->state();
  if (now == State::kHeader && before == State::kStart) wait(host_.limits.header_seconds);
  if (now == State::kBody && before != State::kBody) wait(host_.limits.body_seconds);
  if (now == State::kBad) return refuse();
  if (now == State::kDone) {
    kept_.assign(bytes.substr(used));
    return dispatch();
  }
  if (parser_->take_expectation()) {
    write("HTTP/1.1 100 Continue\r\n\r\n");
    flush();
  }
}

std::string Connection::request_id(std::string_view wanted) {
  return is_sane_id(wanted) ? std::string(wanted) : host_.id_prefix + std::to_string(++host_.next_id);
}

void Connection::begin_answer(std::string id, std::string method, std::string path, int64_t bytes_in) {
  no_deadline();
  answering_ = counted_ = true;
  ++request_number_;
  ++host_.answering;
  record_ = {};
  record_.id = std::move(id);
  record_.peer = peer_;
  record_.method = std::move(method);
  record_.path = std::move(path);
  record_.bytes_in = bytes_in;
  began_ = std::chrono::steady_clock::now();
}

void Connection::refuse() {
  ++host_.malformed;
  begin_answer(request_id({}), "", "", 0);
  close_ = true;
  head_only_ = false;
  respond(request_number_, error_response(parser_->status(), parser_->detail()));
  flush();
}

void Connection::dispatch() {
  ParsedRequest parsed = parser_->take();
  parser_.reset();
  HttpRequest& request = parsed.request;
  request.id = request_id(request.header("x-request-id"));
  request.peer = peer_;
  request.tls = tls_;
  request.draining = host_.draining;
  if (!parsed.keep_alive || host_.draining) close_ = true;
  chunked_ = parsed.chunked_answers;
  head_only_ = parsed.is_head;
  ++host_.requests;
  begin_answer(request.id, request.method, request.path, static_cast<int64_t>(request.body.size()));
  const auto exchange = make_exchange(shared_from_this(), host_.loop, request_number_);
  try {
    host_.handler(request, exchange);
  } catch (const std::exception& e) {
    log_error("serve", request.method, " ", request.path, " failed: ", e.what());  // the exchange answers 500 as it goes
  }
}

void Connection::respond(uint64_t request, const HttpResponse& response) {
  if (!expects(request) || begun_) return;
  begun_ = true;
  record_.status = response.status;
  // A whole answer is in memory already, so the bound of unsent bytes is none for it.
  out_ += http_head(response, length_framing(response), record_.id, close_);
  if (!head_only_) out_ += response.body;
  answer_done_ = true;
}

void Connection::begin_stream(uint64_t request, const HttpResponse& head) {
  if (!expects(request) || begun_) return;
  begun_ = streaming_ = true;
  record_.status = head.status;
  if (!chunked_) close_ = true;
  write(http_head(head, chunked_ ? "Transfer-Encoding: chunked\r\n" : "", record_.id, close_));
}

void Connection::send(uint64_t request, const std::string& text) {
  if (!expects(request) || !streaming_ || text.empty() || head_only_) return;
  write(chunked_ ? format_text("%zx\r\n", text.size()) + text + "\r\n" : text);
}

void Connection::finish(uint64_t request) {
  if (!expects(request) || !streaming_) return;
  if (chunked_ && !head_only_) write("0\r\n\r\n");
  answer_done_ = true;
}

void Connection::abandon(uint64_t request) {
  if (!expects(request)) return;
  if (!begun_) return respond(request, error_response(500, "Internal Server Error", "internal_error"));
  close_ = true;  // after what was sent, without the end mark: the client sees that something is missing
  answer_done_ = true;
}

void Connection::note(uint64_t request, std::string name, int64_t value) {
  if (expects(request)) record_.notes.emplace_back(std::move(name), value);
}

void Connection::write(std::string_view text) {
  if (gone) return;
  const auto unsent = [this] { return static_cast<int64_t>(out_.size() - written_); };
  const int64_t more = static_cast<int64_t>(text.size());
  if (unsent() > 0 && unsent() + more > host_.limits.unsent_bytes && !awaits_write_) send_out();
  if (gone) return;
  if (unsent() + more > host_.limits.unsent_bytes) return close();
  if (written_ > kMostKeptBytes && written_ * 2 > out_.size()) {
    out_.erase(0, written_);
    written_ = 0;
  }
  out_ += text;
}

// Writes what the descriptor takes; waits for it to take more.
void Connection::send_out() {
  while (written_ < out_.size()) {
    const Transfer sent = transport_->write(out_.data() + written_, out_.size() - written_);
    if (sent.state == Transfer::State::kEnd) return close();
    if (sent.state != Transfer::State::kDone) {
      if (answering_ && (progressed_ || deadline_ == std::chrono::steady_clock::time_point::max())) wait(host_.limits.write_seconds);
      progressed_ = false;
      if (sent.state == Transfer::State::kWantRead) return read_later();
      awaits_write_ = true;
      return watch_->wait_writable(shared_from_this());
    }
    written_ += sent.bytes;
    record_.bytes_out += static_cast<int64_t>(sent.bytes);
    progressed_ = true;
  }
  progressed_ = false;
  written_ = 0;
  if (out_.capacity() > (16 << 10))
    out_ = std::string();
  else
    out_.clear();
  if (answering_) no_deadline();
}

void Connection::flush() {
  if (gone || awaits_write_ || lingering_) return;
  send_out();
  if (!gone && out_.empty() && answering_ && answer_done_) end_answer();
}

void Connection::end_answer() {
  record(true);
  if (!close_) return next_request();
  // Closing at once would reset the connection and could take the answer with it: wait for the client to close.
  transport_->end_writing();
  lingering_ = true;
  parser_.reset();
  kept_ = std::string();
  wait(kLingerSeconds);
  read_later();
}

void Connection::record(bool complete) {
  if (!std::exchange(counted_, false)) return;
  --host_.answering;
  record_.complete = complete;
  record_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  if (host_.observer) host_.observer(record_);
}

}  // namespace lathe::serve
