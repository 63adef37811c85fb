// Models as Hugging Face folders: written and read back, in every layout that published files have; refusals by name.
#include <gtest/gtest.h>

#include "tests/ref/small_hugging_face.h"

namespace lathe::testing {
namespace {

using model::load_hugging_face;

std::unique_ptr<model::Transformer> read(const fs::path& folder, int64_t tokens = 0) {
  return take(load_hugging_face(folder, DType::kFloat32, false, tokens));
}

std::string refusal(const fs::path& folder, int64_t tokens = 0) {
  const auto result = load_hugging_face(folder, DType::kFloat32, false, tokens);
  return result.ok() ? "accepted" : result.error().to_string();
}

#define EXPECT_NAMES(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

// C-7.7: the config comes back with the same settings and the weights with the same bits.
TEST(HuggingFaceFolder, EveryFamilyIsReadAsItWasWritten) {
  for (const SmallModel& small : foreign_models()) {
    SCOPED_TRACE(small.name);
    const TemporaryFolder folder;
    const auto model = write_foreign(folder.path(), small.config);
    const auto again = read(folder.path());
    EXPECT_EQ(some_logits(*again), some_logits(*model));
    EXPECT_EQ(again->config().tied_embeddings, small.config.tied_embeddings);
    for (int64_t i = 0; i < small.config.n_layer; ++i) {
      EXPECT_EQ(again->config().window(i), small.config.window(i)) << i;
      EXPECT_EQ(again->config().layer_kind(i) == 'N', small.config.layer_kind(i) == 'N') << i;
    }
    const Json config = take(model::hugging_face_config(again->config(), DType::kFloat32, 1, 2));
    EXPECT_EQ(config.dump(), take(model::hugging_face_config(small.config, DType::kFloat32, 1, 2)).dump());
  }
}

TEST(HuggingFaceFolder, HalfAndBfloatWeightsAreWidened) {
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    const TemporaryFolder folder;
    const auto model = write_foreign(folder.path(), model::llama_config(small_plain(32, false)), dtype);
    const auto again = read(folder.path());
    for (const autograd::Parameter* p : model->parameters()) {
      const Tensor expected = p->value.to(dtype).to(DType::kFloat32);
      const auto a = again->find(p->name)->value.span<float>(), b = expected.span<float>();
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << p->name;
    }
  }
}

// Writes the tensors of `folder` as `shards` files with an index, under other names.
void split_weights(const fs::path& folder, size_t shards, const std::string& dropped) {
  const SafetensorsFile file = take(read_safetensors(folder / "model.safetensors"));
  std::vector<std::vector<std::pair<std::string, Tensor>>> parts(shards);
  Json map = Json::object();
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    std::string name = file.tensors[i].first;
    if (name.starts_with(dropped)) name.erase(0, dropped.size());
    parts[i % shards].emplace_back(name, file.tensors[i].second.clone());
    map[name] = join_text("part-", i % shards, ".safetensors");
  }
  for (size_t s = 0; s < shards; ++s) check(write_safetensors(folder / join_text("part-", s, ".safetensors"), parts[s]));
  fs::remove(folder / "model.safetensors");
  put_file(folder / "model.safetensors.index.json", Json(Json::Object{{"metadata", Json::object()}, {"weight_map", map}}).dump());
}

TEST(HuggingFaceFolder, ShardsAndHeadlessNamesAreTheSameModel) {
  for (const char* dropped : {"", "model.", "transformer."})
    for (const SmallModel& small : foreign_models()) {
      if (small.name != "llama_tied" && small.name != "gpt2") continue;
      const TemporaryFolder folder;
      const auto model = write_foreign(folder.path(), small.config);
      split_weights(folder.path(), 3, dropped);
      EXPECT_EQ(some_logits(*read(folder.path())), some_logits(*model)) << small.name << " without " << dropped;
      fs::remove(folder.path() / "part-1.safetensors");
      EXPECT_NAMES(refusal(folder.path()), "part-1.safetensors");
    }
}

TEST(HuggingFaceFolder, AnIndexNamesFilesOfItsFolderAlone) {
  const TemporaryFolder folder;
  write_foreign(folder.path(), model::llama_config(small_plain(32, false)));
  fs::remove(folder.path() / "model.safetensors");
  const fs::path index = folder.path() / "model.safetensors.index.json";
  for (const char* name : {"../model.safetensors", "/etc/passwd", "a/b.safetensors", "weights.bin", ""}) {
    put_file(index, Json(Json::Object{{"weight_map", Json(Json::Object{{"x", name}})}}).dump());
    EXPECT_NAMES(refusal(folder.path()), "weight_map") << name;
  }
  put_file(index, R"({"weight_map": {}})");
  EXPECT_NAMES(refusal(folder.path()), "weight_map");
}

// A tied file may hold the head beside the embedding; an untied one must.
TEST(HuggingFaceFolder, TiedHeads) {
  const TemporaryFolder folder;
  const auto model = write_foreign(folder.path(), model::llama_config(small_plain(32, true)));
  auto tensors = model::hugging_face_tensors(*model, DType::kFloat32);
  tensors.emplace_back("lm_head.weight", Tensor::zeros({27, 24}, DType::kFloat32));
  check(write_safetensors(folder.path() / "model.safetensors", tensors));
  EXPECT_EQ(some_logits(*read(folder.path())), some_logits(*model));
  Json config = take(read_json(folder.path() / "config.json"));
  config["tie_word_embeddings"] = false;
  tensors.pop_back();
  check(write_safetensors(folder.path() / "model.safetensors", tensors));
  put_file(folder.path() / "config.json", config.dump());
  EXPECT_NAMES(refusal(folder.path()), "lm_head.weight");
}

