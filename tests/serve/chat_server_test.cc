#include "serve/chat_server.h"

#include <cmath>
#include <cstdio>
#include <set>

#include "core/log.h"
#include "tests/serve/fake_generator.h"
#include "tests/serve/raw_client.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

Json json_of(const RawResponse& response) { return take(parse_json(response.body)); }

// C-11.10, C-11.11
TEST(ChatServer, StreamsEventsInTheirExactForm) {
  Running running(says({"Hel", "lo \"w\"\n", "\xC3\xA9\xF0\x9F\x98\x80"}));
  RawClient client(running.port());
  client.post("/chat/completions", ask("hi"));
  const RawResponse response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(response.body,
            "data: {\"token\": \"Hel\", \"gpu\": 0}\n\n"
            "data: {\"token\": \"lo \\\"w\\\"\\n\", \"gpu\": 0}\n\n"
            "data: {\"token\": \"\xC3\xA9\xF0\x9F\x98\x80\", \"gpu\": 0}\n\n"
            "data: {\"done\": true}\n\n");
}

// C-11.11: a piece leaves as soon as it is there.
TEST(ChatServer, PiecesAreNotHeldBack) {
  Running gated(ChatServerOptions{}, false);
  gated.attach(waits_at_the_gate(gated.witness));
  RawClient client(gated.port());
  client.post("/chat/completions", ask("hi"));
  EXPECT_TRUE(client.wait_for("data: {\"token\": \"go\", \"gpu\": 0}\n\n"));
  EXPECT_EQ(gated.witness->ended, 0);
  gated.witness->gate = true;
  EXPECT_TRUE(client.wait_for("data: {\"done\": true}\n\n"));
}

// C-11.15
TEST(ChatServer, EveryRequestGetsAFreshSeedOf31Bits) {
  Running running(says({"a"}));
  RawClient client(running.port());
  for (int i = 0; i < 4; ++i) {
    client.post("/chat/completions", ask("hi"));
    ASSERT_TRUE(client.response().complete);
  }
  std::set<uint64_t> seeds;
  for (const GenerationRequest& request : running.witness->requests) {
    EXPECT_LT(request.seed, uint64_t{1} << 31);
    seeds.insert(request.seed);
  }
  EXPECT_EQ(seeds.size(), 4u);
}

// C-11.16, C-11.37
TEST(ChatServer, RefusalsCarryTheirStatusAndNeverReachTheModel) {
  Running running(says({"a"}));
  RawClient client(running.port());
  client.post("/chat/completions", ask(""));
  RawResponse response = client.response();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(json_of(response).at("detail").as_string(), "Message 0 is empty");
  client.post("/chat/completions", "{\"messages\": 5}");
  response = client.response();
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(json_of(response).at("detail").at(0).at("loc").dump(), "[\"body\", \"messages\"]");
  client.post("/chat/completions", ask("too long for the model"));
  response = client.response();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(json_of(response).at("detail").as_string(), "The conversation has 9 tokens, more than 8.");
  EXPECT_EQ(running.witness->started, 0);
}

// C-11.9
TEST(ChatServer, ServesThePageAndItsFiles) {
  Running running(says({"a"}));
  RawClient client(running.port());
  client.get("/");
  const RawResponse page = client.response();
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(page.headers.at("content-security-policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page.headers.at("content-security-policy").find("unsafe"), std::string::npos);
  EXPECT_NE(page.body.find("<title>lathe</title>"), std::string::npos);
  client.get("/logo.svg?v=1");
  const RawResponse logo = client.response();
  EXPECT_EQ(logo.headers.at("content-type"), "image/svg+xml");
  EXPECT_TRUE(logo.body.starts_with("<svg "));
  client.get("/app.js");
  const RawResponse script = client.response();
  EXPECT_NE(script.body.find("const api = '';"), std::string::npos) << "the page must talk to the server it came from";
  client.get("/app.js/../../etc/passwd");
  EXPECT_EQ(client.response().status, 404);
}

// C-11.9
TEST(ChatServer, OtherPathsAndMethodsAreNamed) {
  Running running(says({"a"}));
  RawClient client(running.port());
  client.get("/nothing");
  EXPECT_EQ(client.response().status, 404);
  client.get("/chat/completions");
  const RawResponse response = client.response();
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.at("allow"), "POST");
  client.post("/health", "");
  EXPECT_EQ(client.response().status, 405);
  client.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(client.wait_for("\"status\": \"ok\""));
}

// C-11.22
TEST(ChatServer, HealthAnswersBeforeTheModelIsThere) {
  Running running(ChatServerOptions{}, false);
  RawClient client(running.port());
  client.get("/health");
  RawResponse response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"status": "ok", "ready": false, "num_gpus": 0, "available_workers": 0})");
  client.post("/chat/completions", ask("hi"));
  response = client.response();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("retry-after"), "5");
  running.attach(says({"a"}));
  client.get("/health");
  EXPECT_EQ(client.response().body, R"({"status": "ok", "ready": true, "num_gpus": 1, "available_workers": 1})");
}

