// Adapters saved by PEFT over a LLaMA: golden set dpo_lora. Every folder with an adapter in it is run.
#include <cmath>
#include <functional>

#include "model/adapter_file.h"
#include "model/hugging_face.h"
#include "optim/optimizer.h"
#include "tests/ref/golden_hugging_face.h"

namespace lathe::testing {
namespace {

struct Case {
  std::filesystem::path folder;
  Json expected, tolerance;
  SafetensorsFile io;
  std::unique_ptr<model::Transformer> model;
  std::unique_ptr<model::Adapter> adapter;

  Tensor flat(const char* name, int64_t i) const {
    const Tensor all = *io.find(name);
    return all.rows(i, i + 1).reshape({all.dim(1) * all.dim(2)});
  }
  int64_t rows() const { return io.find("input_ids")->dim(1); }

  std::vector<float> logits() const {
    ops::Context ctx;
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    batch.ids = flat("input_ids", 0);
    batch.batch = rows();
    const Tensor z = model->logits(ctx, model->forward(tape, batch).value);
    return {z.span<float>().begin(), z.span<float>().end()};
  }
  // Position t predicts label t + 1.
  double forward_backward(int64_t i) const {
    const Tensor labels = flat("labels", i), y = Tensor::empty(labels.shape(), DType::kInt32), factor = Tensor::empty(labels.shape(), DType::kFloat32);
    const int64_t n = labels.elements(), t = n / rows();
    double valid = 0, sum = 0;
    for (int64_t k = 0; k < n; ++k) {
      y.data<int32_t>()[k] = (k + 1) % t != 0 ? labels.data<int32_t>()[k + 1] : -100;
      valid += y.data<int32_t>()[k] >= 0;
    }
    for (float& f : factor.span<float>()) f = static_cast<float>(1 / valid);
    ops::Context ctx;
    autograd::Tape tape(ctx, true);
    model::Batch batch;
    batch.ids = flat("input_ids", i);
    batch.batch = rows();
    batch.training = true;
    const Tensor nll = model->loss(tape, model->forward(tape, batch), y, factor);
    for (const float x : nll.span<float>()) sum += double{x};
    tape.backward();
    return sum / valid;
  }
};

void for_each_case(const std::function<void(Case&)>& body) {
  LATHE_NEEDS(golden("dpo_lora"));
  const Json tolerances = read_json_or_fail(golden("dpo_lora") / "tolerance.json");
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden("dpo_lora"))) {
    const std::filesystem::path folder = entry.path();
    if (!std::filesystem::exists(folder / "adapter_config.json")) continue;
    SCOPED_TRACE(folder.filename().string());
    Case c;
    c.folder = folder;
    c.expected = read_json_or_fail(folder / "expected.json");
    c.tolerance = tolerances.at(folder.filename().string()).at("suggested");
    c.io = take(read_safetensors(folder / "io.safetensors"));
    const std::string base = c.expected.at("base").as_string();  // "set/model"
    c.model = take(model::load_hugging_face(golden(base.substr(0, base.find('/'))) / base.substr(base.find('/') + 1), DType::kFloat32));
    c.model->freeze();
    c.adapter = take(model::load_adapter(*c.model, folder, true));
    body(c);
    ++cases;
  }
  EXPECT_GT(cases, 0);
}

// L-7.20, L-7.22
TEST(AdapterGolden, LogitsOfFoldersThatPeftWrote) {
  for_each_case([](Case& c) {
    EXPECT_EQ(c.adapter->count(), c.expected.at("trainable_parameters").as_int());
    EXPECT_NEAR(c.adapter->config().scale(), c.expected.at("scaling").as_double(), 1e-12);
    const Tolerance close{c.tolerance.at("logits_abs").as_double(), 0};
    EXPECT_TRUE(is_close(std::span<const float>(c.logits()), c.io.find("logits")->span<float>(), close));
    c.adapter->set_enabled(false);
    EXPECT_FALSE(is_close(std::span<const float>(c.logits()), c.io.find("logits")->span<float>(), close));
  });
}

// L-7.26, L-8.9
TEST(AdapterGolden, MergedWeightsAndLogits) {
  for_each_case([](Case& c) {
    const std::vector<float> unmerged = c.logits();
    ASSERT_TRUE(c.adapter->merge().ok());
    const SafetensorsFile merged = take(read_safetensors(c.folder / "merged_changed_weights.safetensors"));
    for (const auto& [name, tensor] : merged.tensors)
      EXPECT_TRUE(is_close(c.model->find(name)->value.span<float>(), tensor.span<float>(), {c.tolerance.at("merged_weights_abs").as_double(), 0})) << name;
    const Tolerance close{c.tolerance.at("logits_abs").as_double(), 0};
    EXPECT_TRUE(is_close(std::span<const float>(c.logits()), c.io.find("logits_merged")->span<float>(), close));
    EXPECT_TRUE(is_close(std::span<const float>(c.logits()), std::span<const float>(unmerged), close));
  });
}

TEST(AdapterGolden, LossGradientsAndFiveStepsOfAdamw) {
  for_each_case([](Case& c) {
    EXPECT_NEAR(c.forward_backward(0), c.expected.at("loss").as_double(), c.tolerance.at("loss_abs").as_double());
    const double rel = c.tolerance.at("grad_norm_rel").as_double();
    EXPECT_EQ(c.adapter->parameters().size(), c.expected.at("grad_norms").as_object().size());
    for (autograd::Parameter* p : c.adapter->parameters()) {
      const double norm = c.expected.at("grad_norms").at(p->name).as_double();
      EXPECT_NEAR(norm_of(p->grad), norm, rel * norm) << p->name;
      p->has_grad = false;
    }
    const Json& settings = c.expected.at("adamw");
    optim::AdamwRates rates;
    rates.lr = settings.at("lr").as_double();
    rates.beta1 = settings.at("betas").at(size_t{0}).as_double(), rates.beta2 = settings.at("betas").at(size_t{1}).as_double();
    rates.eps = settings.at("eps").as_double(), rates.weight_decay = settings.at("weight_decay").as_double();
    optim::Optimizer optimizer(optim::adamw_groups(c.adapter->parameters(), rates));
    ops::Context ctx;
    const auto& losses = settings.at("losses").as_array();
    for (size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(c.forward_backward(static_cast<int64_t>(i) + 1), losses[i].as_double(), c.tolerance.at("adamw_losses_abs").as_double()) << "step " << i;
      optimizer.step(ctx);
    }
  });
}

}  // namespace
}  // namespace lathe::testing
