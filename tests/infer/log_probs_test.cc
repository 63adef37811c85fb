// Log-probabilities of sampled tokens beside those of the training forward pass.
#include <algorithm>
#include <cmath>

#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/small_models.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

// C-9.12: samples come from what is trained: decision 17. Rows of several lengths, some dropped, the calculator forced in; training
// reads them padded and batched otherwise.
TEST(LogProbs, AreTheBitsOfTraining) {
  for (lathe::testing::SmallModel small : lathe::testing::small_models(64))
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      small.config.vocab_size = kMockVocab;
      const auto transformer = lathe::testing::random_model(small.config, dtype, true);
      TransformerModel model(*transformer);
      Engine engine(model, mock_tokenizer());
      GenerateOptions options;
      options.max_tokens = 24;
      options.num_samples = 5;
      options.log_probs = true;
      for (int32_t id = 0; id < 256; id += 12) options.stop_ids.push_back(id);
      const std::vector<std::vector<int32_t>> prompts = {{kBos, 1, 2, 3, 4, 5, 6, 7}, {kBos, 'x'}, {kBos, 9, 9, 9, 9}};
      const Generated out = take(engine.generate_each(prompts, options));

      constexpr int64_t kColumns = 40;  // padded
      const auto rows = static_cast<int64_t>(out.tokens.size());
      Tensor ids = Tensor::zeros({rows * kColumns}, DType::kInt32), targets = Tensor::empty({rows * kColumns}, DType::kInt32);
      std::fill_n(targets.data<int32_t>(), targets.elements(), -1);
      for (int64_t row = 0; row < rows; ++row) {
        std::vector<int32_t> text = out.tokens[static_cast<size_t>(row)];
        if (out.terminal[static_cast<size_t>(row)] != kNoToken) text.push_back(out.terminal[static_cast<size_t>(row)]);
        for (size_t t = 0; t + 1 < text.size(); ++t) {
          ids.data<int32_t>()[row * kColumns + static_cast<int64_t>(t)] = text[t];
          targets.data<int32_t>()[row * kColumns + static_cast<int64_t>(t)] = text[t + 1];
        }
      }
      ops::Context ctx;
      autograd::Tape tape(ctx, true);
      model::Batch batch;
      batch.ids = ids;
      batch.batch = rows;
      batch.training = true;
      const Tensor factor = Tensor::zeros({rows * kColumns}, DType::kFloat32);
      const Tensor nll = transformer->loss(tape, transformer->forward(tape, batch), targets, factor);
      int64_t compared = 0, ended = 0;
      for (int64_t row = 0; row < rows; ++row) {
        const auto at = static_cast<size_t>(row);
        const size_t prompt = prompts[at / 5].size();
        ended += out.completed[at];
        ASSERT_EQ(out.log_probs[at].size(), out.tokens[at].size() - prompt + (out.terminal[at] != kNoToken));
        for (size_t i = 0; i < out.log_probs[at].size(); ++i, ++compared) {
          ASSERT_TRUE(std::isfinite(out.log_probs[at][i]));
          ASSERT_EQ(out.log_probs[at][i], -nll.data<float>()[row * kColumns + static_cast<int64_t>(prompt + i) - 1])
              << small.name << " row " << row << " token " << i;
        }
      }
      EXPECT_GT(compared, 100);
      EXPECT_GT(ended, 3);
    }
}

// Trap G1: the log-probability is that of the whole vocabulary at temperature 1, whatever the draws are restricted to.
TEST(TrapG1, LogProbsAreOfTheFullSoftmax) {
  MockModel model([](int64_t, const std::vector<int32_t>&, std::span<float> logits) { logits[7] = 2, logits[9] = 1; });
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.max_tokens = 3;
  options.log_probs = true;
  options.sampling.top_k = 1;
  options.sampling.temperature = 0.5;
  const Generated out = take(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options));
  const double total = std::exp(2.0) + std::exp(1.0) + (kMockVocab - 2);
  for (const float log_prob : out.log_probs[0]) EXPECT_NEAR(log_prob, 2 - std::log(total), 1e-5);
}

}  // namespace
}  // namespace lathe::infer
