#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/optim/optim_testing.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::check;
using lathe::testing::is_close;

Optimizer optimizer_of(Model& model, dist::Communicator* communicator = nullptr) {
  return Optimizer(chat_groups(model.parameters, 32, {}, ChatRules::kSeed), {}, communicator);
}

void expect_same_values(const Model& a, const Model& b) {
  for (const Parameter* p : a.parameters)
    EXPECT_TRUE(is_close(p->value.span<float>(), b[p->name].value.span<float>(), {0, 0})) << p->name;
}

Optimizer::NamedTensors copies(const Optimizer::NamedTensors& tensors) {
  Optimizer::NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(name, tensor.clone());
  return out;
}

// C-4.1, C-4.24
TEST(Optimizer, AStepMovesEveryParameterAndClearsTheGradients) {
  ops::Context ctx;
  Model model = chat_model(), before = chat_model();
  Optimizer optimizer = optimizer_of(model);
  model.make_gradients(3);
  optimizer.step(ctx);
  for (const Parameter* p : model.parameters) {
    EXPECT_FALSE(p->has_grad) << p->name;
    EXPECT_FALSE(is_close(p->value.span<float>(), before[p->name].value.span<float>(), {1e-7, 0})) << p->name;
  }
  const Model after_first = [&] {
    Model copy = chat_model();
    for (Parameter* p : copy.parameters) p->value.copy_from(model[p->name].value);
    return copy;
  }();
  optimizer.step(ctx);  // no gradients: nothing moves
  expect_same_values(model, after_first);
}

// C-4.18, C-5.19
TEST(Optimizer, SchedulesReachTheGroupsTheyAreFor) {
  Model model = chat_model();
  Optimizer optimizer = optimizer_of(model);
  optimizer.set_lr_multiplier(0.25);
  optimizer.set_muon(0.9, 0.125);
  for (const ParamGroup& group : optimizer.groups()) {
    EXPECT_DOUBLE_EQ(group.lr, 0.25 * group.initial_lr);
    if (group.kind == GroupKind::kMuon) {
      EXPECT_EQ(group.momentum, 0.9);
    }
    EXPECT_EQ(group.weight_decay, group.kind == GroupKind::kMuon ? 0.125 : 0.0);
  }
}

TEST(Optimizer, ZeroGradForgetsGradients) {
  Model model = chat_model();
  Optimizer optimizer = optimizer_of(model);
  model.make_gradients(3);
  optimizer.zero_grad();
  for (const Parameter* p : model.parameters) EXPECT_FALSE(p->has_grad);
}

// C-4.3
TEST(Optimizer, RefusesAParameterInTwoGroups) {
  Model model = chat_model();
  auto groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  groups[1].parameters.push_back(groups[0].parameters[0]);
  EXPECT_THROW(Optimizer{groups}, std::invalid_argument);
}

// C-4.9
TEST(Optimizer, StateTensorsHaveNamesAndShapes) {
  Model model = chat_model();
  const Optimizer optimizer = optimizer_of(model);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : optimizer.state_tensors()) {
    names.push_back(name);
    EXPECT_EQ(tensor.dtype(), DType::kFloat32);
    if (name == "muon.momentum.32x32") {
      EXPECT_EQ(tensor.shape(), (Shape{8, 32, 32}));
    }
    if (name == "muon.second_moment.128x32") {
      EXPECT_EQ(tensor.shape(), (Shape{2, 128, 1}));
    }
    if (name == "muon.second_moment.32x128") {
      EXPECT_EQ(tensor.shape(), (Shape{2, 1, 128}));
    }
  }
  EXPECT_EQ(names.size(), 5u * 2 + 4u * 2);
  EXPECT_EQ(names.front(), "adamw.m.lm_head.weight");
  EXPECT_EQ(names.back(), "muon.second_moment.128x32");
}

// C-6.7
TEST(TrapR7, AResumedOptimizerGoesOnBitForBit) {
  ops::Context ctx;
  Model straight = chat_model(), resumed = chat_model();
  Optimizer first = optimizer_of(straight);
  for (uint64_t step = 0; step < 3; ++step) {
    straight.make_gradients(step);
    if (step == 1) straight["lm_head.weight"].has_grad = false;  // its step count falls behind
    first.step(ctx);
  }
  const Optimizer::NamedTensors tensors = copies(first.state_tensors());
  const std::string text = first.metadata().dump();
  for (Parameter* p : resumed.parameters) p->value.copy_from(straight[p->name].value);
  Optimizer second = optimizer_of(resumed);
  check(second.load(testing::take(parse_json(text)), tensors));
  for (uint64_t step = 3; step < 6; ++step) {
    straight.make_gradients(step), resumed.make_gradients(step);
    first.step(ctx), second.step(ctx);
  }
  expect_same_values(straight, resumed);
}

