#include "serve/http_server.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/ref/testing.h"
#include "tests/serve/raw_client.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

// Echoes method, path and body.
void echo(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  exchange->respond({200, "text/plain", request.method + " " + request.path + " " + request.body, {}});
}

std::unique_ptr<HttpServer> server_with(HttpHandler handler, HttpLimits limits = {}) {
  return take(HttpServer::listen("127.0.0.1", 0, limits, std::move(handler)));
}

TEST(HttpServer, KeepsAConnectionForManyRequests) {
  const auto server = server_with(echo);
  RawClient client(server->port());
  for (int i = 0; i < 50; ++i) {
    client.post("/p?q=1", "body" + std::to_string(i));
    const RawResponse response = client.response();
    ASSERT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "POST /p body" + std::to_string(i));
    EXPECT_EQ(response.headers.at("connection"), "keep-alive");
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = server_with(echo);
  RawClient client(server->port());
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  for (const char* expected : {"GET /1 ", "GET /2 ", "GET /3 "}) EXPECT_EQ(client.response().body, expected);
}

TEST(HttpServer, ClosesWhenTheClientWantsIt) {
  const auto server = server_with(echo);
  RawClient client(server->port()), old(server->port());
  client.get("/", "Connection: close\r\n");
  EXPECT_EQ(client.response().headers.at("connection"), "close");
  EXPECT_TRUE(client.closed());
  old.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.response().body, "GET / ");
  EXPECT_TRUE(old.closed());
}

TEST(HttpServer, ReadsRequestsThatArriveByteByByte) {
  const auto server = server_with(echo);
  RawClient client(server->port());
  for (const char byte : std::string("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd")) {
    ASSERT_TRUE(client.send(std::string(1, byte)));
    ::usleep(500);
  }
  EXPECT_EQ(client.response().body, "POST /slow abcd");
}

TEST(HttpServer, ReadsChunkedBodiesAndAsksForExpectedOnes) {
  const auto server = server_with(echo);
  RawClient client(server->port());
  client.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.response().body, "POST /c abcde");
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  client.response();
  client.send("ok");
  EXPECT_EQ(client.response().body, "POST /e ok");
}

TEST(HttpServer, RefusesWhatIsTooLargeOrMalformed) {
  HttpLimits limits;
  limits.body_bytes = 1000;
  const auto server = server_with(echo, limits);
  {
    RawClient client(server->port());
    client.post("/", std::string(1001, 'a'));
    EXPECT_EQ(client.response().status, 413);
    EXPECT_TRUE(client.closed());
  }
  {
    RawClient client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; ++i) client.send("64\r\n" + std::string(100, 'a') + "\r\n");
    EXPECT_EQ(client.response().status, 413);
  }
  {
    RawClient client(server->port());
    client.get("/", "X-Long: " + std::string(20000, 'a') + "\r\n");
    EXPECT_EQ(client.response().status, 431);
    EXPECT_TRUE(client.closed());
  }
  for (const char* bytes : {"nonsense\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n",
                            "\x16\x03\x01\x02\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    RawClient client(server->port());
    client.send(bytes);
    EXPECT_EQ(client.response().status, 400) << bytes;
    EXPECT_TRUE(client.closed()) << bytes;
  }
  RawClient client(server->port());
  client.post("/", std::string(1000, 'a'));
  EXPECT_EQ(client.response().status, 200);
}

TEST(HttpServer, ARefusalAfterAHeadRequestHasItsBody) {
  const auto server = server_with(echo);
  RawClient client(server->port());
  client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
  EXPECT_TRUE(client.wait_for("Malformed request"));
}

TEST(TrapS11, ClientsThatNeverFinishTheirRequestAreDropped) {
  HttpLimits limits;
  limits.header_seconds = 0.2;
  limits.body_seconds = 0.2;
  limits.idle_seconds = 0.4;
  const auto server = server_with(echo, limits);
  RawClient idle(server->port()), header(server->port()), body(server->port());
  header.send("GET / HTTP/1.1\r\nHost: ");
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(header.closed(9));  // the usual limits are 10, 30 and 75 s
  EXPECT_TRUE(body.closed(25));
  EXPECT_TRUE(idle.closed());
}

