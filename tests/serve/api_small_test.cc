// Models, embeddings, tokens, the page's information, the document, figures.
#include <atomic>
#include <bit>
#include <cmath>

#include "tests/serve/api_fixture.h"
#include "tokenizer/base64.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

Json got(ApiServer& server, std::string_view path, int status = 200) {
  const RawResponse response = server.get(path);
  EXPECT_EQ(response.status, status) << response.body;
  return take(parse_json(response.body));
}

TEST(ApiModels, AreListedAndShown) {
  ApiServer server;
  const Json list = got(server, "/v1/models");
  EXPECT_EQ(list.at("object").as_string(), "list");
  ASSERT_EQ(list.at("data").size(), 2u);
  EXPECT_EQ(list.at("data").at(size_t{0}).at("id").as_string(), "tiny");
  EXPECT_EQ(list.at("data").at(size_t{0}).at("created").as_int(), 1700000000);
  EXPECT_EQ(list.at("data").at(1).at("parent").as_string(), "tiny");
  EXPECT_EQ(got(server, "/v1/models/tiny"), list.at("data").at(size_t{0}));
  EXPECT_EQ(list.at("data").at(size_t{0}).at("lathe").dump(), R"({"loaded": true, "device": "cpu", "step": 3})");
  EXPECT_EQ(list.at("data").at(1).at("lathe"), list.at("data").at(size_t{0}).at("lathe")) << "an adapter rests on it";
  EXPECT_EQ(got(server, "/v1/models/none", 404).at("error").at("code").as_string(), "model_not_found");
  EXPECT_EQ(server.get("/v1/models/").status, 404);
}

TEST(ApiModels, OneThatIsNotLoadedSaysSo) {
  ApiServerOptions options;
  options.loads = false;
  ApiServer server(options);
  EXPECT_EQ(got(server, "/v1/models/tiny").at("lathe").dump(), R"({"loaded": false})");
}

TEST(ApiEmbeddings, OfAnAdapterAreRefusedWithTheReason) {
  ApiServer server;
  const Json fault = server.fault("/v1/embeddings", R"({"input": "abc", "model": "tiny-adapter"})");
  EXPECT_EQ(fault.at("param").as_string(), "model");
  EXPECT_NE(fault.at("message").as_string().find("is an adapter; embeddings are those of its base model"), std::string::npos);
}

// The model's hidden states are (1, token, position, 0), so the mean is known.
TEST(ApiEmbeddings, AreTheNormalisedMeanOfTheHiddenStates) {
  ApiServer server;
  const Json answer = server.json("/v1/embeddings", R"({"input": [[10, 20], [5]], "model": "tiny"})");
  EXPECT_EQ(answer.at("object").as_string(), "list");
  EXPECT_EQ(answer.at("usage").at("prompt_tokens").as_int(), 3);
  ASSERT_EQ(answer.at("data").size(), 2u);
  const double length = std::sqrt(1 + 15 * 15 + 0.5 * 0.5);
  const double expected[] = {1 / length, 15 / length, 0.5 / length, 0};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(answer.at("data").at(size_t{0}).at("embedding").at(i).as_double(), expected[i], 1e-7);
  EXPECT_EQ(answer.at("data").at(1).at("index").as_int(), 1);
}

TEST(ApiEmbeddings, FloatsOrBase64AndFewerDimensions) {
  ApiServer server;
  const Json floats = server.json("/v1/embeddings", R"({"input": "abc"})").at("data").at(size_t{0}).at("embedding");
  const std::string bytes = *tokenizer::from_base64(
      server.json("/v1/embeddings", R"({"input": "abc", "encoding_format": "base64"})").at("data").at(size_t{0}).at("embedding").as_string());
  ASSERT_EQ(bytes.size(), floats.size() * 4);
  for (size_t i = 0; i < floats.size(); ++i) {
    uint32_t bits = 0;
    for (size_t b = 0; b < 4; ++b) bits |= uint32_t{static_cast<uint8_t>(bytes[i * 4 + b])} << (8 * b);
    EXPECT_EQ(static_cast<double>(std::bit_cast<float>(bits)), floats.at(i).as_double());
  }
  const Json cut = server.json("/v1/embeddings", R"({"input": "abc", "dimensions": 2})").at("data").at(size_t{0}).at("embedding");
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_NEAR(std::hypot(cut.at(size_t{0}).as_double(), cut.at(1).as_double()), 1, 1e-6);
  EXPECT_EQ(server.fault("/v1/embeddings", R"({"input": "abc", "dimensions": 5})").at("param").as_string(), "dimensions");
  EXPECT_EQ(server.fault("/v1/embeddings", R"({"input": ["a", ")" + std::string(641, 'a') + "\"]}").at("code").as_string(), "context_length_exceeded");
}

