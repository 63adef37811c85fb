#include "net/source.h"

#include <gmock/gmock.h>

#include "core/sha256.h"
#include "net/fetch_all.h"
#include "test_server.h"
#include "tests/ref/testing.h"

namespace lathe::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::take;

class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

// A hub with one set of three files over two pages.
void hub(Connection& c, const ServedRequest& r) {
  const std::string hash = sha256_hex("content of test");
  if (r.target == "/api/datasets/org/set/tree/main?recursive=true" || r.target == "/api/datasets/org/set/tree/v2/main?recursive=true")
    return c.reply("200 OK", "Link: </page2?cursor=x>; rel=\"next\"\r\n",
                   R"([{"type":"directory","path":"main","size":0},{"type":"file","path":"main/test-0.parquet","size":9,"oid":"git","lfs":{"oid":")" + hash +
                       R"(","size":15}}])");
  if (r.target == "/page2?cursor=x")
    return c.reply("200 OK", "", R"([{"type":"file","path":"main/dev-0.parquet","size":3},{"type":"file","path":"README.md","size":4}])");
  if (r.target == "/api/datasets/org/bad/tree/main?recursive=true") return c.reply("200 OK", "", R"([{"type":"file","path":"../x","size":3}])");
  if (r.target == "/api/datasets/org/odd/tree/main?recursive=true") return c.reply("200 OK", "", R"({"error":"odd"})");
  if (r.target == "/api/datasets/org/gated/tree/main?recursive=true") return c.reply("401 Unauthorized", "", "");
  if (r.target.starts_with("/datasets/org/set/resolve/main/main/test-0.parquet"))
    return r.header("authorization") == "Bearer secret" ? c.reply("200 OK", "", "content of test") : c.reply("401 Unauthorized", "", "");
  c.reply("404 Not Found", "", "");
}

std::vector<std::string> names(const std::vector<SourceFile>& files) {
  std::vector<std::string> out;
  for (const SourceFile& file : files) out.push_back(file.name);
  return out;
}

TEST(Source, AHubsFolderIsListedOverItsPagesWithSizesAndHashes) {
  TestServer server(hub);
  const Environment endpoint("HF_ENDPOINT", server.address() + "/");
  const std::vector<SourceFile> files = take(list_source("hf://datasets/org/set/", {}));
  EXPECT_THAT(names(files), ElementsAre("README.md", "main/dev-0.parquet", "main/test-0.parquet"));
  EXPECT_EQ(files[2].bytes, 15);
  EXPECT_EQ(files[2].sha256, sha256_hex("content of test"));
  EXPECT_EQ(files[2].url, server.address() + "/datasets/org/set/resolve/main/main/test-0.parquet");
  EXPECT_EQ(files[1].bytes, 3);
  EXPECT_THAT(names(take(list_source("hf://datasets/org/set/main/@v2", {}))), ::testing::SizeIs(3));
  EXPECT_THAT(names(take(list_source("hf://datasets/org/set@v2/main/te*.parquet", {}))), ElementsAre("main/test-0.parquet"));
}

