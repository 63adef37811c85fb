// What a run will need, against what it then takes.
#include "train/plan.h"

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
    const train::Plan plan = train::make_plan(tiny_request(dtype));
    EXPECT_EQ(part(plan, "activations") + part(plan, "logits"), train::activation_bytes(tiny.model.config(), dtype, 2, kTinyLength));
    // The optimizer's own scratch is in the arena too.
    EXPECT_GE(result.arena_bytes, part(plan, "activations") + part(plan, "logits"));
    EXPECT_EQ(plan.counts.total, tiny.model.counts().total);
    int64_t values = 0, gradients = 0, state = 0;
    for (const autograd::Parameter* p : tiny.model.parameters()) values += p->value.bytes(), gradients += p->grad.bytes();
    for (const auto& [name, tensor] : tiny.optimizer->state_tensors()) state += tensor.bytes();
    EXPECT_EQ(part(plan, "weights"), dtype == DType::kFloat32 ? values : values + values / 2);
    EXPECT_EQ(part(plan, "gradients"), gradients);
    EXPECT_LE(state, part(plan, "optimizer")) << "an upper bound: Muon's second moment is factored";
    EXPECT_GT(state, part(plan, "optimizer") / 4);
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

// C-14.10: the advice when memory does not suffice.
TEST(Plan, RefusesWithTheTableWhenItDoesNotFit) {
  train::PlanRequest request = tiny_request(DType::kFloat32);
  request.config = model::chat_config({64, 64, 128, 2048, 65536, "SSSL", model::ChatState::kSeed});
  request.batch = 64;
  request.sequence_len = 2048;
  const train::Plan plan = train::make_plan(request);
  ASSERT_FALSE(plan.fits()) << "a machine with " << plan.available_bytes << " bytes free";
  const Status status = train::require_memory(plan);
  ASSERT_FALSE(status.ok());
  const std::string text = status.error().to_string();
  for (const char* word : {"transformer_matrices", "weights", "gradients", "optimizer", "activations", "logits", "available", "does not fit",
                           "halve --device-batch-size"})
    EXPECT_TRUE(says(text, word)) << word << " in\n" << text;
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
