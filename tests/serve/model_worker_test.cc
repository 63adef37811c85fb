#include "serve/model_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>

#include "core/clock.h"
#include "tests/infer/mock_model.h"

namespace lathe::serve {
namespace {

using infer::testing::MockModel;
using std::chrono::milliseconds;

// What a request heard, in order; done() is waited for.
class Heard : public infer::RequestListener {
 public:
  bool is_gone() const override { return gone; }
  void delta(const infer::Delta& delta) override { tokens += static_cast<int64_t>(delta.tokens.size()); }
  void finished(const infer::Finish&) override { ++answers; }
  void done(const Status& status, const infer::Usage&) override { end_.set_value(status); }
  void refused() override { end_.set_value(error("refused")); }
  Status wait() {
    auto future = end_.get_future();
    if (future.wait_for(std::chrono::seconds(60)) != std::future_status::ready) return error("nothing was heard");
    return future.get();
  }
  std::atomic<bool> gone = false;
  std::atomic<int64_t> tokens = 0, answers = 0;

 private:
  std::promise<Status> end_;
};

infer::Request request(int64_t tokens) {
  infer::Request wanted;
  wanted.prompt = {infer::testing::kBos, 'a', 'b'};
  wanted.max_tokens = tokens;
  wanted.ignore_terminal = true;
  return wanted;
}

struct Served {
  explicit Served(int64_t max_waiting = 4, double stuck_seconds = 60) {
    infer::BatchEngineOptions options;
    options.max_rows = 2;
    options.max_waiting = options.max_waiting_per_client = max_waiting;
    worker = std::make_unique<ModelWorker>(std::make_unique<infer::BatchEngine>(model, infer::testing::mock_tokenizer(), options), stuck_seconds);
  }
  MockModel model;
  std::unique_ptr<ModelWorker> worker;
};

// Holds the engine before its next step until it is let go.
class Gate {
 public:
  std::function<void()> fault() {
    return [this] {
      reached_.store(true);
      while (closed_.load()) std::this_thread::sleep_for(milliseconds(1));
    };
  }
  void wait_until_reached() const {
    while (!reached_.load()) std::this_thread::sleep_for(milliseconds(1));
  }
  void open() { closed_.store(false); }

