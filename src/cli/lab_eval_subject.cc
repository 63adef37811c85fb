#include "cli/lab_eval_subject.h"

#include <algorithm>

#include "cli/lab_model.h"
#include "cli/training.h"
#include "core/log.h"
#include "core/sha256.h"
#include "tokenizer/frozen.h"
#include "train/adapter_weights.h"
#include "train/lab_record.h"

namespace lathe::cli {
namespace {

constexpr const char* kTokenizerRemedy =
    "make one: lathe 20_train_tokenizer --config config/pretrain/tokenizer/spm32k.json --output-dir data/models/tokenizers/spm_32k";

std::string model_remedy(const std::string& stage) {
  if (stage == "dpo") return "train one: lathe 95_train_dpo --config config/dpo/training/dpo_tiny.json --model_path checkpoints/sft/tiny/final --data_dirs "
           "data/dpo_processed/orca --tokenizer_dir data/models/tokenizers/spm_32k --output_dir checkpoints/dpo/tiny";
  if (stage == "sft") return "train one: lathe 70_train_sft --config config/sft/training/lora_optimal_tiny_23m.json --model_path checkpoints/pretrain/tiny/tiny/final "
           "--data_dirs data/sft_processed/alpaca_chatml --tokenizer_dir data/models/tokenizers/spm_32k --output_dir checkpoints/sft/tiny";
  return "pretrain one: lathe 40_pretrain --config config/pretrain/training/chinchilla_tiny_500m.json --data_dirs data/processed/tiny_23M_1024 "
         "--tokenizer_dir data/models/tokenizers/spm_32k --output_dir checkpoints/pretrain/tiny";
}

std::string stage_of_program(const std::string& program) {
  if (program.starts_with("50_")) return "pretrain";
  if (program.starts_with("80_")) return "sft";
  if (program.starts_with("98_")) return "dpo";
  return "";
}

std::string stage_of_checkpoint(const std::string& stage) {
  if (stage == "dpo") return "dpo";
  return stage == "sft" || stage == "mid" || stage == "rl" ? "sft" : "pretrain";
}

// The type of numbers that the run trained in, from the last phase of a lab checkpoint; null where it says none.
const Json* trained_dtype(const Json& user_config) {
  const Json* record = user_config.find(train::kLabRecordKey);
  const Json* phases = record == nullptr ? nullptr : record->find("phases");
  if (phases == nullptr || !phases->is_array() || phases->size() == 0) return nullptr;
  const Json* settings = phases->at(phases->size() - 1).find("settings");
  return settings == nullptr ? nullptr : settings->find("dtype");
}

Result<DType> dtype_for(const Context& context, const fs::path& checkpoint) {
  const bool asked = context.given("dtype") || !context.common().mixed_precision.empty();
  std::error_code code;
  if (asked || !fs::exists(checkpoint / "meta.json", code)) return resolved_dtype(context);
  LATHE_TRY(const Json meta, read_json(checkpoint / "meta.json"));
  const Json* config = meta.find("user_config");
  const Json* dtype = config == nullptr ? nullptr : trained_dtype(*config);
  if (dtype == nullptr || !dtype->is_string()) return resolved_dtype(context);
  return dtype->as_string() == dtype_name(DType::kBFloat16) ? DType::kBFloat16 : DType::kFloat32;
}

std::vector<std::string> texts_of(const Json* list) {
  std::vector<std::string> out;
  if (list != nullptr && list->is_array())
    for (const Json& one : list->as_array())
      if (one.is_string()) out.push_back(one.as_string());
  return out;
}

// SHA-256 of the files that the record says the training started from; empty: it does not say.
std::vector<std::string> recorded_start(const Json& user_config) {
  const Json* record = user_config.find(train::kLabRecordKey);
  const Json* fixed = record == nullptr ? nullptr : record->find("fixed");
  const Json* start = fixed == nullptr ? nullptr : fixed->find("base_sha256");
  if (start == nullptr && fixed != nullptr) start = fixed->find("model");  // preferences record the last file alone
  if (start == nullptr) return {};
  return start->is_string() ? std::vector<std::string>{start->as_string()} : texts_of(start);
}

}  // namespace

void LabSubject::switch_on() const {
  for (size_t i = 0; i < loaded->adapters.size(); ++i) loaded->adapters[i]->set_enabled(i < adapters);
}

LabRecordFacts facts_of(const train::LoadedModel& loaded) {
  const Json empty = Json::object();
  const Json& config = loaded.meta.user_config.is_object() ? loaded.meta.user_config : empty;
  LabRecordFacts out;
  out.chat_template = config.get_string("chat_template", "");
  if (!loaded.adapters.empty() || (!loaded.files.empty() && loaded.files.back().filename() == model::kAdapterTensorsName))
    if (const auto folder = model::read_adapter_folder(loaded.files.back().parent_path()); folder.ok() && !folder.value().record.chat_template.empty())
      out.chat_template = folder.value().record.chat_template;
  out.data_dirs = texts_of(config.find("data_dirs"));
  if (const Json* weights = config.find("data_weights"); weights != nullptr && weights->is_array())
    for (const Json& one : weights->as_array())
      if (one.is_number()) out.data_weights.push_back(one.as_double());
  out.rows = config.get_int("per_device_train_batch_size", 0);
  out.eval_batches = config.get_int("eval_batches", 0);
  out.sequence_length = config.get_int("sequence_length", 0);
  out.data_seed = config.get_int("data_seed", 42);
  out.beta = config.get_double("beta", 0);
  out.max_length = config.get_int("max_length", 0);
  out.max_prompt_length = config.get_int("max_prompt_length", 0);
  return out;
}

Result<LabSubjects> LabSubjects::open(const Context& context, LabEvalSettings& settings, const EvaluatedModel& evaluated) {
  LabSubjects out;
  if (settings.stage == "auto") settings.stage = stage_of_program(context.program());
  const bool lab_program = !stage_of_program(context.program()).empty();
  out.by_path_ = !settings.model_path.empty() || lab_program;
  if (out.by_path_) {
    if (settings.tokenizer_dir.empty()) return error_at("tokenizer_dir", -1, "is needed: the model's tokenizer; ", kTokenizerRemedy);
    std::error_code code;
    if (!fs::exists(settings.tokenizer_dir, code)) return error_at(settings.tokenizer_dir, -1, "No tokenizer found; ", kTokenizerRemedy);
    LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(settings.tokenizer_dir));
    LATHE_TRY(out.dtype_, dtype_for(context, settings.model_path));
    LATHE_TRY(train::LoadedModel loaded, load_lab_model(settings.model_path, model_remedy(settings.stage), tokenizer, settings.tokenizer_dir, out.dtype_, settings.merged));
    out.loaded_.push_back(std::make_unique<train::LoadedModel>(std::move(loaded)));
  } else {
    if (settings.merged) return error_at("merged", -1, "is for a model by --model-path");
    out.dtype_ = resolved_dtype(context);
    LATHE_TRY(train::LoadedModel loaded, evaluated.load(context));
    out.loaded_.push_back(std::make_unique<train::LoadedModel>(std::move(loaded)));
  }
  train::LoadedModel& loaded = *out.loaded_.front();
  if (settings.stage.empty()) settings.stage = stage_of_checkpoint(loaded.meta.stage);
  LATHE_TRY_STATUS(resolve(settings));
  out.all_.push_back({"model", &loaded, loaded.adapters.size()});
  out.facts_ = facts_of(loaded);
  const bool is_adapter = loaded.files.size() > 1;
  if (settings.use_lora && *settings.use_lora != is_adapter)
    return error_at("use_lora", -1, "is ", *settings.use_lora ? "true" : "false", ", the checkpoint is ", is_adapter ? "an adapter" : "a whole model",
                    "; leave the key out to take what is there");
  if (*settings.baseline || *settings.preferences) LATHE_TRY_STATUS(out.add_baselines(settings));
  return out;
}

