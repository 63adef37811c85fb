#include "serve/chat_request.h"

#include "tests/ref/testing.h"

namespace lathe::serve {
namespace {

std::string messages(const std::string& list, const std::string& rest = "") {
  return "{\"messages\": [" + list + "]" + rest + "}";
}
std::string message(const std::string& content, const std::string& role = "user") {
  Json json = Json::object();
  json["role"] = role;
  json["content"] = content;
  return json.dump();
}

GenerationRequest accepted(const std::string& body) {
  auto result = parse_chat_request(body, {});
  if (const Refusal* refused = std::get_if<Refusal>(&result)) throw std::runtime_error(refused->body.dump());
  return std::get<GenerationRequest>(result);
}

// "400 text" or "422 place.place: message"; the first fault.
std::string refused(const std::string& body) {
  const auto result = parse_chat_request(body, {});
  const Refusal* refusal = std::get_if<Refusal>(&result);
  if (!refusal) return "accepted";
  const Json& detail = refusal->body.at("detail");
  if (detail.is_string()) return join_text(refusal->status, " ", detail.as_string());
  std::string place;
  for (const Json& step : detail.at(0).at("loc").as_array())
    place += (place.empty() ? "" : ".") + (step.is_string() ? step.as_string() : step.dump());
  return join_text(refusal->status, " ", place, ": ", detail.at(0).at("msg").as_string());
}

bool starts(const std::string& text, const std::string& head) { return text.rfind(head, 0) == 0; }

// C-11.10, C-11.19
TEST(ChatRequest, OmittedParametersTakeTheServersValues) {
  const GenerationRequest request = accepted(messages(message("hi") + "," + message("yes?", "assistant")));
  EXPECT_EQ(request.temperature, 0.8);
  EXPECT_EQ(request.top_k, 50);
  EXPECT_EQ(request.max_tokens, 512);
  ASSERT_EQ(request.messages.size(), 2u);
  EXPECT_EQ(request.messages[1].role, tokenizer::Role::kAssistant);
  EXPECT_EQ(request.messages[1].text, "yes?");
}

// C-11.19
TEST(ChatRequest, ExplicitZeroIsRespected) {
  const GenerationRequest request =
      accepted(messages(message("hi"), ", \"temperature\": 0, \"top_k\": 0, \"max_tokens\": 1"));
  EXPECT_EQ(request.temperature, 0);
  EXPECT_EQ(request.top_k, 0);
  EXPECT_EQ(request.max_tokens, 1);
  EXPECT_EQ(accepted(messages(message("hi"), ", \"temperature\": null")).temperature, 0.8);
}

// C-11.16
TEST(ChatRequest, LimitsAreInclusiveAndBeyondThemIs400) {
  const auto with = [](const std::string& parameter) { return messages(message("hi"), ", " + parameter); };
  for (const char* good : {"\"temperature\": 2.0", "\"top_k\": 200", "\"max_tokens\": 4096"})
    EXPECT_EQ(refused(with(good)), "accepted") << good;
  EXPECT_TRUE(starts(refused(with("\"temperature\": 2.01")), "400 temperature"));
  EXPECT_TRUE(starts(refused(with("\"temperature\": -0.1")), "400 temperature"));
  EXPECT_TRUE(starts(refused(with("\"top_k\": 201")), "400 top_k"));
  EXPECT_TRUE(starts(refused(with("\"top_k\": -1")), "400 top_k"));
  EXPECT_TRUE(starts(refused(with("\"max_tokens\": 0")), "400 max_tokens"));
  EXPECT_TRUE(starts(refused(with("\"max_tokens\": 4097")), "400 max_tokens"));
  EXPECT_TRUE(starts(refused(messages("")), "400 At least one message"));
  EXPECT_TRUE(starts(refused(messages(message(""))), "400 Message 0 is empty"));
  EXPECT_EQ(refused(messages(message(std::string(8000, 'a')))), "accepted");
  EXPECT_TRUE(starts(refused(messages(message(std::string(8001, 'a')))), "400 Message 0 is too long"));
  std::string list = message("a");
  for (int i = 1; i < 500; ++i) list += "," + message("a");
  EXPECT_EQ(refused(messages(list)), "accepted");
  EXPECT_TRUE(starts(refused(messages(list + "," + message("a"))), "400 Too many messages"));
  list = message(std::string(8000, 'a'));
  for (int i = 1; i < 4; ++i) list += "," + message(std::string(8000, 'a'));
  EXPECT_EQ(refused(messages(list)), "accepted");
  EXPECT_TRUE(starts(refused(messages(list + "," + message("b"))), "400 The conversation is too long"));
}

// C-11.17: each body has all later faults as well, so a wrong order shows.
TEST(ChatRequest, ChecksComeInOrder) {
  const std::string numbers = ", \"max_tokens\": 0, \"top_k\": 999, \"temperature\": 9";
  EXPECT_TRUE(starts(refused(messages("", numbers)), "400 At least one"));
  std::string list = message("", "wizard");
  for (int i = 1; i < 501; ++i) list += "," + message("");
  EXPECT_TRUE(starts(refused(messages(list, numbers)), "400 Too many messages"));
  const std::string big = message(std::string(8000, 'a'), "wizard");
  const std::string five = big + "," + big + "," + big + "," + big + "," + big;
  EXPECT_TRUE(starts(refused(messages(five + "," + message("") + "," + message(std::string(8001, 'b')), numbers)),
                     "400 Message 5 is empty"));
  EXPECT_TRUE(starts(refused(messages(five + "," + message(std::string(8001, 'b')) + "," + message(""), numbers)),
                     "400 Message 5 is too long"));
  EXPECT_TRUE(starts(refused(messages(five, numbers)), "400 The conversation is too long"));
  EXPECT_TRUE(starts(refused(messages(message("a") + "," + message("b", "wizard"), numbers)),
                     "400 Message 1 has an unknown role"));
  EXPECT_TRUE(starts(refused(messages(message("a"), numbers)), "400 temperature"));
  EXPECT_TRUE(starts(refused(messages(message("a"), ", \"max_tokens\": 0, \"top_k\": 999")), "400 top_k"));
  EXPECT_TRUE(starts(refused(messages(message("a"), ", \"max_tokens\": 0")), "400 max_tokens"));
}

// C-11.17
TEST(ChatRequest, LengthsAreCodePoints) {
  std::string text;
  for (int i = 0; i < 8000; ++i) text += "\xF0\x9F\x98\x80";  // 4 bytes each
  EXPECT_EQ(refused(messages(message(text))), "accepted");
  EXPECT_TRUE(starts(refused(messages(message(text + "\xC3\xA9"))), "400 Message 0 is too long"));
}

// C-11.18
TEST(ChatRequest, OnlyUserAndAssistantSpeakInAnyOrder) {
  EXPECT_TRUE(starts(refused(messages(message("be nice", "system"))), "400 Message 0 has an unknown role"));
  EXPECT_TRUE(starts(refused(messages(message("hi", "User"))), "400 Message 0 has an unknown role"));
  EXPECT_EQ(refused(messages(message("a", "assistant") + "," + message("b", "assistant"))), "accepted");
}

// C-11.17, C-11.37
TEST(ChatRequest, MalformedBodiesGet422WithLocationAndReason) {
  EXPECT_TRUE(starts(refused(""), "422 body: JSON decode error"));
  EXPECT_TRUE(starts(refused("{\"messages\": ["), "422 body: JSON decode error"));
  EXPECT_TRUE(starts(refused("{} // comment"), "422 body: JSON decode error"));
  EXPECT_TRUE(starts(refused("\xFF"), "422 body: JSON decode error"));
  EXPECT_EQ(refused("[]"), "422 body: Input should be an object");
  EXPECT_EQ(refused("{}"), "422 body.messages: Field required");
  EXPECT_EQ(refused("{\"messages\": \"hi\"}"), "422 body.messages: Input should be a valid list");
  EXPECT_EQ(refused(messages("7")), "422 body.messages.0: Input should be an object with role and content");
  EXPECT_EQ(refused(messages(message("a") + ", {\"role\": \"user\"}")), "422 body.messages.1.content: Field required");
  EXPECT_EQ(refused(messages("{\"role\": 3, \"content\": \"a\"}")),
            "422 body.messages.0.role: Input should be a valid string");
  EXPECT_EQ(refused(messages(message("a"), ", \"temperature\": \"warm\"")),
            "422 body.temperature: Input should be a valid number");
  EXPECT_EQ(refused(messages(message("a"), ", \"top_k\": 1.5")), "422 body.top_k: Input should be a valid integer");
  EXPECT_EQ(refused(messages(message("a"), ", \"max_tokens\": true")),
            "422 body.max_tokens: Input should be a valid integer");
}

// C-11.37
TEST(ChatRequest, AllFaultsAreListedAndComeBeforeTheLimits) {
  const auto result = parse_chat_request(messages("{}", ", \"temperature\": [], \"max_tokens\": 0"), {});
  const Refusal& refusal = std::get<Refusal>(result);
  EXPECT_EQ(refusal.status, 422);
  EXPECT_EQ(refusal.body.at("detail").size(), 3u);
}

// C-11.37
TEST(ChatRequest, UnknownFieldsAreIgnoredAndNumbersMayBeText) {
  const GenerationRequest request = accepted(messages(
      message("a"), R"(, "stream": true, "model": "x", "temperature": "0.5", "top_k": " 7 ", "max_tokens": 8.0)"));
  EXPECT_EQ(request.temperature, 0.5);
  EXPECT_EQ(request.top_k, 7);
  EXPECT_EQ(request.max_tokens, 8);
}

TEST(TrapS4, NumbersOfAnySizeAreRefusedNotWrapped) {
  for (const char* number :
       {"1e300", "-1e300", "9223372036854775808", "18446744073709551616", "\"1e999\"", "NaN", "Infinity"}) {
    EXPECT_NE(refused(messages(message("a"), std::string(", \"max_tokens\": ") + number)), "accepted") << number;
    EXPECT_NE(refused(messages(message("a"), std::string(", \"top_k\": ") + number)), "accepted") << number;
    EXPECT_NE(refused(messages(message("a"), std::string(", \"temperature\": ") + number)), "accepted") << number;
  }
}

TEST(TrapS8, DeepNestingIsRefused) {
  for (const size_t depth : {100u, 100000u}) {
    EXPECT_TRUE(starts(refused(std::string(depth, '[')), "422 body"));
    EXPECT_TRUE(starts(refused(messages(message("a"), ", \"x\": " + std::string(depth, '[') + std::string(depth, ']'))),
                       "422 body"));
    std::string objects;
    for (size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    EXPECT_TRUE(starts(refused(objects), "422 body"));
  }
}

}  // namespace
}  // namespace lathe::serve
