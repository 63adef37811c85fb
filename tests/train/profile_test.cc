// A profile of training steps, and the prediction of a step's time.
#include <cmath>

#include "tests/ref/small_models.h"
#include "tests/train/tiny_loop.h"
#include "train/profile_report.h"
#include "train/step_time.h"

namespace lathe::testing {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string weights_of(const TinyLoop& tiny) {
  std::string bits;
  for (const autograd::Parameter* p : tiny.model.parameters()) bits.append(static_cast<const char*>(p->value.raw()), static_cast<size_t>(p->value.bytes()));
  return bits;
}

// L-13.6, L-13.11
TEST(Profile, CoversTheStepsAskedForAndChangesNoResult) {
  TemporaryFolder folder;
  TinyLoop plain(folder.path() / "plain", DType::kBFloat16), profiled(folder.path() / "profiled", DType::kBFloat16);
  plain.settings.num_iterations = profiled.settings.num_iterations = 9;
  ops::Profiler profiler;
  profiled.settings.profiler = &profiler;
  profiled.settings.profile_from = 3;
  profiled.settings.profile_steps = 4;
  plain.finish();
  profiled.finish();
  EXPECT_TRUE(weights_of(plain) == weights_of(profiled));
  EXPECT_EQ(profiler.steps(), 4);
  for (const char* name : {"data", "forward", "head", "backward", "optimizer"}) {
    const auto phase = std::find_if(profiler.phases().begin(), profiler.phases().end(), [&](const auto& p) { return std::string_view(p.phase) == name; });
    ASSERT_NE(phase, profiler.phases().end()) << name;
    EXPECT_EQ(phase->calls, 4) << name;
  }
  for (const auto& total : profiler.totals()) EXPECT_EQ(total.calls % 4, 0) << total.op;

  ops::Profiler at_the_end;
  TinyLoop few(folder.path() / "few");
  few.settings.num_iterations = 3;
  few.settings.profiler = &at_the_end;
  few.finish();
  EXPECT_EQ(at_the_end.steps(), 3) << "a run shorter than where the profile begins is measured whole";
}

train::StepTimeRequest request_of(const model::ModelConfig& config, DType dtype, int64_t batch, int64_t length) {
  train::StepTimeRequest request;
  request.config = config;
  request.dtype = dtype;
  request.batch = batch;
  request.sequence_len = length;
  request.make_optimizer = [](const model::Transformer& m) {
    return std::make_unique<optim::Optimizer>(m.config().family == model::Family::kChat
                                                  ? optim::chat_groups(m.parameters(), m.config().n_embd, {}, optim::ChatRules::kSeed)
                                                  : optim::adamw_groups(m.parameters(), {}));
  };
  return request;
}

// The analytic cost of a step is that of the real step, operation by operation.
TEST(StepCosts, AreThoseOfTheRealStep) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    TemporaryFolder folder;
    TinyLoop tiny(folder.path() / "d2", dtype);
    tiny.settings.num_iterations = 2;
    tiny.options.accumulation = 3;
    ops::Profiler real;
    tiny.settings.profiler = &real;
    tiny.settings.profile_from = 1;
    tiny.settings.log_every = 0;  // logged steps also measure the norm of the gradients
    tiny.finish();
    ASSERT_EQ(real.steps(), 2);
    train::StepTimeRequest request = request_of(tiny.model.config(), dtype, 2, kTinyLength);
    request.accumulation = 3;
    const ops::Profiler costs = train::step_costs(request);
    ASSERT_EQ(costs.totals().size(), real.totals().size());
    for (size_t i = 0; i < costs.totals().size(); ++i) {
      const auto &a = costs.totals()[i], &b = real.totals()[i];
      EXPECT_STREQ(a.op, b.op);
      EXPECT_STREQ(a.phase, b.phase) << a.op;
      EXPECT_EQ(2 * a.calls, b.calls) << a.op;
      EXPECT_EQ(2 * a.cost.flops, b.cost.flops) << a.op;
      EXPECT_EQ(2 * a.cost.bytes, b.cost.bytes) << a.op;
    }
  }
}