// C-6.7
TEST(Optimizer, LoadingBringsBackTheSavedSettings) {
  Model model = chat_model();
  Optimizer saved = optimizer_of(model);
  saved.set_lr_multiplier(0.1);
  ChatRates rates;
  rates.embedding = 0.7, rates.adam_beta1 = 0.5;
  Optimizer other(chat_groups(model.parameters, 32, rates, ChatRules::kSeed));
  check(other.load(saved.metadata(), saved.state_tensors()));
  for (size_t g = 0; g < saved.groups().size(); ++g) {
    EXPECT_EQ(other.groups()[g].initial_lr, saved.groups()[g].initial_lr);
    EXPECT_EQ(other.groups()[g].lr, saved.groups()[g].lr);
    EXPECT_EQ(other.groups()[g].beta1, saved.groups()[g].beta1);
    EXPECT_EQ(other.groups()[g].beta2, saved.groups()[g].beta2);
    EXPECT_EQ(other.groups()[g].eps, saved.groups()[g].eps);
  }
}

// C-4.22
TEST(Optimizer, AMissingMuonBeta2IsZero) {
  Model model = chat_model();
  Optimizer optimizer = optimizer_of(model);
  Json metadata = optimizer.metadata();
  Json::Object& muon = metadata["groups"].as_array().back().as_object();
  std::erase_if(muon, [](const Json::Member& member) { return member.first == "beta2"; });
  check(optimizer.load(metadata, optimizer.state_tensors()));
  EXPECT_EQ(optimizer.groups().back().beta2, 0);
}

// C-4.22
TEST(Optimizer, DamagedStateIsAnErrorThatNamesTheKeyAndChangesNothing) {
  Model model = chat_model();
  Optimizer optimizer = optimizer_of(model);
  const Json good = optimizer.metadata();
  const auto tensors = optimizer.state_tensors();
  const auto expect_error = [&](const std::string& part, const std::function<void(Json&)>& damage) {
    Json bad = good;
    damage(bad);
    const Status status = optimizer.load(bad, tensors);
    ASSERT_FALSE(status.ok()) << part;
    EXPECT_NE(status.error().to_string().find(part), std::string::npos) << status.error().to_string();
    EXPECT_EQ(optimizer.metadata(), good);
  };
  const auto group = [](Json& json, size_t g) -> Json& { return json["groups"].as_array()[g]; };
  expect_error("unknown kind \"sgd\"", [&](Json& json) { group(json, 0)["kind"] = "sgd"; });
  expect_error("groups[5]", [&](Json& json) { group(json, 5)["kind"] = "adamw"; });
  expect_error("no kind", [&](Json& json) { group(json, 0)["kind"] = 3; });
  expect_error("number lr", [&](Json& json) { group(json, 1)["lr"] = "fast"; });
  expect_error("beta1", [&](Json& json) { group(json, 1)["beta1"] = 1.5; });
  expect_error("initial_lr", [&](Json& json) { group(json, 1)["initial_lr"] = std::nan(""); });
  expect_error("ns_steps", [&](Json& json) { group(json, 1)["ns_steps"] = -1; });
  expect_error("step counts", [&](Json& json) { group(json, 2)["steps"] = Json::array(); });
  expect_error("step count", [&](Json& json) { group(json, 2)["steps"].as_array()[0] = -4; });
  expect_error("transformer.wte.weight", [&](Json& json) { group(json, 1)["params"].as_array()[0] = "other"; });
  expect_error("parameters", [&](Json& json) { group(json, 1)["params"].push_back("other"); });
  expect_error("params", [&](Json& json) { group(json, 1)["params"] = 1; });
  expect_error("object", [&](Json& json) { group(json, 1) = 1; });
  expect_error("parameter groups", [&](Json& json) { json["groups"].as_array().pop_back(); });
  expect_error("groups", [&](Json& json) { json = Json::object(); });

  auto missing = tensors;
  missing.erase(missing.begin());
  EXPECT_NE(optimizer.load(good, missing).error().to_string().find("adamw.m.lm_head.weight"), std::string::npos);
  auto reshaped = tensors;
  reshaped[0].second = Tensor::zeros({2}, DType::kFloat32);
  EXPECT_NE(optimizer.load(good, reshaped).error().to_string().find("adamw.m.lm_head.weight"), std::string::npos);
  auto half = tensors;
  half[0].second = tensors[0].second.to(DType::kBFloat16);
  EXPECT_FALSE(optimizer.load(good, half).ok());
}

