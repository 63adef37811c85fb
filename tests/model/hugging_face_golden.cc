// LLaMA and GPT-2 models saved by transformers: golden set gpt_llama.
#include <fstream>

#include "tests/ref/golden_hugging_face.h"
#include "tests/ref/greedy.h"

namespace lathe::testing {
namespace {

TEST(HuggingFaceGolden, LogitsLossAndGradients) {
  for_each_hugging_face_run([](const HuggingFaceRun& run) {
    ops::Context ctx;
    std::vector<float> logits;
    EXPECT_NEAR(run.forward_backward(ctx, 0, &logits), run.expected.at("loss").as_double(),
                run.tolerance.at("loss_abs").as_double());
    EXPECT_TRUE(is_close(std::span<const float>(logits), run.io.find("logits")->span<float>(),
                         {run.tolerance.at("logits_abs").as_double(), 0}));
    std::map<std::string, double> norms = run.norms(true);
    const double rel = run.tolerance.at("grad_norm_rel").as_double();
    EXPECT_EQ(norms.size(), run.expected.at("grad_norms").size());
    for (const auto& [name, norm] : run.expected.at("grad_norms").as_object())
      EXPECT_NEAR(norms[name], norm.as_double(), rel * norm.as_double()) << name;
  });
}

TEST(HuggingFaceGolden, GreedyTextWithAndWithoutCache) {
  for_each_hugging_face_run([](const HuggingFaceRun& run) {
    const Json& text = run.expected.at("greedy");
    const std::vector<int32_t> prompt = tokens_of(text.at("prompt"));
    const Tensor first_row = run.ids(1);
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), first_row.data<int32_t>()));
    expect_greedy(*run.model, text.at("prompt"), text.at("tokens"), text.at("logprobs"),
                  run.tolerance.at("logprob_abs").as_double());
  });
}

// The older spelling of the rope keys gives the same settings.
TEST(HuggingFaceGolden, OldStyleConfigIsTheSameModel) {
  int checked = 0;
  for (const auto& folder : known_hugging_face_models()) {
    if (!std::filesystem::exists(folder / "config_old_style.json")) continue;
    TemporaryFolder copy;
    std::filesystem::copy_file(folder / "config_old_style.json", copy.path() / "config.json");
    EXPECT_EQ(take(model::read_hugging_face_config(copy.path())).to_json().dump(),
              take(model::read_hugging_face_config(folder)).to_json().dump());
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << "no golden set gpt_llama";
}

}  // namespace
}  // namespace lathe::testing
