#include "train/chat_record.h"

#include <cmath>

#include "core/log.h"
#include "tokenizer/chat_template.h"

namespace lathe::train {
namespace {

std::optional<Json> json_if_there(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code)) return std::nullopt;
  Result<Json> json = read_json(path);
  if (json.ok()) return std::move(json).value();
  log_warning("model", json.error().to_string());
  return std::nullopt;
}

std::string template_text(const fs::path& folder) {
  std::error_code code;
  if (const fs::path own = folder / "chat_template.jinja"; fs::exists(own, code)) {
    const Result<std::string> text = read_file(own);
    if (text.ok()) return text.value();
    log_warning("model", text.error().to_string());
  }
  const std::optional<Json> config = json_if_there(folder / "tokenizer_config.json");
  const Json* text = config ? config->find("chat_template") : nullptr;
  if (text != nullptr && text->is_array() && text->size() > 0) text = text->at(size_t{0}).find("template");  // several by name; the first is the usual one
  return text != nullptr && text->is_string() ? text->as_string() : std::string();
}

bool fits(const std::string& name, const tokenizer::Tokenizer& tokenizer) {
  const auto form = tokenizer::ChatTemplate::find(name);
  return form.ok() && form.value().check(tokenizer).ok();
}

std::optional<double> number(const Json& from, const char* key, double least, double most) {
  const Json* value = from.find(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double x = value->as_double();
  if (std::isfinite(x) && x >= least && x <= most) return x;
  log_warning("model", "the recorded ", key, " ", x, " is out of range and not used");
  return std::nullopt;
}

std::optional<int64_t> whole(const Json& from, const char* key) {
  const std::optional<double> x = number(from, key, 0, 1e9);
  return x ? std::optional<int64_t>(static_cast<int64_t>(*x)) : std::nullopt;
}

}  // namespace

ChatRecord chat_record(const LoadedModel& loaded) {
  ChatRecord out;
  const Json& settings = loaded.meta.user_config;
  if (settings.is_object()) {
    out.chat_template = settings.get_string("chat_template", "");
    out.foreign = settings.get_string("foreign_chat_template", "");
    const Json* generation = settings.find("generation");
    if (generation == nullptr || !generation->is_object())
      generation = loaded.model->config().family == model::Family::kChat ? nullptr : &settings;
    if (generation != nullptr) {
      out.temperature = number(*generation, "temperature", 0, 100);
      out.top_p = number(*generation, "top_p", 0, 1);
      out.repetition_penalty = number(*generation, "repetition_penalty", 1e-3, 1e3);
      out.top_k = whole(*generation, "top_k");
      out.max_tokens = whole(*generation, "max_new_tokens");
      const Json* sampled = generation->find("do_sample");
      if (sampled != nullptr && sampled->is_bool() && !sampled->as_bool() && (generation != &settings || out.temperature)) out.temperature = 0;
    }
  }
  if (!out.chat_template.empty() || !out.foreign.empty()) return out;
  for (const char* name : {"chat", "chatml"}) {
    if (!fits(name, loaded.tokenizer)) continue;
    // A base model with ChatML's marks has never seen a conversation; one of the chat family has its marks from the start.
    if (std::string_view(name) != "chat" && loaded.meta.stage == "base") continue;
    out.chat_template = name;
    out.guessed = true;
    break;
  }
  return out;
}

void note_chat_template(std::string_view jinja, const tokenizer::Tokenizer& tokenizer, Json& settings) {
  if (jinja.empty()) return;
  const auto found = tokenizer::ChatTemplate::recognise(jinja);
  if (found.ours && fits(found.name, tokenizer)) settings["chat_template"] = found.name;
  else settings["foreign_chat_template"] = found.name.empty() ? "unknown" : found.name;
}

void note_chat_files(const fs::path& folder, const tokenizer::Tokenizer& tokenizer, Json& settings) {
  note_chat_template(template_text(folder), tokenizer, settings);
  std::optional<Json> generation = json_if_there(folder / "generation_config.json");
  if (generation && generation->is_object()) settings["generation"] = std::move(*generation);
}

}  // namespace lathe::train
