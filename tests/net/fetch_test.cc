#include "net/fetch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <numeric>

#include "core/sha256.h"
#include "test_server.h"
#include "tests/ref/testing.h"

namespace lathe::net {
namespace {

using testing::take;
using Fault = FileSite::Fault;

std::string content_of(size_t bytes, unsigned seed = 1) {
  std::string out(bytes, '\0');
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return out;
}

std::string text_of(const fs::path& path) { return take(read_file(path)); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// A site, its server, a folder, and options whose waits are written down instead of slept.
struct Fixture {
  explicit Fixture(std::string content, std::string etag = "\"v1\"")
      : site(std::move(content), std::move(etag)), server([this](Connection& c, const ServedRequest& r) { site(c, r); }) {
    options.sleep = [this](double seconds) { waits.push_back(seconds); };
    options.on_event = [this](const FetchEvent& event) {
      if (event.kind != FetchEvent::Kind::kBytes) events.push_back(event);
    };
    request.url = server.url("/file.bin");
    request.path = folder.path() / "file.bin";
  }
  Result<Fetched> fetch() { return fetch_file(request, options); }

  FileSite site;
  TestServer server;
  TemporaryFolder folder;
  FetchRequest request;
  FetchOptions options;
  std::vector<double> waits;
  std::vector<FetchEvent> events;
};

TEST(Fetch, BringsTheFileWholeAndLeavesNothingElse) {
  const std::string content = content_of(3'000'000);
  Fixture f(content);
  const Fetched out = take(f.fetch());
  EXPECT_EQ(text_of(f.request.path), content);
  EXPECT_EQ(out.sha256, sha256_hex(content));
  EXPECT_EQ(out.bytes, 3'000'000);
  EXPECT_EQ(out.attempts, 1);
  EXPECT_EQ(names_in(f.folder.path()), std::vector<std::string>{"file.bin"});
  EXPECT_TRUE(f.server.requests().at(0).header("user-agent").starts_with("lathe/"));
}

// C-1.7
TEST(Fetch, AFileThatIsThereIsNotAskedFor) {
  Fixture f("new");
  testing::check(write_file_atomic(f.request.path, "old"));
  EXPECT_TRUE(take(f.fetch()).was_there);
  EXPECT_EQ(text_of(f.request.path), "old");
  EXPECT_TRUE(f.server.requests().empty());
}

TEST(Fetch, AFileOfAnotherSizeOrHashIsFetchedAgain) {
  Fixture f("new!");
  testing::check(write_file_atomic(f.request.path, "old"));
  f.request.bytes = 4;
  EXPECT_FALSE(take(f.fetch()).was_there);
  EXPECT_EQ(text_of(f.request.path), "new!");
  testing::check(write_file_atomic(f.request.path, "NEW!"));
  f.request.sha256 = sha256_hex("new!");
  EXPECT_FALSE(take(f.fetch()).was_there);
  EXPECT_EQ(text_of(f.request.path), "new!");
}

TEST(Fetch, AnEmptyFileIsAFile) {
  Fixture f("");
  EXPECT_EQ(take(f.fetch()).bytes, 0);
  EXPECT_EQ(text_of(f.request.path), "");
}

// C-1.8
TEST(Fetch, FiveAttemptsWithDoubledWaitsThenItGivesUp) {
  Fixture f("x");
  for (int i = 0; i < 5; ++i) f.site.fail_with({FileSite::Kind::kStatus, "500 Internal Server Error", "", 0, "", ""});
  const auto out = f.fetch();
  ASSERT_FALSE(out.ok());
  EXPECT_NE(out.error().message.find("HTTP 500"), std::string::npos) << out.error().message;
  EXPECT_EQ(f.waits, (std::vector<double>{2, 4, 8, 16}));
  EXPECT_EQ(f.server.requests().size(), 5u);
  EXPECT_FALSE(fs::exists(f.request.path));
  EXPECT_TRUE(take(f.fetch()).attempts == 1);
}

// L-2.9
TEST(TrapT7, TooManyRequestsWaitsAsLongAsTheServerAsks) {
  Fixture f("content");
  f.site.fail_with({FileSite::Kind::kStatus, "429 Too Many Requests", "Retry-After: 7\r\n", 0, "", ""});
  f.site.fail_with({FileSite::Kind::kStatus, "503 Service Unavailable", "Retry-After: 1000000\r\n", 0, "", ""});
  f.site.fail_with({FileSite::Kind::kStatus, "429 Too Many Requests", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 0, "", ""});
  EXPECT_EQ(take(f.fetch()).attempts, 4);
  EXPECT_EQ(f.waits, (std::vector<double>{7, 120, 8}));
  EXPECT_EQ(text_of(f.request.path), "content");
}

TEST(TrapT7, AStalledTransferIsCutAndTakenUpWhereItStood) {
  const std::string content = content_of(400'000);
  Fixture f(content);
  f.options.stall_seconds = 3;  // a server that is held up for a moment has not stalled
  f.site.fail_with({FileSite::Kind::kStall, "", "", 150'000, "", ""});
  const Fetched out = take(f.fetch());
  EXPECT_EQ(text_of(f.request.path), content);
  EXPECT_EQ(out.resumed_at, 150'000);
  EXPECT_NE(f.events.at(1).text.find("stalled"), std::string::npos) << f.events.at(1).text;
  EXPECT_EQ(f.server.requests().at(1).header("range"), "bytes=150000-");
  EXPECT_EQ(f.server.requests().at(1).header("if-range"), "\"v1\"");
}

TEST(TrapT7, ASlowServerIsNoStalledOne) {
  const std::string content = content_of(80'000);
  int64_t attempts = 0;
  for (int turn = 0; turn < 3 && attempts != 1; ++turn) {  // a server that is held up for a second has stalled: not each time
    Fixture f(content);
    f.options.stall_seconds = 1;  // the whole takes 1.6 s
    f.site.fail_with({FileSite::Kind::kSlow, "", "", 0, "", ""});
    attempts = take(f.fetch()).attempts;
    EXPECT_EQ(text_of(f.request.path), content);
  }
  EXPECT_EQ(attempts, 1);
}

TEST(TrapT7, TruncatedAndResetBodiesAreTakenUp) {
  const std::string content = content_of(900'000);
  Fixture f(content);
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 300'000, "", ""});
  f.site.fail_with({FileSite::Kind::kReset, "", "", 200'000, "", ""});
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 0, "", ""});
  const Fetched out = take(f.fetch());
  EXPECT_EQ(out.attempts, 4);
  EXPECT_EQ(out.sha256, sha256_hex(content));
  EXPECT_EQ(text_of(f.request.path), content);
}

TEST(TrapT7, ProgressRestartsTheCountOfAttempts) {
  const std::string content = content_of(9'000'000);
  Fixture f(content);
  for (int i = 0; i < 7; ++i) f.site.fail_with({FileSite::Kind::kTruncate, "", "", 1'200'000, "", ""});
  EXPECT_EQ(take(f.fetch()).attempts, 8);
  EXPECT_EQ(f.waits, std::vector<double>(7, 2.0));
  EXPECT_EQ(text_of(f.request.path), content);
}

TEST(TrapT7, ContentThatChangesMidWayStartsAgain) {
  const std::string old = content_of(500'000, 1), fresh = content_of(600'000, 2);
  Fixture f(old);
  f.site.fail_with({FileSite::Kind::kChangeAfter, "", "", 250'000, fresh, "\"v2\""});
  const Fetched out = take(f.fetch());
  EXPECT_EQ(text_of(f.request.path), fresh);
  EXPECT_EQ(out.resumed_at, 0);
}

TEST(TrapT7, AServerThatForgetsIfRangeIsCaughtByItsETag) {
  const std::string old = content_of(500'000, 1), fresh = content_of(500'000, 2);
  FileSite site(old);
  site.fail_with({FileSite::Kind::kChangeAfter, "", "", 250'000, fresh, "\"v2\""});
  TestServer server([&](Connection& c, ServedRequest r) {
    r.headers.erase("if-range");
    site(c, r);
  });
  TemporaryFolder folder;
  FetchOptions options;
  options.sleep = [](double) {};
  take(fetch_file({server.url("/a"), folder.path() / "a", -1, "", {}}, options));
  EXPECT_EQ(text_of(folder.path() / "a"), fresh);
}

TEST(TrapT7, IgnoredAndWrongRangesDoNoHarm) {
  const std::string content = content_of(500'000);
  Fixture f(content);
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 100'000, "", ""});
  f.site.fail_with({FileSite::Kind::kWrongRange, "", "", 0, "", ""});
  f.site.fail_with({FileSite::Kind::kIgnoreRange, "", "", 0, "", ""});
  EXPECT_EQ(take(f.fetch()).attempts, 3);
  EXPECT_EQ(text_of(f.request.path), content);
}

TEST(TrapT7, WithoutAValidatorNothingIsTakenUp) {
  const std::string content = content_of(500'000);
  Fixture f(content, "");
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 100'000, "", ""});
  ASSERT_EQ(take(f.fetch()).attempts, 2);
  // Within one process the size vouches; a later process has only the parts, which it does not trust.
  fs::remove(f.request.path);
  f.options.attempts = 1;
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 100'000, "", ""});
  ASSERT_FALSE(f.fetch().ok());
  ASSERT_EQ(fs::file_size(f.folder.path() / "file.bin.part"), 100'000u);
  EXPECT_EQ(take(f.fetch()).resumed_at, 0);
  EXPECT_EQ(text_of(f.request.path), content);
}

TEST(TrapT7, PartsThatAreAlreadyWholeEndWith416) {
  const std::string content = content_of(100'000);
  Fixture f(content);
  f.options.attempts = 1;
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 50'000, "", ""});
  ASSERT_FALSE(f.fetch().ok());
  testing::check(write_file_atomic(f.folder.path() / "file.bin.part", content));  // killed between last byte and rename
  EXPECT_EQ(take(f.fetch()).resumed_at, 100'000);
  EXPECT_EQ(text_of(f.request.path), content);
}

TEST(TrapT7, AFileThatBecameShorterStartsAgainAfter416) {
  Fixture f(content_of(100'000));
  f.options.attempts = 1;
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 90'000, "", ""});
  ASSERT_FALSE(f.fetch().ok());
  f.options.attempts = 2;
  f.site.change("short", "\"v1\"");
  take(f.fetch());
  EXPECT_EQ(text_of(f.request.path), "short");
}

TEST(TrapT7, DamagedPartsAreCaughtByTheHash) {
  const std::string content = content_of(300'000);
  Fixture f(content);
  f.options.attempts = 1;
  f.request.sha256 = sha256_hex(content);
  f.site.fail_with({FileSite::Kind::kTruncate, "", "", 200'000, "", ""});
  ASSERT_FALSE(f.fetch().ok());
  std::string part = text_of(f.folder.path() / "file.bin.part");
  part[1000] = static_cast<char>(part[1000] ^ 1);
  testing::check(write_file_atomic(f.folder.path() / "file.bin.part", part));
  f.options.attempts = 2;
  EXPECT_EQ(take(f.fetch()).attempts, 2);
  EXPECT_EQ(text_of(f.request.path), content);
}

TEST(TrapT7, DamagedStateAndForeignPartsAreNotTrusted) {
  const std::string content = content_of(50'000);
  for (const std::string& state : {std::string("{"), std::string("[]"), std::string("{\"url\": 7, \"bytes\": \"x\"}"),
                                  std::string("{\"url\": \"http://elsewhere/\", \"etag\": \"\\\"v1\\\"\", \"bytes\": 50000}"), content_of(100)}) {
    Fixture f(content);
    testing::check(write_file_atomic(f.folder.path() / "file.bin.part", content_of(20'000, 9)));
    testing::check(write_file_atomic(f.folder.path() / "file.bin.part.json", state));
    take(f.fetch());
    EXPECT_EQ(text_of(f.request.path), content) << state;
  }
}

// C-1.32
TEST(Fetch, AnotherLengthOrHashThanIsDueIsAFailure) {
  Fixture f("content");
  f.options.attempts = 2;
  f.request.bytes = 8;
  EXPECT_NE(f.fetch().error().message.find("7 bytes came, 8 are due"), std::string::npos);
  f.request.bytes = -1;
  f.request.sha256 = sha256_hex("other");
  EXPECT_NE(f.fetch().error().message.find("SHA-256"), std::string::npos);
  EXPECT_FALSE(fs::exists(f.request.path));
}

TEST(Fetch, TheHashInTheHubsRedirectIsVerified) {
  const std::string content = content_of(10'000);
  std::string linked = sha256_hex(content);
  TestServer server([&](Connection& c, const ServedRequest& r) {
    if (r.target == "/resolve")
      return c.reply("302 Found", "Location: /cdn\r\nX-Linked-Etag: \"" + linked + "\"\r\nX-Linked-Size: 10000\r\n", "");
    c.reply("200 OK", "ETag: \"cdn\"\r\n", content);
  });
  TemporaryFolder folder;
  FetchOptions options;
  options.attempts = 1;
  EXPECT_TRUE(fetch_file({server.url("/resolve"), folder.path() / "good", -1, "", {}}, options).ok());
  linked = sha256_hex("something else");
  const auto bad = fetch_file({server.url("/resolve"), folder.path() / "bad", -1, "", {}}, options);
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message.find("SHA-256"), std::string::npos) << bad.error().message;
}

TEST(Fetch, WhatWillNotWorkIsNotTriedAgain) {
  for (const char* status : {"404 Not Found", "403 Forbidden", "400 Bad Request"}) {
    Fixture f("x");
    f.site.fail_with({FileSite::Kind::kStatus, status, "", 0, "", ""});
    const auto out = f.fetch();
    ASSERT_FALSE(out.ok());
    EXPECT_NE(out.error().message.find(std::string(status).substr(0, 3)), std::string::npos) << out.error().message;
    EXPECT_EQ(f.server.requests().size(), 1u);
  }
  const TemporaryFolder folder;
  const auto nowhere = fetch_file({"gopher://x/y", folder.path() / "x", -1, "", {}}, {});
  EXPECT_FALSE(nowhere.ok());
}

TEST(TrapT7, OfflineTakesOnlyTheCacheAndNamesWhatIsMissing) {
  Fixture f("content");
  f.options.offline = true;
  const auto missing = f.fetch();
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().to_string().find("file.bin"), std::string::npos);
  EXPECT_NE(missing.error().message.find(f.request.url), std::string::npos);
  testing::check(write_file_atomic(f.request.path, "content"));
  EXPECT_TRUE(take(f.fetch()).was_there);
  f.request.sha256 = sha256_hex("other");
  EXPECT_FALSE(f.fetch().ok());
  EXPECT_TRUE(f.server.requests().empty());
}

TEST(TrapT7, ProxiesOfTheEnvironmentAreUsed) {
  TestServer proxy([](Connection& c, const ServedRequest& r) { c.reply("200 OK", "", "by proxy: " + r.target); });
  TestServer direct([](Connection& c, const ServedRequest&) { c.reply("200 OK", "", "direct"); });
  TemporaryFolder folder;
  setenv("http_proxy", proxy.address().c_str(), 1);
  setenv("no_proxy", "127.0.0.1", 1);
  const auto through = fetch_file({"http://lathe.invalid/file", folder.path() / "a", -1, "", {}}, {});
  const auto around = fetch_file({direct.url("/b"), folder.path() / "b", -1, "", {}}, {});
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  ASSERT_TRUE(through.ok()) << through.error().to_string();
  EXPECT_EQ(text_of(folder.path() / "a"), "by proxy: http://lathe.invalid/file");
  ASSERT_TRUE(around.ok()) << around.error().to_string();
  EXPECT_EQ(text_of(folder.path() / "b"), "direct");
}

// L-2.9
TEST(TrapT7, AKilledProcessIsTakenUpByTheNext) {
  const std::string content = content_of(4'000'000);
  Fixture f(content);
  f.site.fail_with({FileSite::Kind::kStall, "", "", 2'500'000, "", ""});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto ignored = f.fetch();
    _exit(ignored.ok() ? 0 : 1);
  }
  const fs::path part = f.folder.path() / "file.bin.part";
  std::error_code code;
  for (int i = 0; i < 6000 && (!fs::exists(part) || fs::file_size(part, code) < 2'500'000); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(fs::exists(f.request.path));
  const Fetched out = take(f.fetch());
  EXPECT_EQ(out.resumed_at, 2'500'000);
  EXPECT_EQ(out.sha256, sha256_hex(content));
  EXPECT_EQ(text_of(f.request.path), content);
  EXPECT_EQ(names_in(f.folder.path()), std::vector<std::string>{"file.bin"});
}

// C-1.13
TEST(Fetch, OfTwoProcessesOneFetchesAndTheOtherFinds) {
  const std::string content = content_of(80'000);
  Fixture f(content);
  f.site.fail_with({FileSite::Kind::kSlow, "", "", 0, "", ""});
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto out = f.fetch();
      _exit(!out.ok() ? 9 : out.value().was_there ? 1 : 0);
    }
    children.push_back(child);
  }
  std::vector<int> ends;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    ends.push_back(WEXITSTATUS(status));
  }
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (std::vector<int>{0, 1}));
  EXPECT_EQ(f.server.requests().size(), 1u);
  EXPECT_EQ(text_of(f.request.path), content);
  EXPECT_EQ(names_in(f.folder.path()), std::vector<std::string>{"file.bin"});
}

TEST(Fetch, LocalFilesComeTheSameWay) {
  TemporaryFolder folder;
  const std::string content = content_of(2'500'000);
  testing::check(write_file_atomic(folder.path() / "from" / "a b.bin", content));
  const fs::path from = folder.path() / "from" / "a b.bin";
  EXPECT_EQ(take(fetch_file({from.string(), folder.path() / "one", -1, "", {}}, {})).sha256, sha256_hex(content));
  EXPECT_EQ(take(fetch_file({"file://" + (folder.path() / "from" / "a%20b.bin").string(), folder.path() / "two", -1, "", {}}, {})).bytes, 2'500'000);
  EXPECT_EQ(text_of(folder.path() / "two"), content);
  const auto absent = fetch_file({(folder.path() / "absent").string(), folder.path() / "three", -1, "", {}}, {});
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(absent.error().message.find("No such file"), std::string::npos) << absent.error().message;
}

TEST(Fetch, AFullDiskIsSaidBeforeTheTransfer) {
  TemporaryFolder folder;
  TestServer server([](Connection& c, const ServedRequest&) {
    c.send("HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"v\"\r\nContent-Length: 9000000000000000\r\n\r\nbegin");
  });
  const auto out = fetch_file({server.url("/huge"), folder.path() / "huge", -1, "", {}}, {});
  ASSERT_FALSE(out.ok());
  EXPECT_NE(out.error().message.find("free"), std::string::npos) << out.error().message;
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(Fetch, ADiskThatFillsUpMidWayEndsWithAnErrorAndTheNextRunGoesOn) {
  const std::string content = content_of(3'000'000);
  Fixture f(content);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails as on a full disk
    const rlimit small{1'000'000, 1'000'000};
    setrlimit(RLIMIT_FSIZE, &small);
    const auto out = f.fetch();
    _exit(!out.ok() && out.error().message.find("cannot write") != std::string::npos ? 7 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_FALSE(fs::exists(f.request.path));
  EXPECT_EQ(take(f.fetch()).resumed_at, 1'000'000);
  EXPECT_EQ(text_of(f.request.path), content);
}

// `openssl s_server` with a certificate of its own.
class TlsServer {
 public:
  explicit TlsServer(const fs::path& folder) {
    const std::string place = folder.string();
    made_ = std::system(("cd '" + place + "' && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
                         "-keyout key.pem -out cert.pem >/dev/null 2>&1").c_str()) == 0;
    if (!made_) return;
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) throw std::runtime_error("no pipe");
    child_ = fork();
    if (child_ == 0) {
      if (chdir(place.c_str()) != 0 || dup2(pipe_ends[1], STDOUT_FILENO) < 0 || std::freopen("/dev/null", "w", stderr) == nullptr) _exit(126);
      execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem", "-WWW", static_cast<char*>(nullptr));
      _exit(127);
    }
    close(pipe_ends[1]);
    said_ = pipe_ends[0];
    // "ACCEPT 127.0.0.1:PORT" once it listens.
    std::string text;
    for (char byte = 0; !text.ends_with('\n') || text.find("ACCEPT ") == std::string::npos; text += byte)
      if (read(said_, &byte, 1) != 1) throw std::runtime_error("openssl s_server does not listen: " + text);
    port_ = text.substr(text.rfind(':') + 1, text.size() - text.rfind(':') - 2);
  }
  ~TlsServer() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    close(said_);  // not earlier: it goes on talking
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  bool made() const { return made_; }
  std::string url(const std::string& name) const { return "https://127.0.0.1:" + port_ + "/" + name; }

 private:
  bool made_ = false;
  std::string port_;
  pid_t child_ = -1;
  int said_ = -1;
};

TEST(Fetch, CertificatesAreCheckedAgainstTheEnvironmentsRoots) {
  const TemporaryFolder folder;
  testing::check(write_file_atomic(folder.path() / "file.txt", "over TLS"));
  const TlsServer server(folder.path());
  if (!server.made()) GTEST_SKIP() << "no openssl program";
  FetchOptions options;
  options.sleep = [](double) {};
  setenv("SSL_CERT_FILE", (folder.path() / "cert.pem").c_str(), 1);
  const auto trusted = fetch_file({server.url("file.txt"), folder.path() / "trusted", -1, "", {}}, options);
  unsetenv("SSL_CERT_FILE");
  ASSERT_TRUE(trusted.ok()) << trusted.error().to_string();
  EXPECT_EQ(text_of(folder.path() / "trusted"), "over TLS");
  int attempts = 0;
  options.on_event = [&](const FetchEvent& event) { attempts += event.kind == FetchEvent::Kind::kFailed; };
  const auto unknown = fetch_file({server.url("file.txt"), folder.path() / "unknown", -1, "", {}}, options);
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("certificate"), std::string::npos) << unknown.error().message;
  EXPECT_EQ(attempts, 1);
  EXPECT_FALSE(fs::exists(folder.path() / "unknown"));
}

TEST(Fetch, RedirectsAreFollowedAndLoopsEnd) {
  TestServer server([](Connection& c, const ServedRequest& r) {
    if (r.target == "/a") return c.reply("307 Temporary Redirect", "Location: /b\r\n", "moved");
    if (r.target == "/loop") return c.reply("302 Found", "Location: /loop\r\n", "");
    c.reply("200 OK", "", "here");
  });
  TemporaryFolder folder;
  take(fetch_file({server.url("/a"), folder.path() / "a", -1, "", {}}, {}));
  EXPECT_EQ(text_of(folder.path() / "a"), "here");
  const auto loop = fetch_file({server.url("/loop"), folder.path() / "loop", -1, "", {}}, {});
  ASSERT_FALSE(loop.ok());
  EXPECT_LE(server.requests().size(), 14u);
}

}  // namespace
}  // namespace lathe::net
