// What a run will need, against what it then takes.
#include "train/plan.h"

#include <malloc.h>

#include <fstream>

#include "data/pretrain_loader.h"
#include "tests/train/tiny_loop.h"
#include "train/base_settings.h"
#include "train/tokenizer_encoder.h"

namespace lathe::testing {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

int64_t part(const train::Plan& plan, const std::string& name) {
  for (const train::MemoryPart& p : plan.parts)
    if (p.name == name) return p.bytes;
  return -1;
}

train::PlanRequest tiny_request(DType dtype) {
  train::PlanRequest request;
  request.config = tiny_config(kTinyVocab, kTinyLength);
  request.dtype = dtype;
  request.batch = 2;
  request.sequence_len = kTinyLength;
  return request;
}

TEST(Plan, NamesWhatTheRunReallyTakes) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    TemporaryFolder folder;
    TinyLoop tiny(folder.path() / "d2", dtype);
    tiny.settings.save = false;
    const train::LoopResult result = tiny.finish();
    train::PlanRequest request = tiny_request(dtype);
    request.optimizer_bytes = train::state_bytes(*tiny.optimizer);
    const train::Plan plan = train::make_plan(request);
    const int64_t step = part(plan, "activations") + part(plan, "logits") + part(plan, "backward");
    EXPECT_EQ(step, train::activation_bytes(tiny.model.config(), dtype, 2, kTinyLength));
    // The optimizer's own scratch is in the arena too.
    EXPECT_GE(result.arena_bytes, step);
    EXPECT_EQ(plan.counts.total, tiny.model.counts().total);
    int64_t values = 0, gradients = 0;
    for (const autograd::Parameter* p : tiny.model.parameters())
      values += p->value.bytes(), gradients += p->grad.bytes();
    EXPECT_EQ(part(plan, "weights"), dtype == DType::kFloat32 ? values : values + values / 2);
    EXPECT_EQ(part(plan, "gradients"), gradients);
    EXPECT_EQ(part(plan, "optimizer"), train::state_bytes(*tiny.optimizer));
    EXPECT_EQ(plan.flops_per_token, tiny.model.flops_per_token());
  }
}

TEST(Plan, AddsUpAndCountsTheCache) {
  train::PlanRequest request = tiny_request(DType::kBFloat16);
  request.kv_cache_rows = 3;
  request.kv_cache_positions = 100;
  const train::Plan plan = train::make_plan(request);
  EXPECT_EQ(part(plan, "kv_cache"), 2 * 2 * 3 * 100 * 32 * 2) << "keys and values, layers, rows, positions, width, bf16";
  int64_t total = 0;
  for (const train::MemoryPart& p : plan.parts) total += p.bytes;
  EXPECT_EQ(plan.total_bytes, total);
  const Json json = plan.to_json();
  EXPECT_EQ(json.at("total_bytes").as_int(), total);
  EXPECT_EQ(json.at("parameters").at("total").as_int(), plan.counts.total);
  EXPECT_TRUE(json.at("fits").as_bool());
  check(train::require_memory(plan));
}

// C-14.10, L-14.8: the largest contributor, and the keys that change what the run takes.
TEST(Plan, RefusesWithTheTableAndTheKeysWhenItDoesNotFit) {
  train::PlanRequest request = tiny_request(DType::kFloat32);
  request.config = model::chat_config({64, 64, 128, 2048, 65536, "SSSL", model::ChatState::kSeed});
  request.batch = 64;
  request.sequence_len = 2048;
  const train::Plan plan = train::make_plan(request);
  ASSERT_FALSE(plan.fits()) << "a machine with " << plan.available_bytes << " bytes free";
  EXPECT_EQ(plan.largest_part().name, "activations");
  const Status status = train::require_memory(plan);
  ASSERT_FALSE(status.ok());
  const std::string text = status.error().to_string();
  for (const char* word : {"transformer_matrices", "weights", "gradients", "optimizer", "activations", "logits",
                           "available", "does not fit", "the largest part is activations", "--recompute block",
                           "--device-batch-size 1 --max-seq-len 1024", "halve --device-batch-size (32, 16, 8, 4, 2, 1; accumulation keeps the total batch)",
                           "take a smaller --depth (51 for 64), then a shorter --max-seq-len (1024 for 2048)"})
    EXPECT_TRUE(says(text, word)) << word << " in\n" << text;
}

