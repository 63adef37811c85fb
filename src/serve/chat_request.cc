#include "serve/chat_request.h"

#include <charconv>
#include <cmath>
#include <optional>

namespace lathe::serve {
namespace {

constexpr int kMaxDepth = 32;
constexpr double kLargestWhole = 9007199254740992.0;  // 2^53: whole doubles up to here are exact

// Faults of one body, listed by place.
class Faults {
 public:
  void add(Json::Array place, const char* type, std::string message) {
    Json location = Json::array();
    location.push_back("body");
    for (Json& step : place) location.push_back(std::move(step));
    Json fault = Json::object();
    fault["type"] = type;
    fault["loc"] = std::move(location);
    fault["msg"] = std::move(message);
    list_.push_back(std::move(fault));
  }
  bool any() const { return list_.size() > 0; }
  Refusal take() {
    Json body = Json::object();
    body["detail"] = std::move(list_);
    return {422, std::move(body)};
  }

 private:
  Json list_ = Json::array();
};

std::optional<double> number_of(const Json& value) {
  if (value.is_number()) return value.as_double();
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = trim_text(value.as_string());
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void read_number(const Json& body, const char* key, double& field, Faults& faults) {
  const Json* value = body.find(key);
  if (!value || value->is_null()) return;
  if (const std::optional<double> number = number_of(*value))
    field = *number;
  else
    faults.add({key}, "float_parsing", "Input should be a valid number");
}

void read_whole(const Json& body, const char* key, int64_t& field, Faults& faults) {
  const Json* value = body.find(key);
  if (!value || value->is_null()) return;
  const std::optional<double> number = number_of(*value);
  if (number && std::floor(*number) == *number && std::fabs(*number) <= kLargestWhole)
    field = static_cast<int64_t>(*number);
  else
    faults.add({key}, "int_parsing", "Input should be a valid integer");
}

// The text member of a message; null after a fault.
const std::string* read_text(const Json& message, int64_t index, const char* key, Faults& faults) {
  const Json* value = message.find(key);
  if (value && value->is_string()) return &value->as_string();
  faults.add({"messages", index, key}, value ? "string_type" : "missing",
             value ? "Input should be a valid string" : "Field required");
  return nullptr;
}

struct RawMessage {
  const std::string* role;
  const std::string* content;
};

std::vector<RawMessage> read_messages(const Json& body, Faults& faults) {
  std::vector<RawMessage> result;
  const Json* messages = body.find("messages");
  if (!messages) {
    faults.add({"messages"}, "missing", "Field required");
    return result;
  }
  if (!messages->is_array()) {
    faults.add({"messages"}, "list_type", "Input should be a valid list");
    return result;
  }
  for (const Json& message : messages->as_array()) {
    const int64_t index = static_cast<int64_t>(result.size());
    // One fault too many tells the story; a list of thousands would only be a heavier answer.
    if (index > kMaxMessages) {
      result.push_back({nullptr, nullptr});
      continue;
    }
    if (!message.is_object()) {
      faults.add({"messages", index}, "model_type", "Input should be an object with role and content");
      result.push_back({nullptr, nullptr});
      continue;
    }
    const std::string* role = read_text(message, index, "role", faults);
    result.push_back({role, read_text(message, index, "content", faults)});
  }
  return result;
}

std::string check_messages(const std::vector<RawMessage>& messages) {
  if (messages.empty()) return "At least one message is needed";
  if (static_cast<int64_t>(messages.size()) > kMaxMessages)
    return join_text("Too many messages: at most ", kMaxMessages, " are allowed");
  int64_t total = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].content->empty()) return join_text("Message ", i, " is empty");
    const int64_t length = count_code_points(*messages[i].content);
    if (length > kMaxMessageCharacters)
      return join_text("Message ", i, " is too long: at most ", kMaxMessageCharacters, " characters are allowed");
    total += length;
  }
  if (total > kMaxTotalCharacters)
    return join_text("The conversation is too long: at most ", kMaxTotalCharacters, " characters are allowed in total");
  for (size_t i = 0; i < messages.size(); ++i)
    if (*messages[i].role != "user" && *messages[i].role != "assistant")
      return join_text("Message ", i, " has an unknown role: user or assistant is allowed");
  return "";
}

}  // namespace

Refusal refusal(int status, std::string_view detail) {
  Json body = Json::object();
  body["detail"] = detail;
  return {status, std::move(body)};
}

std::variant<GenerationRequest, Refusal> parse_chat_request(std::string_view body, const ChatDefaults& defaults) {
  Faults faults;
  JsonLimits limits;
  limits.max_depth = kMaxDepth;
  limits.allow_comments = limits.allow_bare_words = false;
  const Result<Json> parsed = parse_json(body, "", limits);
  if (!parsed.ok()) {
    faults.add({}, "json_invalid", "JSON decode error: " + parsed.error().to_string());
    return faults.take();
  }
  const Json& json = parsed.value();
  if (!json.is_object()) {
    faults.add({}, "model_type", "Input should be an object");
    return faults.take();
  }
  GenerationRequest request;
  request.temperature = defaults.temperature;
  request.top_k = defaults.top_k;
  request.max_tokens = defaults.max_tokens;
  const std::vector<RawMessage> messages = read_messages(json, faults);
  read_number(json, "temperature", request.temperature, faults);
  read_whole(json, "top_k", request.top_k, faults);
  read_whole(json, "max_tokens", request.max_tokens, faults);
  if (faults.any()) return faults.take();

  if (const std::string wrong = check_messages(messages); !wrong.empty()) return refusal(400, wrong);
  if (!(request.temperature >= 0 && request.temperature <= kMaxTemperature))
    return refusal(400, "temperature must be between 0.0 and 2.0");
  if (request.top_k < 0 || request.top_k > kMaxTopK) return refusal(400, "top_k must be between 0 and 200");
  if (request.max_tokens < 1 || request.max_tokens > kMaxMaxTokens)
    return refusal(400, "max_tokens must be between 1 and 4096");
  for (const RawMessage& message : messages)
    request.messages.push_back(
        {*message.role == "user" ? tokenizer::Role::kUser : tokenizer::Role::kAssistant, *message.content});
  return request;
}

}  // namespace lathe::serve
