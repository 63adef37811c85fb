// C-10.1, C-10.9, C-10.13: scripted transcripts of the reference engine, through the whole engine.
#include <algorithm>

#include "infer/engine.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace lathe::testing;

std::vector<std::vector<int32_t>> table(const Json& json) {
  std::vector<std::vector<int32_t>> rows;
  for (const Json& line : json.as_array()) {
    rows.emplace_back();
    for (const Json& value : line.as_array()) rows.back().push_back(static_cast<int32_t>(value.as_int()));
  }
  return rows;
}

TEST(EngineGolden, ScriptedModelsGiveTheReferenceTranscripts) {
  const auto folder = golden("chat_render");
  LATHE_NEEDS(folder / "engine.jsonl");
  LATHE_NEEDS(golden("tok512") / "ranks.tiktoken");
  const tokenizer::Tokenizer tokenizer = take(tokenizer::Tokenizer::load(golden("tok512") / "ranks.tiktoken"));
  const Json meta = read_json_or_fail(folder / "meta.json");
  std::vector<int32_t> prompt;
  for (const Json& id : meta.at("prompt").as_array()) prompt.push_back(static_cast<int32_t>(id.as_int()));
  const int32_t end = tokenizer.special_id(tokenizer::kAssistantEnd);

  int64_t compared = 0;
  for (const Json& item : read_jsonl(folder / "engine.jsonl")) {
    SCOPED_TRACE(join_text("transcript ", compared++));
    const auto scripts = table(item.at("scripts"));
    testing::MockModel model(
        [&](int64_t row, const std::vector<int32_t>& seen, std::span<float> logits) {
          const auto& script = scripts[static_cast<size_t>(row)];
          const size_t step = seen.size() - prompt.size();
          logits[static_cast<size_t>(step < script.size() ? script[step] : end)] = 50;
        },
        tokenizer.vocab_size());
    Engine engine(model, tokenizer);
    GenerateOptions options;
    options.num_samples = static_cast<int64_t>(scripts.size());
    options.max_tokens = item.at("max_tokens").as_int();
    options.sampling.temperature = 0;
    options.calculator = tasks::CalculatorMode::kCompatible;

    std::vector<std::vector<int32_t>> columns, masks;
    const auto collect = [&](const Column& column) {
      columns.emplace_back(column.tokens.begin(), column.tokens.end());
      masks.emplace_back(column.mask.begin(), column.mask.end());
      return true;
    };
    ASSERT_TRUE(engine.generate(prompt, options, collect).ok());
    EXPECT_EQ(columns, table(item.at("columns")));
    EXPECT_EQ(masks, table(item.at("masks")));

    const Generated batch = take(engine.generate_batch(prompt, options));
    std::vector<std::vector<int32_t>> answers, answer_masks;
    const auto skip = static_cast<std::ptrdiff_t>(prompt.size());
    for (const auto& tokens : batch.tokens) answers.emplace_back(tokens.begin() + skip, tokens.end());
    for (const auto& mask : batch.mask) answer_masks.emplace_back(mask.begin() + skip, mask.end());
    EXPECT_EQ(answers, table(item.at("batch_results")));
    EXPECT_EQ(answer_masks, table(item.at("batch_masks")));
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace lathe::infer