Status LabSubjects::add_baselines(const LabEvalSettings& settings) {
  train::LoadedModel& top = *loaded_.front();
  const auto load = [&](const std::string& name, const std::string& path, const std::vector<std::string>& hashes) -> Status {
    LATHE_TRY(train::LoadedModel loaded, load_lab_model(path, "give the path of a checkpoint", top.tokenizer, settings.tokenizer_dir, dtype_, false));
    for (const std::string& hash : hashes) {
      bool found = false;
      for (const fs::path& file : loaded.files) {
        LATHE_TRY(const std::string own, sha256_file(file));
        found |= own == hash;
      }
      if (!found) return error_at(path, -1, "is not what the model was made from: no file has the recorded SHA-256 ", hash.substr(0, 12), "...");
    }
    loaded_.push_back(std::make_unique<train::LoadedModel>(std::move(loaded)));
    all_.push_back({name, loaded_.back().get(), loaded_.back()->adapters.size()});
    return {};
  };
  const bool dpo = settings.stage == "dpo";
  const size_t adapters = top.adapters.size();
  const auto known = [&](const std::string& name) { return find(name) != nullptr; };
  if (!settings.sft_model_path.empty()) LATHE_TRY_STATUS(load("sft", settings.sft_model_path, {}));
  if (!settings.pretrain_model_path.empty()) LATHE_TRY_STATUS(load("base", settings.pretrain_model_path, {}));
  if (adapters > 0) {
    if (dpo && !known("sft")) all_.push_back({"sft", &top, adapters - 1});
    if (!known("base") && (!dpo || adapters > 1)) all_.push_back({"base", &top, 0});
  } else if (all_.size() == 1) {
    const Json& config = top.meta.user_config;
    const std::string path = config.is_object() ? config.get_string("model_path", config.get_string("base", "")) : "";
    std::error_code code;
    const char* key = dpo ? "sft_model_path" : "pretrain_model_path";
    if (settings.merged)
      why_ = join_text("a merged model has no adapter to switch off; give --", key);
    else if (path.empty() || !by_path_)
      why_ = join_text("the record names no model that it was made from; give --", key);
    else if (!fs::exists(path, code))
      why_ = join_text("the model it was made from is not at ", path, " any more; give --", key);
    else
      LATHE_TRY_STATUS(load(dpo ? "sft" : "base", path, recorded_start(config)));
  }
  return {};
}

