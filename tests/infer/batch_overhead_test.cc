// What the engine itself costs beside the model: a model whose steps cost nothing.
#include <cstdio>
#include <cstdlib>

#include "core/rng.h"
#include "infer/batch_engine.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/thread_time.h"

namespace lathe::infer {
namespace {

using namespace testing;

// Any text is followed by the same logits.
class FreeModel : public MockModel {
 public:
  FreeModel(int64_t vocab, int64_t rows) : MockModel({}, vocab), logits_(Tensor::zeros({rows, vocab}, DType::kFloat32)) {
    limit = 1 << 20;
    Rng rng(1, "logits");
    for (float& logit : logits_.span<float>()) logit = static_cast<float>(5 * rng.normal());  // a few tokens have nearly all
  }
  Tensor step(std::span<const model::PagedRow>, model::PagedCache&) override { return logits_; }

 private:
  Tensor logits_;
};

class Deaf : public RequestListener {
 public:
  void delta(const Delta&) override {}
  void finished(const Finish&) override {}
  void done(const Status& status, const Usage&) override { EXPECT_TRUE(status.ok()); }
};

// Microseconds a row and step, at texts of `length` tokens.
double cost(int64_t vocab, int64_t rows, int64_t length, int64_t steps, const SamplingOptions& sampling) {
  FreeModel model(vocab, rows);
  BatchEngineOptions options;
  options.max_rows = rows;
  options.token_budget = rows * length;
  options.pages = rows * (length + steps + 64) / 64;
  std::vector<std::string> tokens = byte_tokens();
  while (static_cast<int64_t>(tokens.size()) < vocab - 1) tokens.push_back("t" + std::to_string(tokens.size()));
  BatchEngine engine(model, lathe::testing::take(tokenizer::Tokenizer::from_tokens(tokens, {tokenizer::kBos})), options);
  for (int64_t row = 0; row < rows; ++row) {
    Request request;
    request.prompt.assign(static_cast<size_t>(length), static_cast<int32_t>(row));
    request.max_tokens = steps;
    request.ignore_terminal = true;
    request.sampling = sampling;
    engine.submit(std::move(request), std::make_shared<Deaf>());
  }
  engine.step();
  const double before = lathe::testing::thread_cpu_seconds();
  for (int64_t i = 0; i < steps - 2; ++i) engine.step();
  const double seconds = lathe::testing::thread_cpu_seconds() - before;
  EXPECT_EQ(engine.figures().running, rows);
  return 1e6 * seconds / static_cast<double>(rows * (steps - 2));
}

// A step of the smallest real model takes a millisecond; the engine's own part must be lost in it and must not grow with the text.
TEST(BatchEngineOverhead, IsFarBelowAStepAndDoesNotGrowWithTheText) {
  SamplingOptions greedy;
  greedy.temperature = 0;
  const double brief = cost(kMockVocab, 32, 10, 200, greedy), lengthy = cost(kMockVocab, 32, 4000, 200, greedy);
  EXPECT_LT(brief, 50) << "microseconds a row and step";
  EXPECT_LT(lengthy, 4 * brief + 5);
  if (std::getenv("LATHE_LONG") == nullptr) return;
  std::printf("texts of 10 tokens: %.2f, of 4000: %.2f us a row and step\n", brief, lengthy);
  for (const int64_t vocab : {kMockVocab, int64_t{50304}})
    for (const int64_t rows : {1, 8, 32}) {
      SamplingOptions plain, top_k, top_p;
      top_k.top_k = 50;
      top_p.top_p = 0.95;
      std::printf("V %6lld, %2lld rows: greedy %.2f, plain %.2f, top-k %.2f, top-p %.2f us a row and step\n", static_cast<long long>(vocab),
                  static_cast<long long>(rows), cost(vocab, rows, 100, 100, greedy), cost(vocab, rows, 100, 100, plain),
                  cost(vocab, rows, 100, 100, top_k), cost(vocab, rows, 100, 100, top_p));
    }
}

}  // namespace
}  // namespace lathe::infer
