// Generators for tests: a function says what is generated.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "serve/chat_server.h"
#include "tests/ref/testing.h"

namespace lathe::serve::testing {

using OnText = std::function<void(std::string_view)>;
using IsCancelled = std::function<bool()>;

// What tests see of a generator that the server owns.
struct Witness {
  std::atomic<int64_t> started = 0, ended = 0, steps = 0;
  std::atomic<bool> gate = false;  // for behaviours that wait
  std::mutex mutex;
  std::vector<GenerationRequest> requests;
};

class FakeGenerator : public Generator {
 public:
  using Behaviour = std::function<Status(const GenerationRequest&, const OnText&, const IsCancelled&)>;
  FakeGenerator(std::shared_ptr<Witness> witness, Behaviour behaviour)
      : witness_(std::move(witness)), behaviour_(std::move(behaviour)) {}
  std::string device() const override { return "fake"; }
  Status check(const GenerationRequest& request) const override {
    if (request.messages.back().text == "too long for the model")
      return error("The conversation has 9 tokens, more than 8.");
    return {};
  }
  Status generate(const GenerationRequest& request, const OnText& on_text, const IsCancelled& is_cancelled) override {
    {
      const std::lock_guard lock(witness_->mutex);
      witness_->requests.push_back(request);
    }
    ++witness_->started;
    const Status status = behaviour_(request, on_text, is_cancelled);
    ++witness_->ended;
    return status;
  }

 private:
  std::shared_ptr<Witness> witness_;
  Behaviour behaviour_;
};

inline FakeGenerator::Behaviour says(std::vector<std::string> pieces) {
  return [pieces = std::move(pieces)](const GenerationRequest&, const OnText& on_text, const IsCancelled&) -> Status {
    for (const std::string& piece : pieces) on_text(piece);
    return {};
  };
}

// A piece every millisecond until cancelled.
inline FakeGenerator::Behaviour says_without_end(std::shared_ptr<Witness> witness) {
  return [witness](const GenerationRequest&, const OnText& on_text, const IsCancelled& is_cancelled) -> Status {
    while (!is_cancelled()) {
      ++witness->steps;
      on_text("x");
      ::usleep(1000);
    }
    return {};
  };
}

// Says "go", then nothing until the gate opens.
inline FakeGenerator::Behaviour waits_at_the_gate(std::shared_ptr<Witness> witness) {
  return [witness](const GenerationRequest&, const OnText& on_text, const IsCancelled& is_cancelled) -> Status {
    on_text("go");
    while (!witness->gate && !is_cancelled()) ::usleep(500);
    return {};
  };
}

inline std::string ask(std::string_view text) {
  Json message = Json::object(), body = Json::object(), messages = Json::array();
  message["role"] = "user";
  message["content"] = text;
  messages.push_back(std::move(message));
  body["messages"] = std::move(messages);
  return body.dump();
}

// A server on a free port with this behaviour.
struct Running {
  std::shared_ptr<Witness> witness = std::make_shared<Witness>();
  std::unique_ptr<ChatServer> server;

  explicit Running(FakeGenerator::Behaviour behaviour, ChatServerOptions options = {})
      : Running(std::move(options), false) {
    attach(std::move(behaviour));
  }
  explicit Running(ChatServerOptions options, bool) {
    options.port = 0;
    server = lathe::testing::take(ChatServer::listen(std::move(options)));
  }
  void attach(FakeGenerator::Behaviour behaviour) {
    server->attach(std::make_unique<FakeGenerator>(witness, std::move(behaviour)));
  }
  int port() const { return server->port(); }
};

}  // namespace lathe::serve::testing