const LabSubject* LabSubjects::find(const std::string& name) const {
  for (const LabSubject& subject : baselines())
    if (subject.name == name) return &subject;
  return nullptr;
}

Result<tokenizer::ChatTemplate> LabSubjects::chat_template(const LabEvalSettings& settings) const {
  std::string name = facts_.chat_template;
  if (!settings.prompt_template.empty()) {
    LATHE_TRY(const tokenizer::ChatTemplate asked, tokenizer::ChatTemplate::find_lab(settings.prompt_template));
    if (!name.empty() && asked.name() != name)
      return error_at("prompt_template", -1, "is ", settings.prompt_template, ", the model was trained with ", name, "; leave the key out, or set it to ", name);
    name = asked.name();
  }
  if (name.empty())
    for (const char* guess : {"chat", "chatml", "human"}) {
      LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(guess));
      if (!form.check(tokenizer()).ok()) continue;
      if (std::string_view(guess) != "chat") log_warning("eval", "the record names no template; ", guess, " is taken, by the tokenizer's special tokens. --prompt-template says another one");
      name = guess;
      break;
    }
  LATHE_TRY(tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(name));
  LATHE_TRY_STATUS(form.check(tokenizer()));
  return form;
}

Result<std::optional<int32_t>> LabSubjects::text_start(const LabEvalSettings& settings) const {
  const std::optional<int32_t> bos = tokenizer().find_bos(), end = tokenizer::find_end_of_text(tokenizer());
  if (settings.text_start == "none") return std::optional<int32_t>();
  if (settings.text_start == "bos" && !bos) return error_at("text_start", -1, "the tokenizer has no token that begins a text");
  if (settings.text_start == "end" && !end) return error_at("text_start", -1, "the tokenizer has no token that ends a text");
  if (settings.text_start == "bos") return bos;
  if (settings.text_start == "end") return end;
  return by_path_ && end ? end : bos;
}

Result<Json> LabSubjects::about(const LabSubject& subject, const LabEvalSettings& settings) const {
  const train::LoadedModel& loaded = *subject.loaded;
  Json out = Json::object();
  out["model_path"] = fs::absolute(loaded.run).lexically_normal().string();
  out["step"] = loaded.meta.step;
  out["stage"] = loaded.meta.stage;
  out["dtype"] = dtype_name(dtype_);
  out["adapters"] = static_cast<int64_t>(subject.adapters);
  out["merged"] = settings.merged && &subject == &all_.front();
  Json weights = Json::array();
  for (size_t i = 0; i < loaded.files.size(); ++i) {
    if (!loaded.adapters.empty() && i > subject.adapters) break;
    LATHE_TRY(const std::string hash, sha256_file(loaded.files[i]));
    weights.push_back(Json(Json::Object{{"path", fs::absolute(loaded.files[i]).lexically_normal().string()}, {"sha256", hash}}));
  }
  out["weights"] = std::move(weights);
  out["tokenizer_sha256"] = loaded.tokenizer.hash();
  if (!by_path_) out["tag"] = loaded.tag;
  return out;
}

std::vector<fs::path> LabSubjects::files() const {
  std::vector<fs::path> out;
  for (const auto& loaded : loaded_)
    for (const fs::path& file : loaded->files)
      if (std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
  return out;
}

std::string LabSubjects::folder_name() const {
  const train::LoadedModel& loaded = *all_.front().loaded;
  if (!by_path_) return loaded.tag;
  const std::string name = fs::absolute(loaded.run).lexically_normal().parent_path().filename().string();
  return name.empty() ? "model" : name;
}

}  // namespace lathe::cli