TEST(Source, AHubsFileNeedsNoListing) {
  TestServer server(hub);
  const Environment endpoint("HF_ENDPOINT", server.address());
  for (const char* address : {"hf://datasets/org/set/a b/c.jsonl@abc", "hf://datasets/org/set@abc/a b/c.jsonl", "hf://dataset/org/set/a b/c.jsonl@abc"}) {
    const auto files = take(list_source(address, {}));
    ASSERT_EQ(files.size(), 1u);
    EXPECT_EQ(files[0].url, server.address() + "/datasets/org/set/resolve/abc/a%20b/c.jsonl");
    EXPECT_EQ(files[0].name, "a b/c.jsonl");
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(Source, WhatAHubMayNotSayIsRefused) {
  TestServer server(hub);
  const Environment endpoint("HF_ENDPOINT", server.address());
  FetchOptions options;
  options.sleep = [](double) {};
  const auto message = [&](const char* address) {
    const auto files = list_source(address, options);
    return files.ok() ? std::string("no error") : files.error().to_string();
  };
  EXPECT_THAT(message("hf://datasets/org/bad/"), HasSubstr("leave the folder"));
  EXPECT_THAT(message("hf://datasets/org/odd/"), HasSubstr("no list"));
  EXPECT_THAT(message("hf://datasets/org/gated/"), HasSubstr("HF_TOKEN"));
  EXPECT_THAT(message("hf://datasets/org/absent/"), HasSubstr("no such set"));
  EXPECT_THAT(message("hf://datasets/org/set/*/x*"), HasSubstr("last part"));
  EXPECT_THAT(message("hf://org/set"), HasSubstr("hf://datasets/ORG/NAME"));
  EXPECT_THAT(message("hf://datasets/org/set/../../x.txt"), HasSubstr("hf://datasets/ORG/NAME"));
  EXPECT_THAT(message("https://example.com"), HasSubstr("name of a file"));
  EXPECT_THAT(message("https://example.com/folder/"), HasSubstr("name of a file"));
}

TEST(Source, TheTokenGoesToTheHubAlone) {
  TestServer server(hub);
  TestServer other([](Connection& c, const ServedRequest&) { c.reply("200 OK", "", "other"); });
  const Environment endpoint("HF_ENDPOINT", server.address());
  const Environment token("HF_TOKEN", "secret");
  EXPECT_TRUE(hub_headers(other.url("/x")).empty());
  EXPECT_TRUE(hub_headers(server.address() + "1/x").empty());  // another port that begins with the same digits
  const auto file = take(list_source("hf://datasets/org/set/main/test-0.parquet", {})).at(0);
  TemporaryFolder folder;
  EXPECT_EQ(take(fetch_file({file.url, folder.path() / "x", -1, "", hub_headers(file.url)}, {})).sha256, sha256_hex("content of test"));
}

TEST(Source, ARedirectToAnotherHostDropsTheToken) {
  TestServer other([](Connection& c, const ServedRequest& r) { c.reply("200 OK", "", "token: " + r.header("authorization")); });
  const std::string elsewhere = "http://localhost:" + other.address().substr(other.address().rfind(':') + 1) + "/x";
  TestServer server([&](Connection& c, const ServedRequest&) { c.reply("302 Found", "Location: " + elsewhere + "\r\n", ""); });
  TemporaryFolder folder;
  take(fetch_file({server.url("/a"), folder.path() / "x", -1, "", {{"Authorization", "Bearer secret"}}}, {}));
  EXPECT_EQ(take(read_file(folder.path() / "x")), "token: ");
}

TEST(Source, ListingsAreAskedForAgainWhenTheHubIsBusy) {
  int asked = 0;
  TestServer server([&](Connection& c, const ServedRequest& r) {
    if (++asked <= 2) return c.reply("429 Too Many Requests", "Retry-After: 3\r\n", "");
    hub(c, r);
  });
  const Environment endpoint("HF_ENDPOINT", server.address());
  std::vector<double> waits;
  FetchOptions options;
  options.sleep = [&](double seconds) { waits.push_back(seconds); };
  EXPECT_EQ(take(list_source("hf://datasets/org/set/", options)).size(), 3u);
  EXPECT_THAT(waits, ElementsAre(3, 4));
}

TEST(Source, ALocalFolderStandsForItsFiles) {
  TemporaryFolder folder;
  testing::check(write_file_atomic(folder.path() / "a" / "b.txt", "1"));
  testing::check(write_file_atomic(folder.path() / "c.txt", "2"));
  EXPECT_THAT(names(take(list_source(folder.path().string(), {}))), ElementsAre("a/b.txt", "c.txt"));
  EXPECT_THAT(names(take(list_source("file://" + (folder.path() / "c.txt").string(), {}))), ElementsAre("c.txt"));
}

// C-1.8
TEST(FetchAll, AFileThatFailsDoesNotHoldUpTheOthers) {
  TestServer server([](Connection& c, const ServedRequest& r) {
    r.target == "/3" ? c.reply("500 Internal Server Error", "", "") : c.reply("200 OK", "", "file " + r.target);
  });
  TemporaryFolder folder;
  FetchOptions options;
  options.sleep = [](double) {};
  std::vector<FetchRequest> requests;
  for (int i = 0; i < 12; ++i) requests.push_back({server.url("/" + std::to_string(i)), folder.path() / std::to_string(i), -1, "", {}});
  int done = 0, given_up = 0;
  const auto results = fetch_all(requests, 4, options, [&](size_t i, const FetchEvent& event) {
    done += event.kind == FetchEvent::Kind::kDone;
    if (event.kind == FetchEvent::Kind::kGivenUp) given_up += i == 3 ? 1 : 100;
  });
  EXPECT_EQ(done, 11);
  EXPECT_EQ(given_up, 1);
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(results[i].ok(), i != 3) << i;
  EXPECT_EQ(take(read_file(folder.path() / "11")), "file /11");
}

}  // namespace
}  // namespace lathe::net
