// Models to GGUF files and back: the same weights, the same settings, the same logits.
#include "model/gguf_model.h"

#include <fstream>

#include "core/rng.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

using model::ModelConfig;
using model::Transformer;

std::unique_ptr<Transformer> random_model(const ModelConfig& config) {
  auto made = std::make_unique<Transformer>(config, DType::kFloat32);
  for (autograd::Parameter* p : made->parameters()) {
    Rng rng(3, p->name);
    for (float& x : p->value.span<float>()) x = static_cast<float>(rng.normal()) * 0.3f;
  }
  made->refresh_compute();
  return made;
}

std::vector<float> logits_of(Transformer& model) {
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = Tensor::of<int32_t>(std::vector<int32_t>{1, 5, 9, 2, 0, 7, 3, 3, 8, 4}, {10});
  const Tensor z = model.logits(ctx, model.forward(tape, batch).value);
  return {z.span<float>().begin(), z.span<float>().end()};
}

std::vector<SmallModel> exported() {
  std::vector<SmallModel> out;
  ModelConfig llama = model::llama_config(small_plain(16, false)), tied = model::llama_config(small_plain(16, true));
  out.push_back({"llama", llama});
  llama.rope_scaling = {};
  llama.rope_scaling.factor = 8;
  llama.rope_scaling.original_length = 32;
  llama.attention_bias = llama.mlp_bias = true;
  out.push_back({"llama with rope scaling and biases", llama});
  tied.rope_scaling.stretch = model::RopeStretch::kLinear;
  tied.rope_scaling.factor = 4;
  out.push_back({"tied llama, linear rope", tied});
  ModelConfig qwen2 = model::llama_config(small_plain(16, false)), qwen3 = qwen2;
  qwen2.qkv_bias = true;
  out.push_back({"qwen2", qwen2});
  qwen3.qk_norm = true;
  qwen3.head_dim = 10;
  out.push_back({"qwen3", qwen3});
  model::PlainSize size = small_plain(16, true);
  size.n_kv_head = size.n_head;
  out.push_back({"gpt2", model::gpt2_config(size)});
  ModelConfig gemma = model::llama_config(small_plain(16, true));
  gemma.n_layer = 3;
  gemma.head_dim = 10;
  gemma.mlp = model::Mlp::kGeglu;
  gemma.norm_plus_one = gemma.post_norms = gemma.scaled_embedding = true;
  gemma.sliding_window = 4;
  gemma.layer_kinds = "SG";
  gemma.softcap = 30;
  gemma.attention_softcap = 50;
  out.push_back({"gemma2", gemma});
  gemma.layer_kinds = "SSSSSG";
  gemma.n_layer = 7;
  gemma.qk_norm = true;
  gemma.rope_local_base = 10000;
  gemma.rope_base = 1e6;
  gemma.softcap = gemma.attention_softcap = 0;
  out.push_back({"gemma3", gemma});
  return out;
}

fs::path write(const Transformer& model, const fs::path& path, BlockType type) {
  const model::GgufContent content = take(model::gguf_content(model, "small", type));
  take(write_gguf(path, content.metadata, content.tensors));
  return path;
}

TEST(GgufModel, EveryFamilyComesBackWithItsLogits) {
  const TemporaryFolder folder;
  for (const SmallModel& small : exported()) {
    SCOPED_TRACE(small.name);
    const auto original = random_model(small.config);
    const fs::path path = write(*original, folder.path() / "a.gguf", BlockType::kF32);
    const GgufFile file = take(read_gguf(path));
    const auto back = take(model::load_gguf(file, path.string(), DType::kFloat32));
    ASSERT_EQ(back->parameters().size(), original->parameters().size());
    for (const autograd::Parameter* p : original->parameters()) {
      const autograd::Parameter* other = back->find(p->name);
      ASSERT_NE(other, nullptr) << p->name;
      EXPECT_TRUE(is_close(std::span<const float>(other->value.span<float>()), p->value.span<float>(), {1e-6, 0})) << p->name;
    }
    EXPECT_TRUE(is_close(std::span<const float>(logits_of(*back)), logits_of(*original), {2e-5, 0}));
    // Written again it is the same file.
    write(*back, folder.path() / "b.gguf", BlockType::kF32);
    EXPECT_TRUE(take(read_file(path)) == take(read_file(folder.path() / "b.gguf")));
  }
}

TEST(GgufModel, RowsThatAreNoWholeBlocksGetAnotherType) {
  EXPECT_EQ(model::stored_type("blk.0.attn_q.weight", {512, 8}, BlockType::kQ4_K, false), BlockType::kQ4_K);
  EXPECT_EQ(model::stored_type("blk.0.attn_q.weight", {96, 8}, BlockType::kQ4_K, false), BlockType::kQ8_0);
  EXPECT_EQ(model::stored_type("blk.0.attn_q.weight", {40, 8}, BlockType::kQ4_K, false), BlockType::kF16);
  EXPECT_EQ(model::stored_type("blk.0.attn_norm.weight", {512}, BlockType::kQ4_K, false), BlockType::kF32);
  EXPECT_EQ(model::stored_type("output.weight", {512, 8}, BlockType::kQ4_K, false), BlockType::kQ6_K);
  EXPECT_EQ(model::stored_type("token_embd.weight", {512, 8}, BlockType::kQ4_0, true), BlockType::kQ6_K);
  EXPECT_EQ(model::stored_type("token_embd.weight", {512, 8}, BlockType::kQ4_0, false), BlockType::kQ4_0);
}

