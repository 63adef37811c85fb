#include "serve/request_parser.h"

#include <algorithm>
#include <boost/beast/http.hpp>
#include <functional>
#include <utility>

#include "core/text.h"

namespace lathe::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr int kMostEmptyLines = 8;  // some clients send one after a body

std::string to_text(beast::string_view view) { return std::string(view.data(), view.size()); }

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether the first line ends in " HTTP/" DIGIT "." DIGIT.
bool names_version(std::string_view header) {
  const std::string_view line = header.substr(0, header.find('\r')), word = " HTTP/";
  if (line.size() < word.size() + 3 || line.substr(line.size() - word.size() - 3, word.size()) != word) return false;
  const std::string_view number = line.substr(line.size() - 3);
  return is_digits(number.substr(0, 1)) && number[1] == '.' && is_digits(number.substr(2));
}

// Whether the bytes, which begin at a chunk's first line, begin the last chunk and do not hold its end. Beast must not see such: when it is
// called a second time with few bytes, one of its assertions fails.
bool is_unended_last_chunk(std::string_view bytes, bool after_chunk) {
  if (after_chunk) {  // the line end of the chunk before
    if (!bytes.starts_with("\r\n")) return false;
    bytes.remove_prefix(2);
  }
  const size_t size_end = std::min(bytes.find_first_not_of('0'), bytes.size());
  const bool last = size_end > 0 && (size_end == bytes.size() || bytes[size_end] == '\r' || bytes[size_end] == ';');
  return last && bytes.find("\r\n\r\n") == std::string_view::npos;
}

}  // namespace

struct RequestParser::Beast {
  http::request_parser<http::string_body> parser;
  // Two programs may end a chunk's first line at different places when control characters are in it.
  std::function<void(uint64_t, beast::string_view, error_code&)> on_chunk = [this](uint64_t size, beast::string_view extension, error_code& e) {
    promised += size;
    if (std::any_of(extension.begin(), extension.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }))
      e = http::error::bad_chunk_extension;
  };
  uint64_t promised = 0;  // bytes of all chunks whose first line has been read
  bool at_chunk_line() { return parser.chunked() && parser.get().body().size() == promised; }
};

RequestParser::RequestParser(int64_t header_bytes, int64_t body_bytes) : header_bytes_(header_bytes), body_bytes_(body_bytes) {}
RequestParser::~RequestParser() = default;

void RequestParser::refuse(int status, std::string detail) {
  state_ = State::kBad;
  status_ = status;
  detail_ = std::move(detail);
  beast_.reset();
  header_ = rest_ = std::string();
}

size_t RequestParser::put(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && (state_ == State::kStart || state_ == State::kHeader || state_ == State::kBody))
    used += state_ == State::kBody ? put_body(bytes.substr(used)) : scan_header(bytes.substr(used));
  return used;
}

bool RequestParser::take_expectation() {
  const bool expects = state_ == State::kBody && expects_;
  expects_ = expects_ && !expects;
  return expects;
}

// Takes bytes up to the end of the header. Lines end in CR LF and nothing else; so a client that speaks another protocol
// is refused at its first bytes and not at its deadline.
size_t RequestParser::scan_header(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i], before = header_.empty() ? '\0' : header_.back();
    if (header_.size() < 2 && (c == '\r' || c == '\n') && (c == '\n') == (before == '\r')) {  // an empty line before a request
      header_ = c == '\r' ? "\r" : "";
      state_ = State::kHeader;
      if (c == '\n') state_ = State::kStart;
      if (c == '\n' && ++skipped_ > kMostEmptyLines) return refuse(400, "Malformed request: empty lines instead of a request"), i + 1;
      continue;
    }
    state_ = State::kHeader;
    if ((c == '\n') != (before == '\r')) return refuse(400, "Malformed request: lines must end in CR LF"), i;
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F)
      return refuse(400, "Malformed request: control characters in the header"), i;
    if (before == '\n' && (c == ' ' || c == '\t')) return refuse(400, "Malformed request: a folded header line"), i;
    if (static_cast<int64_t>(header_.size()) >= header_bytes_) return refuse(431, "Request header too large"), i;
    header_ += c;
    if (c == '\n' && header_.ends_with("\r\n\r\n")) {
      parse_header();
      return i + 1;
    }
  }
  return bytes.size();
}

// An origin-form or absolute-form target, or "*".
bool RequestParser::check_target(std::string_view target) {
  HttpRequest& request = parsed_.request;
  const auto plain = [](char c) { return c > 0x20 && c < 0x7F; };
  if (target.empty() || !std::all_of(target.begin(), target.end(), plain) || target.find('#') != std::string_view::npos) return false;
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("://") + 3);
    const size_t slash = std::min(target.find_first_of("/?"), target.size());
    if (!beast::iequals({target.data(), slash}, {request.host.data(), request.host.size()})) return false;  // two names for one request
    target.remove_prefix(slash);
    if (!target.starts_with('/')) return request.path = "/", request.query = target.substr(std::min<size_t>(1, target.size())), true;
  }
  if (target != "*" && !target.starts_with('/')) return false;
  const size_t end = std::min(target.find('?'), target.size());
  const auto path = decode_percent(target.substr(0, end));
  if (!path || first_invalid_utf8(*path) >= 0) return false;
  if (std::any_of(path->begin(), path->end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; })) return false;
  request.path = *path;
  request.query = target.substr(std::min(target.size(), end + 1));
  return true;
}