 private:
  std::atomic<bool> closed_ = true, reached_ = false;
};

TEST(ModelWorker, RequestsOfManyThreadsAreAllAnswered) {
  Served served(64);
  std::vector<std::shared_ptr<Heard>> heard;
  for (int i = 0; i < 24; ++i) heard.push_back(std::make_shared<Heard>());
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c)
    clients.emplace_back([&, c] {
      for (int i = 0; i < 6; ++i)
        EXPECT_EQ(served.worker->submit(request(5), heard[static_cast<size_t>(c * 6 + i)]), Submission::kAccepted);
    });
  for (std::thread& client : clients) client.join();
  for (const auto& one : heard) {
    EXPECT_TRUE(one->wait().ok());
    EXPECT_EQ(one->tokens, 5);
    EXPECT_EQ(one->answers, 1);
  }
  served.worker->stop();
  EXPECT_EQ(served.worker->state().figures.finished, 24);
}

TEST(TrapS3, WhatTheQueueDoesNotHoldIsRefusedAtOnce) {
  Gate gate;
  Served served(3);
  served.worker->set_fault_for_test(gate.fault());
  std::vector<std::shared_ptr<Heard>> heard;
  int accepted = 0;
  for (int i = 0; i < 20; ++i) {
    heard.push_back(std::make_shared<Heard>());
    if (served.worker->submit(request(2), heard.back()) == Submission::kAccepted)
      ++accepted;
    else
      heard.pop_back();
    if (i == 0) gate.wait_until_reached();
  }
  EXPECT_EQ(accepted, 4);  // one that would start at once, three that wait
  gate.open();
  for (const auto& one : heard) EXPECT_TRUE(one->wait().ok());
  EXPECT_EQ(served.worker->submit(request(2), std::make_shared<Heard>()), Submission::kAccepted);
}

TEST(TrapS5, AnEngineThatThrowsIsDeadAndEveryRequestHears) {
  Served served;
  std::atomic<int> steps = 0;
  std::atomic<bool> both = false;
  served.worker->set_fault_for_test([&] {
    while (!both) std::this_thread::sleep_for(milliseconds(1));
    if (++steps == 3) throw std::runtime_error("the fault of the test");
  });
  const auto running = std::make_shared<Heard>(), other = std::make_shared<Heard>();
  ASSERT_EQ(served.worker->submit(request(40), running), Submission::kAccepted);
  ASSERT_EQ(served.worker->submit(request(40), other), Submission::kAccepted);
  both = true;
  const Status first = running->wait();
  ASSERT_FALSE(first.ok());
  EXPECT_NE(first.error().to_string().find("the fault of the test"), std::string::npos);
  EXPECT_FALSE(other->wait().ok());
  const ModelWorkerState state = served.worker->state();
  EXPECT_FALSE(state.alive);
  EXPECT_EQ(state.failure, "the fault of the test");
  EXPECT_EQ(served.worker->submit(request(1), std::make_shared<Heard>()), Submission::kDown);
  EXPECT_FALSE(served.worker->run_between([](infer::LanguageModel&) {}));
}

TEST(TrapS5, AStepThatDoesNotEndIsSeen) {
  Gate gate;
  Served served(4, 0.05);
  EXPECT_FALSE(served.worker->state().stuck);
  served.worker->set_fault_for_test(gate.fault());
  const auto heard = std::make_shared<Heard>();
  served.worker->submit(request(2), heard);
  gate.wait_until_reached();
  std::this_thread::sleep_for(milliseconds(80));
  EXPECT_TRUE(served.worker->state().stuck);
  EXPECT_TRUE(served.worker->state().alive);
  gate.open();
  EXPECT_TRUE(heard->wait().ok());
  while (!served.worker->idle()) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_FALSE(served.worker->state().stuck);
}

TEST(TrapS2, AClientThatLeavesEndsItsAnswerWithinOneStep) {
  Served served;
  std::atomic<int64_t> steps = 0;
  const auto heard = std::make_shared<Heard>();
  std::atomic<int64_t> left_at = -1;
  served.worker->set_fault_for_test([&] {
    if (++steps == 4) {
      heard->gone = true;
      left_at = heard->tokens.load();
    }
  });
  served.worker->submit(request(60), heard);
  EXPECT_TRUE(heard->wait().ok());
  EXPECT_LE(heard->tokens, left_at + 1);
  while (!served.worker->idle()) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(served.worker->state().figures.pages_used, 0);
}

TEST(ModelWorker, StopEndsRunningAndWaitingRequests) {
  Gate gate;
  Served served;
  served.worker->set_fault_for_test(gate.fault());
  std::vector<std::shared_ptr<Heard>> heard;
  for (int i = 0; i < 4; ++i) {
    heard.push_back(std::make_shared<Heard>());
    ASSERT_EQ(served.worker->submit(request(50), heard.back()), Submission::kAccepted);
    if (i == 0) gate.wait_until_reached();
  }
  std::thread opener([&] {  // not before stop() was called: the answers would come to their end
    while (served.worker->state().alive) std::this_thread::sleep_for(milliseconds(1));
    gate.open();
  });
  served.worker->stop("time to go");
  opener.join();
  for (const auto& one : heard) {
    const Status status = one->wait();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().to_string().find("time to go"), std::string::npos);
  }
}

TEST(ModelWorker, WorkRunsBetweenStepsOnTheEnginesThread) {
  Served served;
  const auto heard = std::make_shared<Heard>();
  served.worker->submit(request(20), heard);
  std::promise<int64_t> vocab;
  ASSERT_TRUE(served.worker->run_between([&](infer::LanguageModel& model) { vocab.set_value(model.vocab_size()); }));
  EXPECT_EQ(vocab.get_future().get(), infer::testing::kMockVocab);
  EXPECT_TRUE(heard->wait().ok());
}

}  // namespace
}  // namespace lathe::serve
