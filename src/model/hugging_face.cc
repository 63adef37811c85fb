#include "model/hugging_face.h"

#include <map>
#include <set>

#include "model/hugging_face_layout.h"
#include "tensor/safetensors.h"

namespace lathe::model {
namespace {

constexpr const char* kOneFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr size_t kMostShards = 1000;

// All tensors of a folder; remembers which were used, so that extra ones are reported.
class Stored {
 public:
  static Result<Stored> open(const fs::path& folder) {
    Stored out;
    LATHE_TRY(const std::vector<fs::path> files, hugging_face_weight_files(folder));
    for (const fs::path& path : files) {
      LATHE_TRY(SafetensorsFile file, read_safetensors(path));
      out.files_.push_back(std::make_unique<SafetensorsFile>(std::move(file)));
      for (const auto& [name, tensor] : out.files_.back()->tensors)
        if (!out.tensors_.emplace(name, Entry{&tensor, path.string()}).second)
          return error_at(path.string(), -1, "tensor \"", name, "\" stands in the folder twice");
    }
    // Files of the headless model and of GPT-2 come without the outer name.
    if (!out.tensors_.contains("model.embed_tokens.weight") && out.tensors_.contains("embed_tokens.weight")) out.dropped_ = "model.";
    if (!out.tensors_.contains("transformer.wte.weight") && out.tensors_.contains("wte.weight")) out.dropped_ = "transformer.";
    out.where_ = files.front().string();
    return out;
  }

  int64_t size() const { return static_cast<int64_t>(tensors_.size()); }
  Result<const Tensor*> find(const StoredForm& form) {
    const auto found = tensors_.find(stored_name(form.name));
    if (found == tensors_.end()) return error_at(where_, -1, "tensor \"", form.name, "\" is missing");
    used_.insert(found->first);
    const Tensor& x = *found->second.tensor;
    if (x.shape() != form.shape)
      return error_at(found->second.path, -1, "tensor \"", form.name, "\" has shape ", join_text(x.shape()), ", config.json asks for ", join_text(form.shape));
    if (x.dtype() != DType::kFloat32 && x.dtype() != DType::kBFloat16 && x.dtype() != DType::kFloat16)
      return error_at(found->second.path, -1, "tensor \"", form.name, "\" is ", dtype_name(x.dtype()), "; fp32, bf16 and fp16 are read");
    return &x;
  }
  // tied: the head is the embedding, whatever the file holds under its name. Buffers of old files are no weights.
  Status all_used(bool tied) const {
    for (const auto& [name, entry] : tensors_) {
      const bool buffer = name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name.ends_with(".rotary_emb.inv_freq");
      if (!used_.contains(name) && !buffer && !(tied && name == "lm_head.weight"))
        return error_at(entry.path, -1, "tensor \"", name, "\" is not known to this model");
    }
    return {};
  }

 private:
  struct Entry {
    const Tensor* tensor;
    std::string path;
  };
  std::string stored_name(const std::string& name) const {
    return name.starts_with(dropped_) ? name.substr(dropped_.size()) : name;
  }

  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Entry> tensors_;
  std::set<std::string> used_;
  std::string dropped_, where_;
};

}  // namespace

Result<std::vector<fs::path>> hugging_face_weight_files(const fs::path& folder) {
  std::error_code code;
  const fs::path one = folder / kOneFile, index = folder / kIndexFile;
  if (fs::exists(one, code)) return std::vector<fs::path>{one};
  if (!fs::exists(index, code))
    return error_at(one.string(), -1, "is missing, and so is ", kIndexFile, fs::exists(folder / "pytorch_model.bin", code) ? "; pytorch_model.bin is not read, save the model as safetensors" : "");
  LATHE_TRY(const Json json, read_json(index));
  const Json* map = json.is_object() ? json.find("weight_map") : nullptr;
  if (map == nullptr || !map->is_object() || map->size() == 0)
    return error_at(index.string(), -1, "key \"weight_map\" must be an object of tensors and their files");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->as_object()) {
    const std::string name = file.is_string() ? file.as_string() : "";
    if (name.empty() || name.find('/') != std::string::npos || name.find('\\') != std::string::npos || name.find('\0') != std::string::npos || !name.ends_with(".safetensors"))
      return error_at(index.string(), -1, "key \"weight_map\": the file of tensor \"", tensor, "\" must be NAME.safetensors of this folder, is ", file.dump());
    names.insert(name);
    if (names.size() > kMostShards) return error_at(index.string(), -1, "key \"weight_map\" names more than ", kMostShards, " files");
  }
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(folder / name);
  return files;
}

Result<std::unique_ptr<Transformer>> load_hugging_face(const fs::path& folder, DType dtype, bool with_gradients, int64_t tokens) {
  LATHE_TRY(ModelConfig config, read_hugging_face_config(folder));
  if (tokens > config.vocab_size)
    return error_at((folder / "config.json").string(), -1, "key \"vocab_size\" is ", config.vocab_size, ", the tokenizer has ", tokens, " tokens");
  LATHE_TRY(Stored stored, Stored::open(folder));
  if (config.n_layer > stored.size())
    return error_at((folder / "config.json").string(), -1, "asks for ", config.n_layer, " layers, the files hold ", stored.size(), " tensors");
  if (tokens > 0) config.pad_vocabulary(tokens);
  // Every size is compared with what the files hold before memory is taken for it (trap S9).
  const Transformer shapes(config, dtype, Device::kMeta, with_gradients);
  for (const autograd::Parameter* p : shapes.parameters()) LATHE_TRY_STATUS(stored.find(stored_form(config, p->name, p->shape())));
  LATHE_TRY_STATUS(stored.all_used(config.tied_embeddings));
  auto model = std::make_unique<Transformer>(config, dtype, Device::kCpu, with_gradients);
  for (autograd::Parameter* p : model->parameters()) {
    const StoredForm form = stored_form(config, p->name, p->value.shape());
    LATHE_TRY(const Tensor* tensor, stored.find(form));
    copy_from_stored(form, tensor->to(DType::kFloat32), p->value);
  }
  model->refresh_compute();
  return model;
}

}  // namespace lathe::model
