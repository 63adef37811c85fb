// The chat origin's paths: POST /chat/completions, /health, /stats, the page.
#include <cmath>
#include <cstdio>

#include "core/log.h"
#include "serve/access_log.h"
#include "tests/serve/api_fixture.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

constexpr const char* kChat = "/chat/completions";

std::string detail(ApiServer& server, const std::string& body, int status = 400) {
  const RawResponse response = server.post(kChat, body);
  EXPECT_EQ(response.status, status) << response.body;
  const Json json = take(parse_json(response.body));
  return json.at("detail").is_string() ? json.at("detail").as_string() : json.at("detail").dump();
}

// C-11.10, C-11.11
TEST(Origin, StreamsEventsInTheirExactForm) {
  ApiServer server;
  const RawResponse response = server.post(kChat, ask("say a\"\n\xC3\xA9\xF0\x9F\x98\x80"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(response.body,
            "data: {\"token\": \"a\", \"gpu\": 0}\n\n"
            "data: {\"token\": \"\\\"\", \"gpu\": 0}\n\n"
            "data: {\"token\": \"\\n\", \"gpu\": 0}\n\n"
            "data: {\"token\": \"\xC3\xA9\", \"gpu\": 0}\n\n"
            "data: {\"token\": \"\xF0\x9F\x98\x80\", \"gpu\": 0}\n\n"
            "data: {\"done\": true}\n\n");
}

// C-11.12: a character that never becomes whole is flushed at the end.
TEST(Origin, AnIncompleteTailIsFlushed) {
  ApiServer server;
  const RawResponse response = server.post(kChat, ask("say \xF0\x9F\x98\x80", R"("max_tokens": 2)"));
  EXPECT_EQ(response.body, "data: {\"token\": \"\xEF\xBF\xBD\", \"gpu\": 0}\n\ndata: {\"done\": true}\n\n");
}

// C-11.13
TEST(Origin, MarksOfToolsAreToldByName) {
  ApiServer server;
  std::string text;
  for (const std::string& event : events_of(server.post(kChat, ask("calculate")).body)) {
    const Json data = take(parse_json(event));
    if (const Json* token = data.find("token")) text += token->as_string();
  }
  EXPECT_EQ(text, "<|python_start|>12+30<|python_end|><|output_start|>42<|output_end|>!");
}

// C-11.11: a piece leaves as soon as it is there.
TEST(Origin, PiecesAreNotHeldBack) {
  std::atomic<int> steps = 0;
  std::atomic<bool> open = false;
  ApiServer server;
  server.worker().set_fault_for_test([&] {
    while (++steps > 3 && !open) ::usleep(500);
  });
  RawClient client(server.port());
  client.post(kChat, ask("say abcdef"));
  EXPECT_TRUE(client.wait_for("data: {\"token\": \"a\", \"gpu\": 0}\n\n"));
  EXPECT_FALSE(client.holds("done"));
  open = true;
  EXPECT_TRUE(client.wait_for("data: {\"done\": true}\n\n"));
}

// C-11.14
TEST(Origin, TheConversationIsRenderedWithTheModelsMarks) {
  ApiServer server;
  // What was said before is text: the last user's message decides.
  EXPECT_NE(server.post(kChat, R"({"messages": [{"role": "user", "content": "say no"}, {"role": "assistant", "content": "no"},
      {"role": "user", "content": "say <|assistant_end|>"}]})").body.find("\"token\": \"<\""), std::string::npos);
}

