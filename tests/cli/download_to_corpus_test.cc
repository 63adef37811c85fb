// What lathe download brings is where lathe corpus looks for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "real_verbs.h"
#include "tests/net/test_server.h"

namespace lathe::cli {
namespace {

using net::Connection;
using net::ServedRequest;
using net::TestServer;
using ::testing::HasSubstr;
using testing::check;
using testing::take;

std::string records_of(const std::string& subset, const std::string& split) {
  std::string lines;
  for (int i = 0; i < 20; ++i)
    lines += "{\"text\": \"Text " + std::to_string(i * 7919) + " of " + subset + " and " + split + " tells what the cat of house " + std::to_string(i * i) +
             " did with the ball.\"}\n";
  return lines;
}

// The command that the error of lathe corpus names, without its first word.
std::vector<std::string> named_command(const std::string& message) {
  const size_t begin = message.find("`lathe ") + 7, end = message.find('`', begin);
  return split_text(message.substr(begin, end - begin), ' ');
}

class DownloadToCorpus : public ::testing::Test {
 protected:
  void SetUp() override {
    check(write_file_atomic(config, R"({"name": "web", "dataset_name": "some/web", "subset": "en", "split": "train", "quality": {"quality": []},
      "deduplication": {"enabled": false}, "decontamination": {"enabled": false}})"));
  }
  Outcome corpus() { return run_lathe({"corpus", "--config", config, "--base-dir", base, "--output-dir", out, "--json"}); }
  TemporaryFolder root;
  const std::string base = (root.path() / "base").string(), config = (root.path() / "web.json").string(), out = (root.path() / "out").string();
};

// L-1.13, L-2.3, L-2.9
TEST_F(DownloadToCorpus, TheCommandThatTheErrorNamesMendsIt) {
  TestServer server([](Connection& c, const ServedRequest& r) {
    if (r.target.starts_with("/api/datasets/some/web/tree/main/en"))
      return c.reply("200 OK", "", R"([{"type":"file","path":"en/train-0.jsonl"},{"type":"file","path":"en/test-0.jsonl"}])");
    for (const char* split : {"train", "test"})
      if (r.target == std::string("/datasets/some/web/resolve/main/en/") + split + "-0.jsonl") return c.reply("200 OK", "", records_of("en", split));
    c.reply("404 Not Found", "", "");
  });
  setenv("HF_ENDPOINT", server.address().c_str(), 1);
  const Outcome missing = corpus();
  ASSERT_EQ(missing.exit, Exit::kBadInput);
  std::vector<std::string> command = named_command(missing.err);
  ASSERT_EQ(command.at(0), "download") << missing.err;
  command.insert(command.end(), {"--base-dir", base});
  const Outcome download = run_lathe(command);
  unsetenv("HF_ENDPOINT");
  ASSERT_EQ(download.exit, Exit::kDone) << download.err;
  const Outcome made = corpus();
  ASSERT_EQ(made.exit, Exit::kDone) << made.err;
  EXPECT_EQ(made.figures().at("documents").as_int(), 20);  // of the split alone
}

// --from: a copy of the repository, of which the address takes its part; another set's files of the same names are no clash.
// L-2.9, L-2.3
TEST_F(DownloadToCorpus, ACopyOfTheRepositoryStandsInForTheHub) {
  const fs::path copy = root.path() / "copy";
  for (const char* subset : {"en", "de"})
    for (const char* split : {"train", "test"}) {
      check(make_folders(copy / subset));
      check(write_file_atomic(copy / subset / (std::string(split) + "-0.jsonl"), records_of(subset, split)));
    }
  const auto download = [&](const std::string& address) {
    return run_lathe({"download", address, "--from", copy.string(), "--base-dir", base});
  };
  for (const char* address : {"hf://datasets/some/web/en/", "hf://datasets/other/web/en/", "hf://datasets/some/web@v2/en/train-*.jsonl"}) {
    const Outcome outcome = download(address);
    ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  }
  const fs::path sets = fs::path(base) / "downloads" / "hf" / "datasets";
  EXPECT_EQ(take(read_file(sets / "some" / "web" / "en" / "test-0.jsonl")), records_of("en", "test"));
  EXPECT_TRUE(fs::exists(sets / "other" / "web" / "en" / "train-0.jsonl"));
  EXPECT_TRUE(fs::exists(sets / "some" / "web@v2" / "en" / "train-0.jsonl"));
  EXPECT_FALSE(fs::exists(sets / "some" / "web@v2" / "en" / "test-0.jsonl"));
  EXPECT_FALSE(fs::exists(sets / "some" / "web" / "de"));
  const Outcome made = corpus();
  ASSERT_EQ(made.exit, Exit::kDone) << made.err;
  EXPECT_EQ(made.figures().at("documents").as_int(), 20);
  // A repository with a manifest.json of its own, twice.
  check(write_file_atomic(copy / "manifest.json", "{\"version\": 3}"));
  for (int i = 0; i < 2; ++i) {
    const Outcome whole = download("hf://datasets/third/web");
    ASSERT_EQ(whole.exit, Exit::kDone) << whole.err;
  }
  EXPECT_EQ(take(read_file(sets / "third" / "web" / "manifest.json")), "{\"version\": 3}");
  EXPECT_TRUE(take(read_json(sets / "third" / "web" / "downloads.json")).contains("listings"));
  EXPECT_THAT(download("hf://datasets/some/web/fr/").err, HasSubstr("holds no file fr"));
  EXPECT_THAT(download((copy / "en" / "train-0.jsonl").string()).err, HasSubstr("--from"));
}

}  // namespace
}  // namespace lathe::cli
