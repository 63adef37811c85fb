#include "tests/bench/fake_server.h"
#include "tests/cli/real_verbs.h"

namespace lathe::cli {
namespace {

TEST(BenchServe, MeasuresAServerThatIsNamed) {
  const bench::FakeServer server([](int fd, const std::string& body) { return bench::FakeServer::stream(fd, body); });
  const Outcome outcome = run_lathe({"bench", "serve", "--url", "http://127.0.0.1:" + std::to_string(server.port()) + "/v1", "--clients", "3", "--requests", "12",
                                     "--new-tokens", "uniform:2:6", "--first-token", "--json", "--quiet"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  const Json figures = outcome.figures();
  const Json& load = figures.at("load");
  EXPECT_EQ(load.at("answered").as_int(), 12);
  EXPECT_EQ(load.at("errors").size(), 0u);
  EXPECT_GE(load.at("tokens").as_int(), 24);
  EXPECT_LE(load.at("tokens").as_int(), 72);
  EXPECT_GT(figures.at("first_token_ratio").as_double(), 0);
  EXPECT_EQ(server.requests(), 2 + 12 + 12 + 3) << "warm-up, one alone, the load, three looks at /metrics";
  EXPECT_NE(outcome.out.find("between tokens"), std::string::npos);
}

TEST(BenchServe, WrongAddressesAndOptionsAreNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> bad = {{{"--url", "http://127.0.0.1:1"}, "does not answer"},
                                                                            {{"--url", "https://x:1"}, "http://"},
                                                                            {{"--url", "http://x:99999"}, "HOST:PORT"},
                                                                            {{"--url", "http://127.0.0.1:1", "--beside-infer"}, "beside_infer"},
                                                                            {{"--preset", "none"}, "none"},
                                                                            {{"--prompt-tokens", "many"}, "prompt_tokens"}};
  for (const auto& [flags, part] : bad) {
    std::vector<std::string> words = {"bench", "serve"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome outcome = run_lathe(words);
    EXPECT_EQ(outcome.exit, Exit::kBadInput) << outcome.out;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace lathe::cli
