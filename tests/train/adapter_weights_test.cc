// Adapters in checkpoints.
#include "train/adapter_weights.h"

#include <set>

#include "autograd/low_rank.h"
#include "core/parallel.h"
#include "tests/model/small_adapters.h"
#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

model::AdapterRecord record_of(char base) {
  model::AdapterRecord out;
  out.base = {"/base/model.safetensors", std::string(64, base)};
  return out;
}

// A run that trains an adapter on a frozen bf16 model.
struct AdapterRun {
  explicit AdapterRun(std::filesystem::path folder) : run(std::move(folder)), model(tiny_config(kTinyVocab, kTinyLength), DType::kBFloat16), loader(2) {
    set_num_threads(1);
    model.initialise(7);
    model.freeze();
    model::AdapterConfig config = small_adapter_config();
    config.dropout = 0.1;
    config.token_rows = {1, 2};
    adapter = take(model::Adapter::create(model, config, 1));
    weights = std::make_unique<train::AdapterWeights>(*adapter, record_of('a'));
    optim::AdamwRates rates;
    rates.lr = 0.01;
    optimizer = std::make_unique<optim::Optimizer>(optim::adamw_groups(adapter->parameters(), rates));
    settings.num_iterations = 6;
    settings.save_every = 3;
    options.batch = 2;
    options.sequence_len = kTinyLength;
    settings.flops_per_token = 1000;
    hooks.schedule = [](optim::Optimizer&, int64_t, double) { return 1.0; };
    hooks.print = [](const std::string&) {};
    hooks.log = [](int64_t, const Json&) -> Status { return {}; };
  }
  void finish(int64_t resume = -1) {
    settings.resume_from_step = resume;
    train::LanguageObjective objective(model, loader, options);
    train::CheckpointMeta meta;
    meta.model_config = model.config().to_json();
    meta.user_config = Json::object();
    const std::unique_ptr<dist::Communicator> world = dist::single_process();
    train::Loop loop(settings, hooks, train::LoopParts{objective, *optimizer, *weights, *world, meta, run, nullptr});
    if (resume >= 0) {
      ASSERT_TRUE(loop.resume().ok());
    }
    take(loop.run([] { return false; }));
  }

  std::filesystem::path run;
  model::Transformer model;
  NumberedRows loader;
  std::unique_ptr<model::Adapter> adapter;
  std::unique_ptr<train::AdapterWeights> weights;
  std::unique_ptr<optim::Optimizer> optimizer;
  train::LoopSettings settings;
  train::LoopHooks hooks;
  train::LanguageOptions options;
};

// L-7.23: after a resume the base is as frozen as before: not trained, no gradient, no master, no optimizer state, the same bits.
TEST(TrapR8, ResumeDoesNotUnfreezeTheBase) {
  TemporaryFolder folder;
  AdapterRun whole(folder.path() / "whole");
  std::vector<std::vector<float>> base;
  whole.adapter->set_enabled(false);
  for (const autograd::Parameter* p : whole.model.parameters()) base.push_back(copy_of(p->compute));
  whole.adapter->set_enabled(true);
  whole.finish();
  AdapterRun rest(folder.path() / "rest");
  std::filesystem::create_directories(rest.run);
  std::filesystem::copy(train::checkpoint_folder(whole.run, 3), train::checkpoint_folder(rest.run, 3), std::filesystem::copy_options::recursive);
  disturb(*rest.adapter, 77);  // whatever was there is replaced
  rest.finish(3);
  for (const char* name : {"adapter_model.safetensors", "token_rows.safetensors", "optimizer.safetensors"})
    EXPECT_TRUE(take(read_file(train::checkpoint_folder(rest.run, 6) / name)) == take(read_file(train::checkpoint_folder(whole.run, 6) / name))) << name;
  EXPECT_FALSE(std::filesystem::exists(train::checkpoint_folder(rest.run, 6) / "model.safetensors"));
  std::set<std::string> trained;
  for (const autograd::Parameter* p : rest.optimizer->parameters()) trained.insert(p->name);
  EXPECT_EQ(trained.size(), rest.adapter->parameters().size());
  rest.adapter->set_enabled(false);
  autograd::place_trained_rows(*rest.model.parameters().front());
  autograd::place_trained_rows(rest.model.head_weight());
  for (size_t i = 0; i < base.size(); ++i) {
    const autograd::Parameter& p = *rest.model.parameters()[i];
    EXPECT_FALSE(p.trainable || p.grad || p.has_grad) << p.name;
    EXPECT_EQ(bool(p.value), p.shape().rank() < 2) << p.name;
    EXPECT_EQ(trained.count(p.name), 0u) << p.name;
    EXPECT_EQ(copy_of(p.compute), base[i]) << p.name;
  }
}

// L-7.25
TEST(AdapterWeights, AnotherBaseIsRefused) {
  TemporaryFolder folder;
  AdapterRun run(folder.path());
  ASSERT_TRUE(run.weights->save(folder.path()).ok());
  EXPECT_TRUE(run.weights->load(folder.path()).ok());
  train::AdapterWeights other(*run.adapter, record_of('b'));
  EXPECT_NE(other.load(folder.path()).error().to_string().find("another base"), std::string::npos);
  model::AdapterRecord stacked = record_of('a');
  stacked.below = {record_of('c').base};
  EXPECT_NE(train::AdapterWeights(*run.adapter, stacked).load(folder.path()).error().to_string().find("other adapters"), std::string::npos);
}

TEST(AdapterWeights, GroundIsFoundByPathThenBelowTheBaseFolderAndItsHashIsChecked) {
  TemporaryFolder folder;
  const fs::path first = folder.path() / "here" / "base_checkpoints" / "d2", second = folder.path() / "there" / "base_checkpoints" / "d2";
  fs::create_directories(first);
  ASSERT_TRUE(write_file_atomic(first / "model.safetensors", "weights").ok());
  const model::AdapterGround ground = take(train::ground_of(first / "model.safetensors"));
  EXPECT_EQ(take(train::find_ground(ground, folder.path() / "there")), first / "model.safetensors");
  fs::create_directories(second.parent_path());
  fs::rename(first, second);
  EXPECT_EQ(take(train::find_ground(ground, folder.path() / "there")), second / "model.safetensors");
  ASSERT_TRUE(write_file_atomic(second / "model.safetensors", "other weights").ok());
  EXPECT_NE(train::find_ground(ground, folder.path() / "there").error().to_string().find("SHA-256"), std::string::npos);
  EXPECT_NE(train::find_ground(ground, folder.path()).error().to_string().find("not here"), std::string::npos);
  // A record may name anything; what is no file is not read (a device or a pipe would not end).
  EXPECT_NE(train::find_ground({"/dev/zero", ground.sha256}, folder.path()).error().to_string().find("no file"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