TEST(ApiTokens, ThereAndBack) {
  ApiServer server;
  const Json told = server.json("/tokenize", R"({"prompt": "h\u00e9", "return_token_strs": true})");
  EXPECT_EQ(told.at("tokens").dump(), "[256, 104, 195, 169]");
  EXPECT_EQ(told.at("count").as_int(), 4);
  EXPECT_EQ(told.at("max_model_len").as_int(), 640);
  EXPECT_EQ(told.at("token_strs").dump(), R"(["<|bos|>", "h", "bytes:\\xc3", "bytes:\\xa9"])");
  EXPECT_EQ(server.json("/tokenize", R"({"prompt": "a", "add_special_tokens": false})").at("tokens").dump(), "[97]");
  EXPECT_EQ(server.json("/detokenize", R"({"tokens": [104, 195, 169]})").at("prompt").as_string(), "h\xC3\xA9");
  EXPECT_EQ(server.fault("/detokenize", R"({"tokens": [265]})").at("param").as_string(), "tokens");
}

// C-11.14: a conversation's tokens are those that the chat endpoints use.
TEST(ApiTokens, OfAConversation) {
  ApiServer server;
  const Json told = server.json("/tokenize", ask("<|bos|>"));
  EXPECT_EQ(told.at("tokens").dump(), "[256, 257, 60, 124, 98, 111, 115, 124, 62, 258, 259]");
  EXPECT_EQ(server.json("/v1/chat/completions", ask("<|bos|>", R"("max_tokens": 1)")).at("usage").at("prompt_tokens").as_int(), 11);
}

TEST(ApiPageInfo, TellsModelsAndDefaults) {
  ApiServerOptions options;
  std::atomic<bool> running = false;
  options.router.dashboard = [&] { return running ? "http://127.0.0.1:8080" : ""; };
  ApiServer server(options);
  EXPECT_TRUE(got(server, "/page/info").at("dashboard").is_null());
  running = true;  // a training has begun since
  const Json info = got(server, "/page/info");
  EXPECT_EQ(info.at("models").dump(), R"(["tiny", "tiny-adapter"])");
  EXPECT_EQ(info.at("default_model").as_string(), "tiny");
  EXPECT_TRUE(info.at("ready").as_bool());
  EXPECT_FALSE(info.at("key_needed").as_bool());
  EXPECT_EQ(info.at("dashboard").as_string(), "http://127.0.0.1:8080");
  EXPECT_TRUE(info.at("report").is_null());
  EXPECT_EQ(info.at("defaults").at("max_tokens").as_int(), 64);
  EXPECT_EQ(info.at("context_length").as_int(), 640);
}

TEST(ApiPageInfo, AnswersWhileTheModelIsLoaded) {
  ApiServerOptions options;
  options.loads = false;
  ApiServer server(options);
  const Json info = got(server, "/page/info");
  EXPECT_FALSE(info.at("ready").as_bool());
  EXPECT_FALSE(info.contains("defaults"));
}

// C-11.24
TEST(ApiDocument, DescribesEveryPathOfTheRouter) {
  ApiServer server;
  const Json document = got(server, "/openapi.json");
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  for (const Endpoint& endpoint : server.router().endpoints()) {
    const Json* path = document.at("paths").find(endpoint.path);
    ASSERT_TRUE(path) << endpoint.path;
    const Json* operation = path->find(endpoint.method == "GET" ? "get" : "post");
    ASSERT_TRUE(operation) << endpoint.path;
    EXPECT_EQ(operation->contains("requestBody"), endpoint.method == "POST") << endpoint.path;
  }
  EXPECT_EQ(document.at("paths").size(), server.router().endpoints().size());
}

TEST(ApiMetricsText, CountsRequestsTokensAndTimes) {
  ApiServer server;
  server.json("/v1/chat/completions", ask("say abc"));
  server.fault("/v1/chat/completions", "{}");
  ASSERT_TRUE(eventually([&] { return server.worker().idle(); }));
  const std::string text = server.get("/metrics").body;
  for (const char* line : {"lathe_api_requests_total{endpoint=\"/v1/chat/completions\",status=\"200\"} 1\n",
                           "lathe_api_requests_total{endpoint=\"/v1/chat/completions\",status=\"400\"} 1\n", "lathe_prompt_tokens_total{model=\"tiny\"} 11\n",
                           "lathe_first_token_seconds_count{model=\"tiny\"} 1\n", "lathe_between_tokens_seconds_count{model=\"tiny\"} 2\n",
                           "lathe_queue_seconds_count{model=\"tiny\"} 1\n", "lathe_requests_running{model=\"tiny\"} 0\n",
                           "lathe_requests_waiting{model=\"tiny\"} 0\n", "lathe_engine_alive{model=\"tiny\"} 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(ApiRouter, NamesUnknownPathsAndMethods) {
  ApiServer server;
  EXPECT_EQ(server.fault("/v1/nothing", "{}", 404).at("code").as_string(), "unknown_url");
  const RawResponse wrong = server.get("/v1/chat/completions");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "POST");
  EXPECT_EQ(server.fault("/v1/models", "{}", 405).at("code").as_string(), "method_not_allowed");
}

}  // namespace
}  // namespace lathe::serve
