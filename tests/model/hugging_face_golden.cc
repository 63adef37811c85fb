// LLaMA and GPT-2 models saved by transformers: golden set gpt_llama (the kinds this program reads; others are skipped by
// their model_type, which is not a pass).
#include <cmath>
#include <fstream>

#include "core/parallel.h"
#include "model/hugging_face.h"
#include "tests/ref/golden_model.h"

namespace lathe::testing {
namespace {

std::vector<std::filesystem::path> known_models() {
  std::vector<std::filesystem::path> out;
  for (const auto& folder : variants("gpt_llama")) {
    const std::string type = read_json_or_fail(folder / "config.json").get_string("model_type", "");
    if (type == "llama" || type == "gpt2") out.push_back(folder);
  }
  return out;
}

Json tolerance_of(const std::filesystem::path& folder) {
  const Json all = read_json_or_fail(golden("gpt_llama") / "tolerance.json");
  return all.at("models").at(folder.filename().string()).at("suggested");
}

// Labels are shifted inside the reference's model: position t predicts label t + 1.
Tensor shifted_targets(const Tensor& labels) {
  const int64_t rows = labels.dim(0), t = labels.dim(1);
  const Tensor out = Tensor::empty({rows * t}, DType::kInt32);
  for (int64_t b = 0; b < rows; ++b)
    for (int64_t i = 0; i < t; ++i) out.data<int32_t>()[b * t + i] = i + 1 < t ? labels.data<int32_t>()[b * t + i + 1] : -100;
  return out;
}

Tensor batch_of(const SafetensorsFile& io, const char* name, int64_t i) {
  const Tensor all = *io.find(name);
  return all.rows(i, i + 1).reshape({all.dim(1), all.dim(2)});
}

TEST(HuggingFaceGolden, LogitsLossAndGradients) {
  const auto models = known_models();
  if (models.empty()) GTEST_SKIP() << "no golden set gpt_llama";
  for (const auto& folder : models)
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(folder.string());
      set_num_threads(threads);
      const auto model = take(model::load_hugging_face(folder, DType::kFloat32, true));
      const SafetensorsFile io = take(read_safetensors(folder / "io.safetensors"));
      const Json expected = read_json_or_fail(folder / "expected.json"), tolerance = tolerance_of(folder);
      const Tensor ids = batch_of(io, "input_ids", 0);
      ops::Context ctx;
      autograd::Tape tape(ctx, true);
      model::Batch batch;
      batch.ids = ids.reshape({ids.elements()});
      batch.batch = ids.dim(0);
      const autograd::Var hidden = model->forward(tape, batch);
      EXPECT_TRUE(is_close(std::span<const float>(model->logits(ctx, hidden.value).span<float>()), io.find("logits")->span<float>(),
                           {tolerance.at("logits_abs").as_double(), 0}));
      const Tensor targets = shifted_targets(batch_of(io, "labels", 0));
      int64_t valid = 0;
      for (const int32_t t : targets.span<int32_t>()) valid += t >= 0;
      const Tensor factor = Tensor::empty({targets.elements()}, DType::kFloat32);
      for (float& f : factor.span<float>()) f = 1.0f / static_cast<float>(valid);
      const Tensor nll = model->loss(tape, hidden, targets, factor);
      double sum = 0;
      for (const float x : nll.span<float>()) sum += static_cast<double>(x);
      EXPECT_NEAR(sum / static_cast<double>(valid), expected.at("loss").as_double(), tolerance.at("loss_abs").as_double());
      tape.backward();
      // GPT-2's fused projection is ours in three pieces: its norm is theirs together.
      std::map<std::string, double> squares;
      for (const autograd::Parameter* p : model->parameters()) {
        std::string name = p->name;
        if (const size_t at = name.find(".attn.c_"); at != std::string::npos && std::string("qkv").find(name[at + 8]) != std::string::npos)
          name = name.substr(0, at) + ".attn.c_attn" + name.substr(name.rfind('.'));
        squares[name] += norm_of(p->grad) * norm_of(p->grad);
      }
      const double rel = tolerance.at("grad_norm_rel").as_double();
      EXPECT_EQ(squares.size(), expected.at("grad_norms").size());
      for (const auto& [name, norm] : expected.at("grad_norms").as_object())
        EXPECT_NEAR(std::sqrt(squares[name]), norm.as_double(), rel * norm.as_double()) << name;
    }
}

// The older spelling of the rope keys gives the same settings.
TEST(HuggingFaceGolden, OldStyleConfigIsTheSameModel) {
  int checked = 0;
  for (const auto& folder : known_models()) {
    if (!std::filesystem::exists(folder / "config_old_style.json")) continue;
    TemporaryFolder copy;
    std::filesystem::copy_file(folder / "config_old_style.json", copy.path() / "config.json");
    EXPECT_EQ(take(model::read_hugging_face_config(copy.path())).to_json().dump(), take(model::read_hugging_face_config(folder)).to_json().dump());
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << "no golden set gpt_llama";
}

}  // namespace
}  // namespace lathe::testing
