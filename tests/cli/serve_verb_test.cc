// lathe serve as it is called, at a Unix socket, until a signal.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <future>
#include <thread>

#include "real_verbs.h"
#include "tests/train/tiny_run.h"

namespace lathe::cli {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class ServeVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto tokenizer = testing::tiny_tokenizer();
    testing::check(tokenizer.save(base() / "tokenizer"));
    testing::save_tiny(base(), "sft", "d2", 3, tokenizer);
  }
  fs::path base() const { return folder_.path() / "base"; }
  std::string socket_path() const { return (folder_.path() / "s").string(); }
  std::vector<std::string> words(const std::string& program, std::vector<std::string> more) const {
    std::vector<std::string> out = {program, "--base-dir", base().string(), "--dtype", "fp32", "--threads", "1", "--log-level", "ERROR"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  // The whole answer; empty while nobody listens.
  std::string ask(const std::string& method, const std::string& path, const std::string& body = "") const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path().c_str(), sizeof(address.sun_path) - 1);
    std::string answer;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      const std::string request = join_text(method, " ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ",
                                            body.size(), "\r\n\r\n", body);
      (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
      char buffer[4096];
      for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;) answer.append(buffer, static_cast<size_t>(n));
    }
    ::close(fd);
    return answer;
  }

  // After a signal; without one where the verb has ended by itself, for then it would end the tests.
  static Outcome stopped(std::future<Outcome>& done) {
    if (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) ::kill(::getpid(), SIGTERM);
    return done.get();
  }

  TemporaryFolder folder_;
};

// L-10.4, C-11.38, C-11.8: one server for both pipelines' requests; the model is there before the first of them.
TEST_F(ServeVerb, AnswersBothPipelinesClientsUntilASignal) {
  auto done = std::async(std::launch::async, [&] { return run_lathe(words("serve", {"--socket", socket_path(), "--max-tokens", "4"})); });
  std::string health;
  for (int i = 0; i < 2400 && !has(health, "\"ready\": true"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    health = ask("GET", "/health");
  }
  EXPECT_TRUE(has(health, "\"status\": \"ok\"")) << health;
  const std::string ours = R"({"messages": [{"role": "user", "content": "hi"}]})";
  EXPECT_TRUE(has(ask("POST", "/chat/completions", ours), "data: {\"done\": true}"));
  EXPECT_TRUE(has(ask("POST", "/v1/chat/completions", ours), "\"object\": \"chat.completion\""));
  EXPECT_TRUE(has(ask("POST", "/generate", R"({"prompt": "hi", "max_new_tokens": 3})"), " 200 "));
  EXPECT_TRUE(has(ask("GET", "/v1/models"), "\"id\": \"d2\""));
  EXPECT_TRUE(has(ask("GET", "/"), "<html"));
  const Outcome outcome = stopped(done);
  EXPECT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  for (const char* line : {"Serving 1 model", "  d2\n", "Sampling defaults: temperature 0.8, top-k 50, max tokens 4", "unix:"}) EXPECT_TRUE(has(outcome.out, line)) << outcome.out;
  EXPECT_FALSE(fs::exists(socket_path()));
}

// L-1.59, L-10.3: the lab's program has its own defaults.
TEST_F(ServeVerb, TheLabsProgramIsTheSameServerWithItsOwnDefaults) {
  auto done = std::async(std::launch::async, [&] { return run_lathe(words("100_serve", {"--socket", socket_path()})); });
  for (int i = 0; i < 2400 && ask("GET", "/health").empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const Outcome outcome = stopped(done);
  EXPECT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "temperature 0.7, top-k 50, max tokens 150")) << outcome.out;
}

// C-11.8
TEST_F(ServeVerb, MoreThanOneCopyNeedsAnotherMachine) {
  const Outcome outcome = run_lathe(words("serve", {"--num-gpus", "2"}));
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_TRUE(has(outcome.err, "CUDA")) << outcome.err;
}

}  // namespace
}  // namespace lathe::cli