void RequestParser::parse_header() {
  beast_ = std::make_unique<Beast>();
  auto& parser = beast_->parser;
  parser.eager(true);
  parser.on_chunk_header(beast_->on_chunk);
  parser.header_limit(static_cast<uint32_t>(header_bytes_));
  parser.body_limit(static_cast<uint64_t>(body_bytes_));
  skipped_ = 0;
  error_code e;
  parser.put(asio::buffer(header_), e);
  const auto malformed = [this](const char* what) { return refuse(400, join_text("Malformed request: ", what)); };
  if (e == http::error::body_limit) return refuse(413, "Request body too large");
  if (e == http::error::header_limit) return refuse(431, "Request header too large");
  if (e == http::error::bad_version && names_version(header_)) return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (e == http::error::bad_content_length) return malformed("its Content-Length is no single number");
  if (e == http::error::bad_transfer_encoding) return malformed("both a Content-Length and a Transfer-Encoding");
  if ((e && e != http::error::need_more) || !parser.is_header_done()) return malformed("no HTTP header");

  const auto& message = parser.get();
  if (message.version() != 11 && message.version() != 10) return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
  parsed_ = {};
  HttpRequest& request = parsed_.request;
  for (const auto& field : message) request.headers.emplace_back(to_text(field.name_string()), to_text(field.value()));
  if (message.count(http::field::host) > 1) return malformed("two Host headers");
  if (message.version() == 11 && message.count(http::field::host) == 0) return malformed("no Host header");
  if (message.count(http::field::content_length) > 1) return malformed("two Content-Length headers");
  if (message.count(http::field::content_length) == 1 && !is_digits(to_text(message[http::field::content_length])))
    return malformed("its Content-Length is no single number");
  if (message.count(http::field::transfer_encoding) > 0) {
    if (message.count(http::field::content_length) > 0) return malformed("both a Content-Length and a Transfer-Encoding");
    if (message.version() == 10 || message.count(http::field::transfer_encoding) > 1 ||
        !beast::iequals(message[http::field::transfer_encoding], "chunked"))
      return malformed("a Transfer-Encoding other than chunked");
  }
  request.method = to_text(message.method_string());
  request.host = to_text(message[http::field::host]);
  request.origin = to_text(message[http::field::origin]);
  if (!check_target(to_text(message.target()))) return malformed("its target is no path of this server");
  const beast::string_view expect = message[http::field::expect];
  if (!expect.empty() && !beast::iequals(expect, "100-continue")) return refuse(417, "Only 100-continue can be expected");
  expects_ = !expect.empty() && message.version() == 11;
  parsed_.keep_alive = message.keep_alive();
  parsed_.chunked_answers = message.version() == 11;
  parsed_.is_head = message.method() == http::verb::head;
  header_ = std::string();
  state_ = parser.is_done() ? State::kDone : State::kBody;
}

size_t RequestParser::put_body(std::string_view bytes) {
  auto& parser = beast_->parser;
  const size_t kept = rest_.size();
  rest_ += bytes;
  size_t used = 0;
  error_code e;
  while (!e && used < rest_.size() && !parser.is_done()) {
    if (beast_->at_chunk_line() && is_unended_last_chunk(std::string_view(rest_).substr(used), beast_->promised > 0)) break;
    const size_t step = parser.put(asio::buffer(rest_.data() + used, rest_.size() - used), e);
    used += step;
    if (step == 0) break;
  }
  if (e == http::error::body_limit) return refuse(413, "Request body too large"), bytes.size();
  if (e && e != http::error::need_more) return refuse(400, "Malformed request: its chunks cannot be read"), bytes.size();
  if (parser.is_done()) {
    state_ = State::kDone;
    rest_ = std::string();
    return used - kept;
  }
  rest_.erase(0, used);
  for (size_t i = 0; i < rest_.size(); ++i)  // what is left are lines
    if (rest_[i] == '\n' && (i == 0 || rest_[i - 1] != '\r')) return refuse(400, "Malformed request: lines must end in CR LF"), bytes.size();
  // A whole line that waits is that of the last chunk; Beast looks behind its size only when the trailer has ended, too.
  std::string_view line = rest_;
  if (line.starts_with("\r\n")) line.remove_prefix(2);
  if (const size_t end = line.find("\r\n"), size_end = line.find_first_not_of('0'); end != std::string_view::npos && size_end < end && line[size_end] != ';')
    return refuse(400, "Malformed request: its chunks cannot be read"), bytes.size();
  if (static_cast<int64_t>(rest_.size()) > header_bytes_) refuse(400, "Malformed request: a chunk's first line without an end");
  return bytes.size();
}

ParsedRequest RequestParser::take() {
  state_ = State::kStart;
  expects_ = false;
  parsed_.request.body = std::move(beast_->parser.get().body());
  beast_.reset();
  return std::exchange(parsed_, {});
}

}  // namespace lathe::serve
