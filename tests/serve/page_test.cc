// The page in a real browser: chromium loads it from a real server with page_test.js beside it, which acts like a
// person and reports line by line. Skipped where there is no chromium.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <condition_variable>
#include <thread>

#include "serve/web_files.h"
#include "tests/serve/fake_generator.h"
#include "tests/serve/raw_client.h"

extern char** environ;

namespace lathe::serve {
namespace {

using namespace testing;
using lathe::testing::take;

std::string find_browser() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
    if (fs::exists(path)) return path;
  return "";
}

// What the model says, by the last message.
Status talk(const GenerationRequest& request, const OnText& on_text, const IsCancelled& is_cancelled) {
  static std::atomic<int> failures = 0;
  const std::string& text = request.messages.back().text;
  if (text == "slow") {
    ::usleep(300000);
    while (!is_cancelled()) {
      on_text("x");
      ::usleep(5000);
    }
  } else if (text == "html") {
    on_text("<img src=x onerror=\"window.hacked=true\"><script>window.hacked=true</script><b>b</b>");
  } else if (text == "tool") {
    for (const char* piece : {"It is ", "<|python_start|>", "37", "*12", "<|python_end|>", "<|output_start|>", "444",
                              "<|output_end|>", ", I think."})
      on_text(piece);
  } else if (text == "broken") {
    return error("no room");
  } else if (text == "fail once") {
    if (failures++ == 0) return error("not yet");
    on_text("better now");
  } else if (text != "empty") {
    on_text("You said: ");
    on_text(text);
  }
  return {};
}

// The server of the page, with the harness's own paths beside the application's.
class PageServer {
 public:
  PageServer() : app_(std::make_unique<ChatApp>(ChatAppOptions{})) {
    app_->attach(std::make_unique<FakeGenerator>(witness_, talk));
    http_ = take(
        HttpServer::listen("127.0.0.1", 0, {}, [this](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
          handle(request, std::move(exchange));
        }));
  }
  ~PageServer() {
    for (std::thread& thread : threads_) thread.join();
    app_->stop();
    http_->stop();
  }
  int port() const { return http_->port(); }
  std::string wait_for_report(double seconds) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)),
                      [&] { return !report_.empty(); });
    return report_;
  }

 private:
  void handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    const auto plain = [&](std::string text, const char* type = "text/plain") {
      exchange->respond({200, type, std::move(text), {}});
    };
    if (request.path == "/test") {
      std::string page;
      for (const WebFile& file : web_files())
        if (file.name == "index.html") page = file.bytes;
      const std::string last = "<script src=\"/app.js\"></script>";
      page.insert(page.find(last) + last.size(), "<script src=\"/page_test.js\"></script>");
      return exchange->respond(
          {200,
           "text/html; charset=utf-8",
           page,
           {{"Content-Security-Policy",
             "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"}}});
    }
    if (request.path == "/page_test.js")
      return plain(take(read_file(fs::path(LATHE_SOURCE_DIR) / "tests/serve/page_test.js")), "text/javascript");
    if (request.path == "/last-request") return plain(last_request_);
    if (request.path == "/running") return plain(std::to_string(witness_->started - witness_->ended));
    if (request.path == "/kill") {
      app_->stop();
      return plain("");
    }
    if (request.path == "/report") {
      const std::lock_guard lock(mutex_);
      report_ = request.body;
      arrived_.notify_all();
      return plain("");
    }
    if (request.path == "/chat/completions") {
      last_request_ = request.body;
      const Json body = take(parse_json(request.body));
      const std::string text = body.at("messages").as_array().back().at("content").as_string();
      if (text == "split") return split(std::move(exchange));
      if (text == "cut") return cut(std::move(exchange));
      if (text == "<b>refuse</b>")
        return exchange->respond({400, "application/json", "{\"detail\": \"<b>bold</b> refusal\"}", {}});
    }
    app_->handle(request, std::move(exchange));
  }

  // Every byte a chunk of its own, so that borders fall inside characters, lines and events.
  void split(std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/event-stream", "", {}});
    threads_.emplace_back([exchange = std::move(exchange)] {
      const std::string events =
          "data: {\"token\": \"caf\xC3\xA9 \", \"gpu\": 0}\n\ndata: {\"token\": \"\xF0\x9F\x98\x80\", \"gpu\": 0}\n\n"
          "data: {\"token\": \" end\", \"gpu\": 0}\n\ndata: {\"done\": true}\n\n";
      for (const char byte : events) {
        exchange->send(std::string(1, byte));
        ::usleep(500);
      }
      exchange->finish();
    });
  }
  // Text, and a moment later the end of the connection.
  void cut(std::shared_ptr<Exchange> exchange) {
    exchange->begin_stream({200, "text/event-stream", "", {}});
    exchange->send("data: {\"token\": \"half\", \"gpu\": 0}\n\n");
    threads_.emplace_back([kept = std::move(exchange)] { ::usleep(200000); });
  }

  std::shared_ptr<Witness> witness_ = std::make_shared<Witness>();
  std::unique_ptr<ChatApp> app_;
  std::unique_ptr<HttpServer> http_;
  std::string last_request_;          // only on the server's thread
  std::vector<std::thread> threads_;  // only on the server's thread
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::string report_;
};

