#include "cli/served_models.h"

#include <ctime>
#include <set>
#include <utility>

#include "cli/chat_format_choice.h"
#include "cli/model_path.h"
#include "cli/training.h"
#include "core/byte_size.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/sha256.h"
#include "infer/model_drafter.h"
#include "infer/transformer_model.h"
#include "model/adapter_file.h"

namespace lathe::cli {
namespace {

// What an engine rests on, in the order in which it goes.
struct Ground {
  explicit Ground(train::LoadedModel model) : loaded(std::move(model)) {}
  train::LoadedModel loaded;
  std::vector<std::unique_ptr<model::Adapter>> adapters;
  std::unique_ptr<infer::TransformerModel> model;
  std::unique_ptr<Ground> draft;
};

// A PEFT folder, a checkpoint that holds an adapter, or the folder of a run of such ones: then the latest.
Result<fs::path> adapter_folder(const fs::path& path) {
  std::error_code code;
  if (fs::exists(path / model::kAdapterTensorsName, code)) return path;
  if (const auto step = train::latest_step(path); step.ok())
    if (const fs::path folder = train::checkpoint_folder(path, step.value()); fs::exists(folder / model::kAdapterTensorsName, code)) return folder;
  return error_at(path.string(), -1, "is no adapter: there is no ", model::kAdapterTensorsName, " in it");
}

struct AddedAdapter {
  std::string chat_template;  // of its record
  std::string sha256;
};

// Puts it on the model.
Result<AddedAdapter> add_adapter(const fs::path& path, Ground& ground) {
  LATHE_TRY(const fs::path folder, adapter_folder(path));
  LATHE_TRY(const model::AdapterFolder files, model::read_adapter_folder(folder));
  if (files.has_record) {
    if (files.record.tokenizer_hash != ground.loaded.tokenizer.hash())
      return error_at(folder.string(), -1, "the adapter was trained with another tokenizer than that of model ", ground.loaded.tag);
    LATHE_TRY(const std::string base, sha256_file(ground.loaded.files.front()));
    if (files.record.base.sha256 != base)
      return error_at(folder.string(), -1, "the adapter rests on ", files.record.base.path, ", which is not model ", ground.loaded.tag);
    if (!files.record.below.empty())
      return error_at(folder.string(), -1, "the adapter rests on another adapter; serve it as a model of its own: --model NAME=", path.string());
  }
  ground.loaded.model->freeze();
  LATHE_TRY(std::unique_ptr<model::Adapter> adapter, model::load_adapter(*ground.loaded.model, folder, false));
  LATHE_TRY([[maybe_unused]] const int32_t number, ground.model->add_adapter(*adapter));
  ground.adapters.push_back(std::move(adapter));
  LATHE_TRY(std::string hash, sha256_file(folder / model::kAdapterTensorsName));
  return AddedAdapter{files.record.chat_template, std::move(hash)};
}

Result<Json> about(const train::LoadedModel& loaded, const std::string& form) {
  Json out = Json::object();
  out["stage"] = loaded.meta.stage;
  out["step"] = loaded.meta.step;
  out["parameters"] = loaded.model->counts().total;
  out["tokenizer_sha256"] = loaded.tokenizer.hash();
  Json weights = Json::array();
  for (const fs::path& file : loaded.files) {
    LATHE_TRY(std::string hash, sha256_file(file));
    weights.push_back(std::move(hash));
  }
  out["weights_sha256"] = std::move(weights);
  out["chat_template"] = form.empty() ? Json() : Json(form);
  return out;
}

}  // namespace

ServedModels::ServedModels() {
  choice_.sampling.temperature = 0.8;
  choice_.sampling.top_k = 50;
  choice_.max_tokens = 512;
}

void ServedModels::describe(SettingsTable& table) {
  choice_.describe(table);
  table.find("max_tokens")->aliases = {"max_new_tokens"};
  table.group("models");
  table.add("hf_path", &path_, "the model by a path: a checkpoint, a Hugging Face folder, a .gguf file").aliases = {"model_path"};
  table.add("tokenizer_dir", &tokenizer_dir_, "of the lab's checkpoints");
  table.add("model", &models_, "NAME=PATH: more models, loaded when asked for");
  table.add("adapter", &adapters_, "NAME=PATH: adapters on the first model, chosen by name");
  table.add("max_models", &max_models_, "loaded at a time; the one idle for longest goes first");
  table.add("template", &template_, "chat template instead of the one in the model's record").choices = tokenizer::ChatTemplate::all_names();
  table.group("engine");
  table.add("max_rows", &max_rows_, "answers generated at the same time");
  table.add("token_budget", &token_budget_, "tokens of one step, of prompts and answers");
  table.add("max_waiting", &max_waiting_, "requests in the queue, half of them of one client where clients differ; more are answered 503");
  table.add("kv_cache", &kv_cache_, "keys and values: full, or codes of 8 bits").choices = {"full", "int8"};
  table.add("kv_memory", &kv_memory_, "for keys and values (2GB); empty: enough for max-rows answers");
  table.add("prefix_cache", &prefix_cache_, "requests share what their prompts begin with");
  table.add("draft_tokens", &draft_tokens_, "guesses a step of speculative decoding; 0: off");
  table.add("draft_model", &draft_model_, "PATH: makes the guesses; empty: the text itself does");
}

Status ServedModels::check() const {
  for (const auto& [name, value] : {std::pair{"max_models", max_models_}, {"max_rows", max_rows_}, {"token_budget", token_budget_}, {"max_tokens", choice_.max_tokens}})
    if (value < 1) return error_at(name, -1, "must be at least 1, not ", value);
  for (const auto& [name, value] : {std::pair{"max_waiting", max_waiting_}, {"draft_tokens", draft_tokens_}})
    if (value < 0) return error_at(name, -1, "must be at least 0, not ", value);
  LATHE_TRY_STATUS(choice_.sampling.validate());
  if (choice_.weights != "full" && dtype_ == DType::kFloat32)
    return error_at("weights", -1, choice_.weights, " multiplies bf16 numbers; leave out --dtype fp32 or choose --weights full");
  if (!draft_model_.empty() && draft_tokens_ == 0) return error_at("draft_model", -1, "makes no guesses while --draft-tokens is 0; try 4");
  return {};
}

Result<std::vector<ServedModels::Named>> ServedModels::named(const char* flag, const std::vector<std::string>& values) {
  std::vector<Named> out;
  for (const std::string& value : values) {
    const size_t at = value.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == value.size()) return error_at(flag, -1, "\"", value, "\" must be NAME=PATH");
    Named one{value.substr(0, at), value.substr(at + 1)};
    std::error_code code;
    if (!fs::exists(one.path, code)) return error_at(flag, -1, one.path.string(), " does not exist");
    out.push_back(std::move(one));
  }
  return out;
}

