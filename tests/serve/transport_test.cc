// TLS and Unix sockets, several addresses at once, limits by client.
#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <thread>

#include "core/file.h"
#include "serve/listener.h"
#include "tests/ref/testing.h"
#include "tests/serve/tls_client.h"

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

void echo(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  exchange->respond({200, "text/plain", join_text(request.peer, request.tls ? " tls " : " plain ", request.body), {}});
}

struct Secured {
  TemporaryFolder folder;
  HttpServerOptions options;
  explicit Secured(HttpLimits limits = {}) {
    EXPECT_TRUE(make_certificate((folder.path() / "a").string()));
    options.addresses = {{"127.0.0.1", 0, ""}};
    options.tls_certificate = (folder.path() / "a.crt").string();
    options.tls_key = (folder.path() / "a.key").string();
    options.limits = limits;
  }
  std::unique_ptr<HttpServer> serve(HttpHandler handler = echo) { return take(HttpServer::listen(options, std::move(handler))); }
};

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST(Tls, AnswersManyRequestsOnOneConnection) {
  Secured secured;
  const auto server = secured.serve();
  EXPECT_TRUE(server->urls().at(0).starts_with("https://127.0.0.1:"));
  TlsClient client(server->port());
  ASSERT_TRUE(client.connected());
  for (int i = 0; i < 20; ++i) {
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" + std::to_string(100 + i));
    EXPECT_NE(client.read_until(join_text("127.0.0.1 tls ", 100 + i)).find("200 OK"), std::string::npos);
  }
}

TEST(Tls, LargeBodiesPassInBothDirectionsThroughWritesCutShort) {
  HttpLimits limits;
  limits.body_bytes = 8 << 20;
  Secured secured(limits);
  const auto server = secured.serve();
  std::string body(3 << 20, 'a');
  for (size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  TlsClient client(server->port());
  ASSERT_TRUE(client.connected());
  client.send(join_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size() + 3, "\r\n\r\n") + body + "END");
  const std::string answer = client.read_until("END");
  EXPECT_TRUE(answer.ends_with(body + "END"));
}

TEST(Tls, OldVersionsAndOtherProtocolsAreRefused) {
  Secured secured;
  const auto server = secured.serve();
  EXPECT_FALSE(TlsClient(server->port(), TLS1_1_VERSION).connected());
  TlsClient older(server->port(), TLS1_2_VERSION), newest(server->port()), plain_name(server->port(), 0, "\x08http/1.1"),
      both(server->port(), 0, "\x02h2\x08http/1.1"), other(server->port(), 0, "\x02h2");
  EXPECT_EQ(older.version(), "TLSv1.2");
  EXPECT_EQ(newest.version(), "TLSv1.3");
  EXPECT_TRUE(plain_name.connected());
  EXPECT_TRUE(both.connected());
  EXPECT_FALSE(other.connected());
}

TEST(Tls, GarbageAndSilenceInsteadOfAHandshakeAreCutOff) {
  HttpLimits limits;
  limits.header_seconds = 0.3;
  Secured secured(limits);
  const auto server = secured.serve();
  RawClient plain(server->port()), garbage(server->port()), silent(server->port()), half(server->port());
  plain.send(kGet);
  garbage.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on", 21) + std::string(600, '\xee'));
  half.send(std::string("\x16\x03\x01\x02", 4));
  for (RawClient* client : {&plain, &garbage, &silent, &half}) EXPECT_TRUE(client->closed(9));  // without the setting it takes 10 s
  EXPECT_TRUE(eventually([&] { return server->figures().connections == 0; }));
  EXPECT_TRUE(eventually([&] {  // on a busy machine even an honest handshake may take longer than the limit
    TlsClient good(server->port());
    return good.send(kGet) && good.read_until("tls ").find("200 OK") != std::string::npos;
  }));
}

TEST(Tls, AClientThatLeavesDuringAStreamEndsNeitherTheServerNorTheOthers) {
  std::vector<std::shared_ptr<Exchange>> kept;
  std::mutex mutex;
  Secured secured;
  const auto server = secured.serve([&](const HttpRequest&, std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/plain", "", {}});
    exchange->send("first");
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(exchange));
  });
  {
    TlsClient client(server->port());
    client.send(kGet);
    ASSERT_NE(client.read_until("first"), "");
  }
  TlsClient stays(server->port());
  stays.send(kGet);
  ASSERT_NE(stays.read_until("first"), "");
  for (int i = 0; i < 200; ++i) kept[0]->send(std::string(1000, 'x'));  // SIGPIPE would end the process
  EXPECT_TRUE(eventually([&] { return kept[0]->is_gone(); }));
  EXPECT_FALSE(kept[1]->is_gone());
  kept[1]->send("last");
  kept[1]->finish();
  EXPECT_NE(stays.read_until("last").find("last"), std::string::npos);
  kept.clear();
}

