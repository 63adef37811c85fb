#include "bench/presets.h"

#include "core/text.h"

namespace lathe::bench {
namespace {

TrainPreset chat(std::string name, int64_t depth, int64_t head_dim, std::string window, int64_t t, int64_t rows) {
  model::ChatSize size;
  size.depth = depth;
  size.head_dim = head_dim;
  size.sequence_len = t;
  size.window_pattern = std::move(window);
  return {std::move(name), model::chat_config(size), rows, t, true};
}

std::vector<TrainPreset> presets() {
  std::vector<TrainPreset> list;
  list.push_back(chat("chat-d6", 6, 64, "L", 512, 32));
  list.push_back(chat("chat-d12", 12, 128, "SSSL", 2048, 1));
  model::PlainSize llama;
  llama.n_layer = 8, llama.n_embd = 512, llama.n_head = llama.n_kv_head = 8, llama.mlp_hidden = 2048;
  llama.vocab_size = 32000, llama.sequence_len = 256;
  list.push_back({"llama-small", model::llama_config(llama), 8, 256, false});
  model::PlainSize lab;  // the lab's tiny model
  lab.n_layer = 6, lab.n_embd = 256, lab.n_head = lab.n_kv_head = 4, lab.mlp_hidden = 1024;
  lab.vocab_size = 32768, lab.sequence_len = 1024;
  list.push_back({"lab-tiny", model::llama_config(lab), 4, 1024, false});
  model::PlainSize gpt2;
  gpt2.sequence_len = 64, gpt2.tied = true;
  list.push_back({"gpt2-124m", model::gpt2_config(gpt2), 4, 64, false});
  model::PlainSize character;
  character.n_layer = 6, character.n_embd = 384, character.n_head = character.n_kv_head = 6, character.vocab_size = 96;
  character.sequence_len = 256;
  model::ModelConfig config = model::gpt2_config(character);
  config.norm_bias = config.attention_bias = config.mlp_bias = false;
  config.mlp = model::Mlp::kGelu;
  config.dropout = 0.2;
  list.push_back({"char-6x384", config, 64, 256, false});
  return list;
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const TrainPreset& preset : presets()) names.push_back(preset.name);
  return names;
}

Result<TrainPreset> find_preset(const std::string& name) {
  for (const TrainPreset& preset : presets())
    if (preset.name == name) return preset;
  std::string list;
  for (const std::string& known : preset_names()) list += (list.empty() ? "" : ", ") + known;
  return error("unknown preset \"", name, "\"; the presets are ", list);
}

}  // namespace lathe::bench