// L-14.8: what is proposed fits, and first comes what changes least.
TEST(Plan, ProposesSettingsThatFit) {
  train::PlanRequest request = tiny_request(DType::kFloat32);
  request.config = model::llama_config({4, 4, 4, 256, 0, 512, 1000, false});
  request.sequence_len = 512;
  while (train::make_plan(request).fits()) request.batch *= 2;
  const train::Plan plan = train::make_plan(request);
  ASSERT_FALSE(plan.suggestions.empty());
  EXPECT_EQ(plan.suggestions.at(0).flags, "--recompute block");
  EXPECT_EQ(plan.suggestions.at(1).flags, "--device-batch-size " + std::to_string(request.batch / 2));
  train::PlanRequest block = request, half = request;
  block.recompute = model::Recompute::kBlock;
  half.batch /= 2;
  EXPECT_EQ(plan.suggestions.at(0).total_bytes, train::make_plan(block).total_bytes);
  EXPECT_EQ(plan.suggestions.at(1).total_bytes, train::make_plan(half).total_bytes);
  for (const train::Suggestion& s : plan.suggestions) EXPECT_LE(s.total_bytes, plan.available_bytes) << s.flags;
  EXPECT_TRUE(says(plan.to_text(), "--recompute block"));
  EXPECT_TRUE(says(plan.to_text(), ": fits"));
  EXPECT_FALSE(says(plan.to_text(), "the model itself is too large"));
  EXPECT_EQ(plan.to_json().at("suggestions").size(), plan.suggestions.size());
}

// Resident memory at its peak since the last call, by the system's own count. What was freed goes back first, or it would
// count for what comes next.
int64_t peak_since_last_call() {
  malloc_trim(0);
  const std::string status = take(read_file("/proc/self/status"));
  const int64_t kilobytes = std::stoll(status.substr(status.find("VmHWM:") + 6));
  std::ofstream("/proc/self/clear_refs") << 5;
  return kilobytes << 10;
}

// L-14.4: against the real peak of training steps with their optimizer.
TEST(Plan, IsWithinFifteenPercentOfTheRealPeak) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps what was freed";
#endif
  struct Case {
    model::ModelConfig config;
    int64_t batch;
    bool muon;
  };
  const Case cases[] = {{model::llama_config({4, 4, 4, 256, 0, 256, 8000, false}), 4, false},
                        {model::chat_config({4, 64, 64, 256, 8192, "SL", model::ChatState::kSeed}), 4, true}};
  for (const Case& c : cases)
    for (const model::Recompute recompute : {model::Recompute::kNone, model::Recompute::kBlock}) {
      SCOPED_TRACE(model::recompute_name(recompute) + (c.muon ? " chat" : " llama"));
      peak_since_last_call();
      train::PlanRequest request;
      request.config = c.config;
      request.dtype = DType::kBFloat16;
      request.batch = c.batch;
      request.sequence_len = 256;
      request.recompute = recompute;
      {
        model::Transformer model(c.config, DType::kBFloat16, Device::kCpu, true);
        model.initialise(1);
        model.set_recompute(recompute);
        optim::Optimizer optimizer(
            c.muon ? optim::chat_groups(model.parameters(), c.config.n_embd, {}, optim::ChatRules::kSeed)
                   : optim::adamw_groups(model.parameters(), {}));
        request.optimizer_bytes = train::state_bytes(optimizer);
        const int64_t n = c.batch * 256;
        const Tensor ids = Tensor::zeros({n}, DType::kInt32), factor = Tensor::zeros({n}, DType::kFloat32);
        ops::Context ctx;
        ctx.arena().reserve(train::activation_bytes(c.config, DType::kBFloat16, c.batch, 256, recompute));
        autograd::Tape tape(ctx, true);
        for (int step = 0; step < 2; ++step) {
          model::Batch batch;
          batch.ids = ids;
          batch.batch = c.batch;
          model.loss(tape, model.forward(tape, batch), ids, factor);
          tape.backward();
          tape.clear();
          optimizer.step(ctx);
        }
      }
      const auto real = static_cast<double>(peak_since_last_call());
      const auto planned = static_cast<double>(train::make_plan(request).total_bytes);
      EXPECT_GT(real, 120e6) << "large enough to mean something";
      EXPECT_NEAR(planned / real, 1, 0.15) << planned << " planned, " << real << " taken";
    }
}

// L-14.3, L-14.5: the origin's tiny model (23.07 M parameters) at its batch of 16 rows of 1024 takes 8 to 12 GB there.
TEST(Plan, TinyTakesFarLessThanTheOriginsEightGigabytes) {
  train::PlanRequest request;
  request.config = model::llama_config({6, 4, 4, 256, 1024, 1024, 32768, false});
  request.dtype = DType::kBFloat16;
  request.batch = 16;
  request.sequence_len = 1024;
  const train::Plan plan = train::make_plan(request);
  EXPECT_NEAR(static_cast<double>(plan.counts.total), 23.07e6, 0.01e6);
  EXPECT_NEAR(static_cast<double>(part(plan, "weights") + part(plan, "gradients") + part(plan, "optimizer")), 0.37e9,
              0.06e9)
      << "with the bf16 copy of the weights";
  EXPECT_LT(plan.total_bytes, int64_t{3} << 30);
  EXPECT_LT(part(plan, "logits"), int64_t{128} << 20) << "the loss is computed in chunks";
  request.recompute = model::Recompute::kBlock;
  EXPECT_LT(train::make_plan(request).total_bytes, int64_t{1} << 30);
}