// C-3.4: rows of the tables beyond the tokenizer's tokens have no logit.
TEST(HuggingFaceFolder, RowsWithoutATokenArePadding) {
  const TemporaryFolder folder;
  const auto model = write_foreign(folder.path(), model::llama_config(small_plain(32, false)));
  const auto narrow = read(folder.path(), 21);
  EXPECT_EQ(narrow->config().vocab_size, 21);
  EXPECT_EQ(narrow->config().padded_vocab(), 27);
  EXPECT_NAMES(refusal(folder.path(), 28), "vocab_size");
  const Json config = take(model::hugging_face_config(narrow->config(), DType::kFloat32, 1, 2));
  EXPECT_EQ(config.get_int("vocab_size", 0), 27) << "exported as it came";
}

TEST(HuggingFaceFolder, WhatIsNotKnownIsRefusedByItsKey) {
  const struct {
    const char *model, *key, *value;
  } cases[] = {{"llama", "model_type", "\"mamba\""}, {"llama", "hidden_act", "\"relu\""}, {"llama", "quantization_config", "{\"bits\": 4}"},
               {"llama", "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4}"}, {"llama", "partial_rotary_factor", "0.5"},
               {"llama", "num_local_experts", "8"}, {"llama", "auto_map", "{\"AutoModel\": \"x.py\"}"}, {"llama", "hidden_size", "\"24\""},
               {"llama", "hidden_size", "-1"}, {"llama", "num_hidden_layers", "1e300"}, {"llama", "rms_norm_eps", "0"},
               {"llama", "vocab_size", "null"}, {"llama", "tie_word_embeddings", "1"}, {"llama", "rope_theta", "\"big\""},
               {"gpt2", "scale_attn_by_inverse_layer_idx", "true"}, {"gpt2", "activation_function", "\"silu\""}, {"gpt2", "add_cross_attention", "true"},
               {"gemma2", "layer_types", "[\"full_attention\"]"}, {"gemma2", "use_bidirectional_attention", "true"},
               {"gemma2", "hidden_activation", "\"gelu\""}, {"gemma3", "rope_parameters", "{\"full_attention\": {\"rope_theta\": 1e6}}"},
               {"qwen3", "layer_types", "[\"chunked_attention\", \"full_attention\"]"}, {"smollm3", "no_rope_layers", "[1, 0]"}};
  for (const auto& c : cases)
    for (const SmallModel& small : foreign_models()) {
      if (small.name != c.model) continue;
      const TemporaryFolder folder;
      write_foreign(folder.path(), small.config);
      Json config = take(read_json(folder.path() / "config.json"));
      config[c.key] = take(parse_json(c.value));
      put_file(folder.path() / "config.json", config.dump());
      EXPECT_NAMES(refusal(folder.path()), join_text('"', c.key)) << c.value;
    }
}

TEST(HuggingFaceFolder, ExtraAndMissingTensorsAreNamed) {
  const TemporaryFolder folder;
  const auto model = write_foreign(folder.path(), model::llama_config(small_plain(32, false)));
  auto tensors = model::hugging_face_tensors(*model, DType::kFloat32);
  tensors.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor::zeros({3}, DType::kFloat32));
  check(write_safetensors(folder.path() / "model.safetensors", tensors));
  EXPECT_EQ(some_logits(*read(folder.path())), some_logits(*model)) << "a buffer of old files";
  tensors.emplace_back("model.layers.0.self_attn.gate.weight", Tensor::zeros({3}, DType::kFloat32));
  check(write_safetensors(folder.path() / "model.safetensors", tensors));
  EXPECT_NAMES(refusal(folder.path()), "self_attn.gate.weight");
  tensors.resize(3);
  check(write_safetensors(folder.path() / "model.safetensors", tensors));
  EXPECT_NAMES(refusal(folder.path()), "is missing");
  tensors[0].second = Tensor::zeros({26, 24}, DType::kFloat32);
  check(write_safetensors(folder.path() / "model.safetensors", tensors));
  EXPECT_NAMES(refusal(folder.path()), "has shape (26, 24)");
}

TEST(HuggingFaceFolder, ModelsWithoutAFormAreRefusedWithTheSetting) {
  const auto refused = [](const model::ModelConfig& config, const char* word) {
    const auto result = model::hugging_face_config(config, DType::kFloat32, 1, 2);
    ASSERT_FALSE(result.ok()) << word;
    EXPECT_NAMES(result.error().to_string(), word);
  };
  refused(small_chat(model::ChatState::kSeed, 32), "chat family");
  model::ModelConfig config = model::llama_config(small_plain(32, false));
  config.mlp = model::Mlp::kGelu;
  refused(config, "mlp");
  config = model::llama_config(small_plain(32, false));
  config.positions = model::Positions::kLearned;
  refused(config, "positions");
  config = model::llama_config(small_plain(32, false));
  config.softcap = 15;
  refused(config, "softcap");
  config = model::gpt2_config(small_plain(32, false));
  refused(config, "n_kv_head");
}

}  // namespace
}  // namespace lathe::testing
