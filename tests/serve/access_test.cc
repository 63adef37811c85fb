// Keys, rates, origins; and what the log says of a request.
#include "serve/access.h"

#include <unistd.h>

#include <fstream>

#include "core/file.h"
#include "core/log_record.h"
#include "serve/access_log.h"
#include "serve/rate_limit.h"
#include "serve/web_files.h"
#include "tests/ref/testing.h"
#include "tests/serve/raw_client.h"

namespace lathe::serve {
namespace {

using lathe::testing::take;

HttpRequest request_of(const std::string& method, const std::string& path, HttpHeaders headers = {}) {
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.host = "localhost:8000";
  request.peer = "10.0.0.1";
  for (const auto& [name, value] : headers)
    if (name == "Origin") request.origin = value;
  request.headers = std::move(headers);
  return request;
}

int status_of(Access& access, const HttpRequest& request) {
  const Admission admission = access.admit(request);
  return admission.answer ? admission.answer->status : 0;
}

AccessOptions with_keys() {
  AccessOptions options;
  options.keys = {{"alice", "sk-alice-secret"}, {"bob", "sk-bob"}};
  return options;
}

TEST(TrapS6, EveryRouteNeedsTheKeyWhetherItExistsOrNot) {
  Access access(with_keys());
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", ""})
    for (const char* path :
         {"/v1/chat/completions", "/v1/completions", "/v1/models", "/v1/models/x", "/v1/embeddings", "/tokenize", "/detokenize", "/generate",
          "/chat/completions", "/stats", "/metrics", "/openapi.json", "/page/info", "/nothing", "*", "", "//", "//health", "/health/", "/Health",
          "/health/../stats", "/index.htm", "/app.js/", "/../app.js", "/app.js\n"}) {
      EXPECT_EQ(status_of(access, request_of(method, path)), 401) << method << " " << path;
      EXPECT_EQ(status_of(access, request_of(method, path, {{"Authorization", "Bearer sk-bob"}})), 0) << method << " " << path;
    }
  EXPECT_EQ(status_of(access, request_of("POST", "/health")), 401) << "public to readers only";
  EXPECT_EQ(status_of(access, request_of("GET", "/health")), 0);
  EXPECT_EQ(status_of(access, request_of("GET", "/")), 0);
  ASSERT_FALSE(web_files().empty());
  for (const WebFile& file : web_files()) EXPECT_EQ(status_of(access, request_of("HEAD", "/" + std::string(file.name))), 0);
}

TEST(Access, OnlyWholeKeysAreTaken) {
  Access access(with_keys());
  const auto status = [&](const std::string& name, const std::string& value) { return status_of(access, request_of("GET", "/stats", {{name, value}})); };
  EXPECT_EQ(status("Authorization", "Bearer sk-alice-secret"), 0);
  EXPECT_EQ(status("authorization", "bearer   sk-alice-secret "), 0);
  EXPECT_EQ(status("X-API-Key", "sk-bob"), 0);
  for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer sk-alice-secre", "Bearer sk-alice-secrett", "Bearer sk-alice-secret,sk-bob", "Basic sk-bob",
                            "sk-bob", "Bearer SK-BOB", "Bearer \xff", "Bearer alice"})
    EXPECT_EQ(status("Authorization", wrong), 401) << wrong;
  EXPECT_EQ(status("x-api-key", ""), 401);
  const Admission refused = access.admit(request_of("GET", "/stats"));
  EXPECT_EQ(refused.answer->headers.at(0).first, "WWW-Authenticate");
  const Json body = take(parse_json(refused.answer->body));
  EXPECT_EQ(body.at("error").at("type").as_string(), "authentication_error");
  EXPECT_EQ(body.at("detail").as_string(), body.at("error").at("message").as_string());
}

TEST(Access, ClientsAreNamedByTheirKeyOrTheirAddress) {
  Access keyed(with_keys()), open{AccessOptions{}};
  EXPECT_EQ(keyed.admit(request_of("GET", "/stats", {{"x-api-key", "sk-bob"}})).client, "bob");
  EXPECT_EQ(open.admit(request_of("GET", "/stats")).client, "10.0.0.1");
  EXPECT_TRUE(keyed.needs_key());
  EXPECT_FALSE(open.needs_key());
}

