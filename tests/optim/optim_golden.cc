// Golden set optim/: the optimizers, clipping, averages and Polar Express. Shapes, steps and constants are read from
// the set.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>

#include "core/parallel.h"
#include "ops/update.h"
#include "optim/ema.h"
#include "optim/optimizer.h"
#include "optim/polar_express.h"
#include "tensor/safetensors.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::check;
using lathe::testing::golden;
using lathe::testing::is_close;
using lathe::testing::is_close_in_norm;
using lathe::testing::read_json_or_fail;
using lathe::testing::take;

class OptimGolden : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    LATHE_NEEDS(golden("optim"));
    threads_ = num_threads();
    set_num_threads(GetParam());
    config_ = read_json_or_fail(golden("optim/config.json"));
    tolerance_ = read_json_or_fail(golden("optim/tolerance.json"));
    inputs_ = read("inputs");
    steps_ = config_.at("steps").as_int();
  }
  void TearDown() override {
    if (threads_ > 0) set_num_threads(threads_);
  }

  static SafetensorsFile read(const std::string& name) {
    return take(read_safetensors(golden("optim") / (name + ".safetensors")));
  }
  static const Tensor& find(const SafetensorsFile& file, const std::string& name) {
    const Tensor* tensor = file.find(name);
    if (tensor == nullptr) throw std::runtime_error("no tensor " + name);
    return *tensor;
  }
  // Part i along the first dimension.
  static Tensor part(const Tensor& stack, int64_t i) {
    Shape shape;
    for (int d = 1; d < stack.rank(); ++d) shape.append(stack.dim(d));
    return stack.rows(i, i + 1).reshape(shape);
  }
  // 4 x the measured difference to float64, at least 1e-6 of the largest value (the set's suggestion).
  lathe::testing::Tolerance allowed(const std::string& key, const Tensor& expected) const {
    float largest = 0;
    for (const float value : expected.span<float>()) largest = std::max(largest, std::abs(value));
    return {std::max(4 * tolerance_.at(key).at("maxabs").as_double(), 1e-6 * double{largest}), 0};
  }
  static void expect_close(const Tensor& actual, const Tensor& expected, lathe::testing::Tolerance tolerance,
                           const std::string& what) {
    EXPECT_TRUE(is_close(actual.span<float>(), expected.span<float>(), tolerance)) << what;
  }

  // Parameters of the set's stack `name`, one for each matrix, with gradients of step 0.
  std::vector<std::unique_ptr<Parameter>> stack_of(const std::string& name, bool with_copy) {
    const Tensor& values = find(inputs_, "param." + name);
    std::vector<std::unique_ptr<Parameter>> parameters;
    for (int64_t i = 0; i < values.dim(0); ++i) parameters.push_back(parameter(part(values, i), name, with_copy));
    return parameters;
  }
  static std::unique_ptr<Parameter> parameter(const Tensor& value, const std::string& name, bool with_copy) {
    auto p = std::make_unique<Parameter>();
    p->name = name;
    p->value = value.clone();
    p->compute = with_copy ? value.to(DType::kBFloat16) : p->value;
    p->grad = Tensor::zeros(value.shape(), DType::kFloat32);
    return p;
  }
  static void set_grad(Parameter& p, const Tensor& grad) {
    p.grad.copy_from(grad);
    p.has_grad = true;
  }
  double at_step(const char* key, int64_t step) const {
    return config_.at(key).at(static_cast<size_t>(step)).as_double();
  }

  void run_muon(const std::string& file, MuonForm form, DType precision, double beta2, bool by_norm);
  void run_adamw(const std::string& file, const std::string& constants, bool has_moments);

  int threads_ = 0;
  int64_t steps_ = 0;
  Json config_, tolerance_;
  SafetensorsFile inputs_;
  ops::Context ctx_;
};

