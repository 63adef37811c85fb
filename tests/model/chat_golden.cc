// The chat family's forward pass and first gradients against the reference implementations: golden sets train_seed and
// train_head.
#include <cmath>

#include "core/parallel.h"
#include "model/rope_tables.h"
#include "tests/ref/golden_model.h"

namespace lathe::testing {
namespace {

using model::ChatState;

struct Set {
  const char* name;
  ChatState state;
};
constexpr Set kSets[] = {{"train_seed", ChatState::kSeed}, {"train_head", ChatState::kNewest}};

Json suggested(const Set& set, const std::string& variant) {
  const Json all = read_json_or_fail(golden(set.name) / "tolerance.json");
  const Json& entry = all.at("variants").at(variant);
  return entry.contains("fp32muon") ? entry.at("fp32muon").at("suggested") : entry.at("suggested");
}

Tolerance absolute(double value) { return {value, 0}; }

template <class Check>
void for_all(Check check) {
  int checked = 0;
  for (const Set& set : kSets)
    for (const auto& folder : variants(set.name)) {
      SCOPED_TRACE(folder.string());
      for (const int threads : {1, 2}) {
        set_num_threads(threads);
        GoldenRun run = GoldenRun::load(folder, set.state);
        check(set, run, suggested(set, folder.filename().string()));
      }
      ++checked;
    }
  if (checked == 0) GTEST_SKIP() << "no golden sets train_seed, train_head";
}

// C-3.12, C-3.13, C-16.1
// C-3.43
TEST(ChatGolden, RotaryTables) {
  for_all([](const Set&, GoldenRun& run, const Json&) {
    const std::vector<float> inverse = model::rope_inverse_frequencies(run.model->config(), run.model->config().rope_base, {});
    const Json& expected = run.config.at("rope_inv_freq");
    ASSERT_EQ(inverse.size(), expected.size());
    for (size_t j = 0; j < inverse.size(); ++j) EXPECT_FLOAT_EQ(inverse[j], static_cast<float>(expected.at(j).as_double()));
    const auto file = run.folder / "activations.safetensors";
    if (!std::filesystem::exists(file)) return;
    const SafetensorsFile activations = take(read_safetensors(file));
    const Tensor* cosine = activations.find("rope.cos");
    if (cosine == nullptr) return;
    const auto [c, s] = model::make_rope_tables(run.model->config(), run.model->config().rope_base, {});
    EXPECT_TRUE(is_close(std::span<const float>(c.rows(0, cosine->dim(0)).span<float>()), cosine->span<float>(), absolute(0)));
    EXPECT_TRUE(is_close(std::span<const float>(s.rows(0, cosine->dim(0)).span<float>()), activations.find("rope.sin")->span<float>(), absolute(0)));
  });
}

// C-3.17, C-3.28, C-3.29, C-3.44, C-3.46
TEST(ChatGolden, WindowsCountsAndFlops) {
  for_all([](const Set&, GoldenRun& run, const Json&) {
    const Json& windows = run.config.at("window_sizes");
    for (size_t i = 0; i < windows.size(); ++i) EXPECT_EQ(run.model->config().window(static_cast<int64_t>(i)), windows.at(i).as_int());
    const model::ParameterCounts counts = run.model->counts();
    const Json& expected = run.config.at("num_scaling_params");
    EXPECT_EQ(counts.wte, expected.at("wte").as_int());
    EXPECT_EQ(counts.value_embeds, expected.at("value_embeds").as_int());
    EXPECT_EQ(counts.lm_head, expected.at("lm_head").as_int());
    EXPECT_EQ(counts.transformer_matrices, expected.at("transformer_matrices").as_int());
    EXPECT_EQ(counts.scalars, expected.at("scalars").as_int());
    EXPECT_EQ(counts.total, expected.at("total").as_int());
    EXPECT_EQ(run.model->flops_per_token(), run.config.at("flops_per_token").as_double());
  });
}

// C-3.6, C-3.8, C-3.11
TEST(ChatGolden, ActivationsOfEveryBlock) {
  for_all([](const Set&, GoldenRun& run, const Json& tolerance) {
    const auto file = run.folder / "activations.safetensors";
    if (!std::filesystem::exists(file)) return;
    const SafetensorsFile expected = take(read_safetensors(file));
    struct Seen {
      const SafetensorsFile& expected;
      int count = 0;
      double tolerance;
    } seen{expected, 0, 10 * tolerance.at("logits_before_maxabs").as_double()};
    run.model->set_probe_for_test(
        [](void* context, const std::string& name, const Tensor& x) {
          Seen& s = *static_cast<Seen*>(context);
          const Tensor* tensor = s.expected.find(name);
          if (tensor == nullptr) return;
          ++s.count;
          EXPECT_TRUE(is_close(std::span<const float>(x.span<float>()), tensor->span<float>(), {s.tolerance, 1e-5})) << name;
        },
        &seen);
    ops::Context ctx;
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    batch.ids = run.rows("x", 0).rows(0, run.model->config().sequence_len);
    run.model->forward(tape, batch);
    EXPECT_GE(seen.count, 5);
  });
}

// C-3.4, C-3.18, C-3.21
TEST(ChatGolden, LogitsBeforeTraining) {
  for_all([](const Set&, GoldenRun& run, const Json& tolerance) {
    const SafetensorsFile file = take(read_safetensors(run.folder / "logits.safetensors"));
    const Tensor expected = *file.find("before");
    ops::Context ctx;
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    batch.batch = expected.dim(0);
    batch.ids = run.rows("x", 0).rows(0, expected.dim(0) * expected.dim(1));
    const Tensor logits = run.model->logits(ctx, run.model->forward(tape, batch).value);
    EXPECT_TRUE(is_close(std::span<const float>(logits.span<float>()), expected.span<float>(),
                         absolute(tolerance.at("logits_before_maxabs").as_double())));
  });
}

// C-3.7, C-3.16, C-3.22
TEST(ChatGolden, FirstLossAndGradients) {
  for_all([](const Set& set, GoldenRun& run, const Json& tolerance) {
    const auto steps = run.folder / (std::filesystem::exists(run.folder / "steps.jsonl") ? "steps.jsonl" : "steps_fp32muon.jsonl");
    const Json first = read_jsonl(steps).at(0);
    ops::Context ctx;
    for (int64_t m = 0; m < run.micro_batches; ++m)
      EXPECT_NEAR(run.forward_backward(ctx, m), first.at("micro_losses").at(static_cast<size_t>(m)).as_double(),
                  tolerance.at("loss_abs_step0").as_double());
    const Json all = read_json_or_fail(golden(set.name) / "tolerance.json");
    const Json& entry = all.at("variants").at(run.folder.filename().string());
    std::vector<std::string> noise;
    if (const Json* names = entry.find("noise_driven_params"))
      for (const Json& name : names->as_array()) noise.push_back(name.as_string());
    double square = 0;
    for (autograd::Parameter* p : run.model->parameters()) {
      const double norm = norm_of(p->grad), expected = first.at("param_grad_norms").at(p->name).as_double();
      square += norm * norm;
      if (std::find(noise.begin(), noise.end(), p->name) != noise.end()) continue;
      EXPECT_NEAR(norm, expected, tolerance.at("param_grad_norm_rel_step0_max").as_double() * expected + 1e-12) << p->name;
    }
    EXPECT_NEAR(std::sqrt(square), first.at("grad_norm").as_double(),
                tolerance.at("grad_norm_rel_step0").as_double() * first.at("grad_norm").as_double());
    const auto grads = run.folder / "grads_step0.safetensors";
    if (!std::filesystem::exists(grads)) return;
    const SafetensorsFile expected = take(read_safetensors(grads));
    for (autograd::Parameter* p : run.model->parameters()) {
      if (std::find(noise.begin(), noise.end(), p->name) != noise.end()) continue;
      EXPECT_TRUE(is_close_in_norm(p->grad.span<float>(), expected.find(p->name)->span<float>(),
                                   tolerance.at("param_grad_norm_rel_step0_max").as_double()))
          << p->name;
    }
  });
}

}  // namespace
}  // namespace lathe::testing
