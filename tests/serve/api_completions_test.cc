// POST /v1/completions and /generate over a socket.
#include <cmath>

#include "tests/serve/api_fixture.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

constexpr const char* kComplete = "/v1/completions";

TEST(ApiCompletions, ATextIsGoneOnWith) {
  ApiServer server;
  const Json answer = server.json(kComplete, R"({"prompt": "uvw", "max_tokens": 2, "seed": 1})");
  EXPECT_EQ(answer.at("object").as_string(), "text_completion");
  EXPECT_EQ(answer.at("choices").dump(), R"([{"index": 0, "text": "xy", "logprobs": null, "finish_reason": "length"}])");
  EXPECT_EQ(answer.at("usage").at("prompt_tokens").as_int(), 4);
  EXPECT_EQ(answer.at("usage").at("completion_tokens").as_int(), 2);
  EXPECT_EQ(server.json(kComplete, R"({"prompt": "uvw"})").at("choices").dump(),
            R"([{"index": 0, "text": "xyz", "logprobs": null, "finish_reason": "stop"}])");
}

TEST(ApiCompletions, ABatchOfPromptsAndAnswersIsNumbered) {
  ApiServerOptions options;
  options.engine.max_waiting = 3;  // far fewer than the prompts: the rest wait here, not there
  ApiServer server(options);
  std::string prompts;
  for (char c = 'a'; c < 'y'; ++c) prompts += std::string(prompts.empty() ? "" : ", ") + "\"" + c + "\"";
  const Json answer = server.json(kComplete, "{\"prompt\": [" + prompts + "], \"n\": 2, \"max_tokens\": 2}");
  ASSERT_EQ(answer.at("choices").size(), 48u);
  for (size_t i = 0; i < 48; ++i) {
    const char first = static_cast<char>('a' + i / 2);
    EXPECT_EQ(answer.at("choices").at(i).at("index").as_int(), static_cast<int64_t>(i));
    EXPECT_EQ(answer.at("choices").at(i).at("text").as_string(), (std::string{static_cast<char>(first + 1), static_cast<char>(first + 2)}));
  }
  EXPECT_EQ(answer.at("usage").at("prompt_tokens").as_int(), 48);
  EXPECT_EQ(answer.at("usage").at("completion_tokens").as_int(), 96);
}

// What lm-eval's local-completions reads: token_logprobs[context:-1] and the top of each place.
// L-10.8
TEST(ApiCompletions, EchoTellsThePromptsLogProbabilities) {
  ApiServer server;
  const Json answer = server.json(kComplete, R"({"prompt": [[97, 98, 120], [97, 255]], "max_tokens": 1, "logprobs": 1, "echo": true, "temperature": 0})");
  ASSERT_EQ(answer.at("choices").size(), 2u);
  const Json& first = answer.at("choices").at(size_t{0});
  EXPECT_EQ(first.at("text").as_string(), "abxy");
  const Json& told = first.at("logprobs");
  EXPECT_EQ(told.at("tokens").dump(), R"(["a", "b", "x", "y"])");
  EXPECT_EQ(told.at("text_offset").dump(), "[0, 1, 2, 3]");
  const Json& log_probs = told.at("token_logprobs");
  ASSERT_EQ(log_probs.size(), 4u);
  EXPECT_TRUE(log_probs.at(size_t{0}).is_null());
  EXPECT_NEAR(log_probs.at(1).as_double(), 0, 1e-6);   // b follows a
  EXPECT_NEAR(log_probs.at(2).as_double(), -50, 1e-3); // x does not follow b
  const Json& tops = told.at("top_logprobs");
  EXPECT_TRUE(tops.at(size_t{0}).is_null());
  EXPECT_EQ(tops.at(1).dump().substr(0, 5), "{\"b\":");
  EXPECT_EQ(tops.at(2).size(), 2u);  // the most likely one and the one that came
  EXPECT_TRUE(tops.at(2).contains("c") && tops.at(2).contains("x"));
  const Json& second = answer.at("choices").at(1).at("logprobs");
  // Its answer ends at once: the end takes the last place all the same.
  EXPECT_EQ(second.at("tokens").dump(), R"(["a", "bytes:\\xff", "<|assistant_end|>"])");
  EXPECT_TRUE(second.at("token_logprobs").at(2).is_null());
}

TEST(ApiCompletions, TheFirstTokenOfTextsIsToldButNotPartOfTheText) {
  ApiServer server;
  const Json choice = server.json(kComplete, R"({"prompt": "ab", "max_tokens": 1, "logprobs": 0, "echo": true})").at("choices").at(size_t{0});
  EXPECT_EQ(choice.at("text").as_string(), "abc");
  EXPECT_EQ(choice.at("logprobs").at("tokens").dump(), R"(["<|bos|>", "a", "b", "c"])");
  EXPECT_EQ(choice.at("logprobs").at("text_offset").dump(), "[0, 0, 1, 2]");
  EXPECT_EQ(server.json(kComplete, R"({"prompt": "ab", "max_tokens": 1, "logprobs": 0, "echo": true, "add_special_tokens": false})")
                .at("choices").at(size_t{0}).at("logprobs").at("tokens").dump(),
            R"(["a", "b", "c"])");
}

