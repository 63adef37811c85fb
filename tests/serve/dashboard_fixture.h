// A dashboard over real sockets, alone or with a small model that somebody trains.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "serve/dashboard.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/small_models.h"
#include "tests/serve/raw_client.h"

namespace lathe::serve::testing {

inline Json values(std::initializer_list<std::pair<std::string, Json>> list) { return Json(Json::Object(list.begin(), list.end())); }

struct Watched {
  explicit Watched(DashboardOptions options = {}) : dashboard(lathe::testing::take(Dashboard::open(std::move(options)))) {}
  int port() const { return std::stoi(dashboard->url().substr(dashboard->url().rfind(':') + 1)); }
  Json history() const {
    RawClient client(port());
    client.get("/history");
    return lathe::testing::take(parse_json(client.response().body));
  }
  std::unique_ptr<Dashboard> dashboard;
};

// Makes a step a millisecond.
class Trainer {
 public:
  Trainer(Dashboard& dashboard, model::Transformer& model, std::function<void()> exchange = {})
      : thread_([this, &dashboard, &model, exchange = std::move(exchange)] {
          for (int64_t step = 0; !stop_; ++step) {
            dashboard.at_border(step, model, exchange);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  ~Trainer() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Talking : Watched {
  explicit Talking(uint64_t seed = 3, DashboardOptions options = {})
      : Watched([&] {
          options.tokenizer = infer::testing::chat_tokenizer();
          return std::move(options);
        }()),
        model(config(), DType::kFloat32) {
    initialise(seed);
  }
  void initialise(uint64_t seed) {
    model.initialise(seed);
    model.refresh_compute();
  }
  static model::ModelConfig config() {
    model::ModelConfig config = lathe::testing::small_chat(model::ChatState::kSeed, 64);
    config.vocab_size = infer::testing::chat_tokenizer().vocab_size();
    return config;
  }
  RawResponse ask(std::string_view body) {
    RawClient client(port());
    client.post("/chat", body);
    return client.response();
  }
  model::Transformer model;
};

}  // namespace lathe::serve::testing
