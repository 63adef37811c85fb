// Adapter folders: what is written is read again, and damaged or foreign ones are refused with the file and the name.
#include "model/adapter_file.h"

#include <fstream>
#include <functional>

#include "tests/model/small_adapters.h"

namespace lathe::testing {
namespace {

using model::Adapter;

model::ModelConfig llama() { return model::llama_config(small_plain(32, false)); }

model::AdapterRecord record() {
  model::AdapterRecord out;
  out.base = {"/models/base/step_5/model.safetensors", std::string(64, 'a')};
  out.below = {{"/models/adapter/adapter_model.safetensors", std::string(64, 'b')}};
  out.tokenizer_hash = "feed";
  out.chat_template = "chatml";
  return out;
}

std::vector<std::vector<float>> values_of(const Adapter& adapter) {
  std::vector<std::vector<float>> out;
  for (const autograd::Parameter* p : adapter.parameters()) out.push_back(copy_of(p->value));
  return out;
}

// L-7.25: with every form at once, and in the chat family, where a last part names layers of two kinds.
TEST(AdapterFile, RoundTrip) {
  TemporaryFolder folder;
  for (const model::ModelConfig& config : {llama(), small_chat(model::ChatState::kSeed, 32)}) {
    const auto model = random_model(config, DType::kFloat32);
    model->freeze();
    const bool chat = config.family == model::Family::kChat;
    model::AdapterConfig wanted = small_adapter_config();
    wanted.rslora = wanted.dora = true;
    wanted.alpha = 7.5, wanted.dropout = 0.05;
    wanted.token_rows = {3, 9};
    wanted.targets = {"q_proj", chat ? "o_proj" : "mlp.up_proj"};
    if (!chat) wanted.modules_to_save = {"model.norm"};
    std::vector<std::vector<float>> written;
    {
      const auto adapter = random_adapter(*model, wanted);
      written = values_of(*adapter);
      ASSERT_TRUE(model::write_adapter_folder(folder.path(), *adapter, record()).ok());
    }
    const auto read = take(model::load_adapter(*model, folder.path(), true));
    EXPECT_EQ(values_of(*read), written);
    EXPECT_EQ(read->config().scale(), wanted.scale());
    EXPECT_EQ(read->config().dropout, 0.05);
    EXPECT_EQ(read->config().token_rows, wanted.token_rows);
    const model::AdapterFolder folder_read = take(model::read_adapter_folder(folder.path()));
    EXPECT_TRUE(folder_read.has_record);
    EXPECT_EQ(folder_read.record.to_json().dump(), record().to_json().dump());
  }
}

// L-7.22, L-7.25: what other tools see: PEFT's keys and names; the rows stand in a file of their own, and the record says so.
TEST(AdapterFile, OtherToolsFindPeftsKeysAndNames) {
  TemporaryFolder folder;
  const auto model = random_model(llama(), DType::kFloat32);
  model->freeze();
  model::AdapterConfig config = small_adapter_config();
  config.token_rows = {3};
  ASSERT_TRUE(model::write_adapter_folder(folder.path(), *random_adapter(*model, config), record()).ok());
  const Json json = take(read_json(folder.path() / "adapter_config.json"));
  EXPECT_EQ(json.at("peft_type").as_string(), "LORA");
  EXPECT_EQ(json.at("r").as_int(), 4);
  EXPECT_EQ(json.at("lora_alpha").as_int(), 8);
  EXPECT_EQ(json.at("bias").as_string(), "none");
  EXPECT_EQ(json.at("target_modules").dump(), R"(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"])");
  EXPECT_TRUE(json.at("modules_to_save").is_null());
  for (const char* key : {"lora_dropout", "init_lora_weights", "base_model_name_or_path"}) EXPECT_TRUE(json.contains(key)) << key;
  const SafetensorsFile tensors = take(read_safetensors(folder.path() / "adapter_model.safetensors"));
  EXPECT_EQ(tensors.tensors.size(), 28u);
  EXPECT_NE(tensors.find("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"), nullptr);
  EXPECT_EQ(take(read_safetensors(folder.path() / "token_rows.safetensors")).tensors.size(), 3u);
  EXPECT_NE(take(read_json(folder.path() / "lathe_adapter.json")).at("note").as_string().find("ignore"), std::string::npos);
}

TEST(AdapterFile, DamagedAndForeignFoldersAreRefusedByName) {
  const auto model = random_model(llama(), DType::kFloat32);
  model->freeze();
  const auto adapter = random_adapter(*model, small_adapter_config());
  const std::vector<std::vector<float>> before = values_of(*adapter);
  const auto refused = [&](const std::string& expected, const std::function<void(const fs::path&)>& damage) {
    SCOPED_TRACE(expected);
    TemporaryFolder folder;
    ASSERT_TRUE(model::write_adapter_folder(folder.path(), *adapter, record()).ok());
    damage(folder.path());
    const auto read = model::read_adapter_folder(folder.path());
    std::string text = read.ok() ? "" : read.error().to_string();
    if (read.ok()) {
      const Status filled = model::fill_adapter(read.value(), *adapter);
      text = filled.ok() ? "accepted" : filled.error().to_string();
    }
    EXPECT_NE(text.find(expected), std::string::npos) << text;
    EXPECT_EQ(values_of(*adapter), before) << "nothing has changed";
  };
  const auto set = [](const char* key, Json value) {
    return [key, value](const fs::path& folder) {
      Json json = take(read_json(folder / "adapter_config.json"));
      json[key] = value;
      ASSERT_TRUE(write_json_atomic(folder / "adapter_config.json", json).ok());
    };
  };
  const auto tensors = [](const std::function<void(std::vector<std::pair<std::string, Tensor>>&)>& change) {
    return [change](const fs::path& folder) {
      const fs::path path = folder / "adapter_model.safetensors";
      std::vector<std::pair<std::string, Tensor>> all;
      {
        const SafetensorsFile file = take(read_safetensors(path));
        for (const auto& [name, tensor] : file.tensors) all.emplace_back(name, tensor.clone());
      }
      change(all);
      ASSERT_TRUE(write_safetensors(path, all).ok());
    };
  };
  refused("peft_type", set("peft_type", "IA3"));
  refused("\"r\"", set("r", 0));
  refused("\"r\"", set("r", "many"));
  refused("rank in the configuration is 1000000000", set("r", 1000000000));
  refused("another scale", set("lora_alpha", 3));
  refused("lora_alpha", set("lora_alpha", "big"));
  refused("\"bias\"", set("bias", "all"));
  refused("fan_in_fan_out", set("fan_in_fan_out", true));
  refused("rank_pattern", set("rank_pattern", Json(Json::Object{{"q_proj", 8}})));
  refused("use_dora", set("use_dora", "yes"));
  refused("use_rslora", set("use_rslora", 1));
  refused("target_modules", set("target_modules", Json()));
  refused("target_modules", set("target_modules", 5));
  refused("some_new_form", set("some_new_form", true));
  refused("is missing", tensors([](auto& all) { all.pop_back(); }));
  refused("does not belong", tensors([](auto& all) { all.emplace_back("base_model.model.other", Tensor::zeros({2}, DType::kFloat32)); }));
  refused("has shape", tensors([](auto& all) { all[1].second = Tensor::zeros({3, 4}, DType::kFloat32); }));
  refused("fp32 or bf16", tensors([](auto& all) { all[1].second = Tensor::zeros(all[1].second.shape(), DType::kInt32); }));
  refused("not finite", tensors([](auto& all) { all[1].second.template data<float>()[0] = std::nanf(""); }));
  refused("adapter_model.safetensors", [](const fs::path& folder) { fs::resize_file(folder / "adapter_model.safetensors", 700); });
  refused("adapter_model.safetensors", [](const fs::path& folder) { fs::remove(folder / "adapter_model.safetensors"); });
  refused("adapter_config.json", [](const fs::path& folder) { fs::resize_file(folder / "adapter_config.json", 20); });
  refused("schema", [](const fs::path& folder) { std::ofstream(folder / "lathe_adapter.json") << "{\"schema\": 99}"; });
  refused("SHA-256", [](const fs::path& folder) { std::ofstream(folder / "lathe_adapter.json") << "{\"schema\": 1, \"base\": {\"path\": \"x\"}}"; });
}

// Numbers of a folder without tensors to contradict them, or of a flag: an error, before any memory is asked for.
TEST(AdapterFile, AbsurdRanksAndScalesAreRefused) {
  const auto model = random_model(llama(), DType::kFloat32);
  model->freeze();
  const auto refused = [&](int64_t r, double alpha, const std::string& expected) {
    model::AdapterConfig config = small_adapter_config();
    config.r = r;
    config.alpha = alpha;
    const auto made = model::Adapter::create(*model, config, 1);
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().to_string().find(expected), std::string::npos) << made.error().to_string();
  };
  refused(int64_t{1} << 62, 8, "lora_r");
  refused(1'000'000'000'000, 8, "lora_r");
  refused(16385, 8, "lora_r");
  refused(4, 1e300, "lora_alpha");
  refused(4, 1e-300, "lora_alpha");
  for (const autograd::Parameter* p : model->parameters()) EXPECT_TRUE(p->adapters.empty()) << p->name;
}

TEST(AdapterFile, RecordsOfAnotherFormAreRefused) {
  Json json = record().to_json();
  json["below"] = 7;
  EXPECT_NE(model::AdapterRecord::from_json(json, "x").error().to_string().find("below"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