// JSON has no infinity: OpenAI's word for probability 0.
TEST(ApiCompletions, ATokenOfProbabilityZeroHasALogProbability) {
  ApiServer server;
  static_assert(ScriptedModel::kNever == 7);
  const Json answer = server.json(kComplete, R"({"prompt": [97, 7, 98], "max_tokens": 1, "logprobs": 1, "echo": true, "temperature": 0})");
  const Json& told = answer.at("choices").at(size_t{0}).at("logprobs");
  EXPECT_EQ(told.at("token_logprobs").at(1).as_double(), -9999.0);
  EXPECT_EQ(told.at("top_logprobs").at(1).at("\x07").as_double(), -9999.0);
  EXPECT_GT(told.at("token_logprobs").at(2).as_double(), -99.0);
}

TEST(ApiCompletions, NoTokenAtAllWithEcho) {
  ApiServer server;
  const Json answer = server.json(kComplete, R"({"prompt": "ab", "max_tokens": 0, "logprobs": 0, "echo": true})");
  const Json& choice = answer.at("choices").at(size_t{0});
  EXPECT_EQ(choice.at("text").as_string(), "ab");
  EXPECT_EQ(choice.at("logprobs").at("tokens").size(), 3u);
  EXPECT_EQ(choice.at("finish_reason").as_string(), "length");
  EXPECT_EQ(answer.at("usage").at("completion_tokens").as_int(), 0);
}

TEST(ApiCompletions, AStreamTellsWhatTheWholeAnswerTells) {
  ApiServer server;
  const std::string body = R"("prompt": ["ab", "uv"], "max_tokens": 3, "logprobs": 1, "echo": true, "n": 2, "seed": 3)";
  const Json whole = server.json(kComplete, "{" + body + "}");
  std::vector<std::string> texts(4), finishes(4);
  std::vector<Json> tokens(4, Json::array());
  const std::vector<std::string> events = events_of(server.post(kComplete, "{" + body + R"(, "stream": true, "stream_options": {"include_usage": true}})").body);
  ASSERT_EQ(events.back(), "[DONE]");
  for (size_t e = 0; e + 2 < events.size(); ++e) {
    const Json choice = take(parse_json(events[e])).at("choices").at(size_t{0});
    const auto i = static_cast<size_t>(choice.at("index").as_int());
    texts[i] += choice.at("text").as_string();
    for (const Json& token : choice.at("logprobs").at("tokens").as_array()) tokens[i].push_back(token);
    if (choice.at("finish_reason").is_string()) finishes[i] = choice.at("finish_reason").as_string();
  }
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(texts[i], whole.at("choices").at(i).at("text").as_string());
    EXPECT_EQ(tokens[i], whole.at("choices").at(i).at("logprobs").at("tokens"));
    EXPECT_EQ(finishes[i], whole.at("choices").at(i).at("finish_reason").as_string());
  }
  EXPECT_EQ(take(parse_json(events[events.size() - 2])).at("usage").at("prompt_tokens"), whole.at("usage").at("prompt_tokens"));
}

TEST(ApiCompletions, FaultsNameThePrompt) {
  ApiServer server;
  EXPECT_EQ(server.fault(kComplete, R"({"prompt": [[1], [265]]})").at("param").as_string(), "prompt[1]");
  Json fault = server.fault(kComplete, R"({"prompt": ["a", ")" + std::string(640, 'a') + R"("]})");
  EXPECT_EQ(fault.at("param").as_string(), "prompt[1]");
  EXPECT_EQ(fault.at("code").as_string(), "context_length_exceeded");
  EXPECT_EQ(server.fault(kComplete, R"({"prompt": "", "add_special_tokens": false})").at("param").as_string(), "prompt");
  EXPECT_EQ(server.fault(kComplete, R"({"prompt": "a", "logprobs": 21})").at("param").as_string(), "logprobs");
}

// L-10.3
TEST(ApiGenerate, AnswersOneText) {
  ApiServer server;
  const Json answer = server.json("/generate", R"({"prompt": "say hello", "temperature": 0})");
  EXPECT_EQ(answer.at("text").as_string(), "hello");
  EXPECT_EQ(answer.at("finish_reason").as_string(), "stop");
  EXPECT_EQ(server.json("/generate", R"({"prompt": "say hello", "max_new_tokens": 2})").at("text").as_string(), "he");
}

// L-10.7: the model's own template unless another is asked for.
TEST(ApiGenerate, TheTemplateIsTheModelsUnlessAnotherIsAskedFor) {
  ApiServer server;
  EXPECT_EQ(server.json("/generate", R"({"prompt": "uvw", "template": "none"})").at("text").as_string(), "xyz");
  EXPECT_EQ(server.json("/generate", R"({"prompt": "say a", "template": "chat"})").at("text").as_string(), "a");
  const Json fault = server.fault("/generate", R"({"prompt": "a", "template": "klingon"})");
  EXPECT_EQ(fault.at("param").as_string(), "template");
  EXPECT_NE(fault.at("message").as_string().find("klingon"), std::string::npos);
}

}  // namespace
}  // namespace lathe::serve