// C-11.24
TEST(Access, OriginsAreRefusedUnlessNamed) {
  AccessOptions options = with_keys();
  options.cors_origins = {"http://localhost:3000"};
  Access access(options), closed(with_keys());
  const auto from = [](const std::string& method, const std::string& origin) { return request_of(method, "/v1/models", {{"Origin", origin}, {"x-api-key", "sk-bob"}}); };
  EXPECT_EQ(status_of(closed, from("GET", "http://localhost:3000")), 403) << "off by default";
  EXPECT_EQ(status_of(closed, from("OPTIONS", "http://localhost:3000")), 403);
  EXPECT_EQ(status_of(access, from("GET", "http://evil.example")), 403);
  EXPECT_EQ(status_of(access, from("GET", "http://localhost:8000")), 0) << "the page itself";
  const Admission allowed = access.admit(from("GET", "http://localhost:3000"));
  EXPECT_FALSE(allowed.answer);
  EXPECT_EQ(allowed.headers.at(0).second, "http://localhost:3000");
  HttpRequest preflight = request_of("OPTIONS", "/v1/models", {{"Origin", "http://localhost:3000"}, {"Access-Control-Request-Method", "POST"}});
  const Admission answered = access.admit(preflight);
  ASSERT_TRUE(answered.answer);
  EXPECT_EQ(answered.answer->status, 204) << "browsers ask before they send the key";
  bool may_send_key = false;
  for (const auto& [name, value] : answered.answer->headers) may_send_key = may_send_key || (name == "Access-Control-Allow-Headers" && value.find("Authorization") == 0);
  EXPECT_TRUE(may_send_key);
  HttpRequest keyless = request_of("GET", "/v1/models", {{"Origin", "http://localhost:3000"}});
  EXPECT_EQ(access.admit(keyless).answer->headers.back().first, "Vary") << "the page may read why it was refused";
  EXPECT_THROW(Access({{}, {"*"}, true, 0}), std::invalid_argument);
}

TEST(Access, ForeignNamesOfThisMachineAreRefused) {
  Access access{AccessOptions{}};
  HttpRequest request = request_of("GET", "/stats");
  request.host = "evil.example";
  EXPECT_EQ(status_of(access, request), 403);
  AccessOptions options;
  options.only_local_names = false;
  Access everywhere(options);
  EXPECT_EQ(status_of(everywhere, request), 0);
}

TEST(Access, EachClientHasItsOwnRate) {
  FakeClock clock;
  AccessOptions options = with_keys();
  options.requests_per_minute = 30;  // one every 2 s, 3 at once
  Access access(options, clock);
  const HttpRequest alice = request_of("GET", "/stats", {{"x-api-key", "sk-alice-secret"}}), bob = request_of("GET", "/stats", {{"x-api-key", "sk-bob"}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(access, alice), 0);
  const Admission refused = access.admit(alice);
  ASSERT_TRUE(refused.answer);
  EXPECT_EQ(refused.answer->status, 429);
  EXPECT_EQ(refused.answer->headers.at(0), (std::pair<std::string, std::string>{"Retry-After", "2"}));
  EXPECT_EQ(status_of(access, bob), 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status_of(access, request_of("GET", "/health")), 0) << "never counted";
  clock.advance(2);
  EXPECT_EQ(status_of(access, alice), 0);
  EXPECT_EQ(status_of(access, alice), 429);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(access, request_of("GET", "/stats")), 401);
  EXPECT_EQ(status_of(access, request_of("GET", "/stats")), 429) << "guessing keys is slowed down";
}

TEST(RateLimit, RemembersABoundedNumberOfClients) {
  FakeClock clock;
  RateLimit limit(1, 2, clock);
  for (int i = 0; i < 30000; ++i) limit.take("client" + std::to_string(i));
  EXPECT_LE(limit.remembered(), RateLimit::kMostClients + 1);
  EXPECT_GT(limit.take("a stranger"), 0) << "strangers share one bucket while the table is full";
  clock.advance(10);
  EXPECT_EQ(limit.take("a stranger"), 0);
  EXPECT_LT(limit.remembered(), 10u) << "quiet clients are forgotten";
}

TEST(Access, TakesNothingNewWhileTheServerStops) {
  Access access{AccessOptions{}};
  HttpRequest health = request_of("GET", "/health"), other = request_of("POST", "/v1/completions");
  health.draining = other.draining = true;
  EXPECT_EQ(access.admit(health).answer->status, 503);
  EXPECT_NE(access.admit(health).answer->body.find("draining"), std::string::npos);
  EXPECT_EQ(access.admit(other).answer->status, 503);
  EXPECT_EQ(access.admit(other).answer->headers.at(0).first, "Retry-After");
}

