#include <algorithm>
#include <utility>

#include "infer/chat_format.h"

namespace lathe::infer {
namespace {

using tokenizer::ToolNotation;
constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxCallBytes = size_t{1} << 16;  // with what stands before it; a longer one is text
constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kPythonTag = "<|python_tag|>";  // llama3.1 may put it before a call

bool is_blank(char c) { return kBlank.find(c) != kNone; }

// The longest end of `text` that is a beginning of `mark`.
size_t partial_mark(std::string_view text, std::string_view mark) {
  for (size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n)
    if (mark.starts_with(text.substr(text.size() - n))) return n;
  return 0;
}

// The end of the JSON object or array that begins at `from`, by its brackets alone; kNone: it is not there yet.
size_t json_end(std::string_view text, size_t from) {
  int64_t depth = 0;
  bool quoted = false;
  for (size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return kNone;
}

}  // namespace

ChatFormat::Reader::Reader(const ChatFormat& format, Options options) : options_(std::move(options)) {
  const ToolNotation notation = format.template_.tool_notation();
  if (notation == ToolNotation::kHermes) open_ = "<tool_call>", close_ = "</tool_call>";
  if (notation == ToolNotation::kMistral) open_ = "[TOOL_CALLS]", bracket_ = '[';
  if (options_.is_call) state_ = State::kCall;
  else if (options_.tools.empty()) state_ = State::kPlain;
  else if (notation == ToolNotation::kLlama3) state_ = State::kStart;
}

ChatFormat::Reader::Reader(const ChatFormat& format, std::span<const ToolDefinition> tools, std::function<std::string()> new_id, bool is_call)
    : Reader(format, [&] {
        Options options;
        for (const ToolDefinition& tool : tools) options.tools.push_back(tool.name);
        options.new_id = std::move(new_id);
        options.is_call = is_call;
        return options;
      }()) {}

// Empty: not all of it is well-formed calls.
std::vector<ToolCall> ChatFormat::Reader::calls_of(std::string_view json) const {
  const Result<Json> parsed = parse_json(json, "", {64, false, false});
  if (!parsed.ok()) return {};
  const Json::Array one = {parsed.value()};
  std::vector<ToolCall> calls;
  for (const Json& element : parsed.value().is_array() ? parsed.value().as_array() : one) {
    const Json* name = element.find("name");
    if (name == nullptr || !name->is_string()) return {};
    if (std::find(options_.tools.begin(), options_.tools.end(), name->as_string()) == options_.tools.end()) return {};
    const Json* arguments = element.find("arguments");
    if (arguments == nullptr) arguments = element.find("parameters");
    ToolCall call{"", name->as_string(), "{}"};
    if (arguments != nullptr && arguments->is_string()) {  // some models write the object as a text
      const Result<Json> inner = parse_json(arguments->as_string(), "", {64, false, false});
      if (!inner.ok() || !inner.value().is_object()) return {};
      call.arguments = tokenizer::spaced_json(inner.value());
    } else if (arguments != nullptr) {
      if (!arguments->is_object()) return {};
      call.arguments = tokenizer::spaced_json(*arguments);
    }
    calls.push_back(std::move(call));
  }
  return calls;
}

void ChatFormat::Reader::take(std::vector<ToolCall> calls, size_t length, Read& out) {
  for (ToolCall& call : calls) {
    call.id = options_.new_id ? options_.new_id() : "";
    out.calls.push_back(std::move(call));
    ++num_calls_;
  }
  buffer_.erase(0, length);
  behind_call_ = true;
}

// Gives out what is text for certain. True: a mark was found, and the state is kCall.
bool ChatFormat::Reader::read_text(Read& out) {
  const size_t at = buffer_.find(open_);
  size_t keep = at;
  if (at == kNone) keep = buffer_.size() - partial_mark(buffer_, open_);
  size_t end = keep;
  while (end > 0 && is_blank(buffer_[end - 1])) --end;
  if (end > 0) behind_call_ = false;
  out.text += buffer_.substr(0, end);
  buffer_.erase(0, end);
  if (at == kNone) return false;
  opened_ = at - end + open_.size();
  state_ = State::kCall;
  return true;
}

// The buffer begins with blank space and a mark. True: go on.
bool ChatFormat::Reader::read_call(Read& out, bool ended) {
  const auto give_up = [&] {
    behind_call_ = false;
    out.text += buffer_.substr(0, opened_);
    buffer_.erase(0, opened_);
    state_ = State::kText;
    return true;
  };
  const size_t begin = buffer_.find_first_not_of(kBlank, opened_);
  if (begin == kNone) return ended ? give_up() : false;
  if (buffer_[begin] != bracket_) return give_up();
  size_t end = json_end(buffer_, begin);
  if (std::min(end, buffer_.size()) > kMaxCallBytes) return give_up();
  if (end == kNone) return ended ? give_up() : false;
  const std::string json = buffer_.substr(begin, end - begin);
  if (!close_.empty()) {
    const size_t close = buffer_.find_first_not_of(kBlank, end);
    const std::string_view rest = close == kNone ? std::string_view() : std::string_view(buffer_).substr(close);
    if (rest.starts_with(close_)) end = close + close_.size();
    else if (!std::string_view(close_).starts_with(rest)) return give_up();
    else if (!ended) return false;
    else if (!rest.empty()) return give_up();  // cut off in its closing mark; without any it is whole
  }
  std::vector<ToolCall> calls = calls_of(json);
  if (calls.empty()) return give_up();
  take(std::move(calls), end, out);
  state_ = State::kText;
  return true;
}

// llama3: an answer that is a call begins with it.
bool ChatFormat::Reader::read_bare(Read& out, bool ended) {
  const auto give_up = [&] {
    state_ = State::kPlain;
    return true;
  };
  size_t begin = 0;
  while (begin < buffer_.size() && (is_blank(buffer_[begin]) || (has_called() && buffer_[begin] == ';'))) ++begin;
  const std::string_view rest = std::string_view(buffer_).substr(begin);
  if (!rest.empty() && rest.size() < kPythonTag.size() && kPythonTag.starts_with(rest)) return ended ? give_up() : false;
  if (rest.starts_with(kPythonTag)) begin = std::min(buffer_.find_first_not_of(kBlank, begin + kPythonTag.size()), buffer_.size());
  if (begin == buffer_.size()) return ended ? give_up() : false;
  if (buffer_[begin] != '{') return give_up();
  const size_t end = json_end(buffer_, begin);
  if (std::min(end, buffer_.size()) > kMaxCallBytes) return give_up();
  if (end == kNone) return ended ? give_up() : false;
  std::vector<ToolCall> calls = calls_of(std::string_view(buffer_).substr(begin, end - begin));
  if (calls.empty()) return give_up();
  take(std::move(calls), end, out);
  return true;
}

ChatFormat::Reader::Read ChatFormat::Reader::push(std::string_view piece) {
  Read out;
  buffer_ += piece;
  if (options_.is_call) return out;
  for (bool more = true; more && !buffer_.empty();) {
    if (state_ == State::kPlain) {
      out.text += std::exchange(buffer_, {});
      more = false;
    } else if (state_ == State::kStart) {
      more = read_bare(out, false);
    } else {
      more = state_ == State::kText ? read_text(out) : read_call(out, false);
    }
  }
  return out;
}

ChatFormat::Reader::Read ChatFormat::Reader::finish() {
  Read out;
  if (options_.is_call) {
    if (std::vector<ToolCall> calls = calls_of(buffer_); calls.size() == 1) take(std::move(calls), buffer_.size(), out);
    out.text = std::exchange(buffer_, {});
    return out;
  }
  for (bool more = true; more && !buffer_.empty() && state_ != State::kPlain;) {
    if (state_ == State::kStart) more = read_bare(out, true);
    else more = state_ == State::kText ? read_text(out) : read_call(out, true);
  }
  const bool blank = buffer_.find_first_not_of(kBlank) == kNone;
  if (!(behind_call_ && blank)) out.text += buffer_;
  buffer_.clear();
  return out;
}

}  // namespace lathe::infer