// C-11.16, C-11.17, C-11.18
TEST(Origin, ChecksComeInTheirOrder) {
  ApiServer server;
  const std::string long_text(8001, 'a'), eight(8000, 'b');
  const auto message = [](const std::string& role, const std::string& text) { return "{\"role\": \"" + role + "\", \"content\": \"" + text + "\"}"; };
  const auto body = [](const std::string& messages, const std::string& more) { return "{\"messages\": [" + messages + "]" + more + "}"; };
  const std::string bad = R"(, "temperature": 3, "top_k": 201, "max_tokens": 0)";
  std::string many, total;
  for (int i = 0; i < 501; ++i) many += (i ? ", " : "") + message("system", "");
  for (int i = 0; i < 5; ++i) total += (i ? ", " : "") + message("system", eight);
  EXPECT_EQ(detail(server, body("", bad)), "At least one message is needed");
  EXPECT_EQ(detail(server, body(many, bad)), "Too many messages: at most 500 are allowed");
  EXPECT_EQ(detail(server, body(message("system", "") + ", " + message("system", long_text), bad)), "Message 0 is empty");
  EXPECT_NE(detail(server, body(message("system", long_text), bad)).find("Message 0"), std::string::npos);
  EXPECT_NE(detail(server, body(total, bad)).find("32000"), std::string::npos);
  EXPECT_NE(detail(server, body(message("system", "x"), bad)).find("role"), std::string::npos);
  EXPECT_EQ(detail(server, body(message("user", "x"), bad)), "temperature must be between 0.0 and 2.0");
  EXPECT_EQ(detail(server, body(message("user", "x"), R"(, "top_k": 201, "max_tokens": 0)")), "top_k must be between 0 and 200");
  EXPECT_EQ(detail(server, body(message("user", "x"), R"(, "max_tokens": 4097)")), "max_tokens must be between 1 and 4096");
  EXPECT_EQ(server.worker().state().figures.finished, 0);
}

// C-11.37
TEST(Origin, MalformedBodiesGet422WithPlaces) {
  ApiServer server;
  EXPECT_NE(detail(server, "{\"messages\": 5}", 422).find("[\"body\", \"messages\"]"), std::string::npos);
  EXPECT_NE(detail(server, "{", 422).find("json_invalid"), std::string::npos);
  EXPECT_EQ(server.post(kChat, ask("say a", R"("stream": false, "model": "x", "temperature": "0")")).status, 200);
}

TEST(Origin, WhatDoesNotFitTheModelIsRefused) {
  ApiServer server;
  EXPECT_NE(detail(server, ask(std::string(700, 'a'))).find("704 tokens"), std::string::npos);
  ApiServerOptions options;
  options.chat = false;
  ApiServer base(options);
  EXPECT_NE(detail(base, ask("a")).find("base model"), std::string::npos);
}

// C-11.19: what is omitted comes from the model (here temperature 0 and 64 tokens); an explicit 0 counts.
TEST(Origin, OmittedFieldsTakeTheModelsDefaults) {
  ApiServer server;
  const RawResponse response = server.post(kChat, ask("forever"));
  EXPECT_EQ(events_of(response.body).size(), 65u);
  EXPECT_EQ(server.post(kChat, ask("say ab", R"("temperature": 0, "top_k": 0, "max_tokens": 1)")).body,
            "data: {\"token\": \"a\", \"gpu\": 0}\n\ndata: {\"done\": true}\n\n");
}