// The browser runs once for all tests of this file.
class Page : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string browser = find_browser();
    if (browser.empty()) return;
    PageServer server;
    const TemporaryFolder profile;
    const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + "/test",
                      user_data = "--user-data-dir=" + profile.path().string();
    const char* arguments[] = {browser.c_str(),
                               "--headless",
                               "--no-sandbox",
                               "--disable-gpu",
                               "--disable-dev-shm-usage",
                               "--no-first-run",
                               "--window-size=1100,800",
                               "--remote-debugging-port=0",
                               user_data.c_str(),
                               url.c_str(),
                               nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int failed = posix_spawn(&child, browser.c_str(), &files, nullptr, const_cast<char**>(arguments), environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed) return;
    report_ = server.wait_for_report(60);
    ::kill(child, SIGTERM);
    ::waitpid(child, nullptr, 0);
  }

  // All findings of a scenario, at least one, are PASS.
  static void expect_passed(const std::string& scenario) {
    int64_t findings = 0;
    for (const std::string& line : split_text(report_, '\n')) {
      if (line.find(" " + scenario + ": ") != 4) continue;
      ++findings;
      EXPECT_EQ(line.substr(0, 4), "PASS") << line;
    }
    EXPECT_GT(findings, 0) << "no finding of " << scenario << " in:\n" << report_;
  }
  void SetUp() override {
    if (find_browser().empty()) GTEST_SKIP() << "no chromium";
    ASSERT_NE(report_.find("\nEND\n"), std::string::npos) << "the page did not report:\n" << report_;
  }
  static std::string report_;
};
std::string Page::report_;

// C-11.26, C-11.35
TEST_F(Page, StartsReadyToAsk) { expect_passed("start"); }
// C-11.27
TEST_F(Page, InputGrowsAndEnterSends) { expect_passed("input"); }
// C-11.28
TEST_F(Page, SendsHistoryAndSettings) { expect_passed("request"); }
// C-11.29
TEST_F(Page, SlashCommandsWorkAndUnknownOnesAreNamed) { expect_passed("commands"); }
// C-11.30, C-11.31
TEST_F(Page, EditingTakesTheRightMessagesAway) { expect_passed("edit"); }
// C-11.30, C-11.31
TEST_F(Page, RegeneratingTakesTheRightMessagesAway) { expect_passed("regenerate"); }
// C-11.31, C-11.32
TEST_F(Page, ShowsDotsAndCanBeStopped) { expect_passed("waiting"); }
// C-11.36
TEST_F(Page, ANewConversationAbortsTheRunningStream) { expect_passed("new_conversation"); }
// C-11.34
TEST_F(Page, EventsCutByChunksAreWhole) { expect_passed("split"); }
// C-11.32, C-11.33
TEST_F(Page, TrapS12ModelTextIsNeverHtml) { expect_passed("html"); }
// C-11.13
TEST_F(Page, ToolCallsAreChips) { expect_passed("tool"); }
// C-11.33
TEST_F(Page, ErrorsAreBoxesAndTheMessageStays) { expect_passed("errors"); }
// C-11.40
TEST_F(Page, EmptyAnswersAreKeptOut) { expect_passed("empty"); }
// C-11.39, C-11.32
TEST_F(Page, BubblesHaveTheirPlaces) { expect_passed("layout"); }
// C-11.35
TEST_F(Page, ADeadEngineIsReported) { expect_passed("health"); }

}  // namespace
}  // namespace lathe::serve