TEST(TrapS11, DrippingBytesDoNotProlongAHeader) {
  HttpLimits limits;
  limits.header_seconds = 0.3;
  const auto server = server_with(echo, limits);
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nX: ");
  bool alive = true;
  for (int i = 0; i < 250 && alive; ++i) {  // eight seconds of bytes: the usual limit is ten
    alive = client.send("a");
    if (client.receive(0.03)) break;
    alive = alive && !client.closed(0.001);
  }
  EXPECT_FALSE(alive);
}

// Sends 60 MiB to a client that reads nothing.
void expect_unread_stream_dropped(const HttpLimits& limits) {
  std::shared_ptr<Exchange> kept;
  std::atomic<bool> sent = false;
  const auto server = server_with(
      [&](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
        exchange->begin_stream({200, "text/plain", "", {}});
        for (int i = 0; i < 60; ++i) exchange->send(std::string(1 << 20, 'a'));
        kept = std::move(exchange);
        sent = true;
      },
      limits);
  RawClient client(server->port());
  client.get("/");
  EXPECT_TRUE(eventually([&] { return sent && kept->is_gone(); }, 20));
  kept.reset();
}

TEST(TrapS11, AClientThatDoesNotReadIsDropped) {
  HttpLimits limits;
  limits.write_seconds = 0.3;
  limits.unsent_bytes = 100 << 20;
  expect_unread_stream_dropped(limits);
}

TEST(TrapS11, UnreadBytesAreBounded) {
  HttpLimits limits;
  limits.unsent_bytes = 1 << 20;
  expect_unread_stream_dropped(limits);
}

TEST(HttpServer, MoreConnectionsThanAllowedGet503) {
  HttpLimits limits;
  limits.connections = 3;
  const auto server = server_with(echo, limits);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->get("/");
    EXPECT_EQ(clients.back()->response().status, 200);
  }
  RawClient refused(server->port());
  EXPECT_EQ(refused.response().status, 503);
  EXPECT_TRUE(refused.closed());
  clients.clear();
  EXPECT_TRUE(eventually([&] {
    RawClient client(server->port());
    client.get("/");
    return client.response().status == 200;
  }));
}

TEST(HttpServer, AnExchangeThatIsLetGoAnswers500) {
  const auto server = server_with([](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    if (request.path == "/throw") throw std::runtime_error("oops");
    exchange.reset();
  });
  RawClient client(server->port());
  client.get("/");
  EXPECT_EQ(client.response().status, 500);
  client.get("/throw");
  EXPECT_EQ(client.response().status, 500);
}

TEST(HttpServer, AStreamThatIsLetGoCutsTheConnection) {
  const auto server = server_with([](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/plain", "", {}});
    exchange->send("half");
  });
  RawClient client(server->port());
  client.get("/");
  EXPECT_FALSE(client.response().complete);
  EXPECT_TRUE(client.closed());
}

