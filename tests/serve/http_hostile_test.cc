// Clients that mean no good: every malformed request gets its refusal, nothing leaks, the others are served.
#include <dirent.h>
#include <malloc.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include "serve/access.h"
#include "serve/chat_request.h"
#include "serve/http_server.h"
#include "tests/ref/testing.h"
#include "tests/serve/hostile_requests.h"
#include "tests/serve/raw_client.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

// The origin's endpoints without a model behind them.
class Endpoints {
 public:
  explicit Endpoints(HttpLimits limits = {})
      : server_(take(HttpServer::listen("127.0.0.1", 0, limits, [this](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
          answer(request, *exchange);
        }))) {}
  HttpServer& operator*() { return *server_; }
  HttpServer* operator->() { return server_.get(); }
  std::atomic<int64_t> smuggled = 0;

 private:
  void answer(const HttpRequest& request, Exchange& exchange) {
    if (request.path == "/smuggled") ++smuggled;
    const Admission admission = access_.admit(request);
    if (admission.answer) return exchange.respond(*admission.answer);
    const bool chat = request.path == "/chat/completions", health = request.path == "/health";
    if (!chat && !health) return exchange.respond(error_response(404, "Not Found"));
    if (chat ? request.method != "POST" : request.method != "GET" && request.method != "HEAD") return exchange.respond(error_response(405, "Method Not Allowed"));
    if (health) return exchange.respond({200, "application/json", "{}", {}});
    const auto parsed = parse_chat_request(request.body, {});
    if (const Refusal* wrong = std::get_if<Refusal>(&parsed)) return exchange.respond({wrong->status, "application/json", wrong->body.dump(), {}});
    exchange.respond({200, "text/event-stream", "data: {\"done\": true}\n\n", {}});
  }
  Access access_{AccessOptions{}};
  std::unique_ptr<HttpServer> server_;
};

int64_t open_descriptors() {
  int64_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder)) ++count;
  ::closedir(folder);
  return count;
}

int64_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atoll(line.c_str() + 6);
  return 0;
}

bool is_healthy(int port) {
  RawClient client(port);
  client.get("/health");
  return client.response().status == 200;
}

// The status of the last of so many answers; 0: none came.
int last_status(RawClient& client, int answers) {
  int status = 0;
  for (int i = 0; i < answers; ++i) status = client.response().status;
  return status;
}

// L-1.59 (trap S8 among them): 10,000 malformed requests.
TEST(TrapS8, TenThousandMalformedRequestsGetTheirRefusalsAndLeakNothing) {
  Endpoints server;
  HostileRequests requests(20261122);
  std::map<std::string, int> seen;
  int64_t descriptors = 0;
  [[maybe_unused]] int64_t kilobytes = 0;
  int wrong = 0;
  for (int i = 0; i < 10000; ++i) {
    if (i == 2000) {
      ASSERT_TRUE(eventually([&] { return server->figures().connections == 0; }));
      ::malloc_trim(0);
      descriptors = open_descriptors();
      kilobytes = resident_kilobytes();
    }
    const HostileRequest request = requests.next();
    RawClient client(server->port());
    ASSERT_TRUE(client.connected()) << i;
    const std::vector<std::string> pieces = requests.pieces(request.bytes);
    for (const std::string& piece : pieces) {
      if (!client.send(piece)) break;  // refused before all of it was sent
      if (pieces.size() > 2 && i % 8 == 0) ::usleep(300);
    }
    const int status = last_status(client, request.answers);
    EXPECT_TRUE(request.statuses.count(status)) << i << " " << request.kind << ": " << status << "\n" << repair_utf8(request.bytes.substr(0, 300));
    wrong += request.statuses.count(status) == 0;
    ASSERT_LT(wrong, 10);
    ++seen[request.kind.substr(0, 8)];
  }
  EXPECT_GT(seen.size(), 15u) << "all kinds were drawn";
  EXPECT_EQ(server.smuggled, 0);
  EXPECT_TRUE(eventually([&] { return server->figures().connections == 0; }));
  EXPECT_EQ(server->figures().answering, 0);
  EXPECT_EQ(open_descriptors(), descriptors);
  ::malloc_trim(0);
#if !defined(__SANITIZE_ADDRESS__)  // which keeps what was freed
  EXPECT_LT(resident_kilobytes(), kilobytes + 6000);
#endif
  EXPECT_TRUE(is_healthy(server->port()));
}

