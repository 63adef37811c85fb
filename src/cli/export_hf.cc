#include "cli/export_hf.h"

#include "core/log.h"
#include "model/hugging_face.h"
#include "tensor/safetensors.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/frozen.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/spm_model.h"

namespace lathe::cli {
namespace {

// The template whose marks the model was trained with, if any.
std::string template_of(const train::LoadedModel& loaded) {
  const Json& settings = loaded.meta.user_config;
  const std::string named = settings.is_object() ? settings.get_string("chat_template", "") : "";
  if (!named.empty() || loaded.meta.stage == "base") return named;
  const auto chat = tokenizer::ChatTemplate::find("chat");
  return chat.ok() && chat.value().check(loaded.tokenizer).ok() ? "chat" : "";
}

struct Ends {
  int32_t bos = -1, eos = -1;
  std::vector<int32_t> stops;  // that end an answer
  std::string jinja;
};

Result<Ends> ends_of(const train::LoadedModel& loaded) {
  const tokenizer::Tokenizer& tokenizer = loaded.tokenizer;
  Ends ends;
  ends.bos = tokenizer.find_bos().value_or(-1);
  ends.eos = tokenizer::find_end_of_text(tokenizer).value_or(ends.bos);
  if (ends.eos >= 0) ends.stops = {ends.eos};
  const std::string name = template_of(loaded);
  if (name.empty()) return ends;
  LATHE_TRY(const auto form, tokenizer::ChatTemplate::find(name));
  if (!form.check(tokenizer).ok()) return ends;
  ends.stops = form.stop_ids(tokenizer);
  ends.jinja = form.jinja();
  return ends;
}

Status write_tokenizer_files(const train::LoadedModel& loaded, const Ends& ends, const fs::path& folder, std::vector<std::string>& files) {
  const tokenizer::Tokenizer& tokenizer = loaded.tokenizer;
  const auto* spm = dynamic_cast<const tokenizer::SpmModel*>(&tokenizer.model());
  const Result<Json> json = tokenizer::to_hugging_face(tokenizer);
  if (!json.ok() && spm == nullptr) return json.error();
  if (json.ok()) {
    LATHE_TRY_STATUS(write_json_atomic(folder / "tokenizer.json", json.value(), 1));
    files.emplace_back("tokenizer.json");
  } else {
    log_warning("export", "tokenizer.json: ", json.error().to_string(), "; tokenizer.model alone is written");
  }
  if (spm != nullptr) {
    LATHE_TRY_STATUS(write_file_atomic(folder / "tokenizer.model", spm->file_bytes()));
    files.emplace_back("tokenizer.model");
  }
  const auto text_of = [&](int32_t id) { return id < 0 ? Json() : Json(std::string(tokenizer.token_bytes_of(id))); };
  Json config = Json::object();
  config["tokenizer_class"] = json.ok() ? "PreTrainedTokenizerFast" : "LlamaTokenizer";
  config["bos_token"] = text_of(ends.bos);
  config["eos_token"] = text_of(ends.eos);
  config["clean_up_tokenization_spaces"] = false;
  config["model_max_length"] = loaded.model->config().sequence_len;
  if (!ends.jinja.empty()) config["chat_template"] = ends.jinja;
  files.emplace_back("tokenizer_config.json");
  return write_json_atomic(folder / "tokenizer_config.json", config);
}

}  // namespace

Status export_hugging_face(const train::LoadedModel& loaded, const fs::path& folder, DType dtype, Manifest& manifest) {
  LATHE_TRY(const Ends ends, ends_of(loaded));
  LATHE_TRY(const Json config, model::hugging_face_config(loaded.model->config(), dtype, ends.bos, ends.eos));
  std::vector<std::string> files;
  LATHE_TRY_STATUS(write_tokenizer_files(loaded, ends, folder, files));
  LATHE_TRY_STATUS(write_json_atomic(folder / "config.json", config));
  Json generation = Json::object();
  if (ends.bos >= 0) generation["bos_token_id"] = int64_t{ends.bos};
  Json stops = Json::array();
  for (const int32_t id : ends.stops) stops.push_back(int64_t{id});
  if (stops.size() > 0) generation["eos_token_id"] = stops.size() == 1 ? stops.at(size_t{0}) : stops;
  LATHE_TRY_STATUS(write_json_atomic(folder / "generation_config.json", generation));
  LATHE_TRY_STATUS(write_safetensors(folder / "model.safetensors", model::hugging_face_tensors(*loaded.model, dtype), {{"format", "pt"}}));
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors"}) files.emplace_back(name);
  for (const std::string& name : files) {
    LATHE_TRY(FileRecord record, record_file(folder / name, name));
    manifest.outputs.push_back(std::move(record));
  }
  return {};
}

}  // namespace lathe::cli