TEST(ApiKeys, AreReadFromAFile) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "keys").string();
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return read_api_keys(path);
  };
  const auto keys = take(read("# ours\n\nalice  sk-1\r\n\tsk-2\nbob\tsk-3"));
  ASSERT_EQ(keys.size(), 3u);
  EXPECT_EQ(keys[0].name + "=" + keys[0].key, "alice=sk-1");
  EXPECT_EQ(keys[1].name + "=" + keys[1].key, "key2=sk-2");
  EXPECT_EQ(keys[2].name + "=" + keys[2].key, "bob=sk-3");
  const std::pair<std::string, const char*> wrong[] = {{"", "no key"},          {"# none\n", "no key"},     {"a b c", "line 1"},
                                                       {"a k\na l", "line 2"}, {"a k\n\nb k", "line 3"}, {"\xC3\xA9", "line 1"}};
  for (const auto& [text, message] : wrong) {
    const auto result = read(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_NE(result.error().to_string().find(message), std::string::npos) << result.error().to_string();
    EXPECT_NE(result.error().to_string().find(path), std::string::npos);
  }
  EXPECT_FALSE(read_api_keys((folder.path() / "absent").string()).ok());
}

// What is written to standard error while `work` runs.
template <class F>
std::string logged(F&& work) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "log").string();
  std::fflush(stderr);
  const int kept = ::dup(STDERR_FILENO);
  std::FILE* file = std::fopen(path.c_str(), "w");
  ::dup2(::fileno(file), STDERR_FILENO);
  work();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  std::fclose(file);
  return take(read_file(path));
}

// C-11.25: unless asked for, no word of a conversation is in the log.
TEST(AccessLog, SaysHowARequestEndedAndNothingOfWhatWasSaid) {
  for (const bool json : {false, true}) {
    const std::string text = logged([&] {
      apply_log_options({json, false});
      HttpServerOptions options;
      options.addresses = {{"127.0.0.1", 0, ""}};
      options.observer = make_access_log(nullptr);
      const auto server = take(HttpServer::listen(options, [](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
        exchange->note("completion_tokens", 42);
        exchange->respond({200, "text/plain", "answer-" + request.body, {}});
      }));
      testing::RawClient client(server->port());
      client.post("/v1/completions?q=XYZZY-query", R"({"prompt": "XYZZY-prompt"})", "X-Request-Id: my-id\r\nAuthorization: Bearer XYZZY-key\r\n");
      EXPECT_EQ(client.response().status, 200);
      client.get("/health");
      EXPECT_EQ(client.response().status, 200);
      client.send("GET /XYZZY-bad\n\n");
      EXPECT_EQ(client.response().status, 400);
      client.close();
      server->stop();
      apply_log_options({});
    });
    EXPECT_EQ(text.find("XYZZY"), std::string::npos) << text;
    EXPECT_NE(text.find("my-id"), std::string::npos) << text;
    EXPECT_EQ(text.find("/health"), std::string::npos) << "routine";
    const std::vector<std::string> lines = split_text(text, '\n');
    ASSERT_EQ(lines.size(), 3u) << text;
    if (json) {
      const Json line = take(parse_json(lines[0], "", {8, false, false}));
      EXPECT_EQ(line.at("level").as_string(), "info");
      EXPECT_EQ(line.at("module").as_string(), "http");
      EXPECT_EQ(line.at("path").as_string(), "/v1/completions");
      EXPECT_EQ(line.at("method").as_string(), "POST");
      EXPECT_EQ(line.at("status").as_int(), 200);
      EXPECT_EQ(line.at("completion_tokens").as_int(), 42);
      EXPECT_GT(line.at("ms").as_double(), 0);
      EXPECT_EQ(take(parse_json(lines[1])).at("status").as_int(), 400);
    } else {
      EXPECT_NE(lines[0].find("http - INFO - 127.0.0.1 POST \"/v1/completions\" 200 "), std::string::npos) << lines[0];
      EXPECT_NE(lines[0].find("completion_tokens=42"), std::string::npos);
    }
  }
}

TEST(AccessLog, APathCannotForgeALine) {
  const std::string text = logged([&] {
    HttpRecord record;
    record.method = "GET";
    record.path = "/a\n2026-01-01 - http - INFO - forged \x1b[31m\"";
    make_access_log(nullptr)(record);
  });
  EXPECT_EQ(split_text(text, '\n').size(), 2u) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Exposure, IsShoutedAbout) {
  const auto nothing = [](const HttpRequest&, std::shared_ptr<Exchange>) {};
  const auto open = take(HttpServer::listen("0.0.0.0", 0, {}, nothing)), local = take(HttpServer::listen("127.0.0.1", 0, {}, nothing));
  const std::string naked = logged([&] { warn_when_exposed(*open, false); }), keyed = logged([&] { warn_when_exposed(*open, true); });
  EXPECT_NE(naked.find("WITHOUT A KEY"), std::string::npos);
  EXPECT_EQ(keyed.find("WITHOUT A KEY"), std::string::npos);
  EXPECT_NE(keyed.find("WITHOUT ENCRYPTION"), std::string::npos);
  EXPECT_EQ(logged([&] { warn_when_exposed(*local, false); }), "");
}

}  // namespace
}  // namespace lathe::serve
