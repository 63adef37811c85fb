// POST /v1/chat/completions over a socket.
#include <set>

#include "tests/serve/api_fixture.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

constexpr const char* kChat = "/v1/chat/completions";

const char* kTools = R"("tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}])";

// C-11.10
TEST(ApiChat, AnswersWholeInOpenAisForm) {
  ApiServer server;
  const Json answer = server.json(kChat, ask("say hello", R"("model": "tiny", "seed": 5)"));
  EXPECT_TRUE(answer.at("id").as_string().starts_with("chatcmpl-"));
  EXPECT_EQ(answer.at("object").as_string(), "chat.completion");
  EXPECT_EQ(answer.at("model").as_string(), "tiny");
  EXPECT_EQ(answer.at("seed").as_int(), 5);
  EXPECT_EQ(answer.at("choices").dump(),
            R"([{"index": 0, "message": {"role": "assistant", "content": "hello"}, "logprobs": null, "finish_reason": "stop"}])");
  const Json& usage = answer.at("usage");
  EXPECT_EQ(usage.at("prompt_tokens").as_int(), 13);  // first token, user's marks, 9 letters, the assistant's header
  EXPECT_EQ(usage.at("total_tokens").as_int(), usage.at("prompt_tokens").as_int() + usage.at("completion_tokens").as_int());
  EXPECT_GE(usage.at("prompt_tokens_details").at("cached_tokens").as_int(), 0);
}

TEST(ApiChat, StreamsRolePiecesFinishUsageAndDone) {
  ApiServer server;
  const RawResponse response = server.post(kChat, ask("say h\xC3\xA9", R"("stream": true, "stream_options": {"include_usage": true})"));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream");
  const std::vector<std::string> events = events_of(response.body);
  ASSERT_GE(events.size(), 5u);
  const auto choice = [&](size_t i) { return take(parse_json(events[i])).at("choices").at(size_t{0}); };
  EXPECT_EQ(choice(0).dump(), R"({"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": null, "finish_reason": null})");
  std::string text;
  for (size_t i = 1; i + 3 < events.size(); ++i) text += choice(i).at("delta").at("content").as_string();
  EXPECT_EQ(text, "h\xC3\xA9");
  EXPECT_EQ(choice(events.size() - 3).dump(), R"({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"})");
  const Json usage = take(parse_json(events[events.size() - 2]));
  EXPECT_EQ(usage.at("choices").size(), 0u);
  EXPECT_GT(usage.at("usage").at("completion_tokens").as_int(), 2);
  EXPECT_EQ(events.back(), "[DONE]");
  std::set<std::string> ids;
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    const Json event = take(parse_json(events[i]));
    ids.insert(event.at("id").as_string());
    EXPECT_EQ(event.at("object").as_string(), "chat.completion.chunk");
  }
  EXPECT_EQ(ids.size(), 1u);
}

TEST(ApiChat, AStreamWithoutUsageDoesNotTellIt) {
  ApiServer server;
  const RawResponse response = server.post(kChat, ask("say a", R"("stream": true)"));
  EXPECT_EQ(response.body.find("\"usage\""), std::string::npos);
}

TEST(ApiChat, SeveralAnswersOfOnePrompt) {
  ApiServer server;
  const Json whole = server.json(kChat, ask("say ab", R"("n": 3)"));
  ASSERT_EQ(whole.at("choices").size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(whole.at("choices").at(i).at("index").as_int(), static_cast<int64_t>(i));
    EXPECT_EQ(whole.at("choices").at(i).at("message").at("content").as_string(), "ab");
  }
  std::vector<std::string> texts(3);
  int finished = 0;
  for (const std::string& event : events_of(server.post(kChat, ask("say ab", R"("n": 3, "stream": true)")).body)) {
    if (event == "[DONE]") continue;
    const Json choice = take(parse_json(event)).at("choices").at(size_t{0});
    if (choice.at("delta").contains("content")) texts[static_cast<size_t>(choice.at("index").as_int())] += choice.at("delta").at("content").as_string();
    finished += choice.at("finish_reason").is_string() ? 1 : 0;
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"ab", "ab", "ab"}));
  EXPECT_EQ(finished, 3);
}