TEST(TrapS8, TheParserOfJsonStopsAtItsDepth) {
  for (const size_t depth : {size_t{101}, size_t{1000}, size_t{400000}}) {
    EXPECT_FALSE(parse_json(std::string(depth, '[')).ok());
    EXPECT_FALSE(parse_json(std::string(depth, '[') + std::string(depth, ']')).ok());
    std::string objects;
    for (size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    EXPECT_FALSE(parse_json(objects + "1" + std::string(depth, '}')).ok());
  }
  EXPECT_TRUE(parse_json(std::string(100, '[') + std::string(100, ']')).ok());
}

TEST(HostileClients, KilledAtRandomLeaveNothingBehind) {
  std::atomic<bool> over = false;
  std::mutex mutex;
  std::vector<std::shared_ptr<Exchange>> streams;
  auto server = take(HttpServer::listen("127.0.0.1", 0, {}, [&](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    if (request.path == "/health") return exchange->respond({200, "text/plain", "", {}});
    exchange->begin_stream({200, "text/plain", "", {}});
    const std::lock_guard lock(mutex);
    streams.push_back(std::move(exchange));
  }));
  std::thread engine([&] {
    for (int step = 0; !over; ++step) {
      {
        const std::lock_guard lock(mutex);
        for (auto& stream : streams) {
          stream->send("data: " + std::to_string(step) + "\n\n");
          if (step % 50 == 0) stream->finish();
        }
        std::erase_if(streams, [&](const auto& stream) { return stream->is_gone() || step % 50 == 0; });
      }
      ::usleep(200);
    }
  });
  std::mt19937_64 random(7);
  for (int i = 0; i < 600; ++i) {
    RawClient client(server->port());
    const std::string bytes = "POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x') + "GET /health HTTP/1.1\r\n";
    client.send(bytes.substr(0, random() % (bytes.size() + 1)));
    if (random() % 2) client.receive(0.001);
    if (random() % 4 == 0) {  // a reset and not an end
      const linger now{1, 0};
      ::setsockopt(client.descriptor(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
  }
  EXPECT_TRUE(eventually([&] { return server->figures().connections == 0 && server->figures().answering == 0; }));
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return streams.empty();
  }));
  over = true;
  engine.join();
  EXPECT_TRUE(is_healthy(server->port()));
}

TEST(TrapS11, SlowClientsInAllPlacesKeepNobodyElseWaiting) {
  HttpLimits limits;
  limits.header_seconds = limits.body_seconds = 0.5;
  Endpoints server(limits);
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(server->port()));
    slow.back()->send(i % 2 ? "GET /health HTTP/1.1\r\nX: " : "POST /chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
  }
  const auto drip = [&] {  // prolongs nothing
    for (auto& client : slow) client->send("a");
  };
  for (int i = 0; i < 20; ++i) {
    drip();
    const auto before = std::chrono::steady_clock::now();
    ASSERT_TRUE(is_healthy(server->port()));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20)) << "one after the other they would take 100 s";
    ::usleep(20000);
  }
  const auto all_are_gone = [&] {
    drip();
    return server->figures().connections == 0;
  };
  EXPECT_TRUE(eventually(all_are_gone, 9)) << "the usual limits are 10 and 30 s";
}

// A server that is told to stop while 8 streams run: each ends whole, or is told why, within the time given.
TEST(Drain, EightStreamsEndWithinTheirTime) {
  std::mutex mutex;
  std::vector<std::shared_ptr<Exchange>> streams;
  auto server = take(HttpServer::listen("127.0.0.1", 0, {}, [&](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/event-stream", "", {}});
    exchange->send("data: first\n\n");
    const std::lock_guard lock(mutex);
    streams.push_back(std::move(exchange));
  }));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->post("/", "");
    ASSERT_TRUE(clients.back()->wait_for("first"));
  }
  std::thread engine([&] {
    for (int step = 0; step < 100; ++step) {
      ::usleep(1000);
      for (size_t i = 0; i < 5; ++i) streams[i]->send("data: more\n\n");
    }
    for (size_t i = 0; i < 5; ++i) {
      streams[i]->send("data: [DONE]\n\n");
      streams[i]->finish();
    }
  });
  EXPECT_FALSE(server->drain(0.6)) << "three go on";
  for (size_t i = 5; i < 8; ++i) {  // what an application does whose time is over
    streams[i]->send("data: {\"error\": {}}\n\n");
    streams[i]->finish();
  }
  EXPECT_TRUE(server->drain(60));
  server->stop();
  engine.join();
  for (size_t i = 0; i < 8; ++i) {
    const RawResponse response = clients[i]->response();
    EXPECT_TRUE(response.complete) << i;
    EXPECT_TRUE(response.body.ends_with(i < 5 ? "data: [DONE]\n\n" : "data: {\"error\": {}}\n\n")) << i;
  }
  streams.clear();
}

}  // namespace
}  // namespace lathe::serve
