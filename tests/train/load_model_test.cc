#include "train/load_model.h"

#include <chrono>

#include "core/log.h"

#include "tests/train/tiny_run.h"

namespace lathe::testing {
namespace {

using train::load_model;

std::string error_of(const Result<train::LoadedModel>& result) {
  EXPECT_FALSE(result.ok());
  return result.ok() ? "" : result.error().to_string();
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class LoadModel : public ::testing::Test {
 protected:
  LoadModel() : tokenizer_(tiny_tokenizer({"ab", "cd"})) { check(tokenizer_.save(base() / "tokenizer")); }
  const std::filesystem::path& base() const { return folder_.path(); }

  TemporaryFolder folder_;
  tokenizer::Tokenizer tokenizer_;
};

// C-6.15: tokenizer and meta come back with the model, and training has its gradients.
TEST_F(LoadModel, GivesModelTokenizerAndMetadata) {
  save_tiny(base(), "base", "d4", 30, tokenizer_, 7);
  const train::LoadedModel loaded = take(load_model(base(), "base", "d4", 30, DType::kFloat32));
  EXPECT_EQ(loaded.tokenizer.hash(), tokenizer_.hash());
  EXPECT_EQ(loaded.meta.step, 30);
  EXPECT_EQ(loaded.meta.val_bpb, 1.5);
  EXPECT_EQ(loaded.tag, "d4");
  EXPECT_EQ(loaded.run, base() / "base_checkpoints" / "d4");
  model::Transformer same(tiny_config(tokenizer_.vocab_size()), DType::kFloat32);
  same.initialise(7);
  const auto expected = same.parameters(), actual = loaded.model->parameters();
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_TRUE(is_close(actual[i]->value.span<float>(), expected[i]->value.span<float>(), {})) << actual[i]->name;
  EXPECT_FALSE(loaded.model->parameters()[0]->grad);

  const train::LoadedModel training = take(load_model(base(), "base", "d4", 30, DType::kFloat32, true));
  EXPECT_EQ(training.model->parameters()[0]->grad.shape(), training.model->parameters()[0]->value.shape());
}

// C-6.12: all sources, each in its folder; another name is an error that lists them.
TEST_F(LoadModel, EverySourceHasItsFolder) {
  const std::vector<std::pair<std::string, std::string>> folders = {
      {"base", "base_checkpoints"}, {"mid", "mid_checkpoints"}, {"sft", "chatsft_checkpoints"}, {"dpo", "chatdpo_checkpoints"},
      {"rl", "chatrl_checkpoints"}};
  int64_t step = 1;
  for (const auto& [source, folder] : folders) {
    const auto run = save_tiny(base(), source, "d4", ++step, tokenizer_);
    EXPECT_EQ(run, base() / folder / "d4");
    EXPECT_EQ(take(load_model(base(), source, "", -1, DType::kFloat32)).meta.step, step);
  }
  const std::string text = error_of(load_model(base(), "ppo", "", -1, DType::kFloat32));
  EXPECT_TRUE(says(text, "\"ppo\"") && says(text, "base, mid, sft, dpo, rl")) << text;
}

// C-6.13
TEST_F(LoadModel, GuessesTheDeepestTag) {
  const std::filesystem::path root = base() / "base_checkpoints";
  const auto guess = [&] { return take(train::guess_tag(root)); };
  EXPECT_TRUE(says(error_of(load_model(base(), "base", "", -1, DType::kFloat32)), "lathe train"));

  const auto now = std::filesystem::file_time_type::clock::now();
  const auto add = [&](const std::string& tag, int age_seconds) {
    std::filesystem::create_directories(root / tag);
    std::filesystem::last_write_time(root / tag, now - std::chrono::seconds(age_seconds));
  };
  add("older", 500);
  add("newer", 100);
  add("zzz_oldest", 900);
  EXPECT_EQ(guess(), "newer") << "without a d<number>: the most recently changed";
  add("d9", 950);
  EXPECT_EQ(guess(), "d9") << "d<number> wins over newer folders";
  add("d12_x", 960);
  EXPECT_EQ(guess(), "d12_x") << "12 is larger than 9, as a number and with a suffix";
  add("d12_a", 10);
  EXPECT_EQ(guess(), "d12_a") << "the first by name among equals";
  add("d12", 970);
  EXPECT_EQ(guess(), "d12") << "the plain one on ties";
  add("dreadnought40", 1);
  add(".d99", 1);
  EXPECT_EQ(guess(), "d12");
}

// C-6.14: steps are numbers; a folder that is not whole is no checkpoint.
TEST_F(LoadModel, TakesTheLargestWholeStep) {
  save_tiny(base(), "base", "d4", 999999, tokenizer_);
  const auto run = save_tiny(base(), "base", "d4", 1000000, tokenizer_);
  EXPECT_EQ(take(train::latest_step(run)), 1000000);
  std::filesystem::create_directories(run / "step_2000000");
  std::filesystem::copy(train::checkpoint_folder(run, 1000000), run / "step_3000000", std::filesystem::copy_options::recursive);
  std::filesystem::remove(run / "step_3000000" / "model.safetensors");
  std::filesystem::copy(train::checkpoint_folder(run, 1000000), run / ".saving_4000000.17", std::filesystem::copy_options::recursive);
  EXPECT_EQ(take(load_model(base(), "base", "d4", -1, DType::kFloat32)).meta.step, 1000000);
}

TEST_F(LoadModel, NamesWhatIsThereWhenSomethingIsMissing) {
  save_tiny(base(), "base", "d4", 30, tokenizer_);
  save_tiny(base(), "base", "d6", 5, tokenizer_);
  const std::string tag = error_of(load_model(base(), "base", "d8", -1, DType::kFloat32));
  EXPECT_TRUE(says(tag, "d8") && says(tag, "d4, d6")) << tag;
  const std::string step = error_of(load_model(base(), "base", "d4", 31, DType::kFloat32));
  EXPECT_TRUE(says(step, "step 31") && says(step, "30")) << step;
  std::filesystem::create_directories(base() / "base_checkpoints" / "d20");
  EXPECT_TRUE(says(error_of(load_model(base(), "base", "", -1, DType::kFloat32)), "no checkpoint"));
  const std::string stage = error_of(load_model(base(), "sft", "d4", -1, DType::kFloat32));
  EXPECT_TRUE(says(stage, "no sft model") && says(stage, "--source base")) << stage;
}

TEST_F(LoadModel, NamesTheFileThatTheOnlyCheckpointLost) {
  const auto run = save_tiny(base(), "base", "d4", 30, tokenizer_);
  std::filesystem::remove(run / "step_30" / "model.safetensors");
  const std::string text = error_of(load_model(base(), "base", "d4", -1, DType::kFloat32));
  EXPECT_TRUE(says(text, "step_30") && says(text, "has no model.safetensors")) << text;
}

// C-6.11
TEST_F(LoadModel, RefusesATokenizerOfAnotherSize) {
  save_tiny(base(), "sft", "d4", 3, tokenizer_);
  check(tiny_tokenizer({"ab", "cd", "ef"}).save(base() / "tokenizer"));
  const std::string text = error_of(load_model(base(), "sft", "d4", -1, DType::kFloat32));
  EXPECT_TRUE(says(text, "268 tokens") && says(text, "267")) << text;
}

// C-6.11: the size alone is a weak check.
TEST(TrapT1, AnotherTokenizerOfTheSameSizeIsRefused) {
  TemporaryFolder folder;
  const tokenizer::Tokenizer own = tiny_tokenizer({"ab"}), other = tiny_tokenizer({"ba"});
  ASSERT_EQ(own.vocab_size(), other.vocab_size());
  save_tiny(folder.path(), "base", "d4", 3, own);
  check(other.save(folder.path() / "tokenizer"));
  const std::string text = error_of(load_model(folder.path(), "base", "", -1, DType::kFloat32));
  EXPECT_TRUE(says(text, own.hash().substr(0, 12)) && says(text, other.hash().substr(0, 12))) << text;
}

// C-6.20
TEST_F(LoadModel, LogsWhatItLoads) {
  set_log_level(LogLevel::kInfo);
  ::testing::internal::CaptureStderr();
  const auto run = save_tiny(base(), "base", "d4", 30, tokenizer_);
  const std::string saving = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(says(saving, (run / "step_30" / "model.safetensors").string())) << saving;
  EXPECT_TRUE(says(saving, (run / "step_30" / "meta.json").string())) << saving;
  EXPECT_FALSE(says(saving, "optimizer")) << saving;
  ::testing::internal::CaptureStderr();
  take(load_model(base(), "base", "", -1, DType::kFloat32));
  const std::string loading = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(says(loading, "taken: d4")) << loading;
  EXPECT_TRUE(says(loading, run.string() + " step 30")) << loading;
  EXPECT_TRUE(says(loading, "\"n_embd\"")) << loading;
}

TEST_F(LoadModel, TakesTheTokenizerThatTheRunNamed) {
  const auto run = save_tiny(base(), "base", "d4", 30, tokenizer_);
  train::CheckpointMeta meta = take(train::read_meta(run, 30));
  std::filesystem::rename(base() / "tokenizer", base() / "elsewhere");
  EXPECT_FALSE(load_model(base(), "base", "d4", -1, DType::kFloat32).ok());
  meta.user_config["tokenizer"] = (base() / "elsewhere").string();
  check(train::update_meta(run, meta));
  EXPECT_EQ(take(load_model(base(), "base", "d4", -1, DType::kFloat32)).tokenizer.hash(), tokenizer_.hash());
}

}  // namespace
}  // namespace lathe::testing