Result<train::LoadedModel> ServedModels::load_at(const fs::path& path) const {
  LATHE_TRY(train::LoadedModel loaded, load_model_at(path, tokenizer_dir_, dtype_));
  if (choice_.weights != "full") loaded.model->quantize(choice_.weights == "int8" ? ops::WeightBits::kEight : ops::WeightBits::kFour);
  return loaded;
}

serve::GenerationDefaults ServedModels::defaults_of(const train::ChatRecord& record) const {
  serve::GenerationDefaults out;
  out.sampling = choice_.sampling;
  out.max_tokens = choice_.max_tokens;
  const auto take = [](bool given, const auto& recorded, auto& value) {
    if (!given && recorded) value = *recorded;
  };
  take(temperature_given_, record.temperature, out.sampling.temperature);
  take(top_k_given_, record.top_k, out.sampling.top_k);
  take(top_p_given_, record.top_p, out.sampling.top_p);
  take(penalty_given_, record.repetition_penalty, out.sampling.repetition_penalty);
  take(max_tokens_given_, record.max_tokens, out.max_tokens);
  return out;
}

Result<std::shared_ptr<serve::ServedModel>> ServedModels::serve(std::string name, train::LoadedModel loaded, const std::vector<Named>& adapters, bool is_first,
                                                                double begin) const {
  const auto ground = std::make_shared<Ground>(std::move(loaded));
  const tokenizer::Tokenizer& tokenizer = ground->loaded.tokenizer;
  ground->model = std::make_unique<infer::TransformerModel>(*ground->loaded.model);
  train::ChatRecord record = train::chat_record(ground->loaded);
  Json adapter_hashes = Json::object();
  for (const Named& one : adapters) {
    LATHE_TRY(const AddedAdapter added, add_adapter(one.path, *ground));
    const std::string& trained_with = added.chat_template;
    adapter_hashes[one.name] = added.sha256;
    if (record.chat_template.empty()) record.chat_template = trained_with;
    if (!trained_with.empty() && trained_with != record.chat_template)
      log_warning("serve", "adapter ", one.name, " was trained with template ", trained_with, ", it is served with ", record.chat_template);
  }
  auto out = std::make_shared<serve::ServedModel>(serve::ServedModel{.name = std::move(name), .tokenizer = tokenizer});
  Result<infer::ChatFormat> format = chat_format_of(ground->loaded, record, template_);
  if (format.ok()) out->format = std::move(format).value();
  else if (!template_.empty()) return format.error();
  else log_warning("serve", format.error().to_string());
  out->defaults = defaults_of(record);
  out->grammars = std::make_unique<infer::GrammarCompiler>(tokenizer);
  out->context_limit = ground->model->context_limit();
  out->vocab_size = tokenizer.vocab_size();
  out->device = device_;
  LATHE_TRY(out->about, about(ground->loaded, out->format ? out->format->name() : ""));
  if (!adapters.empty()) out->about["adapters_sha256"] = std::move(adapter_hashes);

  infer::BatchEngineOptions options;
  options.kv_format = kv_cache_ == "int8" ? model::KvFormat::kInt8 : model::KvFormat::kActivation;
  options.max_rows = max_rows_;
  options.token_budget = token_budget_;
  options.max_waiting = max_waiting_;
  options.max_waiting_per_client = share_queue_ ? (max_waiting_ + 1) / 2 : max_waiting_;
  options.prefix_cache = prefix_cache_;
  options.draft_tokens = draft_tokens_;
  if (!kv_memory_.empty()) {
    LATHE_TRY(const int64_t bytes, parse_byte_size(kv_memory_));
    const int64_t page = ground->model->bytes_per_page(options.kv_format);
    options.pages = bytes / page;
    if (options.pages < 1) return error_at("kv_memory", -1, kv_memory_, " is less than one page of ", model::PagedCache::kPositions, " positions, ", page, " bytes");
  }
  std::unique_ptr<infer::Drafter> drafter;
  if (!draft_model_.empty()) {
    LATHE_TRY(train::LoadedModel small, load_model_at(draft_model_, tokenizer_dir_, dtype_));
    const bool fits = small.tokenizer.hash() == tokenizer.hash();
    if (!fits && is_first)
      return error_at("draft_model", -1, draft_model_, " has another tokenizer (", small.tokenizer.hash().substr(0, 12), ") than ", ground->loaded.tag, " (",
                      tokenizer.hash().substr(0, 12), "): its guesses would be other words");
    if (fits) {
      ground->draft = std::make_unique<Ground>(std::move(small));
      ground->draft->model = std::make_unique<infer::TransformerModel>(*ground->draft->loaded.model);
      infer::TransformerModel& guesser = *ground->draft->model;
      const int64_t pages = max_rows_ * ((guesser.sequence_len() + model::PagedCache::kPositions - 1) / model::PagedCache::kPositions);
      LATHE_TRY(drafter, infer::ModelDrafter::create(guesser, ground->draft->loaded.tokenizer, tokenizer, pages));
    } else {
      log_info("serve", "model ", out->name, " has other words than the draft model; its guesses come from the text");
    }
  }
  out->keep = ground;
  out->load_seconds = Clock::real().seconds() - begin;
  out->worker = std::make_unique<serve::ModelWorker>(std::make_unique<infer::BatchEngine>(*ground->model, tokenizer, options, std::move(drafter)));
  return out;
}

