#include "bench/response_reader.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "core/text.h"

namespace lathe::bench {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

template <class T>
bool whole_number(std::string_view text, T* value, int base = 10) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return code == std::errc() && end == text.data() + text.size() && *value >= 0;
}

}  // namespace

ResponseReader::State ResponseReader::feed(std::string_view bytes) {
  if (bytes.empty() || state_ == State::kMalformed) return state_;
  if (state_ == State::kWhole) return state_ = State::kMalformed;
  raw_ += bytes;
  if (state_ == State::kHead && !read_head()) return state_;
  read_body();
  return state_;
}

ResponseReader::State ResponseReader::end() {
  if (state_ == State::kBody && left_ < 0 && !is_chunked_) return state_ = State::kWhole;
  return state_ = state_ == State::kWhole ? State::kWhole : State::kMalformed;
}

bool ResponseReader::read_head() {
  const size_t end = raw_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (raw_.size() > kLongestHead) state_ = State::kMalformed;
    return false;
  }
  const std::vector<std::string> lines = split_text(std::string_view(raw_).substr(0, end), '\n');
  const std::string& first = lines[0];
  if (!first.starts_with("HTTP/1.") || first.size() < 12 || !whole_number(std::string_view(first).substr(9, 3), &status_)) {
    state_ = State::kMalformed;
    return false;
  }
  keeps_alive_ = first[7] == '1';
  left_ = -1;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(':');
    if (colon == std::string::npos) continue;
    const std::string name = lower(lines[i].substr(0, colon)), value = lower(trim_text(std::string_view(lines[i]).substr(colon + 1)));
    if (name == "content-length" && !whole_number(value, &left_)) state_ = State::kMalformed;
    if (name == "transfer-encoding") is_chunked_ = value == "chunked";
    if (name == "connection") keeps_alive_ = value != "close";
    if (name == "content-type") is_events_ = value.starts_with("text/event-stream");
  }
  raw_.erase(0, end + 4);
  if (state_ == State::kMalformed) return false;
  if (is_chunked_) left_ = 0;
  else if (left_ < 0) keeps_alive_ = false;
  state_ = State::kBody;
  return true;
}

void ResponseReader::read_body() {
  if (!is_chunked_) {
    const size_t taken = left_ < 0 ? raw_.size() : std::min(raw_.size(), static_cast<size_t>(left_));
    body_ += raw_.substr(0, taken);
    raw_.erase(0, taken);
    if (left_ >= 0 && (left_ -= static_cast<int64_t>(taken)) == 0) state_ = raw_.empty() ? State::kWhole : State::kMalformed;
    return;
  }
  for (;;) {
    if (in_chunk_) {
      const size_t taken = std::min(raw_.size(), static_cast<size_t>(left_));
      body_ += raw_.substr(0, taken);
      raw_.erase(0, taken);
      left_ -= static_cast<int64_t>(taken);
      if (left_ > 0 || raw_.size() < 2) return;
      if (!raw_.starts_with("\r\n")) state_ = State::kMalformed;
      if (state_ == State::kMalformed) return;
      raw_.erase(0, 2);
      in_chunk_ = false;
    }
    const size_t line = raw_.find("\r\n");
    if (line == std::string::npos) {
      if (raw_.size() > kLongestLine) state_ = State::kMalformed;
      return;
    }
    const std::string head = raw_.substr(0, line);
    raw_.erase(0, line + 2);
    if (in_trailer_) {
      if (head.empty()) state_ = raw_.empty() ? State::kWhole : State::kMalformed;
      if (head.empty()) return;
      continue;
    }
    if (!whole_number(std::string_view(head).substr(0, head.find(';')), &left_, 16)) {
      state_ = State::kMalformed;
      return;
    }
    in_trailer_ = left_ == 0;
    in_chunk_ = left_ > 0;
  }
}

std::vector<std::string> ResponseReader::take_events() {
  std::vector<std::string> events;
  size_t at = 0;
  for (size_t end; (end = body_.find("\n\n", at)) != std::string::npos; at = end + 2) {
    std::string data;
    for (const std::string& line : split_text(std::string_view(body_).substr(at, end - at), '\n'))
      if (line.starts_with("data:")) data += (data.empty() ? "" : "\n") + std::string(trim_text(std::string_view(line).substr(5)));
    if (!data.empty()) events.push_back(std::move(data));
  }
  body_.erase(0, at);
  return events;
}

std::string ResponseReader::take_body() { return std::exchange(body_, {}); }

void ResponseReader::reset() { *this = {}; }

}  // namespace lathe::bench
