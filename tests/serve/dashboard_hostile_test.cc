// Clients of the dashboard that mean no good, or read too slowly: training goes on, the others are served.
#include "tests/serve/dashboard_fixture.h"

namespace lathe::serve {
namespace {

using serve::testing::eventually;
using serve::testing::RawClient;
using serve::testing::RawResponse;
using serve::testing::Talking;
using serve::testing::Trainer;
using serve::testing::values;
using serve::testing::Watched;

int status_of(RawClient& client) { return client.response().status; }

TEST(HostileDashboard, APageThatDoesNotReadIsCutOffAndTheOthersGetEverything) {
  Watched watched;
  RawClient slow(watched.port()), good(watched.port());
  slow.get("/events");
  good.get("/events");
  ASSERT_TRUE(slow.wait_for("history"));
  ASSERT_TRUE(good.wait_for("history"));
  const std::string text(20000, 'x');
  int64_t step = 0;
  for (int piece = 0; piece < 40; ++piece) {  // 40 MB, 1 MB ahead of the good reader at most
    for (int i = 0; i < 50; ++i) watched.dashboard->push(++step, values({{"samples", Json(Json::Array{text})}}));
    watched.dashboard->push(++step, values({{"note", join_text("piece ", piece, " ends")}}));
    ASSERT_TRUE(good.wait_for(join_text("piece ", piece, " ends"))) << piece;
    good.discard();
  }
  watched.dashboard->push(++step, values({{"note", "the very last line"}}));
  EXPECT_TRUE(good.wait_for("the very last line"));
  bool got_all = false;
  while (!got_all && slow.receive()) {
    got_all = slow.holds("the very last line");
    slow.discard();
  }
  EXPECT_FALSE(got_all) << "it was cut off";
  EXPECT_EQ(watched.history().at("texts").as_array().back().get_int("step", 0), step);
}

TEST(HostileDashboard, ManySilentConnectionsRunIntoTheirTimeAndThePageIsBack) {
  DashboardOptions options;
  options.limits.connections = 16;
  options.limits.idle_seconds = options.limits.header_seconds = 0.3;
  Watched watched(options);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 60; ++i) {
    silent.push_back(std::make_unique<RawClient>(watched.port()));
    if (i % 2 == 0) silent.back()->send("GET /history HTTP/1.1\r\nHost: local");  // never ends
  }
  for (int64_t step = 0; step < 1000; ++step) watched.dashboard->push(step, values({{"train/loss", 1.0}}));
  EXPECT_TRUE(eventually([&] {
    RawClient client(watched.port());
    client.get("/history");
    return status_of(client) == 200;
  }));
}

TEST(HostileDashboard, RequestsBeyondTheLimitsAreRefused) {
  Talking talking;
  const Trainer trainer(*talking.dashboard, talking.model);
  RawClient wide(talking.port()), deep(talking.port()), long_path(talking.port()), endless(talking.port()), garbage(talking.port());
  wide.get("/history", "X-Wide: " + std::string(20 << 10, 'x') + "\r\n");
  EXPECT_EQ(status_of(wide), 431);
  deep.send("POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n");
  EXPECT_EQ(status_of(deep), 413);
  long_path.get("/" + std::string(8000, 'a'));
  EXPECT_EQ(status_of(long_path), 404);
  endless.send("POST /chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  for (int i = 0; i < 40 && endless.send(chunk); ++i) {
  }
  EXPECT_NE(status_of(endless), 200);
  garbage.send(std::string("\0\xff\x16\x03\x01 no protocol at all\r\n\r\n", 28));
  EXPECT_NE(status_of(garbage), 200);
  const RawResponse nested = talking.ask(R"({"messages": )" + std::string(100000, '[') + std::string(100000, ']') + "}");
  EXPECT_GE(nested.status, 400) << "depth is refused, not followed";
  const RawResponse many = talking.ask(R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1000000000})");
  EXPECT_NE(many.status, 200);
  EXPECT_EQ(talking.ask(R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2})").status, 200) << "and the next is answered";
}

TEST(HostileDashboard, AReboundNameAndAForeignOriginReachNothing) {
  Talking talking;
  const Trainer trainer(*talking.dashboard, talking.model);
  const std::string here = join_text("localhost:", talking.port());
  const std::string question = R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2})";
  const auto status = [&](std::string_view path, const std::string& headers) {
    RawClient client(talking.port());
    const bool post = path == "/chat";
    client.send(join_text(post ? "POST " : "GET ", path, " HTTP/1.1\r\n", headers, post ? join_text("Content-Length: ", question.size(), "\r\n") : "", "\r\n",
                          post ? question : ""));
    return status_of(client);
  };
  for (const char* path : {"/", "/history", "/events", "/chat", "/dashboard.js"}) {
    for (const std::string host : {"evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.example", "127.0.0.2", "0.0.0.0", "[::2]", "user@localhost"})
      EXPECT_EQ(status(path, "Host: " + host + "\r\n"), 403) << path << " as " << host;
    for (const std::string origin : {"http://evil.example", "null", "http://localhost.evil.example", "file://", "http://localhost:1", "http://127.0.0.1"})
      EXPECT_EQ(status(path, "Host: " + here + "\r\nOrigin: " + origin + "\r\n"), 403) << path << " from " << origin;
  }
  EXPECT_EQ(status("/chat", "Host: " + here + "\r\nOrigin: http://" + here + "\r\n"), 200);
}

TEST(HostileDashboard, NoPathLeadsToAFile) {
  Watched watched;
  for (const char* path : {"/../dashboard.html", "/..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/dashboard/../../etc/passwd", "/dashboard.js/../index.html",
                           "/dashboard_..", "/dashboard%00.js", "//etc/passwd", "/etc/passwd", "/dashboard.js%00", "/DASHBOARD.JS", "/dashboard\\..\\x",
                           "/metrics.jsonl", "/tensorboard/", "http://localhost/etc/passwd"}) {
    RawClient client(watched.port());
    client.get(path);
    const RawResponse response = client.response();
    EXPECT_TRUE(response.status == 404 || response.status == 400) << path << ": " << response.status;
    EXPECT_EQ(response.body.find("root:"), std::string::npos);
  }
}

}  // namespace
}  // namespace lathe::serve