TEST(StepCosts, RecomputingABlockRunsItsForwardPassAgain) {
  const auto flops = [](model::Recompute recompute, std::string_view phase) {
    train::StepTimeRequest request = request_of(tiny_config(kTinyVocab, kTinyLength), DType::kFloat32, 2, kTinyLength);
    request.recompute = recompute;
    double sum = 0;
    const ops::Profiler costs = train::step_costs(request);
    for (const auto& total : costs.totals())
      if (total.phase == phase) sum += total.cost.flops;
    return sum;
  };
  using model::Recompute;
  EXPECT_EQ(flops(Recompute::kNone, "forward"), flops(Recompute::kBlock, "forward"));
  const double more = flops(Recompute::kBlock, "backward") - flops(Recompute::kNone, "backward");
  EXPECT_GT(more, 0.5 * flops(Recompute::kNone, "forward"));
  EXPECT_LT(more, flops(Recompute::kNone, "forward")) << "the last product of a block is not needed again";
}

// C-3.28: the products of a step are the model's FLOPs per token, without attention's.
TEST(StepCosts, ProductsAreTheModelsFlops) {
  for (const SmallModel& small : small_models(64)) {
    if (small.config.smear) continue;  // its tap is no product
    model::ModelConfig config = small.config;
    config.vocab_size = 128;
    config.gate_channels = std::min(config.gate_channels, config.n_embd);
    const model::Transformer model(config, DType::kFloat32, Device::kMeta);
    double attention = 0;
    for (int64_t i = 0; i < config.n_layer; ++i) {
      const int64_t window = config.window(i);
      attention += 12.0 * static_cast<double>(config.n_head * config.head_width() * (window < 0 ? 64 : std::min<int64_t>(window, 64)));
    }
    double vectors = 0;  // counted as multiplied in the model's figure, but no products
    for (const autograd::Parameter* p : model.parameters())
      if (p->value.rank() == 1 && config.family == model::Family::kChat && p->name.find("lambda") == std::string::npos) vectors += 6.0 * static_cast<double>(p->value.elements());
    double products = 0;
    const ops::Profiler costs = train::step_costs(request_of(config, DType::kFloat32, 2, 64));
    for (const auto& total : costs.totals())
      if (std::string_view(total.op).starts_with("matmul") && std::string_view(total.phase) != "optimizer") products += total.cost.flops;
    EXPECT_DOUBLE_EQ(products / 128, model.flops_per_token() - attention - vectors) << small.name;
  }
}

// Parts add up, nothing is faster than the limits allow, accumulation multiplies all but the optimizer.
TEST(StepTime, IsNoLessThanTheLimitsAllow) {
  set_num_threads(1);
  train::StepTimeRequest request = request_of(tiny_config(kTinyVocab, kTinyLength), DType::kFloat32, 2, kTinyLength);
  const ops::Limits limits{1e5, 1e4};  // beyond any machine: every operation is slower
  const train::StepTime time = train::predict_step_time(request, limits, 0.05);
  for (const double part : {time.forward_ms, time.head_ms, time.backward_ms, time.optimizer_ms, time.bound_ms}) EXPECT_GT(part, 0);
  EXPECT_GT(time.step_ms(), time.bound_ms);
  EXPECT_DOUBLE_EQ(time.step_ms(), time.forward_ms + time.head_ms + time.backward_ms + time.optimizer_ms);
  EXPECT_EQ(time.tokens, 2 * kTinyLength);
  EXPECT_DOUBLE_EQ(time.tokens_per_second(), 1000 * time.tokens / time.step_ms());
  double flops = 0;
  const ops::Profiler costs = train::step_costs(request);
  for (const auto& total : costs.totals()) flops += total.cost.flops;
  EXPECT_DOUBLE_EQ(time.flops, flops);
  EXPECT_EQ(time.to_json().at("tok_per_s").as_double(), time.tokens_per_second());
  EXPECT_THROW(train::predict_step_time(request, {}, 0.05), std::invalid_argument);
}

