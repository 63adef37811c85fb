// The dashboard of a training run over real sockets: history, news, answers of a model in training, and clients that mean no good.
#include "serve/dashboard.h"

#include "tests/serve/dashboard_fixture.h"

namespace lathe::serve {
namespace {

using lathe::testing::take;
using serve::testing::eventually;
using serve::testing::RawClient;
using serve::testing::RawResponse;
using serve::testing::Talking;
using serve::testing::Trainer;
using serve::testing::values;
using serve::testing::Watched;

TEST(Dashboard, APageOpenedLateGetsTheWholeHistory) {
  DashboardOptions options;
  options.run["steps"] = 100;
  Watched watched(options);
  watched.dashboard->push(0, values({{"train/loss", 4.5}, {"train/epoch", 1}}));
  watched.dashboard->push(10, values({{"train/loss", 4.123456789}, {"samples", Json(Json::Array{"<b>one</b>", "two"})}, {"odd", Json::object()}}));
  const Json history = watched.history();
  EXPECT_EQ(history.at("curves").at("train/loss").dump(), R"({"steps": [0, 10], "values": [4.5, 4.12346]})");
  EXPECT_EQ(history.at("texts").dump(), R"([{"step": 10, "name": "samples", "lines": ["<b>one</b>", "two"]}])");
  EXPECT_EQ(history.at("run").get_int("steps", 0), 100);
  EXPECT_FALSE(history.get_bool("chat", true));
  EXPECT_FALSE(history.at("curves").contains("odd"));
}

TEST(Dashboard, NewLinesAndTheEndArePushed) {
  Watched watched;
  watched.dashboard->push(0, values({{"train/loss", 4.5}}));
  RawClient first(watched.port()), second(watched.port());
  first.get("/events");
  second.get("/events");
  ASSERT_TRUE(first.wait_for("\"values\": [4.5]"));
  ASSERT_TRUE(second.wait_for("\"values\": [4.5]"));
  watched.dashboard->push(1, values({{"train/loss", 4.25}}));
  for (RawClient* client : {&first, &second}) EXPECT_TRUE(client->wait_for("data: {\"line\": {\"step\": 1, \"values\": {\"train/loss\": 4.25}}}\n\n"));
  watched.dashboard->end("finished");
  EXPECT_TRUE(first.wait_for("data: {\"ended\": \"finished\"}\n\n"));
  EXPECT_EQ(watched.history().get_string("ended", ""), "finished");
  watched.dashboard.reset();
  EXPECT_TRUE(second.closed());
}

TEST(Dashboard, AnIdleStreamShowsThatItLives) {
  DashboardOptions options;
  options.heartbeat_seconds = 0.05;
  Watched watched(options);
  RawClient client(watched.port());
  client.get("/events");
  EXPECT_TRUE(client.wait_for(": still here\n\n"));
}

TEST(Dashboard, ServesItsPageAndNotTheChatPage) {
  Watched watched;
  const auto status = [&](const char* path) {
    RawClient client(watched.port());
    client.get(path);
    return client.response();
  };
  const RawResponse page = status("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("/dashboard.js"), std::string::npos);
  EXPECT_EQ(page.headers.at("content-security-policy").find("unsafe"), std::string::npos);
  for (const char* path : {"/dashboard.js", "/dashboard.css", "/dashboard_charts.js", "/dashboard_talk.js", "/stream.js", "/logo.svg"}) EXPECT_EQ(status(path).status, 200) << path;
  for (const char* path : {"/app.js", "/index.html", "/dashboard.html", "/dashboard", "/../etc/passwd", "/chat/completions", "/%2e%2e"}) EXPECT_EQ(status(path).status, 404) << path;
  EXPECT_EQ(status("/chat").status, 405);
}

TEST(Dashboard, ForeignPagesAndNamesAreRefused) {
  Watched watched;
  const auto status = [&](std::string_view path, const char* host, const char* origin) {
    RawClient client(watched.port());
    client.send(join_text("GET ", path, " HTTP/1.1\r\nHost: ", host, "\r\n", *origin ? join_text("Origin: ", origin, "\r\n") : "", "\r\n"));
    return client.response();
  };
  EXPECT_EQ(status("/history", "localhost", "").status, 200);
  EXPECT_EQ(status("/history", "evil.example", "").status, 403);
  const RawResponse crossed = status("/history", "localhost", "http://evil.example");
  EXPECT_EQ(crossed.status, 403);
  EXPECT_EQ(crossed.headers.count("access-control-allow-origin"), 0u);
  EXPECT_EQ(status("/events", "evil.example", "").status, 403);
}

TEST(Dashboard, TooManyPagesAndSlowOnesDoNotHoldTheTraining) {
  DashboardOptions options;
  options.limits.unsent_bytes = 1;  // raised to what a history needs
  Watched watched(options);
  std::vector<std::unique_ptr<RawClient>> pages;
  for (int i = 0; i < 32; ++i) {
    pages.push_back(std::make_unique<RawClient>(watched.port()));
    pages.back()->get("/events");
    ASSERT_TRUE(pages.back()->wait_for("history"));
  }
  RawClient late(watched.port());
  late.get("/events");
  EXPECT_EQ(late.response().status, 503);
  EXPECT_EQ(watched.history().get_bool("chat", true), false) << "other requests are still answered";
  pages.clear();  // room again, once their leaving is noticed
  EXPECT_TRUE(eventually([&] {
    RawClient again(watched.port());
    again.get("/events");
    return again.wait_for("\r\n\r\n") && again.holds("HTTP/1.1 200");
  }));
}

TEST(Dashboard, APortThatIsTakenOrNoneIsAnError) {
  Watched watched;
  DashboardOptions options;
  options.port = watched.port();
  EXPECT_FALSE(Dashboard::open(options).ok());
  options.port = 70000;
  EXPECT_FALSE(Dashboard::open(options).ok());
}

TEST(Dashboard, TheModelAnswersWhileItTrains) {
  Talking talking;
  const Trainer trainer(*talking.dashboard, talking.model);
  EXPECT_TRUE(talking.history().get_bool("chat", false));
  for (const char* body : {R"({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5})",
                           R"({"messages": [{"role": "user", "content": "Once upon"}], "max_tokens": 5, "continue": true, "temperature": 0})"}) {
    const RawResponse answer = talking.ask(body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream");
    EXPECT_EQ(answer.body.find("data: {\"step\": "), 0u) << answer.body;
    EXPECT_NE(answer.body.find("\"copy_mb\": "), std::string::npos);
    EXPECT_NE(answer.body.find("data: {\"done\": true}\n\n"), std::string::npos) << answer.body;
  }
}

TEST(Dashboard, WhatIsAskedIsTheAverageOnceThereIsOne) {
  constexpr const char* kQuestion = R"({"messages": [{"role": "user", "content": "Once"}], "max_tokens": 12, "continue": true, "temperature": 0})";
  const auto tokens = [](const RawResponse& answer) { return answer.body.substr(answer.body.find("{\"token\"")); };
  Talking averaged(9), same(3), trained(9);
  int calls = 0;  // of the trainer's thread
  const auto exchange = [&] { averaged.initialise(calls++ % 2 == 0 ? 3 : 9); };
  const Trainer plain(*same.dashboard, same.model), other(*trained.dashboard, trained.model);
  std::string answer;
  {
    const Trainer trainer(*averaged.dashboard, averaged.model, exchange);
    answer = tokens(averaged.ask(kQuestion));
  }
  EXPECT_EQ(answer, tokens(same.ask(kQuestion)));
  EXPECT_NE(answer, tokens(trained.ask(kQuestion)));
  EXPECT_EQ(calls, 2) << "there and back, for the one question";
}

TEST(Dashboard, QuestionsAreAskedByTheTemplateOfTheRun) {
  DashboardOptions human, chatml;
  human.chat_template = "human";  // plain text: no markers needed
  chatml.chat_template = "chatml";
  Talking plain(3, human), foreign(3, chatml);
  const Trainer trainer(*plain.dashboard, plain.model);
  constexpr const char* kQuestion = R"({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 3})";
  EXPECT_NE(plain.ask(kQuestion).body.find("\"done\": true"), std::string::npos);
  const RawResponse refused = foreign.ask(kQuestion);
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("<|im_start|>"), std::string::npos) << refused.body;
}

TEST(Dashboard, MalformedQuestionsNeverReachTheModel) {
  Talking talking;
  const Trainer trainer(*talking.dashboard, talking.model);
  EXPECT_EQ(talking.ask("{").status, 422);
  EXPECT_EQ(talking.ask(R"({"messages": []})").status, 400);
  EXPECT_EQ(talking.ask(R"({"messages": [{"role": "user", "content": ""}]})").status, 400);
  EXPECT_EQ(talking.ask(R"({"messages": [{"role": "user", "content": "x"}], "temperature": 9})").status, 400);
  const std::string longer = R"({"messages": [{"role": "user", "content": ")" + std::string(7000, 'x') + R"("}], "continue": true})";
  EXPECT_NE(talking.ask(longer).body.find("\"error\": "), std::string::npos) << "longer than the model's positions: told, and the next one is answered";
  EXPECT_EQ(talking.ask(R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2})").status, 200);
}

TEST(Dashboard, AQuestionAfterTheEndIsToldSo) {
  Talking talking;
  talking.dashboard->end("finished");
  EXPECT_NE(talking.ask(R"({"messages": [{"role": "user", "content": "x"}]})").body.find("the training has ended"), std::string::npos);
}

TEST(Dashboard, AClientThatLeavesWhileWaitingFreesTheWorker) {
  Talking talking;
  {
    RawClient gone(talking.port());
    gone.post("/chat", R"({"messages": [{"role": "user", "content": "x"}]})");
    EXPECT_TRUE(gone.wait_for("text/event-stream"));  // nobody trains yet: it waits for a border
  }
  const Trainer trainer(*talking.dashboard, talking.model);
  EXPECT_NE(talking.ask(R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2})").body.find("\"done\": true"), std::string::npos);
}

TEST(DashboardHistory, StaysBoundedAndKeepsTheMean) {
  DashboardHistory history;
  double sum = 0;
  constexpr int64_t kSteps = 100000;
  for (int64_t step = 0; step < kSteps; ++step) {
    history.add(step, values({{"x", static_cast<double>(step % 7)}, {"samples", Json(Json::Array{"text"})}}));
    sum += static_cast<double>(step % 7);
  }
  const Json json = history.to_json(), &curve = json.at("curves").at("x");
  EXPECT_LE(curve.at("steps").size(), Curve::kMost);
  EXPECT_GE(curve.at("steps").size(), Curve::kMost / 2);
  EXPECT_EQ(curve.at("steps").at(size_t{0}).as_int(), 0);
  double mean = 0;
  for (const Json& value : curve.at("values").as_array()) mean += value.as_double();
  EXPECT_NEAR(mean / static_cast<double>(curve.at("values").size()), sum / kSteps, 0.01);
  EXPECT_LE(json.at("texts").size(), 100u);
}

TEST(DashboardHistory, ARunThatGoesBackDropsWhatItGaveUp) {
  DashboardHistory history;
  for (int64_t step = 0; step < 10; ++step) history.add(step, values({{"x", static_cast<double>(step)}, {"samples", Json(Json::Array{std::to_string(step)})}}));
  history.add(6, values({{"x", 60.0}, {"samples", Json(Json::Array{"again"})}}));
  history.add(7, values({{"x", 70.0}, {"nan", NAN}}));
  const Json json = history.to_json();
  EXPECT_EQ(json.at("curves").at("x").dump(), R"({"steps": [0, 1, 2, 3, 4, 5, 6, 7], "values": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 60.0, 70.0]})");
  EXPECT_EQ(json.at("texts").as_array().back().at("lines").dump(), "[\"again\"]");
  EXPECT_EQ(json.at("texts").size(), 8u) << "0 to 6 and the new one";
  EXPECT_FALSE(json.at("curves").contains("nan"));
}

}  // namespace
}  // namespace lathe::serve