Result<std::vector<serve::ModelEntry>> ServedModels::entries(const Context& context) {
  dtype_ = resolved_dtype(context);
  LATHE_TRY_STATUS(check());
  LATHE_TRY(const std::vector<Named> models, named("model", models_));
  LATHE_TRY(const std::vector<Named> adapters, named("adapter", adapters_));
  device_ = device_name(context.device());
  choice_.sampling.seed = static_cast<uint64_t>(context.common().seed);
  temperature_given_ = context.given("temperature");
  top_k_given_ = context.given("top_k");
  top_p_given_ = context.given("top_p");
  penalty_given_ = context.given("repetition_penalty");
  max_tokens_given_ = context.given("max_tokens");

  // Without a word about the base folder's models, those by --model are all.
  const bool of_base = models.empty() || !path_.empty() || !context.common().tag.empty() || context.given("source") || context.given("step");
  std::vector<serve::ModelEntry> out;
  const int64_t now = static_cast<int64_t>(std::time(nullptr));
  const auto add = [&](std::string name, std::function<Result<std::shared_ptr<serve::ServedModel>>()> load) {
    serve::ModelEntry entry;
    entry.name = std::move(name);
    entry.created = now;
    entry.load = std::move(load);
    out.push_back(std::move(entry));
  };
  const auto by_path = [this](const Named& one, const std::vector<Named>& on_it, bool is_first) -> Result<std::shared_ptr<serve::ServedModel>> {
    const double begin = Clock::real().seconds();
    LATHE_TRY(train::LoadedModel loaded, load_at(one.path));
    return serve(one.name, std::move(loaded), on_it, is_first, begin);
  };
  const auto first = [this, by_path, of_base, &context, models, adapters]() -> Result<std::shared_ptr<serve::ServedModel>> {
    if (!of_base) return by_path(models.front(), adapters, true);
    const double begin = Clock::real().seconds();
    LATHE_TRY(train::LoadedModel loaded, path_.empty() ? ModelChoice(choice_).load(context) : load_at(path_));
    const std::string name = loaded.tag;
    return serve(name, std::move(loaded), adapters, true, begin);
  };
  // What is ready is given away once; should it have made room for another model, it is loaded again.
  const auto ready = std::make_shared<std::shared_ptr<serve::ServedModel>>();
  LATHE_TRY(*ready, first());
  const std::string first_name = (*ready)->name;
  add(first_name, [first, ready]() -> Result<std::shared_ptr<serve::ServedModel>> {
    if (*ready) return std::exchange(*ready, nullptr);
    return first();
  });
  for (size_t i = of_base ? 0 : 1; i < models.size(); ++i) add(models[i].name, [by_path, one = models[i]] { return by_path(one, {}, false); });
  for (size_t i = 0; i < adapters.size(); ++i) {
    serve::ModelEntry entry;
    entry.name = adapters[i].name;
    entry.base = first_name;
    entry.adapter = static_cast<int32_t>(i);
    entry.created = now;
    out.push_back(std::move(entry));
  }
  std::set<std::string> names;
  for (const serve::ModelEntry& entry : out)
    if (!names.insert(entry.name).second) return error_at("model", -1, "two of those to serve are called ", entry.name, "; give them names of their own");
  return out;
}

}  // namespace lathe::cli