TEST(Tls, FilesThatCannotBeUsedAreNamed) {
  Secured secured, other;
  const auto message_of = [](HttpServerOptions options) {
    const auto result = HttpServer::listen(options, echo);
    return result.ok() ? "" : result.error().to_string();
  };
  HttpServerOptions options = secured.options;
  options.tls_key = other.options.tls_key;
  EXPECT_NE(message_of(options).find(options.tls_key), std::string::npos) << "the key of another certificate";
  options.tls_key = (secured.folder.path() / "none").string();
  EXPECT_NE(message_of(options).find("none"), std::string::npos);
  options.tls_key = "";
  EXPECT_NE(message_of(options).find("--tls-key"), std::string::npos);
  options = secured.options;
  std::ofstream(options.tls_certificate) << "no certificate";
  EXPECT_NE(message_of(options).find(options.tls_certificate), std::string::npos);
}

TEST(UnixSocket, ServesBesideTcpAndOnlyItsOwner) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "s").string();
  HttpServerOptions options;
  options.addresses = {{"127.0.0.1", 0, ""}, {"", 0, path}};
  {
    const auto server = take(HttpServer::listen(options, echo));
    struct stat about {};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
    EXPECT_EQ(server->urls().at(1), "unix:" + path);
    EXPECT_TRUE(server->is_loopback());
    RawClient local(path), tcp(server->port());
    local.post("/", "1");
    EXPECT_EQ(local.response().body, "unix plain 1");
    tcp.post("/", "2");
    EXPECT_EQ(tcp.response().body, "127.0.0.1 plain 2");
    const auto second = HttpServer::listen(options, echo);
    ASSERT_FALSE(second.ok()) << "somebody listens";
    EXPECT_NE(second.error().to_string().find(path), std::string::npos);
    local.post("/", "3");
    EXPECT_EQ(local.response().body, "unix plain 3") << "and was not disturbed";
  }
  EXPECT_FALSE(fs::exists(path)) << "removed at the end";
}

TEST(UnixSocket, OnlyTheSocketOfADeadServerIsReplaced) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "s").string();
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  HttpServerOptions options;
  options.addresses = {{"", 0, path}};
  {
    const auto server = take(HttpServer::listen(options, echo));
    RawClient client(path);
    client.post("/", "x");
    EXPECT_EQ(client.response().status, 200);
  }
  std::ofstream(path) << "a file of the user";
  const auto refused = HttpServer::listen(options, echo);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().to_string().find("no socket"), std::string::npos);
  EXPECT_TRUE(fs::is_regular_file(path));
  options.addresses = {{"", 0, "/" + std::string(200, 'a')}};
  EXPECT_FALSE(HttpServer::listen(options, echo).ok());
}

TEST(HttpServer, OneClientGetsSoManyConnectionsAndOthersTheirs) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "s").string();
  HttpServerOptions options;
  options.addresses = {{"127.0.0.1", 0, ""}, {"", 0, path}};
  options.limits.connections_per_client = 2;
  const auto server = take(HttpServer::listen(options, echo));
  const auto asks = [](RawClient& client) {
    client.post("/", "");
    return client.response();
  };
  auto first = std::make_unique<RawClient>(server->port());
  RawClient second(server->port());
  EXPECT_EQ(asks(*first).status, 200);
  EXPECT_EQ(asks(second).status, 200);
  RawClient third(server->port());
  const RawResponse refused = third.response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  RawClient local(path);
  EXPECT_EQ(asks(local).status, 200) << "another client";
  first.reset();
  EXPECT_TRUE(eventually([&] {
    RawClient again(server->port());
    return asks(again).status == 200;
  })) << "a place is free";
}

// Row L-10.6: loopback is told from what others reach.
TEST(HttpServer, KnowsWhetherOtherMachinesReachIt) {
  EXPECT_TRUE(take(HttpServer::listen("127.0.0.2", 0, {}, echo))->is_loopback());
  EXPECT_TRUE(take(HttpServer::listen("localhost", 0, {}, echo))->is_loopback());
  const auto open = take(HttpServer::listen("0.0.0.0", 0, {}, echo));
  EXPECT_FALSE(open->is_loopback());
  EXPECT_EQ(open->urls().at(0), join_text("http://127.0.0.1:", open->port()));
}

TEST(HttpServer, HoldsAThousandIdleConnectionsAndAnswersTheRest) {
  const auto server = take(HttpServer::listen("127.0.0.1", 0, {}, echo));
  ASSERT_GE(fit_connections(1100, 1300), 1100) << "the test needs both ends of every connection; raise ulimit -n";
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 1000; ++i) {
    idle.push_back(std::make_unique<RawClient>(server->port()));
    idle.back()->post("/", "hello");
    ASSERT_EQ(idle.back()->response().status, 200) << i;
  }
  EXPECT_EQ(server->figures().connections, 1000);
  RawClient one_more(server->port());
  one_more.post("/", "x");
  EXPECT_EQ(one_more.response().status, 200);
  for (int i = 0; i < 1000; i += 111) {
    idle[static_cast<size_t>(i)]->post("/", "again");
    EXPECT_EQ(idle[static_cast<size_t>(i)]->response().body, "127.0.0.1 plain again");
  }
}

}  // namespace
}  // namespace lathe::serve
