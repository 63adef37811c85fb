// Checkpoints on disk: what is in them, that they are whole or not there, and that loading is strict.
#include "train/checkpoint.h"

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <thread>

#include "core/log.h"
#include "tensor/safetensors.h"
#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() : tiny_(folder_.path() / "d2") { tiny_.meta.model_config = tiny_.model.config().to_json(); }
  const std::filesystem::path& run() const { return tiny_.run; }
  void save(int64_t step, bool with_optimizer = true) {
    tiny_.meta.step = step;
    check(train::save_checkpoint(run(), tiny_.meta, tiny_.weights, with_optimizer ? tiny_.optimizer.get() : nullptr));
  }
  NamedTensors weights() const {
    NamedTensors out;
    for (const autograd::Parameter* p : tiny_.model.parameters()) out.emplace_back(p->name, p->value);
    return out;
  }
  // The error of loading a file with these tensors; the weights must be untouched by it.
  std::string load_error(const NamedTensors& tensors) {
    const auto file = folder_.path() / "weights.safetensors";
    check(write_safetensors(file, tensors));
    TinyLoop other(folder_.path() / "other");
    const std::vector<float> before(other.model.parameters()[0]->value.span<float>().begin(), other.model.parameters()[0]->value.span<float>().end());
    const Status status = train::load_weights(file, other.model);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(is_close(other.model.parameters()[0]->value.span<float>(), std::span<const float>(before), {}));
    return status.ok() ? "" : status.error().to_string();
  }

  TemporaryFolder folder_;
  TinyLoop tiny_;
};

// C-6.1, C-6.2, C-6.3: one folder a step; the tensors are the model's parameters and nothing else.
TEST_F(Checkpoint, HoldsWeightsOptimizerAndMetadata) {
  tiny_.finish();
  EXPECT_EQ(names_in(run()), (std::vector<std::string>{"step_6"}));
  EXPECT_EQ(names_in(tiny_.step_folder(6)), (std::vector<std::string>{"manifest.json", "meta.json", "model.safetensors", "optimizer.safetensors"}));
  const SafetensorsFile model = take(read_safetensors(tiny_.step_folder(6) / "model.safetensors"));
  const NamedTensors expected = weights();
  ASSERT_EQ(model.tensors.size(), expected.size()) << "rotary tables are not saved";
  for (const auto& [name, value] : expected) {
    const Tensor* saved = model.find(name);
    ASSERT_NE(saved, nullptr) << name;
    EXPECT_EQ(saved->dtype(), DType::kFloat32);
    EXPECT_TRUE(is_close(saved->span<float>(), value.span<float>(), {})) << name;
  }
  const SafetensorsFile optimizer = take(read_safetensors(tiny_.step_folder(6) / "optimizer.safetensors"));
  EXPECT_EQ(optimizer.tensors.size(), tiny_.optimizer->state_tensors().size());
  const std::string text = take(read_file(tiny_.step_folder(6) / "meta.json"));
  EXPECT_TRUE(text.starts_with("{\n  \"schema\": 1,\n  \"step\": 6,\n")) << text.substr(0, 60);
}

// C-6.4, C-17.6
TEST_F(Checkpoint, MetadataHasTheKeysOfTheOrigin) {
  tiny_.meta.user_config["device_batch_size"] = 2;
  tiny_.meta.user_config["max_seq_len"] = kTinyLength;
  tiny_.meta.user_config["matrix_lr"] = 0.02;
  tiny_.settings.eval_every = 3;
  tiny_.hooks.validate = [](int64_t) -> Result<double> { return 1.5; };
  tiny_.finish();
  const Json meta = read_json_or_fail(tiny_.step_folder(6) / "meta.json");
  EXPECT_EQ(meta.at("step").as_int(), 6);
  EXPECT_EQ(meta.at("stage").as_string(), "base");
  EXPECT_EQ(meta.at("val_bpb").as_double(), 1.5);
  EXPECT_EQ(meta.at("device_batch_size").as_int(), 2);
  EXPECT_EQ(meta.at("max_seq_len").as_int(), kTinyLength);
  EXPECT_EQ(meta.at("user_config").at("matrix_lr").as_double(), 0.02);
  EXPECT_EQ(meta.at("model_config"), tiny_.model.config().to_json());
  EXPECT_EQ(meta.at("tokenizer_hash").as_string(), std::string(64, 'a'));
  EXPECT_EQ(meta.at("dataloader_state_dict").at("position").as_int(), 6);
  EXPECT_EQ(meta.at("loop_state").at("min_val_bpb").as_double(), 1.5);
  EXPECT_EQ(meta.at("loop_state").at("smooth_train_loss").as_double(), tiny_.loop->state().smooth_loss);
  EXPECT_EQ(meta.at("loop_state").at("total_training_time").as_double(), 0);
  EXPECT_EQ(meta.at("optimizer"), tiny_.optimizer->metadata());
}