// Two ranks; the other one's contributions to the coming all_reduce calls are given beforehand.
class TwoRanks : public dist::Communicator {
 public:
  std::vector<std::vector<float>> other;
  bool broken = false;
  int rank() const override { return 0; }
  int size() const override { return 2; }
  Status all_reduce(void* data, int64_t count, dist::ElementType type, dist::Reduction reduction) override {
    if (broken) return error("rank 1 is gone");
    EXPECT_EQ(type, dist::ElementType::kFloat32);
    if (next_ >= other.size() || static_cast<int64_t>(other[next_].size()) != count) return error("unexpected call");
    float* mine = static_cast<float*>(data);
    for (int64_t i = 0; i < count; ++i) {
      const float theirs = other[next_][static_cast<size_t>(i)];
      mine[i] = reduction == dist::Reduction::kMax ? std::max(mine[i], theirs) : (mine[i] + theirs) / 2;
    }
    ++next_;
    return {};
  }
  Status reduce_scatter(const void*, void*, int64_t, dist::ElementType, dist::Reduction) override {
    return error("not used");
  }
  Status all_gather(const void*, void*, int64_t, dist::ElementType) override { return error("not used"); }
  Status broadcast(void*, int64_t, dist::ElementType, int) override { return error("not used"); }
  Status all_to_all(const void*, std::span<const int64_t>, dist::ElementType, std::vector<std::byte>&, std::vector<int64_t>&) override {
    return error("not used");
  }
  Status barrier() override { return {}; }
  size_t calls() const { return next_; }

 private:
  size_t next_ = 0;
};

// M2: the norm that clips is that of the averaged gradients.
TEST(TrapM2, ClippingSeesTheAverageOverRanks) {
  ops::Context ctx;
  Model model;
  model.add("a", {2});
  model.add("only_there", {1});
  model.add("nowhere", {1});
  TwoRanks ranks;
  ranks.other = {{1, 1, 0}, {-3, 8}, {6}};
  Optimizer optimizer(adamw_groups(model.parameters, {}), {}, &ranks);
  model["a"].grad.data<float>()[0] = 3, model["a"].grad.data<float>()[1] = 0, model["a"].has_grad = true;
  model["only_there"].grad.data<float>()[0] = 77;  // left over, not a gradient
  check(optimizer.average_gradients());
  EXPECT_EQ(ranks.calls(), 3u);
  EXPECT_EQ(model["a"].grad.data<float>()[0], 0);
  EXPECT_EQ(model["a"].grad.data<float>()[1], 4);
  EXPECT_TRUE(model["only_there"].has_grad);
  EXPECT_EQ(model["only_there"].grad.data<float>()[0], 3);
  EXPECT_FALSE(model["nowhere"].has_grad);
  EXPECT_DOUBLE_EQ(optimizer.gradient_norm(ctx), 5.0);
}

TEST(Optimizer, ADeadRankIsAnError) {
  Model model = chat_model();
  TwoRanks ranks;
  ranks.broken = true;
  Optimizer optimizer = optimizer_of(model, &ranks);
  model.make_gradients(1);
  EXPECT_FALSE(optimizer.average_gradients().ok());
}

TEST(Optimizer, OneRankChangesNoGradient) {
  Model model = chat_model();
  const auto alone = dist::single_process();
  Optimizer optimizer = optimizer_of(model, alone.get());
  model.make_gradients(1);
  const Tensor before = model["lm_head.weight"].grad.clone();
  check(optimizer.average_gradients());
  EXPECT_TRUE(is_close(model["lm_head.weight"].grad.span<float>(), before.span<float>(), {0, 0}));
}

}  // namespace
}  // namespace lathe::optim
