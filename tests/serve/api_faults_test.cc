// What becomes of requests when clients leave, the queue is full, the engine dies.
#include <algorithm>

#include "tests/serve/api_fixture.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

struct Path {
  const char* path;
  std::string body;  // of an answer without end
};
std::vector<Path> endless() {
  return {{"/v1/chat/completions", ask("forever", R"("max_tokens": 500, "stream": true)")},
          {"/v1/chat/completions", ask("forever", R"("max_tokens": 500)")},
          {"/v1/completions", R"({"prompt": "a", "max_tokens": 500, "ignore_eos": true, "stream": true})"},
          {"/v1/completions", R"({"prompt": ["a", "b"], "max_tokens": 500, "ignore_eos": true})"},
          {"/generate", R"({"prompt": "forever", "max_new_tokens": 500})"},
          {"/chat/completions", ask("forever", R"("max_tokens": 500)")}};
}

// C-11.20
TEST(TrapS2, ClientsThatLeaveStopTheirAnswers) {
  ApiServer server;
  server.worker().set_fault_for_test([] { ::usleep(20000); });  // left alone, an answer takes ten seconds
  for (const Path& asked : endless()) {
    auto client = std::make_unique<RawClient>(server.port());
    client->post(asked.path, asked.body);
    ASSERT_TRUE(eventually([&] { return server.worker().state().figures.running > 0; })) << asked.path;
    client.reset();
    EXPECT_TRUE(eventually([&] { return server.worker().idle(); })) << asked.path << " goes on";
  }
  EXPECT_GE(server.worker().state().figures.cancelled, static_cast<int64_t>(endless().size())) << "they did not come to their end";
}

TEST(TrapS2, AWaitingClientThatLeavesIsNeverServed) {
  ApiServerOptions options;
  options.engine.max_rows = 1;
  ApiServer server(options);
  server.close_gate();
  RawClient first(server.port());
  first.post("/v1/chat/completions", ask("say a"));
  ASSERT_TRUE(eventually([&] { return server.worker().state().figures.waiting == 1; }));  // what stands at the gate counts
  auto leaver = std::make_unique<RawClient>(server.port());
  leaver->post("/v1/chat/completions", ask("forever", R"("max_tokens": 500)"));
  ASSERT_TRUE(eventually([&] { return server.worker().state().figures.waiting == 2; }));
  leaver.reset();
  ASSERT_TRUE(eventually([&] { return server.figures().connections == 1; })) << "its leaving is noticed";
  server.open_gate();
  EXPECT_EQ(first.response().status, 200);
  EXPECT_TRUE(eventually([&] { return server.worker().idle(); }));
  EXPECT_LT(server.worker().state().figures.generated_tokens, 50);
}

// C-11.8: what does not fit into the queue is told at once.
TEST(TrapS3, AFullQueueAnswers503) {
  ApiServerOptions options;
  options.engine.max_rows = 1;
  options.engine.max_waiting = 2;
  ApiServer server(options);
  server.close_gate();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->post(i % 2 ? "/v1/chat/completions" : "/chat/completions", ask("say a"));
    // The first is with the engine before the others come.
    ASSERT_TRUE(i > 0 || eventually([&] { return server.worker().state().step_seconds > 0; }));
  }
  // One is with the engine and two wait; the others are answered while it stands still.
  ASSERT_TRUE(eventually([&] {
    return std::count_if(clients.begin(), clients.end(), [](auto& client) { return client->holds("\r\n\r\n") || client->receive(0); }) == 9;
  }));
  EXPECT_TRUE(eventually([&] { return server.figures().answering == 3; }));
  int refused = 0;
  for (auto& client : clients) {
    if (!client->holds("\r\n\r\n")) continue;
    const RawResponse response = client->response();
    EXPECT_EQ(response.status, 503) << response.body;
    EXPECT_EQ(response.headers.at("retry-after"), "5");
    ++refused;
    client.reset();
  }
  EXPECT_EQ(refused, 9);
  server.open_gate();
  for (auto& client : clients)
    if (client) {
      EXPECT_EQ(client->response().status, 200);
    }
  EXPECT_EQ(server.post("/v1/chat/completions", ask("say a")).status, 200);
}