TEST(HttpServer, OldClientsGetAStreamWithoutChunks) {
  const auto server = server_with([](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/plain", "", {}});
    exchange->send("one ");
    exchange->send("two");
    exchange->finish();
  });
  RawClient client(server->port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  const RawResponse response = client.response();
  EXPECT_EQ(response.body, "one two");
  EXPECT_EQ(response.headers.count("transfer-encoding"), 0u);
}

TEST(HttpServer, CallsFromSeveralThreadsKeepTheirOrder) {
  const auto server = server_with([](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/plain", "", {}});
    std::thread([&] { exchange->send("one "); }).join();
    exchange->send("two ");
    std::thread([&] { exchange->send("three"); }).join();
    exchange->finish();
  });
  RawClient client(server->port());
  client.get("/");
  EXPECT_EQ(client.response().body, "one two three");
}

TEST(HttpServer, AStreamOfSingleBytesArrivesWhole) {
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += "data: \xC3\xA9\n"[i % 9];
  const auto server = server_with([&](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/plain", "", {}});
    for (const char byte : bytes) exchange->send(std::string(1, byte));
    exchange->finish();
  });
  RawClient client(server->port());
  client.get("/");
  EXPECT_EQ(client.response().body, bytes);
}

TEST(HttpServer, KeepsTheConnectionAfterAStream) {
  const auto server = server_with([](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/plain", "", {}});
    exchange->send(request.path);
    exchange->finish();
  });
  RawClient client(server->port());
  for (const char* path : {"/a", "/b", "/c"}) {
    client.get(path);
    EXPECT_EQ(client.response().body, path);
  }
}

TEST(HttpServer, StopLetsAnswersEndAndTellsOpenConnectionsThatItDrains) {
  std::shared_ptr<Exchange> kept;
  std::atomic<bool> arrived = false;
  HttpLimits limits;
  limits.stop_seconds = 60;
  auto server = server_with(
      [&](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
        if (request.draining) return exchange->respond({503, "text/plain", "draining", {}});
        kept = std::move(exchange);
        arrived = true;
      },
      limits);
  RawClient open(server->port()), busy(server->port());
  busy.get("/");
  ASSERT_TRUE(eventually([&] { return arrived.load(); }));
  EXPECT_FALSE(server->drain(0.05)) << "an answer is under way";
  EXPECT_FALSE(RawClient(server->port()).connected()) << "no new connections";
  open.get("/health");
  const RawResponse told = open.response();
  EXPECT_EQ(told.status, 503);
  EXPECT_EQ(told.headers.at("connection"), "close");
  std::thread stopper([&] { server->stop(); });
  kept->respond({200, "text/plain", "done", {}});
  EXPECT_EQ(busy.response().body, "done");
  stopper.join();
  kept.reset();
  server.reset();
}

TEST(HttpServer, StopClosesIdleConnectionsAtOnce) {
  HttpLimits limits;
  limits.stop_seconds = 60;
  const auto server = server_with(echo, limits);
  RawClient idle(server->port()), half(server->port());
  half.send("GET / HTT");
  idle.get("/");
  EXPECT_EQ(idle.response().status, 200);
  const auto start = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30)) << "nothing is waited for";
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(half.closed());
}

TEST(HttpServer, AnswersThatOutlastTheDrainAreCut) {
  HttpLimits limits;
  limits.stop_seconds = 0.2;
  std::shared_ptr<Exchange> kept;
  std::atomic<bool> arrived = false;
  const auto server = server_with(
      [&](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
        exchange->begin_stream({200, "text/event-stream", "", {}});
        exchange->send("data: 1\n\n");
        kept = std::move(exchange);
        arrived = true;
      },
      limits);
  RawClient client(server->port());
  client.get("/");
  ASSERT_TRUE(eventually([&] { return arrived.load(); }));
  server->stop();
  EXPECT_TRUE(kept->is_gone());
  EXPECT_FALSE(client.response().complete);
  EXPECT_TRUE(client.closed());
}

TEST(HttpServer, EveryAnswerCarriesItsRequestsId) {
  std::vector<std::string> seen;
  const auto server = server_with([&](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    seen.push_back(request.id);
    exchange->respond({200, "text/plain", "", {}});
  });
  RawClient client(server->port());
  client.get("/", "X-Request-ID: 0af7-651916cd.43dd_8448:eb21\r\n");
  EXPECT_EQ(client.response().headers.at("x-request-id"), "0af7-651916cd.43dd_8448:eb21");
  for (const std::string& id : {std::string(), std::string("a b"), std::string("<script>"), std::string(200, 'a')}) {
    client.get("/", "x-request-id: " + id + "\r\n");
    const std::string made = client.response().headers.at("x-request-id");
    EXPECT_NE(made, id);
    EXPECT_EQ(made, seen.back());
  }
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 5u);
  RawClient wrong(server->port());
  wrong.send("nonsense\r\n\r\n");
  EXPECT_FALSE(wrong.response().headers.at("x-request-id").empty());
}

