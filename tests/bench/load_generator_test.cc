#include "bench/load_generator.h"

#include <cmath>

#include "bench/response_reader.h"
#include "tests/bench/fake_server.h"
#include "tests/ref/testing.h"
#include "tests/ref/thread_time.h"

namespace lathe::bench {
namespace {

using lathe::testing::take;

std::atomic<int> requests_seen{0};

LoadOptions to(const FakeServer& server, int64_t clients, int64_t requests) {
  LoadOptions options;
  options.server.port = server.port();
  options.clients = clients;
  options.requests = requests;
  options.new_tokens = LengthDistribution::fixed(8);
  return options;
}

TEST(LengthDistribution, DrawsWhatItSays) {
  Rng rng(1, "test/length");
  EXPECT_EQ(take(LengthDistribution::parse("fixed:7")).draw(rng), 7);
  const LengthDistribution uniform = take(LengthDistribution::parse("uniform:3:5"));
  int64_t seen[6] = {};
  for (int i = 0; i < 300; ++i) ++seen[uniform.draw(rng)];
  EXPECT_EQ(seen[3] + seen[4] + seen[5], 300);
  EXPECT_GT(std::min({seen[3], seen[4], seen[5]}), 60);
  const LengthDistribution skewed = take(LengthDistribution::parse("lognormal:100:0.5"));
  double sum = 0;
  for (int i = 0; i < 20000; ++i) sum += static_cast<double>(skewed.draw(rng));
  EXPECT_NEAR(sum / 20000, 100, 3) << "the mean is that of the lengths";
  for (const char* bad : {"", "fixed", "fixed:0", "fixed:x", "uniform:5:3", "uniform:1", "lognormal:10:-1", "normal:1:2", "fixed:1e99", "fixed:nan"})
    EXPECT_FALSE(LengthDistribution::parse(bad).ok()) << bad;
}

TEST(ResponseReader, ReadsStreamsCutAtEveryByte) {
  const std::string whole = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "9;x=y\r\ndata: one\r\n6\r\n\n\ndata\r\n8\r\n: two\n\n\n\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    ResponseReader reader;
    reader.feed(std::string_view(whole).substr(0, cut));
    std::vector<std::string> events = reader.take_events();
    ASSERT_EQ(reader.feed(std::string_view(whole).substr(cut)), ResponseReader::State::kWhole) << cut;
    for (std::string& event : reader.take_events()) events.push_back(std::move(event));
    EXPECT_EQ(events, (std::vector<std::string>{"one", "two"})) << cut;
  }
  ResponseReader plain;
  EXPECT_EQ(plain.feed("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"), ResponseReader::State::kWhole);
  EXPECT_EQ(plain.status(), 503);
  EXPECT_FALSE(plain.keeps_alive());
  EXPECT_EQ(plain.take_body(), "busy");
  EXPECT_EQ(plain.feed("more"), ResponseReader::State::kMalformed);
  for (const char* bad : {"HTTP/2 200\r\n\r\n", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    ResponseReader reader;
    EXPECT_EQ(reader.feed(bad), ResponseReader::State::kMalformed) << bad;
  }
}

TEST(LoadGenerator, AClosedLoopCountsTokensAndTimes) {
  const FakeServer server([](int fd, const std::string& body) { return FakeServer::stream(fd, body, 0.002); });
  const LoadFigures figures = take(run_load(to(server, 4, 20)));
  EXPECT_EQ(figures.asked, 20);
  EXPECT_EQ(figures.answered, 20);
  EXPECT_TRUE(figures.errors.empty());
  EXPECT_EQ(figures.tokens, 160);
  EXPECT_EQ(server.requests(), 20);
  EXPECT_EQ(server.connections(), 4) << "connections are kept";
  EXPECT_EQ(figures.first_token.count, 20);
  EXPECT_EQ(figures.between_tokens.count, 140);
  EXPECT_GT(figures.between_tokens.most, 0.0005);  // a client that is held up reads several at once: no gap between those
  EXPECT_GT(figures.whole.p50, 0.015) << "eleven pauses of the server at least";
  EXPECT_LE(figures.between_tokens.p50, figures.between_tokens.p99);
  EXPECT_NEAR(figures.tok_per_s, 160 / figures.seconds, 1);
}

TEST(LoadGenerator, AnOpenLoopComesAtItsRate) {
  const FakeServer server([](int fd, const std::string& body) { return FakeServer::stream(fd, body); });
  LoadOptions options = to(server, 1, 0);
  options.rate = 50;
  options.seconds = 4;  // who is held up at the end for a moment misses few
  LoadFigures figures = take(run_load(options));
  if (figures.asked < 140) figures = take(run_load(options));  // held up for more than a second
  EXPECT_NEAR(static_cast<double>(figures.asked), 200, 60) << "Poisson: a deviation of 14";
  EXPECT_EQ(figures.answered, figures.asked);
}

TEST(LoadGenerator, ErrorsAreCountedByKind) {
  std::atomic<int> turn{0};
  const FakeServer server([&](int fd, const std::string& body) {
    switch (turn++ % 5) {
      case 0: return FakeServer::stream(fd, body);
      case 1: FakeServer::say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"); return true;
      case 2: FakeServer::say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nda"); return false;
      case 3: FakeServer::say(fd, "nonsense\r\n\r\n"); return false;
      default: FakeServer::say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 33\r\n\r\ndata: {\"error\":{\"message\":\"x\"}}\n\n"); return false;
    }
  });
  const LoadFigures figures = take(run_load(to(server, 1, 5)));
  EXPECT_EQ(figures.answered, 1);
  EXPECT_EQ(figures.errors.at("status 503"), 1);
  EXPECT_EQ(figures.errors.at("malformed"), 1);
  EXPECT_EQ(figures.errors.at("in stream"), 1);
  int64_t all = 0;
  for (const auto& entry : figures.errors) all += entry.second;
  EXPECT_EQ(all, 4) << to_json(figures).dump();
}

TEST(LoadGenerator, KilledClientsAndIdleConnectionsStandBesideTheLoad) {
  std::atomic<int> idle{0};
  const FakeServer server([&](int fd, const std::string& body) {
    // The load ends without a look at the idle ones: their answers go first.
    for (int i = 0; !body.empty() && idle < 20 && i < 60'000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const bool goes_on = FakeServer::stream(fd, body, 0.0005);
    idle += body.empty();
    return goes_on;
  });
  LoadOptions options = to(server, 4, 60);
  options.kill_share = 0.5;
  options.idle_connections = 20;
  const LoadFigures figures = take(run_load(options));
  EXPECT_NEAR(static_cast<double>(figures.killed), 30, 14);
  EXPECT_EQ(figures.answered + figures.killed, 60);
  EXPECT_TRUE(figures.errors.empty()) << to_json(figures).dump();
  EXPECT_EQ(figures.idle_open, 20);
}

TEST(LoadGenerator, RoundsBeginTogether) {
  // Each request of a round is answered when all six are there, the last of the first round much later than the others.
  std::atomic<int> come{0}, answered{0};
  std::atomic<bool> alone{false}, early{false};
  const FakeServer server([&](int fd, const std::string& body) {
    const int turn = come++, end_of_round = turn / 6 * 6 + 6;
    if (answered < end_of_round - 6) early = true;
    int waits = 0;
    while (come < end_of_round && ++waits < 60'000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (waits == 60'000) alone = true;
    if (turn == 5) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ++answered;
    return FakeServer::stream(fd, body);
  });
  LoadOptions options = to(server, 6, 12);
  options.together = true;
  EXPECT_EQ(take(run_load(options)).answered, 12);
  EXPECT_FALSE(alone) << "somebody was waited for before the round was whole";
  EXPECT_FALSE(early) << "a round began before the one before it had ended";
}

TEST(LoadGenerator, AServerThatIsNotThereIsToldAndContradictionsAreRefused) {
  LoadOptions options;
  options.server.port = 1;
  options.clients = 2;
  options.requests = 4;
  const LoadFigures figures = take(run_load(options));
  EXPECT_EQ(figures.answered, 0);
  EXPECT_EQ(figures.errors.at("connect"), 4);
  EXPECT_FALSE(fetch_text(options.server, "/health").ok());
  options.requests = 0;
  EXPECT_FALSE(run_load(options).ok());
  options.server.host = "no.such.host.invalid";
  options.requests = 1;
  EXPECT_FALSE(run_load(options).ok());
}

// A generator that spun would take a core from the server it measures.
TEST(LoadGenerator, WaitsWithoutSpinning) {
  const FakeServer server([](int fd, const std::string& body) {
    std::this_thread::sleep_for(std::chrono::milliseconds(requests_seen++ == 1 ? 500 : 1));
    return FakeServer::stream(fd, body);
  });
  for (const bool at_a_rate : {false, true}) {
    LoadOptions options = to(server, 2, at_a_rate ? 4 : 2);
    if (at_a_rate) options.rate = 8;
    else options.together = true;
    requests_seen = at_a_rate ? 2 : 0;
    const double before = lathe::testing::thread_cpu_seconds();
    EXPECT_EQ(take(run_load(options)).answered, options.requests);
    EXPECT_LT(lathe::testing::thread_cpu_seconds() - before, 0.15) << at_a_rate;
  }
}

TEST(ServerAddress, IsReadFromAUrl) {
  const auto read = [](const char* url) {
    const Result<ServerAddress> server = parse_server_url(url);
    return server.ok() ? join_text(server.value().host, " ", server.value().port) : std::string("refused");
  };
  EXPECT_EQ(read("http://127.0.0.1:8000/v1"), "127.0.0.1 8000");
  EXPECT_EQ(read("http://[::1]:8000"), "::1 8000");
  EXPECT_EQ(read("http://[::1]/"), "::1 80");
  EXPECT_EQ(read("localhost"), "localhost 80");
  for (const char* bad : {"", "http://", "http://:8000", "http://x:", "http://x:80x", "http://x:0", "http://x:65536", "http://[::1", "http://[::1]80", "http://::1:80", "https://x:1"})
    EXPECT_EQ(read(bad), "refused") << bad;
}

TEST(LoadGenerator, QuantilesAreThoseOfTheSortedValues) {
  std::vector<double> values;
  for (int i = 1000; i > 0; --i) values.push_back(i);
  const Quantiles quantiles = quantiles_of(values);
  EXPECT_EQ(quantiles.p50, 501);
  EXPECT_EQ(quantiles.p99, 991);
  EXPECT_EQ(quantiles.most, 1000);
  EXPECT_EQ(quantiles_of({}).count, 0);
}

}  // namespace
}  // namespace lathe::bench