TEST(ApiChat, LengthAndStopTextsEndAnAnswer) {
  ApiServer server;
  Json choice = server.json(kChat, ask("say abcdefgh", R"("max_tokens": 3)")).at("choices").at(size_t{0});
  EXPECT_EQ(choice.at("message").at("content").as_string(), "abc");
  EXPECT_EQ(choice.at("finish_reason").as_string(), "length");
  choice = server.json(kChat, ask("say abcdefgh", R"("stop": ["zz", "def"])")).at("choices").at(size_t{0});
  EXPECT_EQ(choice.at("message").at("content").as_string(), "abc");
  EXPECT_EQ(choice.at("finish_reason").as_string(), "stop");
  choice = server.json(kChat, ask("say abcdefgh", R"("stop_token_ids": [100])")).at("choices").at(size_t{0});
  EXPECT_EQ(choice.at("message").at("content").as_string(), "abc");
}

TEST(ApiChat, LogProbabilitiesOfTokensAndAlternatives) {
  ApiServer server;
  const Json choice = server.json(kChat, ask("say hi", R"("logprobs": true, "top_logprobs": 2)")).at("choices").at(size_t{0});
  const Json& content = choice.at("logprobs").at("content");
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content.at(size_t{0}).at("token").as_string(), "h");
  EXPECT_EQ(content.at(size_t{0}).at("bytes").dump(), "[104]");
  EXPECT_NEAR(content.at(size_t{0}).at("logprob").as_double(), 0, 1e-6);
  ASSERT_EQ(content.at(size_t{0}).at("top_logprobs").size(), 2u);
  EXPECT_EQ(content.at(size_t{0}).at("top_logprobs").at(size_t{0}).at("token").as_string(), "h");
  EXPECT_LT(content.at(size_t{0}).at("top_logprobs").at(1).at("logprob").as_double(), -10);
  // In a stream every token is told once.
  int tokens = 0;
  for (const std::string& event : events_of(server.post(kChat, ask("say hi", R"("logprobs": true, "stream": true)")).body)) {
    if (event == "[DONE]") continue;
    const Json log_probs = take(parse_json(event)).at("choices").at(size_t{0}).at("logprobs");
    if (!log_probs.is_null()) tokens += static_cast<int>(log_probs.at("content").size());
  }
  EXPECT_EQ(tokens, 2);
}

TEST(ApiChat, CallsOfToolsAreRead) {
  ApiServer server;
  const std::string call = "say <tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";
  const Json whole = server.json(kChat, ask(call, std::string(kTools) + R"(, "max_tokens": 200)")).at("choices").at(size_t{0});
  EXPECT_EQ(whole.at("finish_reason").as_string(), "tool_calls");
  EXPECT_TRUE(whole.at("message").at("content").is_null());
  const Json& made = whole.at("message").at("tool_calls").at(size_t{0});
  EXPECT_TRUE(made.at("id").as_string().starts_with("call_"));
  EXPECT_EQ(made.at("function").at("name").as_string(), "weather");
  EXPECT_EQ(take(parse_json(made.at("function").at("arguments").as_string())).at("city").as_string(), "Rome");

  Json streamed;
  std::string finish;
  for (const std::string& event : events_of(server.post(kChat, ask(call, std::string(kTools) + R"(, "max_tokens": 200, "stream": true)")).body)) {
    if (event == "[DONE]") continue;
    const Json choice = take(parse_json(event)).at("choices").at(size_t{0});
    if (const Json* calls = choice.at("delta").find("tool_calls")) streamed = calls->at(size_t{0});
    if (choice.at("finish_reason").is_string()) finish = choice.at("finish_reason").as_string();
  }
  EXPECT_EQ(finish, "tool_calls");
  EXPECT_EQ(streamed.at("index").as_int(), 0);
  EXPECT_EQ(streamed.at("function").at("name").as_string(), "weather");
  // With tool_choice none the same words are text.
  const Json plain = server.json(kChat, ask(call, std::string(kTools) + R"(, "max_tokens": 200, "tool_choice": "none")")).at("choices").at(size_t{0});
  EXPECT_TRUE(plain.at("message").at("content").as_string().starts_with("<tool_call>"));
}

