// Several prompts at a time.
#include <cmath>
#include <set>

#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

model::ModelConfig small_config(model::ChatState state, int64_t vocab_size) {
  model::ModelConfig config;
  model::apply_chat_state(config, state);
  config.sequence_len = 32;
  config.vocab_size = vocab_size;
  config.n_layer = 3;
  config.n_head = 4;
  config.n_kv_head = 2;
  config.n_embd = 64;
  config.window_pattern = "SL";
  return config;
}

// Weights that make every part of the model matter.
void stir(model::Transformer& model) {
  model.initialise(5);
  double angle = 0;
  for (autograd::Parameter* p : model.parameters())
    for (float& w : p->value.span<float>()) w += static_cast<float>(0.05 * std::sin(angle += 1.7));
  model.refresh_compute();
}

std::vector<std::vector<int32_t>> prompts_of(size_t rows, size_t length) {
  std::vector<std::vector<int32_t>> prompts(rows);
  for (size_t row = 0; row < rows; ++row) {
    prompts[row].push_back(kBos);
    for (size_t i = 1; i < length; ++i) prompts[row].push_back(static_cast<int32_t>((row * 37 + i * i * 11) % 256));
  }
  return prompts;
}

// C-10.3: each row is its own; 40 rows of 40 tokens are also read in pieces.
TEST(GenerateEach, EveryRowIsWhatItsPromptGivesAlone) {
  for (const model::ChatState state : {model::ChatState::kSeed, model::ChatState::kNewest})
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      model::Transformer transformer(small_config(state, kMockVocab), dtype);
      stir(transformer);
      TransformerModel model(transformer);
      Engine engine(model, mock_tokenizer());
      GenerateOptions options;
      options.sampling.temperature = 0;
      options.max_tokens = 12;
      const auto prompts = prompts_of(40, 40);
      const Generated together = take(engine.generate_each(prompts, options));
      ASSERT_EQ(together.tokens.size(), prompts.size());
      std::set<std::vector<int32_t>> answers;
      for (size_t row = 0; row < prompts.size(); ++row) {
        const Generated alone = take(engine.generate_batch(prompts[row], options));
        EXPECT_EQ(together.tokens[row], alone.tokens[0]) << "row " << row;
        EXPECT_EQ(together.mask[row], alone.mask[0]);
        EXPECT_EQ(together.completed[row], alone.completed[0]);
        answers.insert({together.tokens[row].begin() + 40, together.tokens[row].end()});
      }
      EXPECT_GT(answers.size(), 5u) << "the prompts make a difference";
    }
}

TEST(GenerateEach, RowsEndForThemselvesAndHaveTheirOwnTool) {
  // Row 0 ends at once, row 1 asks the calculator, row 2 never ends.
  MockModel model([](int64_t row, const std::vector<int32_t>& seen, std::span<float> logits) {
    const std::vector<std::vector<int32_t>> scripts = {
        {}, {kPythonStart, '2', '*', '3', kPythonEnd}, {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'}};
    const auto& script = scripts[static_cast<size_t>(row)];
    const size_t step = seen.size() - 2;
    logits[static_cast<size_t>(step < script.size() ? script[step] : kAssistantEnd)] = 50;
  });
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.max_tokens = 10;
  const std::vector<std::vector<int32_t>> prompts(3, {kBos, 'x'});
  const Generated result = take(engine.generate_each(prompts, options));
  EXPECT_EQ(result.reason, StopReason::kMaxTokens);
  EXPECT_EQ(result.completed, (std::vector<uint8_t>{1, 1, 0}));
  EXPECT_EQ(result.tokens[0], (std::vector<int32_t>{kBos, 'x'}));
  EXPECT_EQ(result.tokens[1],
            (std::vector<int32_t>{kBos, 'x', kPythonStart, '2', '*', '3', kPythonEnd, kOutputStart, '6', kOutputEnd}));
  EXPECT_EQ(result.mask[1], (std::vector<uint8_t>{0, 0, 1, 1, 1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(result.tokens[2].size(), 12u);
  EXPECT_EQ(model.calls[0], (MockModel::Call{3, 2})) << "one prefill for all";
}

TEST(GenerateEach, RefusesWhatCannotGoTogether) {
  MockModel model;
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.max_tokens = 4;
  EXPECT_THROW((void)engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}, {kBos, 'x'}}, options),
               std::invalid_argument);
  EXPECT_FALSE(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}, {999}}, options).ok());
  EXPECT_TRUE(take(engine.generate_each({}, options)).tokens.empty());
  EXPECT_TRUE(model.calls.empty());
  const Generated cancelled =
      take(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options, [] { return true; }));
  EXPECT_EQ(cancelled.reason, StopReason::kCancelled);
  options.max_tokens = 0;
  EXPECT_EQ(take(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options)).reason,
            StopReason::kMaxTokens);
  options.num_samples = 2;
  EXPECT_THROW((void)engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::infer