class ReportTest : public ::testing::Test {
 protected:
  ReportTest() : profiler_(100, clock_) {
    ops::Context ctx;
    ctx.set_profiler(&profiler_);
    for (int step = 0; step < 2; ++step) {
      const ops::TimedPhase phase(ctx, "forward");
      add("matmul_bf16", 3, {3e9, 1e6});
      add("matmul_fp32", 1, {1e9, 1e6});
      add("add", 4, {0, 2e9});
      clock_.advance(2);
    }
    profiler_.count_step();
    profiler_.count_step();
  }
  void add(const char* op, double seconds, ops::Cost cost) {
    profiler_.add_op(op, 0, cost, clock_.seconds(), seconds);
    clock_.advance(seconds);
  }
  FakeClock clock_;
  ops::Profiler profiler_;
  const ops::Limits limits_{2, 1};  // GFLOP/s, GB/s
};

// L-13.11
TEST_F(ReportTest, JsonHoldsRatesBesideTheLimits) {
  const Json json = train::profile_json(profiler_, limits_, DType::kBFloat16);
  EXPECT_EQ(json.at("ms_per_step").as_double(), 10000);
  EXPECT_EQ(json.at("outside_ms_per_step").as_double(), 2000);
  EXPECT_EQ(json.at("phases").as_array().size(), 1u);
  const Json::Array& operations = json.at("operations").as_array();
  ASSERT_EQ(operations.size(), 3u);
  EXPECT_EQ(operations[0].at("op").as_string(), "add") << "the longest first";
  EXPECT_DOUBLE_EQ(operations[0].at("gb_per_s").as_double(), 0.5);
  EXPECT_DOUBLE_EQ(operations[0].at("of_limit").as_double(), 0.5);
  EXPECT_DOUBLE_EQ(operations[0].at("share").as_double(), 0.4);
  EXPECT_DOUBLE_EQ(operations[1].at("gflops").as_double(), 1);
  EXPECT_DOUBLE_EQ(operations[1].at("of_limit").as_double(), 0.5);
  EXPECT_EQ(operations[1].at("calls_per_step").as_double(), 1);
  EXPECT_TRUE(operations[2].at("of_limit").is_null()) << "the limit is that of another dtype";
  const std::string table = train::profile_table(profiler_, limits_, DType::kBFloat16, 1);
  for (const char* part : {"Profile of 2 steps, 10000.0 ms each; limits: 2 GFLOP/s (bf16 products), 1.0 GB/s", "add                      forward", "0.50\n",
                           "other operations                                 4000.00   40.0%", "outside of operations                            2000.00   20.0%"})
    EXPECT_TRUE(says(table, part)) << part << " in\n" << table;
}

TEST_F(ReportTest, TraceIsWhatPerfettoReads) {
  TemporaryFolder folder;
  check(train::write_profile(folder.path(), profiler_, limits_, DType::kBFloat16));
  EXPECT_EQ(read_json_or_fail(folder.path() / "profile.json").at("steps").as_int(), 2);
  const Json trace = read_json_or_fail(folder.path() / "trace.json");
  const Json::Array& events = trace.at("traceEvents").as_array();
  ASSERT_EQ(events.size(), 9u) << "the thread's name, six operations, two phases";
  EXPECT_EQ(events[0].at("ph").as_string(), "M");
  std::vector<const Json*> phases, operations;
  for (size_t i = 1; i < events.size(); ++i) {
    EXPECT_EQ(events[i].at("ph").as_string(), "X");
    (events[i].at("cat").as_string() == "phase" ? phases : operations).push_back(&events[i]);
  }
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[1]->at("ts").as_double(), 10e6) << "microseconds";
  EXPECT_EQ(phases[1]->at("dur").as_double(), 10e6);
  for (size_t i = 0; i < operations.size(); ++i) {  // each inside its phase: the viewer nests them
    const Json &phase = *phases[i / 3], &op = *operations[i];
    EXPECT_GE(op.at("ts").as_double(), phase.at("ts").as_double());
    EXPECT_LE(op.at("ts").as_double() + op.at("dur").as_double(), phase.at("ts").as_double() + phase.at("dur").as_double());
  }
  EXPECT_EQ(operations[0]->at("args").at("gflops").as_double(), 1);
}

}  // namespace
}  // namespace lathe::testing