// C-6.19: Infinity of an origin's file is "none yet"; an own file never holds it.
TEST_F(Checkpoint, InfinityIsReadAndNullIsWritten) {
  train::LoopState state;
  state.from_json(take(parse_json(R"({"min_val_bpb": Infinity, "smooth_train_loss": 2.5, "total_training_time": 3})", "meta.json")));
  EXPECT_FALSE(state.min_val_bpb.has_value());
  EXPECT_EQ(state.smooth_loss, 2.5);
  state.min_val_bpb = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(state.to_json().at("min_val_bpb").is_null());
  tiny_.meta.val_bpb = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(tiny_.meta.to_json().at("val_bpb").is_null());
  Json json = tiny_.meta.to_json();
  json["val_bpb"] = take(parse_json("[Infinity]", "meta.json")).at(0);
  EXPECT_FALSE(take(train::CheckpointMeta::from_json(json, "meta.json")).val_bpb.has_value());
}

// C-6.8
TEST_F(Checkpoint, LoadingIsStrict) {
  const NamedTensors all = weights();
  NamedTensors missing(all.begin() + 1, all.end());
  const std::string missing_text = load_error(missing);
  EXPECT_TRUE(says(missing_text, all[0].first) && says(missing_text, "missing")) << missing_text;

  NamedTensors extra = all;
  extra.emplace_back("transformer.h.9.mlp.c_fc.weight", Tensor::zeros({2, 2}, DType::kFloat32));
  EXPECT_TRUE(says(load_error(extra), "transformer.h.9.mlp.c_fc.weight"));

  NamedTensors shape = all;
  shape.back().second = Tensor::zeros({3, 5}, DType::kFloat32);
  const std::string shape_text = load_error(shape);
  EXPECT_TRUE(says(shape_text, all.back().first) && says(shape_text, "shape")) << shape_text;

  NamedTensors dtype = all;
  dtype.back().second = Tensor::zeros(all.back().second.shape(), DType::kInt32);
  EXPECT_TRUE(says(load_error(dtype), "int32"));

  NamedTensors no_lambdas;
  for (const auto& entry : all)
    if (entry.first != "resid_lambdas") no_lambdas.push_back(entry);
  EXPECT_TRUE(says(load_error(no_lambdas), "resid_lambdas")) << "an own file is never mended";
}

// C-6.9
TEST_F(Checkpoint, Bfloat16TensorsBecomeFloat32) {
  NamedTensors halves;
  for (const auto& [name, value] : weights()) halves.emplace_back(name, value.to(DType::kBFloat16));
  const auto file = folder_.path() / "bf16.safetensors";
  check(write_safetensors(file, halves));
  TinyLoop other(folder_.path() / "other");
  check(train::load_weights(file, other.model));
  for (const auto& [name, value] : halves) {
    const Tensor& loaded = other.model.find(name)->value;
    EXPECT_EQ(loaded.dtype(), DType::kFloat32);
    EXPECT_TRUE(is_close(loaded.span<float>(), value.to(DType::kFloat32).span<float>(), {})) << name;
  }
}

// C-6.8, C-6.10: a file of the chat origin may have compiled names and no lambdas.
TEST_F(Checkpoint, ForeignWeightsAreCompleted) {
  NamedTensors older;
  for (const auto& [name, value] : weights())
    if (!says(name, "lambdas")) older.emplace_back("_orig_mod." + name, value);
  const auto file = folder_.path() / "older.safetensors";
  check(write_safetensors(file, older));
  TinyLoop other(folder_.path() / "other");
  set_log_level(LogLevel::kInfo);
  ::testing::internal::CaptureStderr();
  check(train::load_weights(file, other.model, train::WeightsOrigin::kForeign));
  const std::string log = ::testing::internal::GetCapturedStderr();
  set_log_level(LogLevel::kWarning);
  EXPECT_TRUE(says(log, "resid_lambdas") && says(log, "x0_lambdas")) << log;
  for (const float x : other.model.find("resid_lambdas")->value.span<float>()) EXPECT_EQ(x, 1);
  for (const float x : other.model.find("x0_lambdas")->value.span<float>()) EXPECT_EQ(x, 0);
  EXPECT_TRUE(is_close(other.model.find("lm_head.weight")->value.span<float>(), tiny_.model.find("lm_head.weight")->value.span<float>(), {}));
}