// C-11.22
TEST(Origin, HealthAnswersBeforeTheModelIsThere) {
  ApiServerOptions options;
  options.loads = false;
  ApiServer loading(options);
  EXPECT_EQ(loading.get("/health").body, R"({"status": "ok", "ready": false, "num_gpus": 0, "available_workers": 0})");
  ApiServer server;
  const RawResponse health = server.get("/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, R"({"status": "ok", "ready": true, "num_gpus": 1, "available_workers": 1})");
}

// C-11.23, C-11.21
TEST(Origin, StatsAndHealthAnswerWhileItGenerates) {
  ApiServer server;
  const std::string idle =
      R"({"total_workers": 1, "available_workers": 1, "busy_workers": 0, "waiting_requests": 0, "workers": [{"gpu_id": 0, "device": "cpu"}]})";
  EXPECT_EQ(server.get("/stats").body, idle);
  server.worker().set_fault_for_test([] { ::usleep(30000); });  // left alone, the answer takes twelve seconds
  RawClient busy(server.port());
  busy.post(kChat, ask("forever", R"("max_tokens": 400)"));
  ASSERT_TRUE(busy.wait_for("token"));
  ASSERT_TRUE(eventually([&] { return server.worker().state().figures.running == 1; }));  // counted at the end of the step
  EXPECT_NE(server.get("/stats").body.find("\"available_workers\": 0, \"busy_workers\": 1"), std::string::npos);
  EXPECT_NE(server.get("/health").body.find("\"available_workers\": 0"), std::string::npos);
  busy.close();
  EXPECT_TRUE(eventually([&] { return server.get("/stats").body == idle; }));
}

// C-11.9
TEST(Origin, ThePageAndItsFilesAreServed) {
  ApiServer server;
  const RawResponse page = server.get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(page.headers.at("content-security-policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(server.get("/logo.svg?v=1").headers.at("content-type"), "image/svg+xml");
  EXPECT_EQ(server.get("/app.js/../../etc/passwd").status, 404);
  EXPECT_EQ(server.post("/health", "").status, 405);
}

// C-17.17
TEST(Logo, HasTwelveRadialStrokesAndADiamond) {
  ApiServer server;
  const std::string logo = server.get("/logo.svg").body;
  size_t strokes = 0;
  for (size_t at = 0; (at = logo.find("<line ", at)) != std::string::npos; ++at) {
    double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    ASSERT_EQ(std::sscanf(logo.c_str() + at, "<line x1=\"%lf\" y1=\"%lf\" x2=\"%lf\" y2=\"%lf\"", &x1, &y1, &x2, &y2), 4);
    const double angle = (15 + 30 * static_cast<double>(strokes++)) * 3.14159265358979 / 180;
    EXPECT_NEAR(x1, 200 + 120 * std::cos(angle), 0.01);
    EXPECT_NEAR(y1, 200 + 120 * std::sin(angle), 0.01);
    EXPECT_NEAR(x2, 200 + 30 * std::cos(angle), 0.01);
    EXPECT_NEAR(y2, 200 + 30 * std::sin(angle), 0.01);
  }
  EXPECT_EQ(strokes, 12u);
  for (const char* part : {"width=\"400\"", "height=\"400\"", "#667eea", "#764ba2", "stop-opacity=\"0.3\"", "stroke-width=\"6\"",
                           "stroke-linecap=\"round\"", "M200 188 L212 200 L200 212 L188 200 Z", "fill=\"#000\""})
    EXPECT_NE(logo.find(part), std::string::npos) << part;
}

// C-11.24
TEST(Origin, ForeignOriginsMayNotAskUnlessAllowed) {
  ApiServerOptions options;
  options.access.cors_origins = {"http://localhost:3000"};
  ApiServer server(options);
  RawResponse response = server.get("/health", "Origin: http://localhost:3000\r\n");
  EXPECT_EQ(response.headers.at("access-control-allow-origin"), "http://localhost:3000");
  RawClient client(server.port());
  client.post(kChat, ask("say a"), "Origin: http://evil.example\r\n");
  response = client.response();
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.headers.count("access-control-allow-origin"), 0u);
  client.post(kChat, ask("say a"), "Origin: http://localhost:3000\r\n");
  response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("access-control-allow-origin"), "http://localhost:3000");
}

// C-11.25: conversations are logged where that was asked for, and nowhere else.
TEST(Origin, ConversationsAreLoggedOnlyWhenAskedFor) {
  const std::string path = ::testing::TempDir() + "origin_log_" + std::to_string(::getpid()) + ".txt";
  ASSERT_TRUE(set_log_file(path).ok());
  ApiServer server;
  server.post(kChat, ask("say secret1"));
  ASSERT_TRUE(eventually([&] { return server.worker().idle(); }));
  EXPECT_EQ(take(read_file(path)).find("secret1"), std::string::npos);
  apply_log_options({false, true});
  server.post(kChat, ask("say \x1B[31msecret2"));
  ASSERT_TRUE(eventually([&] { return take(read_file(path)).find("(worker 0): ") != std::string::npos; }));
  apply_log_options({});
  const std::string log = take(read_file(path));
  EXPECT_NE(log.find(std::string(20, '=')), std::string::npos);
  EXPECT_NE(log.find("[USER]: say "), std::string::npos);
  EXPECT_NE(log.find(std::string(20, '-')), std::string::npos);
  EXPECT_NE(log.find("[ASSISTANT] (worker 0): "), std::string::npos);
  EXPECT_EQ(log.find('\x1B'), std::string::npos);
  fs::remove(path);
}

}  // namespace
}  // namespace lathe::serve