// C-11.22
TEST(TrapS5, HealthIsNotOkOnceTheEngineIsDead) {
  Running running([](const GenerationRequest&, const OnText& on_text, const IsCancelled&) -> Status {
    on_text("par");
    throw std::runtime_error("out of memory");
  });
  RawClient client(running.port());
  client.post("/chat/completions", ask("hi"));
  const RawResponse stream = client.response();
  EXPECT_TRUE(stream.body.ends_with("data: {\"error\": \"the engine failed: out of memory\"}\n\n")) << stream.body;
  client.get("/health");
  const RawResponse health = client.response();
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(json_of(health).at("status").as_string(), "error");
  EXPECT_FALSE(json_of(health).at("ready").as_bool());
  EXPECT_NE(json_of(health).at("reason").as_string().find("out of memory"), std::string::npos);
  client.post("/chat/completions", ask("hi"));
  EXPECT_EQ(client.response().status, 503);
}

// C-11.23
TEST(ChatServer, StatsCountTheWorker) {
  Running running(ChatServerOptions{}, false);
  running.attach(waits_at_the_gate(running.witness));
  RawClient client(running.port()), busy(running.port());
  const std::string idle =
      R"({"total_workers": 1, "available_workers": 1, "busy_workers": 0, "waiting_requests": 0, "workers": [{"gpu_id": 0, "device": "fake"}]})";
  client.get("/stats");
  EXPECT_EQ(client.response().body, idle);
  busy.post("/chat/completions", ask("hi"));
  ASSERT_TRUE(busy.wait_for("go"));
  client.get("/stats");
  EXPECT_EQ(json_of(client.response()).at("busy_workers").as_int(), 1);
  running.witness->gate = true;
  ASSERT_TRUE(busy.wait_for("done"));
  EXPECT_TRUE(eventually([&] {
    client.get("/stats");
    return client.response().body == idle;
  }));
}

// C-11.21
TEST(ChatServer, OtherRequestsAreAnsweredWhileItGenerates) {
  Running running(ChatServerOptions{}, false);
  running.attach(waits_at_the_gate(running.witness));
  RawClient busy(running.port()), other(running.port());
  busy.post("/chat/completions", ask("hi"));
  ASSERT_TRUE(busy.wait_for("go"));
  other.get("/health");
  EXPECT_EQ(json_of(other.response(2)).at("available_workers").as_int(), 0);
}

// C-11.20
TEST(TrapS2, AClientThatLeavesStopsItsGeneration) {
  Running running(ChatServerOptions{}, false);
  running.attach(says_without_end(running.witness));
  auto client = std::make_unique<RawClient>(running.port());
  client->post("/chat/completions", ask("hi"));
  ASSERT_TRUE(client->wait_for("data: "));
  client.reset();
  EXPECT_TRUE(eventually([&] { return running.witness->ended == 1; }, 2));
  // The worker is free again.
  RawClient next(running.port());
  next.post("/chat/completions", ask("hi"));
  EXPECT_TRUE(next.wait_for("data: "));
}

// C-11.20
TEST(TrapS2, AClientThatLeavesWhileNothingIsSentStopsItsGeneration) {
  Running running(ChatServerOptions{}, false);
  running.attach([](const GenerationRequest&, const OnText&, const IsCancelled& is_cancelled) -> Status {
    while (!is_cancelled()) ::usleep(500);  // a long prefill: not a byte for the client
    return {};
  });
  auto client = std::make_unique<RawClient>(running.port());
  client->post("/chat/completions", ask("hi"));
  ASSERT_TRUE(eventually([&] { return running.witness->started == 1; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return running.witness->ended == 1; }, 2));
}