// C-11.22
TEST(TrapS5, ADeadEngineIsToldByEveryPath) {
  std::atomic<bool> both = false, die = false;
  std::atomic<int> steps = 0;
  ApiServer server;
  server.worker().set_fault_for_test([&] {
    while (!both) ::usleep(500);  // whichever of the two comes first: twenty steps are over in no time
    if (++steps > 20)  // long before the answers end
      while (!die) ::usleep(500);
    if (die) throw std::runtime_error("out of memory");
  });
  RawClient stream(server.port()), whole(server.port());
  stream.post("/v1/chat/completions", ask("forever", R"("stream": true, "max_tokens": 500)"));
  whole.post("/v1/completions", R"({"prompt": "a", "ignore_eos": true, "max_tokens": 500})");
  const bool asked = eventually([&] { return server.worker().state().figures.waiting == 2; });
  both = true;
  const bool begun = stream.wait_for("\"x\"");
  die = true;  // also where the test went wrong: the engine's thread would never end
  ASSERT_TRUE(asked);
  ASSERT_TRUE(begun);
  const RawResponse broken = stream.response();
  const std::vector<std::string> events = events_of(broken.body);
  ASSERT_FALSE(events.empty());
  const Json last = take(parse_json(events.back()));
  EXPECT_NE(last.at("error").at("message").as_string().find("out of memory"), std::string::npos) << events.back();
  EXPECT_EQ(last.at("error").at("type").as_string(), "server_error");
  const RawResponse failed = whole.response();
  EXPECT_EQ(failed.status, 503);
  for (const Path& asked : endless()) {
    const RawResponse response = server.post(asked.path, asked.body);
    EXPECT_EQ(response.status, 503) << asked.path;
    EXPECT_NE(response.body.find("out of"), std::string::npos) << response.body;
  }
  EXPECT_EQ(server.post("/v1/embeddings", R"({"input": "a"})").status, 503);
  const RawResponse health = server.get("/health");
  EXPECT_EQ(health.status, 503);
  const Json told = take(parse_json(health.body));
  EXPECT_EQ(told.at("status").as_string(), "error");
  EXPECT_FALSE(told.at("ready").as_bool());
  EXPECT_NE(told.at("reason").as_string().find("out of memory"), std::string::npos);
  EXPECT_NE(server.get("/metrics").body.find("lathe_engine_alive{model=\"tiny\"} 0\n"), std::string::npos);
}

TEST(TrapS5, EmbeddingsThatWaitAreAnsweredWhenTheEngineDies) {
  std::atomic<bool> die = false;
  ApiServer server;
  server.worker().set_fault_for_test([&] {
    while (!die) ::usleep(500);
    throw std::runtime_error("broken");
  });
  RawClient client(server.port());
  client.post("/v1/embeddings", R"({"input": "a"})");
  EXPECT_TRUE(eventually([&] { return server.worker().state().figures.waiting == 1; }));
  die = true;
  EXPECT_EQ(client.response().status, 503);
}

TEST(TrapS1, AnswersGoToTheClientThatAsked) {
  ApiServer server;
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto words = [](int i) { return "my own words, number " + std::to_string(i * 7919); };
  for (int i = 0; i < 24; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    const std::string text = "say " + words(i);
    if (i % 3 == 0) clients.back()->post("/chat/completions", ask(text));
    if (i % 3 == 1) clients.back()->post("/v1/chat/completions", ask(text, R"("stream": true)"));
    if (i % 3 == 2) clients.back()->post("/v1/chat/completions", ask(text));
  }
  for (int i = 0; i < 24; ++i) {
    const std::string body = clients[static_cast<size_t>(i)]->response().body;
    std::string text;
    if (i % 3 == 2) text = take(parse_json(body)).at("choices").at(size_t{0}).at("message").at("content").as_string();
    else
      for (const std::string& event : events_of(body)) {
        if (event == "[DONE]") continue;
        const Json data = take(parse_json(event));
        const Json* piece = i % 3 == 0 ? data.find("token") : data.at("choices").at(size_t{0}).at("delta").find("content");
        if (piece) text += piece->as_string();
      }
    EXPECT_EQ(text, words(i));
  }
}

TEST(ApiLoading, RequestsWaitForTheModelAndFailWithIt) {
  ApiServerOptions options;
  options.loads = false;
  options.load_failure = "no such file";
  std::unique_ptr<RawClient> client;
  {
    ApiServer server(options);
    client = std::make_unique<RawClient>(server.port());
    client->post("/v1/chat/completions", ask("hi"));
    // Faults of the body need no model.
    EXPECT_EQ(server.fault("/v1/chat/completions", "{}").at("param").as_string(), "messages");
    const RawResponse health = server.get("/health");
    EXPECT_EQ(health.status, 200);
    EXPECT_EQ(health.body, R"({"status": "ok", "ready": false, "num_gpus": 0, "available_workers": 0})");
  }
  EXPECT_EQ(client->response().status, 503);
}

TEST(ApiStop, RunningStreamsEndWithAnError) {
  auto server = std::make_unique<ApiServer>();
  server->worker().set_fault_for_test([] { ::usleep(20000); });  // left alone, the answer takes ten seconds
  RawClient client(server->port());
  client.post("/v1/chat/completions", ask("forever", R"("stream": true, "max_tokens": 500)"));
  ASSERT_TRUE(client.wait_for("\"x\""));
  server.reset();
  const RawResponse response = client.response();
  EXPECT_TRUE(response.complete);
  EXPECT_NE(response.body.find("the server is stopping"), std::string::npos) << response.body.substr(response.body.size() - 300);
}

}  // namespace
}  // namespace lathe::serve
