// The batch engine over real transformers of every family.
#include "infer/transformer_model.h"
#include "tests/infer/random_requests.h"
#include "tests/infer/scripted_drafter.h"
#include "tests/ref/small_models.h"

namespace lathe::infer {
namespace {

using namespace testing;

template <class Check>
void for_each_small_model(int64_t sequence_len, Check check) {
  for (lathe::testing::SmallModel small : lathe::testing::small_models(sequence_len))
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      SCOPED_TRACE(small.name + " " + dtype_name(dtype));
      small.config.vocab_size = kMockVocab;
      const auto transformer = lathe::testing::random_model(small.config, dtype);
      check(*transformer);
    }
}

// L-12.10: pieces, pages, the prefix cache, preemption, guesses and company change no bit of an answer.
TEST(BatchEngineTransformer, EveryRequestGetsWhatItWouldGetAlone) {
  EngineFigures sum;
  uint64_t round = 0;
  for_each_small_model(256, [&](model::Transformer& transformer) {
    TransformerModel model(transformer);
    BatchEngineOptions plain;
    plain.token_budget = 10000;
    plain.prefix_cache = false;
    plain.kv_format = round % 4 == 3 ? lathe::model::KvFormat::kInt8 : lathe::model::KvFormat::kActivation;
    BatchEngine reference(model, mock_tokenizer(), plain);
    RandomRequests random(round++, 150, 24);
    BatchEngineOptions options;
    options.pages = static_cast<int64_t>(6 + random.below(20));
    options.max_rows = 8;
    options.token_budget = static_cast<int64_t>(8 + random.below(100));
    options.draft_tokens = 3;
    options.kv_format = plain.kv_format;
    BatchEngine engine(model, mock_tokenizer(), options, std::make_unique<ScriptedDrafter>(scattered(), 0.5, round));
    std::vector<std::pair<Request, std::shared_ptr<Recorder>>> pairs;
    while (pairs.size() < 20) {
      Request request = random.next();
      request.adapter = -1;
      if (!engine.check(request).ok()) continue;
      pairs.emplace_back(request, std::make_shared<Recorder>());
      ASSERT_EQ(engine.submit(request, pairs.back().second), Admission::kAccepted);
      for (size_t steps = random.below(4); steps > 0; --steps) engine.step();
    }
    while (engine.step()) {
    }
    for (const auto& [request, heard] : pairs) expect_same(*heard, *run_alone(reference, request), request);
    const EngineFigures figures = engine.figures();
    EXPECT_EQ(figures.pages_used, 0);
    EXPECT_EQ(figures.finished, 20);
    sum.preemptions += figures.preemptions;
    sum.cached_tokens += figures.cached_tokens;
    sum.drafted_tokens += figures.drafted_tokens;
  });
  EXPECT_GT(sum.preemptions, 0);
  EXPECT_GT(sum.cached_tokens, 500);
  EXPECT_GT(sum.drafted_tokens, 1000);
}

// L-10.8: of prompt and answer, with the prefix cache warm and other requests beside it, they are the bits of the forward pass of training.
TEST(BatchEngineTransformer, ServedLogProbabilitiesAreTheEvaluators) {
  for_each_small_model(256, [&](model::Transformer& transformer) {
    TransformerModel model(transformer);
    BatchEngineOptions options;
    options.token_budget = 40;
    BatchEngine engine(model, mock_tokenizer(), options);
    std::vector<std::pair<Request, std::shared_ptr<Recorder>>> pairs;
    for (uint64_t i = 0; i < 6; ++i) {
      Request request;
      request.prompt = text_of_seed(100, i / 2);
      request.max_tokens = 20;
      request.sampling.seed = i;
      request.top_log_probs = 3;
      request.prompt_log_probs = i % 3 == 2;
      pairs.emplace_back(request, std::make_shared<Recorder>());
      engine.submit(request, pairs.back().second);
    }
    while (engine.step()) {
    }
    for (const auto& [request, heard] : pairs) {
      ASSERT_TRUE(heard->ok());
      const Heard& answer = heard->answers.at(0);
      std::vector<int32_t> text = request.prompt;
      text.insert(text.end(), answer.tokens.begin(), answer.tokens.end());
      const auto n = static_cast<int64_t>(text.size());
      std::vector<int32_t> next(text.begin() + 1, text.end());
      next.push_back(-1);
      ops::Context ctx;
      autograd::Tape tape(ctx, false);
      lathe::model::Batch batch;
      batch.ids = Tensor::of<int32_t>(text, {n});
      const autograd::Var hidden = transformer.forward(tape, batch);
      const Tensor nll = transformer.loss(tape, hidden, Tensor::of<int32_t>(next, {n}), Tensor::zeros({n}, DType::kFloat32));
      const float* loss = nll.data<float>();
      for (size_t t = 0; t < answer.tokens.size(); ++t) {
        const LogProb& got = answer.log_probs.at(t);
        ASSERT_EQ(got.token, answer.tokens[t]);
        ASSERT_EQ(got.log_prob, -loss[request.prompt.size() - 1 + t]);
        ASSERT_EQ(got.top.size(), 3u);
        ASSERT_TRUE(got.top[0].second >= got.top[1].second && got.top[0].second >= got.log_prob);
      }
      ASSERT_EQ(heard->prompt_log_probs.size(), request.prompt_log_probs ? request.prompt.size() - 1 : 0);
      for (size_t t = 0; t < heard->prompt_log_probs.size(); ++t) {
        ASSERT_EQ(heard->prompt_log_probs[t].token, request.prompt[t + 1]);
        ASSERT_EQ(heard->prompt_log_probs[t].log_prob, -loss[t]);
      }
    }
  });
}

}  // namespace
}  // namespace lathe::infer