// L-14.7: the batch of a step in rows; accumulation follows, and what does not divide is an error.
TEST(TargetGlobalBatch, GivesTheAccumulation) {
  train::BaseSettings s;
  SettingsTable table;
  train::describe(table, s);
  check(table.read_object(
      take(parse_json(R"({"target_global_batch": 24, "device_batch_size": 8, "max_seq_len": 64, "num_iterations": 3,
                                              "depth": 2, "head_dim": 16, "aspect_ratio": 16})",
                      "")),
      "config.json"));
  const model::Transformer model(take(train::model_config(s, 64)), DType::kFloat32, Device::kMeta);
  const train::BaseHorizon horizon = take(train::base_horizon(s, model, 1));
  EXPECT_EQ(horizon.accumulation, 3);
  EXPECT_EQ(horizon.plan.total_batch_size, 24 * 64);
  s.target_global_batch = 20;
  const auto uneven = train::base_horizon(s, model, 1);
  ASSERT_FALSE(uneven.ok());
  EXPECT_TRUE(says(uneven.error().to_string(), "device_batch_size")) << uneven.error().to_string();
  s.target_global_batch = 24;
  s.total_batch_size = 1024;
  const auto two = train::base_horizon(s, model, 1);
  ASSERT_FALSE(two.ok());
  EXPECT_TRUE(says(two.error().to_string(), "target_global_batch")) << two.error().to_string();
  s.total_batch_size = 24 * 64;
  EXPECT_EQ(take(train::base_horizon(s, model, 1)).accumulation, 3);
  s.target_global_batch = 0;
  EXPECT_FALSE(train::base_horizon(s, model, 1).ok());
}

// C-1.20: signature and state of the training loader.
TEST(PretrainLoaderDefaults, AreTheOrigins) {
  const data::PretrainLoaderOptions options;
  EXPECT_EQ(options.buffer_size, 1000);
  EXPECT_EQ(options.encode_batch, 128);
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "{\"text\": \"document number " + std::to_string(i) + " of a small corpus\"}\n";
  check(write_file_atomic(folder.path() / "a.jsonl", text));
  const auto corpus = take(data::Corpus::open(folder.path(), data::SplitRule::kAuto));
  train::TokenizerEncoder encoder(tiny_tokenizer());
  data::PretrainLoaderOptions small;
  small.rows = 3;
  small.columns = 8;
  const auto loader = data::best_fit_loader(corpus, data::Split::kTrain, encoder, small);
  data::TokenBatch batch;
  check(loader->next(batch));
  EXPECT_EQ(batch.inputs().size(), 24u);
  EXPECT_EQ(batch.targets().size(), 24u);
  const Json state = loader->state();
  for (const char* key : {"pq_idx", "rg_idx", "epoch"}) EXPECT_TRUE(state.contains(key)) << key;
}

// C-5.1, C-5.2, C-5.3
TEST(BaseSettingsDefaults, AreTheOrigins) {
  train::BaseSettings s;
  SettingsTable table;
  train::describe(table, s);
  const Json now = table.to_json();
  const Json expected = take(parse_json(R"({
    "run": "dummy", "fp8": false, "fp8_recipe": "tensorwise", "depth": 20, "aspect_ratio": 64, "head_dim": 128, "max_seq_len": 2048,
    "window_pattern": "SSSL", "num_iterations": -1, "target_flops": -1.0, "target_param_data_ratio": 10.5, "device_batch_size": 32,
    "total_batch_size": -1, "embedding_lr": 0.3, "unembedding_lr": 0.004, "weight_decay": 0.2, "matrix_lr": 0.02, "scalar_lr": 0.5,
    "adam_beta1": 0.8, "adam_beta2": 0.95, "warmup_ratio": 0.0, "warmdown_ratio": 0.5, "final_lr_frac": 0.0, "resume_from_step": -1})", ""));
  for (const auto& [key, value] : expected.as_object()) {
    ASSERT_TRUE(now.contains(key)) << key;
    if (value.is_number()) EXPECT_EQ(now.at(key).as_double(), value.as_double()) << key;
    else EXPECT_EQ(now.at(key), value) << key;
  }
}

// C-5.4, C-5.5: evaluation flags; both spellings, and the older states' values are accepted.
TEST(BaseSettingsDefaults, EvaluationFlagsAndBothSpellings) {
  train::BaseSettings s;
  SettingsTable table;
  train::describe(table, s);
  EXPECT_EQ(s.eval_every, 250);
  EXPECT_EQ(s.eval_tokens, 40 * 524288);
  EXPECT_EQ(s.core_metric_every, 2000);
  EXPECT_EQ(s.core_metric_max_per_task, 500);
  EXPECT_EQ(s.sample_every, 2000);
  EXPECT_EQ(s.save_every, -1);
  check(table.set_text("max_seq_len", {"1024"}));
  EXPECT_EQ(s.max_seq_len, 1024);
  check(table.set_text("max-seq-len", {"512"}));
  EXPECT_EQ(s.max_seq_len, 512);
  check(table.set_text("target-param-data-ratio", {"20"}));
  check(table.set_text("total_batch_size", {"524288"}));
  check(table.set_text("embedding-lr", {"0.2"}));
  EXPECT_EQ(s.embedding_lr, 0.2);
}

}  // namespace
}  // namespace lathe::testing