TEST(HttpServer, HandsOverEverythingOfARequest) {
  HttpRequest seen;
  const auto server = server_with([&](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    seen = request;
    exchange->respond({200, "text/plain", "", {}});
  });
  RawClient client(server->port());
  client.send("POST /a%20b/%C3%A9?x=1+2&y=%26&z HTTP/1.1\r\nHost: here:80\r\nAuthorization: Bearer k\r\nORIGIN: http://o\r\nContent-Length: 1\r\n\r\n!");
  EXPECT_EQ(client.response().status, 200);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/a b/\xC3\xA9");
  EXPECT_EQ(seen.query, "x=1+2&y=%26&z");
  EXPECT_EQ(seen.query_value("x"), "1 2");
  EXPECT_EQ(seen.query_value("y"), "&");
  EXPECT_EQ(seen.query_value("z"), "");
  EXPECT_EQ(seen.query_value("q"), std::nullopt);
  EXPECT_EQ(seen.host, "here:80");
  EXPECT_EQ(seen.origin, "http://o");
  EXPECT_EQ(seen.header("authorization"), "Bearer k");
  EXPECT_EQ(seen.header("absent"), "");
  EXPECT_EQ(seen.peer, "127.0.0.1");
  EXPECT_EQ(seen.body, "!");
  EXPECT_FALSE(seen.tls);
  EXPECT_FALSE(seen.draining);
}

TEST(HttpServer, HeadGetsTheHeadOfTheAnswerAlone) {
  const auto server = server_with(echo);
  RawClient client(server->port());
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\nGET /y HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.wait_for("GET /y "));
  EXPECT_TRUE(client.holds("Content-Length: 8\r\n"));
  EXPECT_FALSE(client.holds("HEAD /x "));
}

TEST(HttpServer, ObserversHearHowEveryRequestEnded) {
  std::mutex mutex;
  std::vector<HttpRecord> records;
  HttpServerOptions options;
  options.addresses = {{"127.0.0.1", 0, ""}};
  options.observer = [&](const HttpRecord& record) {
    const std::lock_guard lock(mutex);
    records.push_back(record);
  };
  std::shared_ptr<Exchange> kept;
  const auto server = take(HttpServer::listen(options, [&](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    exchange->note("completion_tokens", 7);
    if (request.path == "/cut") return exchange->begin_stream({200, "text/plain", "", {}}), void(kept = std::move(exchange));
    exchange->respond({201, "text/plain", "12345", {}});
  }));
  {
    RawClient client(server->port()), wrong(server->port()), leaves(server->port());
    client.post("/a?secret=1", "body");
    EXPECT_EQ(client.response().status, 201);
    wrong.send("\n\n");
    EXPECT_EQ(wrong.response().status, 400);
    leaves.get("/cut");
    ASSERT_TRUE(leaves.wait_for("chunked"));
  }
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return records.size() == 3;
  }));
  EXPECT_EQ(records[0].path, "/a");
  EXPECT_EQ(records[0].status, 201);
  EXPECT_TRUE(records[0].complete);
  EXPECT_EQ(records[0].bytes_in, 4);
  EXPECT_GT(records[0].bytes_out, 50);
  ASSERT_EQ(records[0].notes.size(), 1u);
  EXPECT_EQ(records[0].notes[0].second, 7);
  EXPECT_EQ(records[1].method, "");
  EXPECT_EQ(records[1].status, 400);
  EXPECT_EQ(records[2].path, "/cut");
  EXPECT_FALSE(records[2].complete);
  EXPECT_EQ(server->figures().answering, 0);
  EXPECT_EQ(server->figures().malformed, 1);
  kept.reset();
}

}  // namespace
}  // namespace lathe::serve