void OptimGolden::run_muon(const std::string& file, MuonForm form, DType precision, double beta2, bool by_norm) {
  const SafetensorsFile expected = read(file);
  for (const auto& [name, shape] : config_.at("shapes").as_object()) {
    const auto parameters = stack_of(name, true);
    ParamGroup group;
    group.kind = GroupKind::kMuon;
    group.beta2 = beta2;
    group.ns_steps = config_.at("ns_steps").as_int();
    for (const auto& p : parameters) group.parameters.push_back(p.get());
    const MuonState state = make_muon_state(group);
    for (int64_t step = 0; step < steps_; ++step) {
      group.lr = at_step("lr", step), group.momentum = at_step("momentum", step),
      group.weight_decay = at_step("muon_weight_decay", step);
      const Tensor grads = part(find(inputs_, "grad." + name), step);
      for (size_t i = 0; i < parameters.size(); ++i) set_grad(*parameters[i], part(grads, static_cast<int64_t>(i)));
      muon_step(ctx_, group, state, form, precision, 1.0f);
      const Tensor& values = find(expected, name + ".step" + std::to_string(step));
      for (size_t i = 0; i < parameters.size(); ++i) {
        const Tensor reference = part(values, static_cast<int64_t>(i));
        const Tensor& actual = parameters[i]->value;
        if (by_norm)
          EXPECT_TRUE(is_close_in_norm(actual.span<float>(), reference.span<float>(), 0.1)) << name << " step " << step;
        else
          expect_close(actual, reference, allowed(file, values), name + " step " + std::to_string(step));
        for (int64_t k = 0; k < actual.elements(); ++k)
          ASSERT_EQ(parameters[i]->compute.data<bf16>()[k].bits, bf16(actual.data<float>()[k]).bits);
      }
    }
    if (by_norm) {
      EXPECT_TRUE(is_close_in_norm(state.second_moment.span<float>(),
                                   find(expected, name + ".second_momentum_buffer").span<float>(), 0.1));
    } else {
      // The second moment is a mean of squares near 1 / max(R, C): the allowance is relative to its own size.
      const Tensor& second = find(expected, name + ".second_momentum_buffer");
      expect_close(state.second_moment, second, {1e-6, 1e-5}, name + " second moment");
    }
    expect_close(state.momentum, find(expected, name + ".momentum_buffer"), {1e-6, 1e-6}, name + " momentum");
  }
}

// C-4.26, C-4.10, C-4.13
TEST_P(OptimGolden, MuonOfTheSeedInFloat32) {
  run_muon("muon_seed_fp32", MuonForm::kSeed, DType::kFloat32, config_.at("muon_beta2_seed").as_double(), false);
}
// C-4.15
TEST_P(OptimGolden, MuonOfTheSeedInBf16) {
  run_muon("muon_seed_bf16", MuonForm::kSeed, DType::kBFloat16, config_.at("muon_beta2_seed").as_double(), true);
}
// C-4.28
TEST_P(OptimGolden, MuonOfTheNewestState) {
  run_muon("muon_head", MuonForm::kNewest, DType::kFloat32, config_.at("muon_beta2_head").as_double(), false);
}

