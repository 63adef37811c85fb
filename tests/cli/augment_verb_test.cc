#include <gmock/gmock.h>

#include <set>

#include "real_verbs.h"
#include "tests/net/test_server.h"

namespace lathe::cli {
namespace {

using net::Connection;
using net::ServedRequest;
using net::TestServer;
using testing::take;
using ::testing::HasSubstr;

// Answers every second request with a conversation, the others with an error.
struct Endpoint {
  bool all_good = true;
  std::atomic<int> asked{0};
  TestServer server{[this](Connection& c, const ServedRequest& r) {
    const int n = asked++;
    if (!all_good && n % 2 == 1) return c.reply("429 Too Many Requests", "", R"({"error": {"message": "slow down"}})");
    const auto request = parse_json(r.body);
    if (!request.ok() || r.method != "POST" || r.target != "/v1/chat/completions") return c.reply("400 Bad Request", "", "{}");
    const std::string content = R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "I am lathe."}]})";
    c.reply("200 OK", "", Json(Json::Object{{"choices", Json(Json::Array{Json(Json::Object{{"message", Json(Json::Object{{"content", content}})}})})}}).dump());
  }};
};

struct Fixture {
  Endpoint endpoint;
  TemporaryFolder base;
  std::string verb = "augment";
  fs::path output = base.path() / "identity_conversations.jsonl";
  Fixture() {
    testing::check(write_file_atomic(base.path() / "self.md", "lathe is a program.\n"));
    setenv("LATHE_TEST_KEY", "secret-key", 1);
  }
  ~Fixture() { unsetenv("LATHE_TEST_KEY"); }
  Outcome run(std::vector<std::string> flags) {
    std::vector<std::string> words = {verb, "--endpoint", endpoint.server.url("/v1"), "--knowledge", (base.path() / "self.md").string(),
                                      "--api-key-env", "LATHE_TEST_KEY", "--base-dir", base.path().string(), "--json"};
    words.insert(words.end(), flags.begin(), flags.end());
    return run_lathe(words);
  }
  std::vector<Json> lines() const { return testing::read_jsonl(output); }
};

// C-17.10, C-17.13
TEST(AugmentVerb, WritesConversationsAndReplacesTheFormerFile) {
  Fixture f;
  testing::check(write_file_atomic(f.output, "old\n"));
  const Outcome outcome = f.run({"--num", "5", "--workers", "2"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  ASSERT_EQ(f.lines().size(), 5u);
  EXPECT_TRUE(f.lines()[0].is_array());
  EXPECT_EQ(f.lines()[4].at(size_t{1}).at("content").as_string(), "I am lathe.");
  std::set<std::string> prompts;
  for (const ServedRequest& request : f.endpoint.server.requests()) {
    EXPECT_EQ(request.header("authorization"), "Bearer secret-key");
    const Json body = take(parse_json(request.body));
    EXPECT_EQ(body.at("model").as_string(), "google/gemini-3-flash-preview");
    prompts.insert(body.at("messages").at(size_t{0}).at("content").as_string());
    EXPECT_THAT(*prompts.begin(), HasSubstr("lathe is a program."));
  }
  EXPECT_EQ(prompts.size(), 5u);
  EXPECT_EQ(f.run({"--num", "2", "--append"}).exit, Exit::kDone);
  EXPECT_EQ(f.lines().size(), 7u);
}

// C-17.14
TEST(AugmentVerb, FailuresAreCountedAndNotTriedAgain) {
  Fixture f;
  f.endpoint.all_good = false;
  const Outcome outcome = f.run({"--num", "6", "--workers", "1", "--save-metadata"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("saved").as_int(), 3);
  EXPECT_EQ(outcome.figures().at("errors").as_int(), 3);
  EXPECT_EQ(f.endpoint.asked, 6);
  EXPECT_THAT(outcome.out, HasSubstr("[ERROR] item 1: HTTP 429 (Too Many Requests): the endpoint says: {\"message\": \"slow down\"}"));
  EXPECT_THAT(outcome.out, HasSubstr("[1/6] Topic: what optimizations worked vs didn't work\n"));  // 40 characters: not cut
  EXPECT_THAT(outcome.out, HasSubstr("Saved 3 conversations"));
  const Json line = f.lines().at(0);
  EXPECT_EQ(line.at("messages").size(), 2u);
  EXPECT_EQ(line.at("metadata").at("topic").as_string(), "what optimizations worked vs didn't work");
  EXPECT_TRUE(line.at("metadata").contains("persona") && line.at("metadata").contains("dynamic"));
}

TEST(AugmentVerb, LongTopicsAreCutForTheProgressLine) {
  Fixture f;
  f.verb = "dev/gen_synthetic_data.py";
  const Outcome outcome = f.run({"--num", "60", "--workers", "4"});
  EXPECT_THAT(outcome.out, ::testing::ContainsRegex("Topic: basic architecture overview \\(transformer\\.\\.\\.\n"));
}

// C-17.13
TEST(AugmentVerb, WhatIsMissingIsNamedBeforeAnythingIsTouched) {
  Fixture f;
  testing::check(write_file_atomic(f.output, "old\n"));
  const Outcome knowledge = f.run({"--knowledge", (f.base.path() / "absent.md").string()});
  EXPECT_EQ(knowledge.exit, Exit::kBadInput);
  EXPECT_THAT(knowledge.err, HasSubstr("absent.md"));
  unsetenv("LATHE_TEST_KEY");
  const Outcome key = f.run({});
  EXPECT_EQ(key.exit, Exit::kBadInput);
  EXPECT_THAT(key.err, HasSubstr("LATHE_TEST_KEY"));
  EXPECT_EQ(take(read_file(f.output)), "old\n");
  EXPECT_EQ(f.endpoint.asked, 0);
}

TEST(AugmentVerb, ATornLineOfAKilledRunIsDropped) {
  Fixture f;
  testing::check(write_file_atomic(f.output, "[]\n[{\"role\": \"us"));
  ::testing::internal::CaptureStderr();
  ASSERT_EQ(f.run({"--num", "1", "--append"}).exit, Exit::kDone);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("dropped"));
  EXPECT_EQ(f.lines().size(), 2u);
}

TEST(AugmentVerb, AnEndpointThatNeverAnswersWellIsAFailure) {
  Fixture f;
  EXPECT_EQ(f.run({"--num", "2", "--endpoint", f.endpoint.server.url("/wrong")}).exit, Exit::kBadInput);
}

}  // namespace
}  // namespace lathe::cli
