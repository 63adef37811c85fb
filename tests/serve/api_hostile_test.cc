// Keys, malformed bodies and the end of a server, with the whole API behind the port.
#include <random>
#include <set>
#include <thread>

#include "serve/web_files.h"
#include "tests/serve/api_fixture.h"

namespace lathe::serve {
namespace {

using namespace testing;

int status_of(int port, const std::string& method, const std::string& path, const std::string& headers) {
  RawClient client(port);
  client.send(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n" + headers + "\r\n{}");
  return client.response().status;
}

// Every row of the router's own table; an endpoint added tomorrow is walked, too.
TEST(TrapS6, EveryEndpointOfTheTableNeedsTheKey) {
  ApiServerOptions options;
  options.access.keys = {{"alice", "sk-1"}};
  ApiServer server(options);
  std::set<std::string> walked;
  for (const Endpoint& endpoint : server.router().endpoints()) {
    if (endpoint.path == "/health") continue;
    const std::string path = endpoint.path.substr(0, endpoint.path.find('{')) + (endpoint.path.ends_with('}') ? "x" : "");
    EXPECT_EQ(status_of(server.port(), endpoint.method, path, ""), 401) << endpoint.method << " " << path;
    EXPECT_EQ(status_of(server.port(), endpoint.method, path, "x-api-key: sk-2\r\n"), 401) << endpoint.method << " " << path;
    EXPECT_NE(status_of(server.port(), endpoint.method, path, "Authorization: Bearer sk-1\r\n"), 401) << endpoint.method << " " << path;
    walked.insert(path);
  }
  for (const char* path : {"/v1/chat/completions", "/v1/completions", "/v1/models", "/metrics", "/stats", "/openapi.json", "/page/info", "/generate", "/tokenize"})
    EXPECT_TRUE(walked.count(path)) << path << " is in the table";
  EXPECT_EQ(status_of(server.port(), "GET", "/nothing", ""), 401);
  EXPECT_EQ(status_of(server.port(), "GET", "/health", ""), 200);
  EXPECT_EQ(status_of(server.port(), "GET", "/", ""), 200);
  for (const WebFile& file : web_files()) EXPECT_NE(status_of(server.port(), "GET", "/" + std::string(file.name), ""), 401) << file.name;
}

// Trap S4 and S8 over the whole API: what cannot be meant is 4xx, and no place of the queue stays taken.
TEST(TrapS8, MalformedBodiesOfEveryEndpointAreRefused) {
  ApiServer server;
  std::mt19937_64 random(3);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::string valid = R"({"model": "tiny", "messages": [{"role": "user", "content": "say a"}], "prompt": "ab", "input": "ab", "max_tokens": 2, "temperature": 0, "stop": ["x"], "n": 1, "logit_bias": {"5": 1}})";
  static constexpr const char* kValues[] = {"null", "true", "-1", "1e999", "99999999999999999999", "\"\"", "\"x\"", "[]", "{}", "[[[[]]]]", "[null]", "\"\\ud800\"", "0.5"};
  static constexpr const char* kFields[] = {"messages", "prompt", "input", "max_tokens", "temperature", "top_p", "n", "stop", "seed", "logit_bias", "response_format",
                                            "tools", "tool_choice", "logprobs", "top_logprobs", "stream", "stream_options", "guided_json", "guided_regex", "tokens", "model"};
  std::vector<std::string> posts;
  for (const Endpoint& endpoint : server.router().endpoints())
    if (endpoint.method == "POST") posts.push_back(endpoint.path);
  ASSERT_GE(posts.size(), 6u);
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string body = valid;
    switch (below(4)) {
      case 0: body[below(body.size())] = static_cast<char>(random()); break;
      case 1: body.resize(below(body.size())); break;
      case 2: {
        const size_t depth = 101 + below(50000);
        body = "{\"" + std::string(kFields[below(21)]) + "\": " + std::string(depth, '[');
        break;
      }
      default: body.insert(1, "\"" + std::string(kFields[below(21)]) + "\": " + kValues[below(13)] + ", ");
    }
    const std::string& path = posts[below(posts.size())];
    const RawResponse response = server.post(path, body);
    ASSERT_GE(response.status, 200) << path << "\n" << repair_utf8(body.substr(0, 400));
    ASSERT_LT(response.status, 500) << path << "\n" << repair_utf8(body.substr(0, 400)) << "\n" << response.body;
    refused += response.status >= 400;
    const bool readable = response.status < 400 || parse_json(response.body).ok();
    ASSERT_TRUE(readable) << response.body;
  }
  EXPECT_GT(refused, 700);
  EXPECT_TRUE(eventually([&] { return server.worker().idle(); }));
  EXPECT_EQ(server.worker().state().figures.waiting, 0);
  EXPECT_EQ(server.post("/v1/chat/completions", ask("say ok")).status, 200);
}

}  // namespace
}  // namespace lathe::serve
