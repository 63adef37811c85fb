// A listener that keeps what it hears, and models and requests for tests of the batch engine.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/text.h"
#include "infer/batch_engine.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer::testing {

struct Heard {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<uint8_t> sampled;
  std::vector<LogProb> log_probs;
  std::optional<Finish> finish;
};

class Recorder : public RequestListener {
 public:
  bool is_gone() const override { return gone; }
  void started(std::span<const LogProb> log_probs) override {
    EXPECT_FALSE(is_started) << "started twice";
    is_started = true;
    prompt_log_probs.assign(log_probs.begin(), log_probs.end());
  }
  void delta(const Delta& delta) override {
    EXPECT_TRUE(is_started && !status) << "a delta out of turn";
    Heard& answer = answers[static_cast<size_t>(delta.index)];
    EXPECT_FALSE(answer.finish) << "a delta after the end";
    EXPECT_EQ(delta.tokens.size(), delta.sampled.size());
    EXPECT_EQ(repair_utf8(delta.text), delta.text) << "a part of a character";
    answer.text += delta.text;
    answer.tokens.insert(answer.tokens.end(), delta.tokens.begin(), delta.tokens.end());
    answer.sampled.insert(answer.sampled.end(), delta.sampled.begin(), delta.sampled.end());
    answer.log_probs.insert(answer.log_probs.end(), delta.log_probs.begin(), delta.log_probs.end());
    ++deltas;
    if (gone_after == deltas) gone = true;
  }
  void finished(const Finish& finish) override {
    Heard& answer = answers[static_cast<size_t>(finish.index)];
    EXPECT_FALSE(answer.finish) << "finished twice";
    answer.finish = finish;
  }
  void done(const Status& status_in, const Usage& usage_in) override {
    EXPECT_FALSE(status) << "done twice";
    status = status_in;
    usage = usage_in;
  }

  bool ok() const { return status && status->ok(); }
  std::map<size_t, Heard> answers;
  std::vector<LogProb> prompt_log_probs;
  bool is_started = false, gone = false;
  int64_t deltas = 0, gone_after = -1;
  std::optional<Status> status;
  Usage usage;
};

inline std::shared_ptr<Recorder> run_alone(BatchEngine& engine, const Request& request) {
  auto recorder = std::make_shared<Recorder>();
  EXPECT_EQ(engine.submit(request, recorder), Admission::kAccepted);
  while (engine.step()) {
  }
  EXPECT_TRUE(recorder->status) << "never done";
  return recorder;
}

// Logits that hang on all tokens so far and favour a few, so that answers differ as soon as anything does. Now and then the calculator
// is asked, or the answer ends.
inline MockModel::Logits scattered(double sharpness = 4) {
  return [sharpness](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    uint64_t sum = 1469598103934665603u;
    for (const int32_t id : seen) sum = (sum ^ static_cast<uint64_t>(id)) * 1099511628211u;
    const auto next = [&] { return (sum = sum * 6364136223846793005u + 1442695040888963407u) >> 33; };
    for (float& logit : logits) logit = static_cast<float>(sharpness * static_cast<double>(next() % 65536) / 65536);
    for (int i = 0; i < 4; ++i) logits[next() % 256] += static_cast<float>(sharpness);
    if (next() % 50 == 0) logits[kAssistantEnd] += static_cast<float>(2 * sharpness);
    if (next() % 30 == 0) logits[kPythonStart] += static_cast<float>(3 * sharpness);
    const auto is = [&](size_t back, int32_t token) { return seen.size() > back && seen[seen.size() - 1 - back] == token; };
    const auto digit = static_cast<int32_t>('1' + next() % 9);
    if (is(0, kPythonStart) || (is(2, kPythonStart) && is(0, '+'))) logits[static_cast<size_t>(digit)] += 50;
    if (is(1, kPythonStart)) logits['+'] += 50;
    if (is(3, kPythonStart)) logits[kPythonEnd] += 50;
  };
}

inline std::vector<int32_t> text_of_seed(int64_t length, uint64_t seed) {
  Rng rng(seed, "text");
  std::vector<int32_t> ids = {kBos};
  while (static_cast<int64_t>(ids.size()) < length) ids.push_back(static_cast<int32_t>(rng.below(256)));
  return ids;
}

}  // namespace lathe::infer::testing