TEST(ApiChat, TheLastMessageCanBeGoneOnWith) {
  ApiServer server;
  const Json answer = server.json(
      kChat, R"({"messages": [{"role": "user", "content": "say hello"}, {"role": "assistant", "content": "he"}], "continue_final_message": true})");
  EXPECT_EQ(answer.at("choices").at(size_t{0}).at("message").at("content").as_string(), "llo");
}

// C-11.15
TEST(ApiChat, AnOmittedSeedIsDrawnAndTold) {
  ApiServer server;
  std::set<int64_t> seeds;
  for (int i = 0; i < 4; ++i) {
    const int64_t seed = server.json(kChat, ask("say a")).at("seed").as_int();
    EXPECT_GE(seed, 0);
    EXPECT_LT(seed, int64_t{1} << 31);
    seeds.insert(seed);
  }
  EXPECT_EQ(seeds.size(), 4u);
}

TEST(ApiChat, UnknownModelsAndLongPromptsAreRefused) {
  ApiServer server;
  Json fault = server.fault(kChat, ask("hi", R"("model": "huge")"), 404);
  EXPECT_EQ(fault.at("code").as_string(), "model_not_found");
  EXPECT_EQ(fault.at("param").as_string(), "model");
  fault = server.fault(kChat, ask(std::string(700, 'a')));
  EXPECT_EQ(fault.at("code").as_string(), "context_length_exceeded");
  EXPECT_EQ(fault.at("param").as_string(), "messages");
  EXPECT_EQ(fault.at("type").as_string(), "invalid_request_error");
  fault = server.fault(kChat, ask("hi", R"("temperature": 3)"));
  EXPECT_EQ(fault.at("message").as_string(), "temperature: must be a number from 0 to 2, not 3");
  fault = server.fault(kChat, ask("hi", R"("logit_bias": {"265": 1})"));
  EXPECT_EQ(fault.at("param").as_string(), "logit_bias");
  fault = server.fault(kChat, ask("hi", R"("min_tokens": 65)"));
  EXPECT_EQ(fault.at("param").as_string(), "min_tokens");
}

TEST(ApiChat, ABaseModelDoesNotChat) {
  ApiServerOptions options;
  options.chat = false;
  ApiServer server(options);
  EXPECT_NE(server.fault(kChat, ask("hi")).at("message").as_string().find("/v1/completions"), std::string::npos);
  EXPECT_EQ(server.json("/v1/completions", R"({"prompt": "uvw"})").at("choices").at(size_t{0}).at("text").as_string(), "xyz");
}

// What cannot be compiled is refused, never answered without the constraint.
TEST(TrapS7, GrammarsThatDoNotCompileAreRefused) {
  ApiServer server;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {R"("guided_regex": "(a")", "guided_regex"},
      {R"("guided_grammar": "this is no grammar")", "guided_grammar"},
      {R"("structured_outputs": {"regex": "(a"})", "structured_outputs.regex"}};
  for (const auto& field : wrong)
    for (const char* stream : {"false", "true"}) {
      const Json fault = server.fault(kChat, ask("hi", field.first + ", \"stream\": " + stream));
      EXPECT_EQ(fault.get_string("param", ""), field.second) << fault.dump();
    }
}

}  // namespace
}  // namespace lathe::serve
