// The small trainer's switches: losses and gradients in every pairwise combination, and what each switch alone does.
#include "tests/ref/switches.h"

#include <cstring>
#include <functional>
#include <numeric>

#include "core/parallel.h"
#include "model/names.h"
#include "tests/ref/gradient_problem.h"

namespace lathe::testing {
namespace {

constexpr double kTolerance = 1e-4;  // of the tensor's gradient norm
using Problem = GradientProblem;

class Switches : public ::testing::TestWithParam<int> {
 protected:
  static SwitchedModel switched() { return switched_models(Problem::kLength)[static_cast<size_t>(GetParam())]; }
};

// L-11.96, L-11.92, L-11.95
TEST_P(Switches, LossAndEveryGradientAgreeWithTheFloat64Transformer) {
  const SwitchedModel m = switched();
  Problem p(m.config);
  p.model->set_recompute(m.recompute);
  const double loss = p.forward_backward();
  EXPECT_NEAR(loss, p.reference_loss(), 5e-6);
  EXPECT_EQ(p.skipped.empty(), !m.on[6]);
  for (const autograd::Parameter* parameter : p.model->parameters()) {
    const std::string& name = parameter->name;
    const bool skipped = std::any_of(p.skipped.begin(), p.skipped.end(), [&](int64_t i) {
      return name.find((m.on[1] ? "layers." : "h.") + std::to_string(i) + ".") != std::string::npos;
    });
    if (skipped) {
      EXPECT_FALSE(parameter->has_grad) << name;
    } else {
      EXPECT_LT(p.worst_error(*parameter), kTolerance) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Switches, ::testing::Range(0, 12), [](const auto& info) {
  return switched_models(Problem::kLength)[static_cast<size_t>(info.param)].name;
});

// L-11.96
TEST(SwitchDesign, EveryPairOfSwitchesHasEveryPairOfValues) {
  const std::vector<SwitchedModel> models = switched_models(8);
  for (size_t a = 0; a < kSwitches.size(); ++a)
    for (size_t b = 0; b < a; ++b) {
      std::set<std::pair<bool, bool>> seen;
      for (const SwitchedModel& m : models) seen.emplace(m.on[a], m.on[b]);
      EXPECT_EQ(seen.size(), 4u) << kSwitches[a] << " " << kSwitches[b];
    }
}

model::ModelConfig plain(int64_t n_layer = 4) {
  model::PlainSize size = small_plain(16, false);
  size.n_kv_head = size.n_head;
  size.n_layer = n_layer;
  return model::gpt2_config(size);
}

// Hidden states of a training (or not) forward pass, and the blocks that ran.
struct Pass {
  std::vector<float> hidden;
  std::string blocks;
};
Pass forward(model::Transformer& model, bool training, uint64_t call = 0) {
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = random_ids(16, 27, 1);
  batch.training = training;
  batch.layerdrop_key = rng_key(1, "layerdrop");
  batch.layerdrop_call = call;
  Pass pass;
  model.set_probe_for_test([](void* out, const std::string& name, const Tensor&) {
    if (name.ends_with(".in")) *static_cast<std::string*>(out) += name[6];
  }, &pass.blocks);
  const Tensor hidden = model.forward(tape, batch).value;
  pass.hidden.assign(hidden.span<float>().begin(), hidden.span<float>().end());
  return pass;
}

// L-11.86
TEST(LayerDrop, SkipsBlocksInTrainingAtItsRateAndNeverElsewhere) {
  model::ModelConfig config = plain();
  config.layerdrop = 0.3;
  const auto model = random_model(config, DType::kFloat32);
  const auto without = random_model(plain(), DType::kFloat32);
  EXPECT_EQ(forward(*model, false).blocks, "0123");
  EXPECT_EQ(forward(*model, false).hidden, forward(*without, false).hidden);
  int64_t ran = 0;
  std::set<std::string> kinds;
  for (uint64_t call = 0; call < 400; ++call) {
    const Pass pass = forward(*model, true, call);
    ran += std::ssize(pass.blocks);
    kinds.insert(pass.blocks);
  }
  EXPECT_NEAR(static_cast<double>(ran) / 1600, 0.7, 4 * std::sqrt(0.21 / 1600));
  EXPECT_GT(kinds.size(), 12u);  // of 16: blocks are drawn one by one
}

// L-11.87: one stream of one key skips the same blocks each time; what is left is not rescaled.
TEST(LayerDrop, TheDrawDependsOnTheStreamAlone) {
  model::ModelConfig config = plain();
  config.layerdrop = 0.5;
  const auto model = random_model(config, DType::kFloat32);
  for (uint64_t call = 0; call < 200; ++call) {
    const Pass pass = forward(*model, true, call);
    const Pass again = forward(*model, true, call);
    EXPECT_EQ(pass.blocks, again.blocks);
    EXPECT_EQ(pass.hidden, again.hidden);
    if (pass.blocks != "0") continue;
    // Only the first block ran: the hidden states are those of a model of one block.
    const auto one = random_model(plain(1), DType::kFloat32);
    for (autograd::Parameter* p : one->parameters()) p->value.copy_from(model->find(p->name)->value);
    EXPECT_EQ(forward(*one, false).hidden, pass.hidden);
    return;
  }
  FAIL() << "no draw kept the first block alone";
}

// L-11.90: the last N positions, the own one among them, for every family; a chat layer keeps a narrower window of its own.
TEST(SlidingWindow, ChangesWhatIsSeenFromThePositionBehindItOn) {
  for (const SmallModel& small : small_models(16)) {
    SCOPED_TRACE(small.name);
    model::ModelConfig config = small.config;
    config.n_layer = 1, config.backout = config.smear = false;
    if (config.chat_state == model::ChatState::kNewest) config = small_chat(model::ChatState::kSeed, 16), config.n_layer = 1;
    config.sliding_window = 5;
    config.layer_kinds.clear();
    EXPECT_EQ(config.window(0), 4);
    const auto model = random_model(config, DType::kFloat32);
    const auto hidden_of = [&](int32_t first) {
      ops::Context ctx;
      autograd::Tape tape(ctx, false);
      model::Batch batch;
      batch.ids = random_ids(12, 27, 1);
      batch.ids.data<int32_t>()[0] = first;
      const Tensor hidden = model->forward(tape, batch).value;
      return std::vector<float>(hidden.span<float>().begin(), hidden.span<float>().end());
    };
    const std::vector<float> a = hidden_of(3), b = hidden_of(4);
    const auto row = static_cast<size_t>(config.n_embd);
    for (size_t n = 0; n < 12; ++n)
      EXPECT_EQ(std::memcmp(&a[n * row], &b[n * row], row * sizeof(float)) != 0, n < 5) << "position " << n;
  }
  model::ModelConfig chat = small_chat(model::ChatState::kSeed, 16);
  chat.sliding_window = 12;
  EXPECT_EQ(chat.window(0), 8);
  EXPECT_EQ(chat.window(2), 11);
}

// L-11.92: a gain for q and one for k, of a head's width, starting at 1; queries and keys of any size then score alike.
TEST(QkNorm, HasAGainPerHeadWidthAndForgetsTheSizeOfQueries) {
  for (const SmallModel& small : small_models(16)) {
    if (small.config.family == model::Family::kChat) continue;
    model::ModelConfig config = small.config;
    config.qk_norm = true;
    config.attention_bias = config.qkv_bias = false;
    auto model = std::make_unique<model::Transformer>(config, DType::kFloat32);
    model->initialise(3);
    const model::Names names(config);
    for (const model::Part part : {model::Part::kQueryNorm, model::Part::kKeyNorm}) {
      const autograd::Parameter* gain = model->find(names.layer(0, part, model::Kind::kWeight));
      ASSERT_NE(gain, nullptr);
      EXPECT_EQ(gain->value.shape(), (Shape{config.head_width()}));
      for (const float x : gain->value.span<float>()) EXPECT_EQ(x, config.norm_plus_one ? 0.0f : 1.0f);
    }
    model = random_model(config, DType::kFloat32);
    const std::vector<float> before = forward(*model, false).hidden;
    for (float& x : model->find(names.layer(0, model::Part::kQuery, model::Kind::kWeight))->value.span<float>()) x *= 64;
    const std::vector<float> after = forward(*model, false).hidden;
    EXPECT_TRUE(is_close(std::span<const float>(after), std::span<const float>(before), {1e-3, 1e-3})) << small.name;
    for (float& x : model->find(names.layer(0, model::Part::kQueryNorm, model::Kind::kWeight))->value.span<float>()) x *= 8;
    EXPECT_NE(forward(*model, false).hidden, after);
  }
}

// L-11.93: with a large one, small queries are divided by less.
TEST(QkNorm, ItsEpsIsItsOwn) {
  model::ModelConfig config = plain();
  config.qk_norm = true;
  const auto hidden_with = [&](double eps) {
    config.qk_norm_eps = eps;
    return forward(*random_model(config, DType::kFloat32), false).hidden;
  };
  EXPECT_EQ(hidden_with(0), hidden_with(config.norm_eps));
  EXPECT_NE(hidden_with(0), hidden_with(1));
}

// L-11.94
TEST(ScaledInit, ShrinksTheProjectionsIntoTheResidualStreamAlone) {
  model::ModelConfig config = plain(8);
  config.n_embd = 64, config.mlp_hidden = 256;
  const auto deviations = [&](bool scaled) {
    config.scaled_init = scaled;
    model::Transformer model(config, DType::kFloat32);
    model.initialise(1);
    std::map<std::string, double> out;
    for (const autograd::Parameter* p : model.parameters()) {
      if (p->value.rank() != 2) continue;
      double sum = 0;
      for (const float x : p->value.span<float>()) sum += double{x} * double{x};
      out[p->name] = std::sqrt(sum / static_cast<double>(p->value.elements()));
    }
    return out;
  };
  const auto scaled = deviations(true), plainly = deviations(false);
  for (const auto& [name, deviation] : plainly) {
    EXPECT_NEAR(deviation, 0.02, 0.0012) << name;
    EXPECT_NEAR(scaled.at(name) / deviation, name.ends_with("c_proj.weight") ? 0.25 : 1.0, 1e-6) << name;
  }
}

// L-11.84, L-11.85: the exact form and the tanh form differ.
TEST(Gelu, HasTwoForms) {
  model::ModelConfig config = plain();
  const auto hidden_with = [&](model::Mlp mlp) {
    config.mlp = mlp;
    return forward(*random_model(config, DType::kFloat32), false).hidden;
  };
  EXPECT_NE(hidden_with(model::Mlp::kGelu), hidden_with(model::Mlp::kGeluTanh));
}

// Checkpoints of all switches come back; those written before they existed mean them off.
TEST(SwitchedConfig, RoundTripsAndOldOnesStillLoad) {
  for (const SwitchedModel& m : switched_models(16)) {
    const Json json = m.config.to_json();
    EXPECT_EQ(take(model::ModelConfig::from_json(json, "x")).to_json(), json) << m.name;
  }
  Json old = plain().to_json(), without = Json::object();
  for (const auto& [key, value] : old.as_object())
    if (!std::set<std::string>{"layerdrop", "sliding_window", "scaled_init", "qk_norm_eps"}.contains(key)) without[key] = value;
  EXPECT_EQ(take(model::ModelConfig::from_json(without, "x")).to_json(), old);
  for (const auto& [key, value] : {std::pair{"layerdrop", Json(1.0)}, {"sliding_window", Json(-1)}, {"qk_norm_eps", Json(-1.0)}}) {
    Json bad = old;
    bad[key] = value;
    const auto read = model::ModelConfig::from_json(bad, "x");
    ASSERT_FALSE(read.ok()) << key;
    EXPECT_NE(read.error().to_string().find(key), std::string::npos) << read.error().to_string();
  }
}

}  // namespace
}  // namespace lathe::testing
