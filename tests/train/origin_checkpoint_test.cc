// Checkpoints of the chat origin: tests/golden/torch holds one that PyTorch wrote.
#include "train/origin_checkpoint.h"

#include "tests/ref/testing.h"
#include "tokenizer/bpe_model.h"
#include "train/open_model.h"

namespace lathe::testing {
namespace {

fs::path sample(const char* name) { return fs::path(LATHE_SOURCE_DIR) / "tests/golden/torch" / name; }

// 256 bytes and nine markers: 265 tokens.
tokenizer::Tokenizer byte_tokenizer() {
  std::vector<std::string> tokens;
  for (int i = 0; i < 256; ++i) tokens.emplace_back(1, static_cast<char>(i));
  return take(tokenizer::Tokenizer::from_tokens(tokens));
}

// <base>/base_checkpoints/d2 with the sample, <base>/tokenizer.
class OriginCheckpoint : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    for (const char* name : {"model_000007.pt", "meta_000007.json"}) fs::copy_file(sample(name), folder_ / name);
    check(byte_tokenizer().save(base_.path() / "tokenizer"));
  }
  TemporaryFolder base_;
  fs::path folder_ = base_.path() / "base_checkpoints" / "d2";
};

// C-6.1, C-6.8, C-6.10
TEST_F(OriginCheckpoint, CompiledNamesAndTheOlderStateAreRead) {
  const train::LoadedModel loaded = take(train::open_model(folder_, DType::kFloat32));
  EXPECT_EQ(loaded.tag, "d2");
  EXPECT_EQ(loaded.tokenizer.vocab_size(), 265);
  const model::ModelConfig& config = loaded.model->config();
  EXPECT_EQ(config.chat_state, model::ChatState::kOld);
  EXPECT_EQ(config.window_pattern, "L");
  EXPECT_EQ(config.n_layer, 2);
  for (const autograd::Parameter* p : loaded.model->parameters()) {
    const std::string name = p->name;  // the formula of make.py: no file of values is needed
    for (int64_t i = 0; i < p->value.elements(); ++i)
      ASSERT_EQ(p->value.data<float>()[i], static_cast<float>((i * 7 + static_cast<int64_t>(name.size())) % 31 - 15) / 16) << name << " " << i;
  }
}

// C-6.14
TEST_F(OriginCheckpoint, TheLargestStepIsTakenByNumber) {
  EXPECT_EQ(train::origin_step(folder_), 7);
  for (const char* name : {"model_000300.pt", "model_1000000.pt", "model_000999.pt", "model_x.pt", "model_5.pt"}) fs::copy_file(sample("odd.pt"), folder_ / name);
  EXPECT_EQ(train::origin_step(folder_), 1000000);
  EXPECT_EQ(train::origin_step(base_.path()), -1);
}

// C-6.8
TEST_F(OriginCheckpoint, WhatIsMissingOrTooMuchIsNamed) {
  const auto message = [&] {
    const auto loaded = train::open_model(folder_, DType::kFloat32);
    return loaded.ok() ? std::string("read") : loaded.error().to_string();
  };
  std::string bytes = take(read_file(sample("model_000007.pt")));
  const std::string original = bytes;
  const size_t at = bytes.find("h.1.mlp.c_proj");
  bytes.replace(at, 3, "h.7");
  check(write_file_atomic(folder_ / "model_000007.pt", bytes));
  EXPECT_NE(message().find("transformer.h.1.mlp.c_proj.weight"), std::string::npos) << message();
  // Another dict than a model's.
  fs::copy_file(sample("odd.pt"), folder_ / "model_000007.pt", fs::copy_options::overwrite_existing);
  EXPECT_NE(message().find("\"steps\""), std::string::npos) << message();
  check(write_file_atomic(folder_ / "model_000007.pt", original));
  // A description of a model that the file cannot fill.
  Json meta = read_json_or_fail(sample("meta_000007.json"));
  meta["model_config"]["n_embd"] = 4096;
  meta["model_config"]["n_head"] = meta["model_config"]["n_kv_head"] = 64;
  check(write_json_atomic(folder_ / "meta_000007.json", meta));
  EXPECT_NE(message().find("model_000007.pt"), std::string::npos) << message();
  fs::remove(folder_ / "meta_000007.json");
  EXPECT_NE(message().find("meta_000007.json"), std::string::npos) << message();
  fs::copy_file(sample("meta_000007.json"), folder_ / "meta_000007.json");
  fs::remove_all(base_.path() / "tokenizer");
  EXPECT_NE(message().find("tokenizer"), std::string::npos) << message();
}

// C-3.38: some but not all of the newest state's tensors.
TEST_F(OriginCheckpoint, AStateInBetweenIsRefused) {
  SafetensorsFile tensors;
  tensors.tensors = {{"smear_lambda", Tensor::zeros({1}, DType::kFloat32)}};
  model::ModelConfig config;
  EXPECT_FALSE(train::recognise_chat_state(tensors, "x", config).ok());
  tensors.tensors.emplace_back("smear_gate.weight", Tensor::zeros({1}, DType::kFloat32));
  tensors.tensors.emplace_back("backout_lambda", Tensor::zeros({1}, DType::kFloat32));
  check(train::recognise_chat_state(tensors, "x", config));
  EXPECT_EQ(config.chat_state, model::ChatState::kNewest);
}

}  // namespace
}  // namespace lathe::testing
