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

// Prompts of several lengths, several samples each; rows that have ended leave the batch, which nobody notices.
TEST(GenerateEach, PromptsOfAnyLengthsGoTogether) {
  model::Transformer transformer(small_config(model::ChatState::kNewest, kMockVocab), DType::kFloat32);
  stir(transformer);
  TransformerModel model(transformer);
  Engine engine(model, mock_tokenizer());
  std::vector<std::vector<int32_t>> prompts;
  for (size_t i = 0; i < 12; ++i) prompts.push_back(prompts_of(13, 3 + 2 * (i % 5))[i]);
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = 40;
  for (int32_t id = 0; id < 256; id += 16) options.stop_ids.push_back(id);  // so that rows end here and there
  options.num_samples = 2;
  const Generated together = take(engine.generate_each(prompts, options));
  options.num_samples = 1;
  int64_t completed = 0;
  for (size_t row = 0; row < 24; ++row) {
    const Generated alone = take(engine.generate_batch(prompts[row / 2], options));
    EXPECT_EQ(together.tokens[row], alone.tokens[0]) << "row " << row;
    EXPECT_EQ(together.mask[row], alone.mask[0]);
    EXPECT_EQ(together.completed[row], alone.completed[0]);
    EXPECT_EQ(together.terminal[row], alone.terminal[0]);
    completed += alone.completed[0];
  }
  EXPECT_GT(completed, 4) << "some are dropped";
}

TEST(GenerateEach, ALongPromptThatIsFullDoesNotEndTheOthers) {
  MockModel model;
  model.limit = 12;
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = 8;
  const std::vector<std::vector<int32_t>> prompts = {std::vector<int32_t>(10, kBos), {kBos, 'x'}};
  const Generated result = take(engine.generate_each(prompts, options));
  EXPECT_EQ(result.tokens[0].size(), 13u) << "the last token needs no position";
  EXPECT_EQ(result.tokens[1].size(), 10u);
  EXPECT_EQ(result.terminal, (std::vector<int32_t>{kNoToken, kNoToken}));
}

// Draws depend on (seed, number), so roll-outs split into several calls are the same.
TEST(GenerateEach, DrawsAreThoseOfTheRow) {
  MockModel model;
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.max_tokens = 8;
  const std::vector<std::vector<int32_t>> prompts = {{kBos}, {kBos, 'x'}, {kBos, 'y', 'z'}};
  options.num_samples = 2;
  const Generated all = take(engine.generate_each(prompts, options));
  options.row_numbers = {4, 5};
  const Generated last = take(engine.generate_each(std::span(prompts).subspan(2), options));
  EXPECT_EQ(last.tokens[0], all.tokens[4]);
  EXPECT_EQ(last.tokens[1], all.tokens[5]);
  EXPECT_NE(all.tokens[4], all.tokens[5]);
}

TEST(GenerateEach, RefusesWhatCannotBeRead) {
  MockModel model;
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.max_tokens = 4;
  EXPECT_FALSE(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}, {999}}, options).ok());
  EXPECT_TRUE(take(engine.generate_each({}, options)).tokens.empty());
  EXPECT_TRUE(model.calls.empty());
  const Generated cancelled =
      take(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options, [] { return true; }));
  EXPECT_EQ(cancelled.reason, StopReason::kCancelled);
  options.max_tokens = 0;
  EXPECT_EQ(take(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options)).reason,
            StopReason::kMaxTokens);
  options.num_samples = 0;
  EXPECT_FALSE(engine.generate_each(std::vector<std::vector<int32_t>>{{kBos}}, options).ok());
}

}  // namespace
}  // namespace lathe::infer
