#include <gmock/gmock.h>
#include <sys/wait.h>

#include "core/manifest.h"
#include "core/sha256.h"
#include "real_verbs.h"
#include "tests/net/test_server.h"

namespace lathe::cli {
namespace {

using net::Connection;
using net::ServedRequest;
using net::TestServer;
using testing::take;
using ::testing::HasSubstr;

// Answers every shard but the broken one.
struct Mirror {
  std::string broken = "none";
  TestServer server{[this](Connection& c, const ServedRequest& r) {
    r.target.find(broken) != std::string::npos ? c.reply("404 Not Found", "", "") : c.reply("200 OK", "ETag: \"v\"\r\n", "content of " + r.target);
  }};
  std::string address() const { return server.address() + "/mirror"; }
};

// C-1.6
TEST(DownloadVerb, FetchesTheFirstShardsAndSaysSo) {
  Mirror mirror;
  const TemporaryFolder base;
  const Outcome outcome = run_lathe({"download", "fineweb", "-n", "3", "-w", "2", "--from", mirror.address(), "--base-dir", base.path().string(), "--json"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Downloading fineweb: 3 files with 2 workers"));
  EXPECT_THAT(outcome.out, HasSubstr("Target folder: " + (base.path() / "base_data").string()));
  EXPECT_THAT(outcome.out, HasSubstr("shard_00002.parquet: started"));
  EXPECT_THAT(outcome.out, HasSubstr("shard_00002.parquet: done"));
  EXPECT_THAT(outcome.out, HasSubstr("Done: 3/3 files"));
  EXPECT_EQ(outcome.figures().at("fetched").as_int(), 3);
  EXPECT_EQ(take(read_file(base.path() / "base_data/shard_00001.parquet")), "content of /mirror/shard_00001.parquet");

  const Manifest manifest = take(read_manifest(base.path() / "base_data", "download", ""));
  ASSERT_EQ(manifest.outputs.size(), 3u);
  testing::check(verify_outputs(base.path() / "base_data", manifest, ""));
  EXPECT_EQ(manifest.inputs.at(0).path.substr(0, 7), "http://");

  // One more: the others are skipped, the manifest grows.
  const Outcome more = run_lathe({"nanochat.dataset", "-n", "4", "--from", mirror.address(), "--base-dir", base.path().string(), "--json"});
  ASSERT_EQ(more.exit, Exit::kDone) << more.err;
  EXPECT_THAT(more.out, HasSubstr("shard_00000.parquet: skipped, it is there"));
  EXPECT_EQ(more.figures().at("there").as_int(), 3);
  EXPECT_EQ(take(read_manifest(base.path() / "base_data", "download", "")).outputs.size(), 4u);
  EXPECT_EQ(mirror.server.requests().size(), 4u);
}

// C-1.32
TEST(DownloadVerb, FailedShardsEndWithStatusOneAndTheirNames) {
  Mirror mirror;
  mirror.broken = "shard_00001";
  const TemporaryFolder base;
  ::testing::internal::CaptureStderr();
  const Outcome outcome = run_lathe({"dataset", "-n", "3", "--from", mirror.address(), "--base-dir", base.path().string(), "--json"});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("HTTP 404"));
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_THAT(outcome.out, HasSubstr("shard_00001.parquet: attempt 1 of 5 failed: HTTP 404"));
  EXPECT_THAT(outcome.out, HasSubstr("shard_00001.parquet: given up"));
  EXPECT_THAT(outcome.out, HasSubstr("Done: 2/3 files"));
  ASSERT_EQ(outcome.figures().at("failed").size(), 1u);
  EXPECT_EQ(outcome.figures().at("failed").at(size_t{0}).as_string(), "shard_00001.parquet");
  EXPECT_TRUE(fs::exists(base.path() / "base_data/shard_00002.parquet"));
}

// C-1.14
TEST(DownloadVerb, TheBundleIsUnpackedWheneverItsFolderIsMissing) {
  const TemporaryFolder base, mirror;
  // A stored zip archive with one file, made by hand: "eval_bundle/x" holding "1".
  const std::string zip("PK\3\4\x14\0\0\0\0\0\0\0\0\0\xb7\xef\xdc\x83\1\0\0\0\1\0\0\0\x0d\0\0\0eval_bundle/x1"
                        "PK\1\2\x1e\3\x14\0\0\0\0\0\0\0\0\0\xb7\xef\xdc\x83\1\0\0\0\1\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0eval_bundle/x"
                        "PK\5\6\0\0\0\0\1\0\1\0\x3b\0\0\0\x2c\0\0\0\0\0",
                        44 + 59 + 22);
  testing::check(write_file_atomic(mirror.path() / "eval_bundle.zip", zip));
  const std::vector<std::string> words = {"download", "eval-bundle", "--from", mirror.path().string(), "--base-dir", base.path().string()};
  const Outcome first = run_lathe(words);
  ASSERT_EQ(first.exit, Exit::kDone) << first.err << first.out;
  EXPECT_EQ(take(read_file(base.path() / "eval_bundle/x")), "1");
  fs::remove_all(base.path() / "eval_bundle");
  testing::check(make_folders(base.path() / "eval_bundle.partial/half"));  // of a run that was killed
  ASSERT_EQ(run_lathe(words).exit, Exit::kDone);
  EXPECT_EQ(take(read_file(base.path() / "eval_bundle/x")), "1");
  EXPECT_FALSE(fs::exists(base.path() / "eval_bundle.partial"));
  testing::check(write_file_atomic(base.path() / "eval_bundle.zip", zip.substr(0, 60)));
  fs::remove_all(base.path() / "eval_bundle");
  EXPECT_EQ(run_lathe(words).exit, Exit::kBadInput);
  EXPECT_FALSE(fs::exists(base.path() / "eval_bundle"));
}

// C-1.17
TEST(DownloadVerb, HostedSetsComeFromTheHubAndThenFromTheCache) {
  std::map<std::string, std::string> repositories = {{"smol-smoltalk", "HuggingFaceTB/smol-smoltalk"}, {"mmlu", "cais/mmlu"}, {"arc", "allenai/ai2_arc"},
                                                     {"gsm8k", "openai/gsm8k"}, {"humaneval", "openai/openai_humaneval"}};
  TestServer server([](Connection& c, const ServedRequest& r) {
    if (r.target.starts_with("/api/datasets/"))
      return c.reply("200 OK", "", R"([{"type":"file","path":"main/test-00000-of-00001.parquet","size":7},{"type":"file","path":"README.md","size":4}])");
    c.reply("200 OK", "", "parquet");
  });
  setenv("HF_ENDPOINT", server.address().c_str(), 1);
  const TemporaryFolder base;
  for (const auto& [name, repository] : repositories) {
    ASSERT_EQ(run_lathe({"download", name, "--base-dir", base.path().string()}).exit, Exit::kDone);
    EXPECT_EQ(take(read_file(base.path() / "hosted" / name / "main/test-00000-of-00001.parquet")), "parquet");
    EXPECT_FALSE(fs::exists(base.path() / "hosted" / name / "README.md"));
    const auto requests = server.requests();
    EXPECT_EQ(requests.back().target, "/datasets/" + repository + "/resolve/main/main/test-00000-of-00001.parquet");
  }
  const size_t asked = server.requests().size();
  EXPECT_EQ(run_lathe({"download", "gsm8k", "--offline", "--base-dir", base.path().string()}).exit, Exit::kDone);
  fs::remove(base.path() / "hosted/gsm8k/main/test-00000-of-00001.parquet");
  EXPECT_EQ(run_lathe({"download", "gsm8k", "--offline", "--base-dir", base.path().string()}).exit, Exit::kBadInput);
  const TemporaryFolder empty;
  EXPECT_THAT(run_lathe({"download", "gsm8k", "--offline", "--base-dir", empty.path().string()}).err, HasSubstr("was never listed"));
  EXPECT_EQ(server.requests().size(), asked);
  unsetenv("HF_ENDPOINT");
}

TEST(DownloadVerb, AddressesGoToTheDownloadsAndDoNotHideEachOther) {
  Mirror mirror;
  const TemporaryFolder base;
  const std::string url = mirror.server.url("/one/data.bin");
  const std::string hash = sha256_hex("content of /one/data.bin");
  ASSERT_EQ(run_lathe({"download", url, "--sha256", hash, "--base-dir", base.path().string()}).exit, Exit::kDone);
  EXPECT_EQ(take(read_file(base.path() / "downloads/data.bin")), "content of /one/data.bin");
  const Outcome clash = run_lathe({"download", mirror.server.url("/two/data.bin"), "--base-dir", base.path().string()});
  EXPECT_EQ(clash.exit, Exit::kBadInput);
  EXPECT_THAT(clash.err, HasSubstr("--output-dir"));
  ASSERT_EQ(run_lathe({"download", mirror.server.url("/two/data.bin"), "--output-dir", (base.path() / "two").string(), "--base-dir", base.path().string()}).exit, Exit::kDone);
  EXPECT_TRUE(fs::exists(base.path() / "two/manifest.json"));
}

TEST(DownloadVerb, TheOutputOfAnotherStageIsNotTouched) {
  Mirror mirror;
  const TemporaryFolder base;
  Manifest manifest;
  manifest.kind = "corpus";
  testing::check(make_folders(base.path() / "base_data"));
  testing::check(write_manifest(base.path() / "base_data", manifest));
  const Outcome outcome = run_lathe({"download", "fineweb", "-n", "1", "--from", mirror.address(), "--base-dir", base.path().string()});
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_THAT(outcome.err, HasSubstr("--output-dir"));
  EXPECT_TRUE(mirror.server.requests().empty());
}

// C-1.19
TEST(DownloadVerb, ATokenBudgetBecomesANumberOfShards) {
  Mirror mirror;
  const TemporaryFolder base;
  const Outcome outcome = run_lathe({"download", "--for-tokens", "1e8", "--from", mirror.address(), "--base-dir", base.path().string(), "--json"});
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("files").as_int(), 4);  // 1e8 * 4.8 / 0.65 / 250e6 = 2.95, and validation
  EXPECT_THAT(outcome.out, HasSubstr("need 3 shards for training"));
}

TEST(DownloadVerb, ASignalEndsWithStatusThreeAndTheNextRunGoesOn) {
  const std::string content(600'000, 'x');
  net::FileSite site(content);
  site.fail_with({net::FileSite::Kind::kStall, "", "", 300'000, "", ""});
  TestServer server([&](Connection& c, const ServedRequest& r) { site(c, r); });
  const TemporaryFolder base;
  const std::vector<std::string> words = {"download", server.url("/data.bin"), "--base-dir", base.path().string(), "--json"};
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(static_cast<int>(run_lathe(words).exit));
  const fs::path part = base.path() / "downloads/data.bin.part";
  std::error_code code;
  for (int i = 0; i < 6000 && (!fs::exists(part) || fs::file_size(part, code) < 300'000); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  const Outcome next = run_lathe(words);
  ASSERT_EQ(next.exit, Exit::kDone) << next.err;
  EXPECT_THAT(next.out, HasSubstr("started at 0.3 MB"));
  EXPECT_EQ(take(read_file(base.path() / "downloads/data.bin")), content);
}

}  // namespace
}  // namespace lathe::cli
