#include "model/config.h"

#include <limits>
#include <set>

#include "model/names.h"
#include "model/transformer.h"
#include "tests/ref/small_models.h"

namespace lathe::model {
namespace {

using testing::small_chat;
using testing::take;

::testing::AssertionResult refused(const ModelConfig& config, const std::string& words) {
  const Status status = config.validate();
  if (status.ok()) return ::testing::AssertionFailure() << "accepted";
  const std::string text = status.error().to_string();
  if (text.find(words) == std::string::npos) return ::testing::AssertionFailure() << text;
  return ::testing::AssertionSuccess();
}

std::set<std::string> names_of(const ModelConfig& config) {
  const Transformer model(config, DType::kFloat32, Device::kMeta);
  std::set<std::string> names;
  for (const autograd::Parameter* p : model.parameters()) names.insert(p->name);
  return names;
}

// C-3.1
TEST(ModelConfig, DefaultsAreThoseOfTheChatFamily) {
  const ModelConfig c;
  EXPECT_EQ(c.sequence_len, 2048);
  EXPECT_EQ(c.vocab_size, 32768);
  EXPECT_EQ(c.n_layer, 12);
  EXPECT_EQ(c.n_head, 6);
  EXPECT_EQ(c.n_kv_head, 6);
  EXPECT_EQ(c.n_embd, 768);
  EXPECT_EQ(c.window_pattern, "SSSL");
  EXPECT_TRUE(c.validate().ok());
}

// C-3.2, C-3.27: no bias, no learned positions or norm scale, untied head, and nothing but these names.
TEST(ModelConfig, TheSeedStateHasExactlyItsTensors) {
  std::set<std::string> expected = {"transformer.wte.weight",
                                    "lm_head.weight",
                                    "resid_lambdas",
                                    "x0_lambdas",
                                    "value_embeds.0.weight",
                                    "value_embeds.2.weight",
                                    "transformer.h.0.attn.ve_gate.weight",
                                    "transformer.h.2.attn.ve_gate.weight"};
  for (const char* layer : {"0", "1", "2"})
    for (const char* part : {"attn.c_q", "attn.c_k", "attn.c_v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"})
      expected.insert(join_text("transformer.h.", layer, ".", part, ".weight"));
  EXPECT_EQ(names_of(small_chat(ChatState::kSeed, 16)), expected);
}

// C-3.35
TEST(ModelConfig, TheOldStateHasNeitherValueEmbeddingsNorLambdas) {
  const ModelConfig c = small_chat(ChatState::kOld, 16);
  for (const std::string& name : names_of(c)) {
    EXPECT_EQ(name.find("value_embeds"), std::string::npos);
    EXPECT_EQ(name.find("lambda"), std::string::npos);
    EXPECT_EQ(name.find("ve_gate"), std::string::npos);
  }
  EXPECT_EQ(c.padded_vocab(), c.vocab_size);
  for (int64_t i = 0; i < c.n_layer; ++i) EXPECT_EQ(c.window(i), c.sequence_len);
}

// C-3.38
TEST(ModelConfig, TheNewestStateIsKnownByItsThreeTensors) {
  const std::set<std::string> seed = names_of(small_chat(ChatState::kSeed, 16));
  std::set<std::string> newest = names_of(small_chat(ChatState::kNewest, 16));
  for (const char* name : {"smear_gate.weight", "smear_lambda", "backout_lambda"})
    EXPECT_EQ(newest.erase(name), 1u) << name;
  EXPECT_EQ(newest, seed);
  ModelConfig partial = small_chat(ChatState::kNewest, 16);
  partial.backout = false;
  EXPECT_TRUE(refused(partial, "belong together"));
  partial = small_chat(ChatState::kSeed, 16);
  partial.smear = true;
  EXPECT_TRUE(refused(partial, "belong together"));
}

// C-3.3
TEST(ModelConfig, HeadsMustDivideWhatTheyShare) {
  ModelConfig c = small_chat(ChatState::kSeed, 16);
  EXPECT_EQ(c.head_width(), 8);
  c.n_head = c.n_kv_head = 5;
  EXPECT_TRUE(refused(c, "not divisible by 5 heads"));
  c.n_head = 4, c.n_kv_head = 3;
  EXPECT_TRUE(refused(c, "not divisible by 3 key/value heads"));
  c.n_kv_head = 8;
  EXPECT_TRUE(refused(c, "not divisible by 8 key/value heads"));
  for (const int64_t width : {1, 7, 258}) {
    c = small_chat(ChatState::kSeed, 16);
    c.head_dim = width;
    EXPECT_TRUE(refused(c, "must be even")) << width;
  }
  for (const int64_t width : {2, 6, 12, 256}) {
    c.head_dim = width;
    EXPECT_TRUE(c.validate().ok()) << width;
  }
}

// C-3.10: heads wider than C / H too.
TEST(ModelConfig, ShapesOfTheProjections) {
  ModelConfig c = small_chat(ChatState::kSeed, 16);
  c.head_dim = 12;
  const Transformer model(c, DType::kFloat32, Device::kMeta);
  const auto shape = [&](const char* name) {
    return model.find(std::string("transformer.h.1.") + name)->value.shape();
  };
  EXPECT_EQ(shape("attn.c_q.weight"), (Shape{48, 32}));
  EXPECT_EQ(shape("attn.c_k.weight"), (Shape{24, 32}));
  EXPECT_EQ(shape("attn.c_v.weight"), (Shape{24, 32}));
  EXPECT_EQ(shape("attn.c_proj.weight"), (Shape{32, 48}));
  EXPECT_EQ(shape("mlp.c_fc.weight"), (Shape{128, 32}));
  EXPECT_EQ(shape("mlp.c_proj.weight"), (Shape{32, 128}));
  EXPECT_EQ(model.find("value_embeds.2.weight")->value.shape(), (Shape{64, 24}));
  EXPECT_EQ(model.find("transformer.h.2.attn.ve_gate.weight")->value.shape(), (Shape{2, 32}));
}

// C-3.15
TEST(ModelConfig, ValueEmbeddingsSitInTheLastLayerAndEverySecondBelow) {
  ModelConfig c;
  for (const int64_t layers : {1, 2, 5, 12}) {
    c.n_layer = layers;
    for (int64_t i = 0; i < layers; ++i)
      EXPECT_EQ(c.has_value_embed(i), (layers - 1 - i) % 2 == 0) << i << " of " << layers;
  }
}

// C-3.16, C-3.44
TEST(ModelConfig, WidthsBelowTheGateAreRefused) {
  ModelConfig c = small_chat(ChatState::kSeed, 16);
  c.n_embd = 24;
  EXPECT_TRUE(refused(c, "at least 32"));
  c = small_chat(ChatState::kNewest, 16);
  c.n_embd = 24;
  EXPECT_TRUE(c.validate().ok());
  c.n_embd = 16;
  EXPECT_TRUE(refused(c, "at least 24"));
}

// C-3.17, C-3.44
TEST(ModelConfig, WindowPattern) {
  ModelConfig c = small_chat(ChatState::kSeed, 100);
  c.n_layer = 6;
  c.window_pattern = "sSl";
  const int64_t expected[] = {50, 50, 100, 50, 50, 100};  // the last one is always long
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(c.window(i), expected[i]) << i;
  c.window_pattern = "";
  EXPECT_TRUE(refused(c, "empty"));
  c.window_pattern = "SXL";
  EXPECT_TRUE(refused(c, "letter 'X'"));
  c = small_chat(ChatState::kNewest, 160);
  EXPECT_EQ(c.window(0), 128);
  c.sequence_len = 512;
  EXPECT_EQ(c.window(0), 128);
  c.sequence_len = 513;
  EXPECT_EQ(c.window(0), 256);
}

// C-3.30, C-3.31
TEST(ModelConfig, WidthOfADepth) {
  ChatSize size;
  size.depth = 20;
  ModelConfig c = chat_config(size);
  EXPECT_EQ(c.n_embd, 1280);
  EXPECT_EQ(c.n_head, 10);
  EXPECT_EQ(c.n_kv_head, 10);
  size.depth = 25;
  EXPECT_EQ(chat_config(size).n_embd, 1664);
  size.depth = 26;
  EXPECT_EQ(chat_config(size).n_embd, 1664);
}

// C-3.14
TEST(Positions, ThoseBeyondTheTableAreRefusedWithBothNumbers) {
  ModelConfig c = small_chat(ChatState::kSeed, 4);
  const auto model = testing::random_model(c, DType::kFloat32);
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  KvCache cache(c, 1, 100, DType::kFloat32);
  Batch batch;
  batch.cache = &cache;
  batch.ids = testing::random_ids(38, c.vocab_size, 1);
  model->forward(tape, batch);
  batch.ids = testing::random_ids(2, c.vocab_size, 1);
  model->forward(tape, batch);  // positions 38 and 39 of 40
  batch.ids = testing::random_ids(1, c.vocab_size, 1);
  try {
    model->forward(tape, batch);
    FAIL() << "position 40 of a table of 40 was accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("41"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("40"), std::string::npos) << error.what();
  }
  EXPECT_EQ(cache.length(), 40);
}

// C-3.4: the config keeps the unpadded size; so do logits.
TEST(Vocabulary, IsPaddedInTheTablesOnly) {
  const ModelConfig c = small_chat(ChatState::kSeed, 8);
  const auto model = testing::random_model(c, DType::kFloat32);
  EXPECT_EQ(model->find("transformer.wte.weight")->value.dim(0), 64);
  EXPECT_EQ(model->find("lm_head.weight")->value.dim(0), 64);
  EXPECT_EQ(model->config().vocab_size, 27);
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  Batch batch;
  batch.ids = testing::random_ids(5, c.vocab_size, 1);
  EXPECT_EQ(model->logits(ctx, model->forward(tape, batch).value).shape(), (Shape{5, 27}));
}

// Trap M4: sizes beyond 2^31 elements.
TEST(TrapM4, CountsOfHugeModelsDoNotOverflow) {
  PlainSize size;
  size.n_embd = 32768, size.n_head = size.n_kv_head = 256, size.mlp_hidden = 131072, size.n_layer = 2,
  size.vocab_size = 262144;
  const Transformer model(llama_config(size), DType::kBFloat16, Device::kMeta, true);
  const int64_t c = 32768, table = int64_t{262144} * c, block = 4 * c * c + 3 * 131072 * c;
  EXPECT_GT(table, std::numeric_limits<int32_t>::max());
  EXPECT_EQ(model.counts().wte, table);
  EXPECT_EQ(model.counts().transformer_matrices, 2 * block);
  EXPECT_EQ(model.counts().total, 2 * table + 2 * block + 5 * c);
  EXPECT_GT(model.flops_per_token(), 6.0 * static_cast<double>(table + 2 * block));
  ModelConfig huge = llama_config(size);
  huge.n_embd = int64_t{1} << 40;
  EXPECT_TRUE(refused(huge, "out of range"));
}

TEST(ModelConfig, JsonGivesTheSameConfigBack) {
  for (const testing::SmallModel& small : testing::small_models(16)) {
    const Json json = small.config.to_json();
    EXPECT_EQ(take(ModelConfig::from_json(json, "config.json")).to_json().dump(), json.dump()) << small.name;
  }
  Json json = small_chat(ChatState::kSeed, 16).to_json();
  json["n_heads"] = 4;
  const auto result = ModelConfig::from_json(json, "config.json");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("n_heads"), std::string::npos);
}

}  // namespace
}  // namespace lathe::model