// C-6.10: no value embedding at all is the older architecture; a part of them missing is an error.
TEST_F(Checkpoint, AbsenceOfAllValueEmbeddingsSelectsTheOlderArchitecture) {
  const tokenizer::Tokenizer tokenizer = tiny_tokenizer();
  check(tokenizer.save(folder_.path() / "tokenizer"));
  model::ModelConfig config = tiny_config(tokenizer.vocab_size());
  model::apply_chat_state(config, model::ChatState::kOld);
  model::Transformer old(config, DType::kFloat32);
  old.initialise(5);
  train::CheckpointMeta meta;
  meta.step = 3;
  meta.tokenizer_hash = tokenizer.hash();
  meta.user_config = Json::object();
  meta.model_config = Json::object();  // what the origin wrote
  meta.model_config["sequence_len"] = config.sequence_len;
  meta.model_config["vocab_size"] = config.vocab_size;
  for (const char* key : {"n_layer", "n_head", "n_kv_head"}) meta.model_config[key] = 2;
  meta.model_config["n_embd"] = 32;
  const auto root = folder_.path() / "base_checkpoints" / "d2";
  check(train::save_checkpoint(root, meta, train::ModelWeights(old), nullptr));
  const train::LoadedModel loaded = take(train::load_model(folder_.path(), "base", "d2", -1, DType::kFloat32));
  EXPECT_EQ(loaded.model->config().chat_state, model::ChatState::kOld);
  EXPECT_EQ(loaded.model->config().window_pattern, "L");
  EXPECT_EQ(loaded.model->find("resid_lambdas"), nullptr);

  config = tiny_config(tokenizer.vocab_size());
  config.n_layer = 4;
  model::Transformer seed(config, DType::kFloat32);
  seed.initialise(5);
  NamedTensors partial;
  bool dropped = false;
  for (const autograd::Parameter* p : seed.parameters()) {
    if (!dropped && says(p->name, "value_embeds.")) dropped = true;
    else partial.emplace_back(p->name, p->value);
  }
  ASSERT_TRUE(dropped);
  meta.model_config["n_layer"] = 4;
  check(train::update_meta(root, meta));
  check(write_safetensors(train::checkpoint_folder(root, 3) / "model.safetensors", partial));
  const auto refused = train::load_model(folder_.path(), "base", "d2", -1, DType::kFloat32);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(says(refused.error().to_string(), "value_embeds.")) << refused.error().to_string();
}

// C-6.14: folders that are not whole are no checkpoints, and the next save clears away what a killed one left.
TEST_F(Checkpoint, UnfinishedFoldersAreSkippedAndCleared) {
  save(5);
  std::filesystem::copy(tiny_.step_folder(5), run() / ".saving_000010.4242", std::filesystem::copy_options::recursive);
  std::filesystem::create_directories(run() / "step_11");
  check(write_file_atomic(run() / "step_11" / "model.safetensors", "torn"));
  std::filesystem::create_directories(run() / "step_12");
  EXPECT_EQ(take(train::checkpoint_steps(run())), (std::vector<int64_t>{5}));
  save(20);
  EXPECT_EQ(take(train::checkpoint_steps(run())), (std::vector<int64_t>{5, 20}));
  EXPECT_FALSE(std::filesystem::exists(run() / ".saving_000010.4242"));
}

TEST_F(Checkpoint, MetadataOfAnotherSchemaOrATornOneIsRefused) {
  save(5);
  const auto path = tiny_.step_folder(5) / "meta.json";
  Json meta = read_json_or_fail(path);
  meta["schema"] = 99;
  check(write_json_atomic(path, meta));
  const auto schema = train::read_meta(run(), 5);
  ASSERT_FALSE(schema.ok());
  EXPECT_TRUE(says(schema.error().to_string(), "99") && says(schema.error().to_string(), path.string()));
  check(write_file_atomic(path, "{\"schema\": 1, \"st"));
  const auto torn = train::read_meta(run(), 5);
  ASSERT_FALSE(torn.ok());
  EXPECT_TRUE(says(torn.error().to_string(), path.string()));
}