TEST(TrapS2, AWaitingClientThatLeavesIsNeverServed) {
  Running running(ChatServerOptions{}, false);
  running.attach(waits_at_the_gate(running.witness));
  RawClient first(running.port());
  first.post("/chat/completions", ask("first"));
  ASSERT_TRUE(first.wait_for("go"));
  auto leaver = std::make_unique<RawClient>(running.port());
  leaver->post("/chat/completions", ask("leaver"));
  RawClient stats(running.port());
  ASSERT_TRUE(eventually([&] {
    stats.get("/stats");
    return json_of(stats.response()).at("waiting_requests").as_int() == 1;
  }));
  leaver.reset();
  RawClient last(running.port());
  last.post("/chat/completions", ask("last"));
  ::usleep(50000);
  running.witness->gate = true;
  ASSERT_TRUE(last.response().complete);
  const std::lock_guard lock(running.witness->mutex);
  ASSERT_EQ(running.witness->requests.size(), 2u);
  EXPECT_EQ(running.witness->requests[1].messages[0].text, "last");
}

TEST(TrapS3, AFullQueueAnswers503) {
  ChatServerOptions options;
  options.app.max_waiting = 2;
  Running running(options, false);
  running.attach(waits_at_the_gate(running.witness));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(running.port()));
    clients.back()->post("/chat/completions", ask("hi"));
    if (i == 0) {
      ASSERT_TRUE(clients[0]->wait_for("go"));
    }
  }
  RawClient stats(running.port()), refused(running.port());
  ASSERT_TRUE(eventually([&] {
    stats.get("/stats");
    return json_of(stats.response()).at("waiting_requests").as_int() == 2;
  }));
  refused.post("/chat/completions", ask("hi"));
  const RawResponse response = refused.response();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("retry-after"), "5");
  running.witness->gate = true;
  for (const auto& client : clients) EXPECT_TRUE(client->wait_for("\"done\": true"));
}

TEST(TrapS1, AnswersGoToTheClientThatAsked) {
  Running running([](const GenerationRequest& request, const OnText& on_text, const IsCancelled&) -> Status {
    for (int i = 0; i < 20; ++i) on_text(request.messages[0].text);
    return {};
  });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(running.port()));
    clients.back()->post("/chat/completions", ask("client" + std::to_string(i)));
  }
  for (int i = 0; i < 8; ++i) {
    std::string expected;
    for (int j = 0; j < 20; ++j) expected += "data: {\"token\": \"client" + std::to_string(i) + "\", \"gpu\": 0}\n\n";
    EXPECT_EQ(clients[static_cast<size_t>(i)]->response().body, expected + "data: {\"done\": true}\n\n");
  }
}

TEST(ChatServer, AnErrorOfOneRequestEndsOnlyThatRequest) {
  Running running([](const GenerationRequest& request, const OnText& on_text, const IsCancelled&) -> Status {
    if (request.messages[0].text == "bad") return error("no room");
    on_text("fine");
    return {};
  });
  RawClient client(running.port());
  client.post("/chat/completions", ask("bad"));
  EXPECT_EQ(client.response().body, "data: {\"error\": \"no room\"}\n\n");
  client.post("/chat/completions", ask("good"));
  EXPECT_EQ(client.response().body, "data: {\"token\": \"fine\", \"gpu\": 0}\n\ndata: {\"done\": true}\n\n");
}

// C-11.24
TEST(ChatServer, OtherOriginsAreRefusedUnlessNamed) {
  Running closed(says({"a"}));
  RawClient client(closed.port());
  client.post("/chat/completions", ask("hi"), "Origin: http://evil.example\r\n");
  RawResponse response = client.response();
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.head.find("Access-Control"), std::string::npos);
  client.get("/health", "Origin: http://localhost\r\n");
  response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.head.find("Access-Control"), std::string::npos);
  EXPECT_EQ(closed.witness->started, 0);

  ChatServerOptions options;
  options.app.cors_origins = {"http://friend.example:3000"};
  Running open(says({"a"}), options);
  RawClient friendly(open.port());
  friendly.send("OPTIONS /chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://friend.example:3000\r\n\r\n");
  response = friendly.response();
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.headers.at("access-control-allow-origin"), "http://friend.example:3000");
  friendly.post("/chat/completions", ask("hi"), "Origin: http://friend.example:3000\r\n");
  response = friendly.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("access-control-allow-origin"), "http://friend.example:3000");
  friendly.post("/chat/completions", ask("hi"), "Origin: http://friend.example\r\n");
  EXPECT_EQ(friendly.response().status, 403);
}

