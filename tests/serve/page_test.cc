// The page in a real browser: chromium loads it from a real server with page_test.js beside it, which acts like a
// person and reports line by line. Skipped where there is no chromium.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "serve/http_server.h"
#include "serve/page_file.h"
#include "tests/ref/testing.h"

extern char** environ;

namespace lathe::serve {
namespace {

namespace fs = std::filesystem;
using lathe::testing::take;

std::string find_browser() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
    if (fs::exists(path)) return path;
  return "";
}

// What the model says, by the last message: pieces, and then whether the stream ends as it should.
struct Answer {
  std::vector<std::string> pieces;
  bool complete = true, endless = false;
  std::string failure;
};

Answer answer_to(const std::string& text) {
  static std::atomic<int> failures = 0;
  if (text == "slow") return {{}, true, true, ""};
  if (text == "html")
    return {{"<img src=x onerror=\"window.hacked=true\"><script>window.hacked=true</script><b>b</b>"}, true, false, ""};
  if (text == "tool")
    return {{"It is ", "<|python_start|>", "37", "*12", "<|python_end|>", "<|output_start|>", "444", "<|output_end|>",
             ", I think."},
            true,
            false,
            ""};
  if (text == "broken") return {{}, false, false, "no room"};
  if (text == "fail once" && failures++ == 0) return {{}, false, false, "not yet"};
  if (text == "fail once") return {{"better now"}, true, false, ""};
  if (text == "cut") return {{"half"}, false, false, ""};
  if (text == "split") return {{"caf\xC3\xA9 ", "\xF0\x9F\x98\x80", " end"}, true, false, ""};
  if (text == "empty") return {};
  return {{"You said: ", text}, true, false, ""};
}

std::string chunk_of(const std::string& piece) {
  Json delta = Json::object(), choice = Json::object(), choices = Json::array(), chunk = Json::object();
  delta["content"] = piece;
  choice["index"] = 0;
  choice["delta"] = std::move(delta);
  choices.push_back(std::move(choice));
  chunk["object"] = "chat.completion.chunk";
  chunk["choices"] = std::move(choices);
  return "data: " + chunk.dump() + "\n\n";
}

// A server that speaks to the page as lathe does, by script, with the harness's own paths beside.
class PageServer {
 public:
  PageServer() {
    http_ = take(
        HttpServer::listen("127.0.0.1", 0, {}, [this](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
          handle(request, std::move(exchange));
        }));
  }
  ~PageServer() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
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
      HttpResponse page = *page_file("index.html");
      page.body.insert(page.body.find("</head>"), "<script type=\"module\" src=\"/page_test.js\"></script>");
      return exchange->respond(std::move(page));
    }
    if (request.path == "/page_test.js")
      return plain(take(read_file(fs::path(LATHE_SOURCE_DIR) / "tests/serve/page_test.js")), "text/javascript");
    if (request.path == "/page/info")
      return plain(
          "{\"models\": [\"tiny\"], \"default_model\": \"tiny\", \"key_needed\": false, \"dashboard\": null, "
          "\"report\": null}",
          "application/json");
    if (request.path == "/health")
      return plain(dead_ ? "{\"status\": \"error\", \"ready\": false}" : "{\"status\": \"ok\", \"ready\": true}",
                   "application/json");
    if (request.path == "/last-request") return plain(last_request_);
    if (request.path == "/running") return plain(std::to_string(running_));
    if (request.path == "/go") {  // the slow answer begins
      go_ = true;
      return plain("");
    }
    if (request.path == "/kill") {
      dead_ = true;
      return plain("");
    }
    if (request.path == "/report") {
      const std::lock_guard lock(mutex_);
      report_ = request.body;
      arrived_.notify_all();
      return plain("");
    }
    if (request.path == "/v1/chat/completions") return chat(request, std::move(exchange));
    auto file = page_file(std::string_view(request.path).substr(1));
    exchange->respond(file ? *std::move(file) : HttpResponse{404, "application/json", "{}", {}});
  }

  void chat(const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
    last_request_ = request.body;
    const Json body = take(parse_json(request.body));
    const std::string text = body.at("messages").as_array().back().at("content").as_string();
    if (text == "<b>refuse</b>")
      return exchange->respond({400, "application/json", "{\"error\": {\"message\": \"<b>bold</b> refusal\"}}", {}});
    exchange->begin_stream({200, "text/event-stream", "", {}});
    ++running_;
    threads_.emplace_back([this, text, kept = std::move(exchange)] {
      const Answer answer = answer_to(text);
      std::string events;
      for (const std::string& piece : answer.pieces) events += chunk_of(piece);
      if (!answer.failure.empty()) events += "data: {\"error\": {\"message\": \"" + answer.failure + "\"}}\n\n";
      if (answer.complete) events += "data: [DONE]\n\n";
      while (text == "slow" && !go_ && !kept->is_gone() && !stopping_) ::usleep(1000);
      while (answer.endless && !kept->is_gone() && !stopping_) {
        kept->send(chunk_of("x"));
        ::usleep(5000);
      }
      // Every byte a chunk of its own, so that borders fall inside characters, lines and events.
      for (size_t i = 0; text == "split" && i < events.size(); ++i) {
        kept->send(std::string(1, events[i]));
        ::usleep(500);
      }
      if (text != "split" && !answer.endless) kept->send(events);
      if (text == "cut")
        ::usleep(200000);
      else
        kept->finish();
      --running_;
    });
  }

  std::unique_ptr<HttpServer> http_;
  std::string last_request_;          // only on the server's thread
  std::vector<std::thread> threads_;  // only on the server's thread
  std::atomic<int> running_ = 0;
  std::atomic<bool> dead_ = false, go_ = false, stopping_ = false;
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
    report_ = server.wait_for_report(300);
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
TEST_F(Page, EditingBranchesAtTheRightMessage) { expect_passed("edit"); }
// C-11.30, C-11.31
TEST_F(Page, RegeneratingBranchesAtTheRightMessage) { expect_passed("regenerate"); }
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