TEST(GgufModel, WhatLlamaCppCannotRunIsRefusedWithTheReason) {
  const auto reason = [](const ModelConfig& config) {
    const auto content = model::gguf_content(Transformer(config, DType::kFloat32), "x", BlockType::kF32);
    return content.ok() ? "written" : content.error().message;
  };
  EXPECT_NE(reason(small_chat(model::ChatState::kSeed, 16)).find("chat family"), std::string::npos);
  ModelConfig windowed = model::llama_config(small_plain(16, false));
  windowed.sliding_window = 4;
  EXPECT_NE(reason(windowed).find("window"), std::string::npos);
  ModelConfig capped = model::llama_config(small_plain(16, false));
  capped.softcap = 15;
  EXPECT_NE(reason(capped).find("softcap"), std::string::npos);
}

TEST(GgufModel, ErrorsNameTheKeyOrTheTensor) {
  const TemporaryFolder folder;
  const auto original = random_model(model::llama_config(small_plain(16, false)));
  const model::GgufContent content = take(model::gguf_content(*original, "small", BlockType::kF32));
  const auto message_with = [&](const std::string& key, const GgufValue& value, size_t tensors) {
    auto metadata = content.metadata;
    for (auto& [name, old] : metadata)
      if (name == key) old = value;
    if (std::none_of(metadata.begin(), metadata.end(), [&](const auto& entry) { return entry.first == key; })) metadata.emplace_back(key, value);
    take(write_gguf(folder.path() / "x", metadata, {content.tensors.begin(), content.tensors.begin() + static_cast<std::ptrdiff_t>(tensors)}));
    const auto loaded = model::load_gguf(take(read_gguf(folder.path() / "x")), "x", DType::kFloat32);
    return loaded.ok() ? std::string("loaded") : loaded.error().to_string();
  };
  const size_t all = content.tensors.size();
  EXPECT_EQ(message_with("other", GgufValue::of_uint32(1), all), "loaded");
  for (const auto& [key, value] : {std::pair{"general.architecture", GgufValue::of_text("mamba")}, {"llama.block_count", GgufValue::of_uint32(4000000)},
                                   {"llama.block_count", GgufValue::of_text("two")}, {"llama.expert_count", GgufValue::of_uint32(8)},
                                   {"llama.rope.dimension_count", GgufValue::of_uint32(4)}, {"llama.rope.scaling.type", GgufValue::of_text("yarn")},
                                   {"llama.attention.head_count_kv", GgufValue::of_ints({2, 4})}, {"llama.embedding_length", GgufValue::of_uint32(0)}})
    EXPECT_NE(message_with(key, value, all).find(key), std::string::npos) << key << ": " << message_with(key, value, all);
  EXPECT_NE(message_with("llama.attention.key_length", GgufValue::of_uint32(2000000000), all).find("llama.attention.value_length"), std::string::npos);
  EXPECT_NE(message_with("llama.embedding_length", GgufValue::of_uint32(32), all).find("token_embd"), std::string::npos);
  EXPECT_NE(message_with("llama.feed_forward_length", GgufValue::of_uint32(2000000000), all).find("ffn_up"), std::string::npos);
  EXPECT_NE(message_with("other", GgufValue::of_uint32(1), all - 2).find("is missing"), std::string::npos);
}

// A context of two billion positions in a small file takes no tables of that length.
TEST(TrapS9, TheContextLengthOfAGgufFileIsBounded) {
  const TemporaryFolder folder;
  const auto original = random_model(model::llama_config(small_plain(16, false)));
  model::GgufContent content = take(model::gguf_content(*original, "small", BlockType::kF32));
  for (auto& [key, value] : content.metadata)
    if (key == "llama.context_length") value = GgufValue::of_uint32(2000000000);
  take(write_gguf(folder.path() / "x", content.metadata, content.tensors));
  const ModelConfig config = take(model::gguf_config(take(read_gguf(folder.path() / "x")), "x"));
  EXPECT_LE(config.table_length() * config.head_width() * 4, int64_t{17} << 20);
}

// Damaged files are refused or read, nothing else.
TEST(GgufModel, HundredsOfDamagedFilesDoNoHarm) {
  const TemporaryFolder folder;
  const auto original = random_model(model::llama_config(small_plain(16, false)));
  const std::string whole = take(read_file(write(*original, folder.path() / "whole.gguf", BlockType::kF16)));
  const GgufFile file = take(read_gguf(folder.path() / "whole.gguf"));
  const auto header = static_cast<uint64_t>(file.tensors[0].data - file.file.data());
  int64_t read = 0, refused = 0;
  for (uint64_t i = 0; i < 600; ++i) {
    Rng rng(11, "gguf_model_test/damage", i);
    std::string bytes = whole;
    for (uint64_t change = 0; change < 1 + i % 3; ++change) {
      const uint64_t at = rng.below(header - 8);
      const uint64_t odd[] = {0, 1, 0xFF, 0xFFFFFFFF, uint64_t{1} << 31, uint64_t{1} << 62, ~uint64_t{0}, rng.next_u64()};
      const uint64_t value = odd[rng.below(8)];
      bytes.replace(at, i % 2 == 0 ? 1 : 4, reinterpret_cast<const char*>(&value), i % 2 == 0 ? 1 : 4);
    }
    const fs::path path = folder.path() / "x.gguf";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto damaged = read_gguf(path);
    const bool ok = damaged.ok() && model::load_gguf(damaged.value(), "x", DType::kFloat32).ok();
    ++(ok ? read : refused);
  }
  EXPECT_GT(read, 20);
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace lathe::testing