TEST(ChatServer, ARequestForAnotherNameIsRefusedOnLoopback) {
  Running running(says({"a"}));
  RawClient client(running.port());
  client.send("GET /health HTTP/1.1\r\nHost: rebound.example:8000\r\n\r\n");
  EXPECT_EQ(client.response().status, 403);
  for (const char* host : {"localhost", "127.0.0.1:8000", "[::1]:8000"}) {
    client.send(std::string("GET /health HTTP/1.1\r\nHost: ") + host + "\r\n\r\n");
    EXPECT_EQ(client.response().status, 200) << host;
  }
}

// C-11.20, C-11.25, C-11.38
TEST(ChatServer, LogsStartRequestsAndReplies) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "log.txt").string();
  ASSERT_TRUE(set_log_file(path).ok());
  {
    Running running(says({"all ", "well\x1b[2J"}));
    RawClient client(running.port());
    client.post("/chat/completions",
                R"({"messages": [{"role": "user", "content": "how\tare"}, {"role": "assistant", "content": "you"}]})");
    ASSERT_TRUE(client.response().complete);
  }
  const std::string log = take(read_file(path));
  const std::string line = " - serve - INFO - ";
  for (const char* text : {"making 1 worker\n", "worker 0: model loaded on fake\n",
                           "all workers are ready: http://127.0.0.1:", "====================\n", "[USER]: how\tare\n",
                           "[ASSISTANT]: you\n", "--------------------\n", "[ASSISTANT] (worker 0): all well[2J\n"})
    EXPECT_NE(log.find(line + text), std::string::npos) << text << "\n" << log;
}

TEST(ChatServer, StopEndsTheRunningAnswerAndRefusesTheWaiting) {
  Running running(ChatServerOptions{}, false);
  running.attach(says_without_end(running.witness));
  RawClient first(running.port()), second(running.port());
  first.post("/chat/completions", ask("hi"));
  ASSERT_TRUE(first.wait_for("data: "));
  second.post("/chat/completions", ask("hi"));
  RawClient stats(running.port());
  ASSERT_TRUE(eventually([&] {
    stats.get("/stats");
    return json_of(stats.response()).at("waiting_requests").as_int() == 1;
  }));
  const int port = running.port();
  running.server->stop();
  EXPECT_TRUE(first.wait_for("data: {\"done\": true}\n\n"));
  EXPECT_EQ(second.response().status, 503);
  EXPECT_FALSE(RawClient(port).connected());
}

TEST(ChatServer, APortThatIsTakenIsNamed) {
  Running running(says({"a"}));
  ChatServerOptions options;
  options.port = running.port();
  const auto second = ChatServer::listen(options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("--port"), std::string::npos);
  options.host = "no.such.host.invalid";
  EXPECT_FALSE(ChatServer::listen(options).ok());
}

// C-17.17
TEST(Logo, HasTwelveRadialStrokesAndADiamond) {
  Running running(says({"a"}));
  RawClient client(running.port());
  client.get("/logo.svg");
  const std::string logo = client.response().body;
  size_t strokes = 0;
  for (size_t at = 0; (at = logo.find("<line ", at)) != std::string::npos; ++at) {
    double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    ASSERT_EQ(std::sscanf(logo.c_str() + at, "<line x1=\"%lf\" y1=\"%lf\" x2=\"%lf\" y2=\"%lf\"", &x1, &y1, &x2, &y2),
              4);
    const double angle = (15 + 30 * static_cast<double>(strokes++)) * 3.14159265358979 / 180;
    EXPECT_NEAR(x1, 200 + 120 * std::cos(angle), 0.01);
    EXPECT_NEAR(y1, 200 + 120 * std::sin(angle), 0.01);
    EXPECT_NEAR(x2, 200 + 30 * std::cos(angle), 0.01);
    EXPECT_NEAR(y2, 200 + 30 * std::sin(angle), 0.01);
  }
  EXPECT_EQ(strokes, 12u);
  for (const char* part :
       {"width=\"400\"", "height=\"400\"", "#667eea", "#764ba2", "stop-opacity=\"0.3\"", "stroke-width=\"6\"",
        "stroke-linecap=\"round\"", "M200 188 L212 200 L200 212 L188 200 Z", "fill=\"#000\""})
    EXPECT_NE(logo.find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace lathe::serve