// C-4.11, C-4.12, C-4.16
TEST_P(OptimGolden, PolarExpressInFloat32) {
  const SafetensorsFile file = read("polar_express");
  int compared = 0;
  for (const auto& [name, expected] : file.tensors) {
    const size_t dot = name.find(".out");
    if (dot == std::string::npos || !name.ends_with("_fp32")) continue;
    const Tensor& stack = find(file, name.substr(0, dot) + ".in");
    for (int64_t i = 0; i < stack.dim(0); ++i) {
      const Tensor x = part(stack, i).clone();
      polar_express(ctx_, x, name[dot + 4] - '0');
      expect_close(x, part(expected, i), allowed("polar_express_fp32_vs_float64", expected), name);
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

// C-4.15: rounding in the right places leaves at most other summation orders inside the products, far below 1 %.
TEST_P(OptimGolden, PolarExpressInBf16) {
  const SafetensorsFile file = read("polar_express");
  std::vector<float> actual, reference;
  for (const auto& [name, expected] : file.tensors) {
    if (!name.ends_with(".out5_bf16")) continue;
    const Tensor& stack = find(file, name.substr(0, name.find('.')) + ".in");
    for (int64_t i = 0; i < stack.dim(0); ++i) {
      const Tensor x = part(stack, i).to(DType::kBFloat16);
      polar_express(ctx_, x, 5);
      const Tensor result = x.to(DType::kFloat32), wanted = part(expected, i);
      EXPECT_TRUE(is_close_in_norm(result.span<float>(), wanted.span<float>(), 0.1)) << name;
      actual.insert(actual.end(), result.span<float>().begin(), result.span<float>().end());
      reference.insert(reference.end(), wanted.span<float>().begin(), wanted.span<float>().end());
    }
  }
  EXPECT_TRUE(is_close_in_norm(std::span<const float>(actual), std::span<const float>(reference), 0.005));
}

void OptimGolden::run_adamw(const std::string& file, const std::string& constants, bool has_moments) {
  const SafetensorsFile expected = read(file);
  const Json& c = config_.at("adamw").at(constants);
  for (const std::string name : {"vec", "scalar", "emb"}) {
    const auto p = parameter(find(inputs_, "param." + name), name, true);
    ParamGroup group;
    group.beta1 = c.at("betas").at(0).as_double(), group.beta2 = c.at("betas").at(1).as_double();
    group.eps = c.at("eps").as_double(), group.weight_decay = c.at("weight_decay").as_double();
    group.parameters = {p.get()};
    std::vector<AdamwState> states = {make_adamw_state(*p)};
    for (int64_t step = 0; step < steps_; ++step) {
      group.lr = at_step("lr", step);
      set_grad(*p, part(find(inputs_, "grad." + name), step));
      adamw_step(ctx_, group, states, 1.0f);
      const Tensor& values = find(expected, name + ".step" + std::to_string(step));
      expect_close(p->value, values, allowed(file, values), name + " step " + std::to_string(step));
    }
    if (!has_moments) continue;
    expect_close(states[0].m, find(expected, name + ".exp_avg"), {1e-6, 1e-6}, name + " m");
    expect_close(states[0].v, find(expected, name + ".exp_avg_sq"), {1e-6, 1e-6}, name + " v");
  }
}

// C-4.4
TEST_P(OptimGolden, AdamwOfTheReference) {
  run_adamw("adamw_ref_a", "adamw_ref_a", true);
  run_adamw("adamw_ref_b", "adamw_ref_b", true);
}
// C-4.4: torch's AdamW is the same formula.
TEST_P(OptimGolden, AdamwOfTorch) { run_adamw("adamw_torch", "adamw_ref_b", false); }

// L-11.40, L-11.41, L-11.42
TEST_P(OptimGolden, Lion) {
  const SafetensorsFile expected = read("lion");
  const Json& c = config_.at("lion");
  for (const std::string name : {"vec", "scalar", "emb"}) {
    const auto p = parameter(find(inputs_, "param." + name), name, true);
    ParamGroup group;
    group.kind = GroupKind::kLion;
    group.beta1 = c.at("betas").at(0).as_double(), group.beta2 = c.at("betas").at(1).as_double();
    group.weight_decay = c.at("weight_decay").as_double();
    group.parameters = {p.get()};
    const std::vector<Tensor> momenta = {Tensor::zeros(p->value.shape(), DType::kFloat32)};
    for (int64_t step = 0; step < steps_; ++step) {
      group.lr = at_step("lr", step);
      set_grad(*p, part(find(inputs_, "grad." + name), step));
      lion_step(ctx_, group, momenta, 1.0f);
      const Tensor& values = find(expected, name + ".step" + std::to_string(step));
      expect_close(p->value, values, allowed("lion", values), name + " step " + std::to_string(step));
    }
  }
}

// C-4.21
TEST_P(OptimGolden, ClipsByTheGlobalNorm) {
  const SafetensorsFile file = read("clip");
  int cases = 0;
  for (; file.find("max" + std::to_string(cases) + ".max_norm") != nullptr; ++cases) {
    const std::string key = "max" + std::to_string(cases);
    std::vector<std::unique_ptr<Parameter>> parameters;
    std::vector<Parameter*> list;
    for (const auto& [name, clipped] : file.tensors) {
      if (!name.starts_with(key + ".") || name.ends_with("_norm")) continue;
      parameters.push_back(parameter(clipped, name, false));
      list.push_back(parameters.back().get());
      set_grad(*list.back(), part(find(inputs_, "grad." + name.substr(key.size() + 1)), 0));
    }
    const double norm = gradient_norm(ctx_, list);
    const double expected_norm = double{find(file, key + ".total_norm").data<float>()[0]};
    EXPECT_NEAR(norm, expected_norm, 1e-6 * expected_norm);
    const float factor = clip_factor(norm, double{find(file, key + ".max_norm").data<float>()[0]});
    for (Parameter* p : list) {
      ops::scale_inplace(ctx_, p->grad, factor);
      expect_close(p->grad, find(file, p->name), {1e-7, 1e-6}, p->name);
    }
  }
  EXPECT_GT(cases, 0);
}

// L-11.52
TEST_P(OptimGolden, AveragesWeights) {
  const SafetensorsFile file = read("ema");
  const auto p = parameter(find(file, "weights.step0"), "emb", true);
  Ema ema({p.get()}, config_.at("ema_decay").as_double());
  for (int64_t step = 0; step < steps_; ++step) {
    p->value.copy_from(find(file, "weights.step" + std::to_string(step)));
    ema.update();
    const Tensor& expected = find(file, "step" + std::to_string(step));
    expect_close(ema.state_tensors().at(0).second, expected, allowed("ema", expected), "step " + std::to_string(step));
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, OptimGolden, ::testing::Values(1, 2));

}  // namespace
}  // namespace lathe::optim