// C-6.2: the same step saved again changes places with the old folder in one operation.
TEST_F(Checkpoint, TheSameStepIsReplacedAtomically) {
  save(5);
  std::atomic<bool> done = false;
  std::atomic<int64_t> looks = 0, absent = 0;
  std::thread watcher([&] {
    std::error_code code;
    while (!done) {
      ++looks;
      if (!std::filesystem::exists(tiny_.step_folder(5), code)) ++absent;
    }
  });
  while (looks == 0) std::this_thread::yield();  // it is there before the first save
  for (int i = 0; i < 30; ++i) {
    fill(*tiny_.model.find("lm_head.weight"), static_cast<float>(i));
    save(5, false);
  }
  done = true;
  watcher.join();
  EXPECT_EQ(absent, 0);
  EXPECT_EQ(names_in(run()), (std::vector<std::string>{"step_5"}));
  const SafetensorsFile file = take(read_safetensors(tiny_.step_folder(5) / "model.safetensors"));
  EXPECT_EQ(file.find("lm_head.weight")->span<float>()[0], 29);
  EXPECT_FALSE(std::filesystem::exists(tiny_.step_folder(5) / "optimizer.safetensors")) << "the folder is replaced, not mixed";
}

// A disk that fills while `action` writes: no file may grow beyond `bytes`.
template <class Action>
void with_file_limit(rlim_t bytes, const Action& action) {
  rlimit former{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &former), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = former;
  limit.rlim_cur = bytes;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  action();
  setrlimit(RLIMIT_FSIZE, &former);
  std::signal(SIGXFSZ, handler);
}

TEST(TrapR10, AFailedSaveLeavesTheEarlierCheckpointsAndNothingElse) {
  TemporaryFolder folder;
  TinyLoop tiny(folder.path() / "d2");
  tiny.meta.model_config = tiny.model.config().to_json();
  tiny.meta.step = 5;
  check(train::save_checkpoint(tiny.run, tiny.meta, tiny.weights, tiny.optimizer.get()));
  const std::string before = take(read_file(tiny.step_folder(5) / "model.safetensors"));
  const auto size = [&](const char* name) { return static_cast<rlim_t>(std::filesystem::file_size(tiny.step_folder(5) / name)); };
  const rlim_t model_bytes = size("model.safetensors"), optimizer_bytes = size("optimizer.safetensors");
  ASSERT_GT(optimizer_bytes, model_bytes);
  fill(*tiny.model.find("lm_head.weight"), 3);
  for (const int64_t step : {5, 10})  // once over a step that stands already
    for (const rlim_t limit : {model_bytes / 2, model_bytes, optimizer_bytes - 1}) {
      Status status;
      tiny.meta.step = step;
      with_file_limit(limit, [&] { status = train::save_checkpoint(tiny.run, tiny.meta, tiny.weights, tiny.optimizer.get()); });
      ASSERT_FALSE(status.ok()) << limit;
      EXPECT_TRUE(says(status.error().to_string(), ".safetensors")) << status.error().to_string();
      EXPECT_EQ(names_in(tiny.run), (std::vector<std::string>{"step_5"}));
      EXPECT_EQ(take(train::latest_step(tiny.run)), 5);
      EXPECT_TRUE(take(read_file(tiny.step_folder(5) / "model.safetensors")) == before);
    }
}

TEST(TrapR11, FreeSpaceIsAskedForBeforeTheFirstStep) {
  TemporaryFolder folder;
  TinyLoop tiny(folder.path() / "not" / "yet" / "there");
  const int64_t bytes = train::checkpoint_bytes(tiny.weights, tiny.optimizer.get());
  check(train::require_free_space(tiny.run, bytes));
  const Status status = train::require_free_space(tiny.run, int64_t{1} << 60);
  ASSERT_FALSE(status.ok());
  const std::string text = status.error().to_string();
  EXPECT_TRUE(says(text, tiny.run.string()) && says(text, "MiB are free") && says(text, "--base-dir")) << text;
  // The figure covers what is really written, within the allowance for metadata.
  tiny.finish();
  int64_t written = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tiny.step_folder(6))) written += static_cast<int64_t>(entry.file_size());
  EXPECT_GE(bytes, written);
  EXPECT_LT(bytes, written + (2 << 20));
}

}  // namespace
}  // namespace lathe::testing
