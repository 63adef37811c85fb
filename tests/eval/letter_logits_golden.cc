// Multiple choice by logits against the reference: golden set eval, chat_categorical.jsonl.
#include "eval/letter_logits.h"
#include "eval/task_score.h"
#include "infer/transformer_model.h"
#include "tests/ref/golden_model.h"

namespace lathe::testing {
namespace {

std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& value : list.as_array()) out.push_back(value.as_double());
  return out;
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  for (const Json& value : list.as_array()) out.push_back(value.as_string());
  return out;
}

// C-7.26
TEST(LetterLogitsGolden, AgreeWithTheReferenceAndDecideTheCase) {
  const std::filesystem::path file = golden("eval") / "chat_categorical.jsonl";
  LATHE_NEEDS(file);
  model::Transformer transformer(chat_config_of(read_json_or_fail(golden("eval") / "model_config.json"), model::ChatState::kSeed), DType::kFloat32);
  copy_weights(take(read_safetensors(golden("eval") / "model.safetensors")), transformer);
  infer::TransformerModel model(transformer);
  infer::Engine engine(model, take(tokenizer::Tokenizer::load(golden("tok512") / "ranks.tiktoken")));
  const tasks::BuiltinTask* task = tasks::find_task("choices");
  ASSERT_NE(task, nullptr);
  const std::vector<Json> cases = read_jsonl(file);
  ASSERT_FALSE(cases.empty());
  std::vector<tasks::TaskCase> items;
  for (const Json& c : cases) {
    SCOPED_TRACE(c.at("source_row").dump());
    std::vector<int32_t> prompt;
    for (const Json& id : c.at("prompt_ids").as_array()) prompt.push_back(static_cast<int32_t>(id.as_int()));
    const std::vector<std::string> letters = texts(c.at("letters"));
    const std::vector<float> logits = take(eval::letter_logits(engine, {&prompt, 1}, {&letters, 1})).at(0);
    EXPECT_TRUE(is_close(std::vector<double>(logits.begin(), logits.end()), numbers(c.at("letter_logits")), {5e-5, 0}));
    items.push_back({"choices", "", Json::array(), c.at("gold").as_string(), letters});
    items.back().messages.push_back(Json(Json::Object{{"role", "user"}, {"content", c.at("user_text")}}));
  }
  const eval::TaskScore score = take(eval::score_task(engine, take(tasks::builtin_evaluation(*task, items))));
  ASSERT_EQ(score.answers.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(score.answers[i].samples.at(0).output, cases[i].at("predicted").as_string());
    EXPECT_EQ(score.answers[i].correct(), cases[i].at("predicted") == cases[i].at("gold"));
  }
}

}  // namespace
}  // namespace lathe::testing
