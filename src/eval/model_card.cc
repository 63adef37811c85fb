#include "eval/model_card.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>

#include "core/environment.h"
#include "core/text.h"
#include "eval/report_pictures.h"
#include "eval/report_tables.h"
#include "eval/stage_folders.h"

namespace lathe::eval {
namespace {

constexpr const char* kBuiltIn = "built-in corpus of lathe (synthetic)";

// A JSON string is a YAML string.
std::string yaml_text(const std::string& text) { return Json(repair_utf8(text)).dump(); }

std::string licence_of(const ModelCard& card) {
  if (!card.licence.empty()) return card.licence;
  std::set<std::string> all;
  for (const DataSource& source : card.data) all.insert(source.licence);
  return all.size() == 1 && !all.begin()->empty() ? *all.begin() : "";
}

std::string yaml_head(const ModelCard& card) {
  std::string licence = licence_of(card), out = "---\n";
  for (char& c : licence) c = c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  out += licence.empty() ? "license: other\nlicense_name: licences-of-the-training-data\n" : "license: " + yaml_text(licence) + "\n";
  out += "language:\n- " + card.language + "\nlibrary_name: lathe\npipeline_tag: text-generation\ntags:\n- lathe\n- text-generation\n";
  if (card.source != "base") out += "- conversational\n";
  if (!card.data.empty()) out += "datasets:\n";
  for (const DataSource& source : card.data) out += "- " + yaml_text(source.name) + "\n";
  std::string results;
  for (const auto& [section, figures] : card.evaluations.as_object())
    for (const auto& [name, figure] : figures.as_object()) {
      const std::optional<double> value = figure_value(figure);
      if (!value) continue;
      const std::string type = figure.contains("accuracy") ? "accuracy" : section == "perplexity" ? "perplexity" : name;
      results += join_text("  - task:\n      type: text-generation\n    dataset:\n      name: ", yaml_text(figure.get_string("title", name)), "\n      type: ", yaml_text(name),
                           "\n    metrics:\n    - type: ", yaml_text(type), "\n      value: ", shortest_double(*value), "\n      name: ",
                           yaml_text(evaluation_title(section)), "\n");
    }
  if (!results.empty()) out += "model-index:\n- name: " + yaml_text(card.name) + "\n  results:\n" + results;
  return out + "---\n\n";
}

std::string data_text(const ModelCard& card) {
  if (card.data.empty()) return "Not recorded: the training data had no manifest that names its sources.\n\n";
  std::string out = "| source | licence |\n|---|---|\n";
  for (const DataSource& source : card.data) out += "| " + source.name + " | " + (source.licence.empty() ? "not recorded" : source.licence) + " |\n";
  return out + "\nThe licences of the data bind what is done with the model.\n\n";
}

std::string training_text(const ModelCard& card) {
  if (card.stages.empty()) return "Not recorded: the run has no metrics.\n\n";
  std::string out = "| stage | steps | tokens | FLOPs | time of the steps | tokens / s |\n|---|---|---|---|---|---|\n";
  for (const RunCurves& run : card.stages) {
    const Json& p = run.performance;
    const auto last = [&](const char* metric) { return run.points(metric).empty() ? 0.0 : run.points(metric).back().y; };
    const double flops = last("total_training_flops");
    out += join_text("| ", run.stage, " | ", with_thousands(static_cast<int64_t>(p.get_double("steps", run.facts.get_double("steps", 0)))), " | ",
                     with_thousands(static_cast<int64_t>(p.get_double("trained_tokens", last("total_training_tokens")))), " | ",
                     flops > 0 ? format_text("%.3g", flops) : "not recorded", " | ",
                     p.contains("training_seconds") ? duration_text(p.get_double("training_seconds", 0)) : "not recorded", " | ",
                     p.contains("tok_per_sec") ? with_thousands(static_cast<int64_t>(p.get_double("tok_per_sec", 0))) : "not recorded", " |\n");
  }
  out += "\n";
  for (const RunCurves& run : card.stages) {
    if (run.settings.size() == 0) continue;
    out += "<details><summary>Settings, " + run.stage + "</summary>\n\n```json\n" + run.settings.dump(2) + "\n```\n\n</details>\n\n";
  }
  return out;
}

std::string evaluation_text(const ModelCard& card) {
  if (card.evaluations.size() == 0) return "Not run on these weights.\n\n";
  std::string out = "Intervals are of 95 %. Chance is the better of guessing and of always giving the most common answer.\n\n";
  for (const auto& [section, figures] : card.evaluations.as_object())
    if (const std::string table = scores_table(figures); !table.empty()) out += "### " + evaluation_title(section) + "\n\n" + table;
  return out;
}

std::string limits_text(const ModelCard& card) {
  std::string out = join_text("- A small language model of ", with_thousands(card.parameters),
                              " parameters: it states falsehoods with confidence, and knows nothing beyond its training data.\n"
                              "- It was not tested for harmful, biased or private output; use it for study, not for decisions about people.\n");
  if (const Json* context = card.model_config.find("sequence_len"); context != nullptr && context->is_int())
    out += join_text("- Trained on at most ", context->as_int(), " tokens at a time; longer texts were never seen.\n");
  for (const auto& [section, figures] : card.evaluations.as_object())
    for (const auto& [name, figure] : figures.as_object())
      if (figure.get_string("verdict", "").find("not distinguishable") != std::string::npos)
        out += "- Not distinguishable from chance on " + figure.get_string("title", name) + ".\n";
  return out + "\n";
}

void add_data(const ReportFindings& findings, ModelCard& card) {
  std::set<std::string> known;
  const auto add = [&](const DataSource& source) {
    if (!source.name.empty() && known.insert(source.name).second) card.data.push_back(source);
  };
  for (const ProvenanceNode& node : findings.chain) {
    if (node.kind == "synth") add({kBuiltIn, "mit"});
    const Result<Manifest> manifest = read_manifest(node.folder, "", "");
    if (!manifest.ok() || node.kind == "checkpoint" || node.kind == "evaluation") continue;
    for (const DataSource& source : sources_in(manifest.value().settings)) add(source);
  }
}

// The number behind "step_".
int64_t latest_step(const fs::path& run) {
  int64_t latest = -1;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(run, code)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step_") && fs::exists(entry.path() / "meta.json", code)) latest = std::max<int64_t>(latest, std::strtoll(name.c_str() + 5, nullptr, 10));
  }
  return latest;
}

}  // namespace

std::string model_card(const ModelCard& card) {
  std::string config;
  for (const auto& [key, value] : card.model_config.as_object()) config += "| " + key + " | " + (value.is_string() ? value.as_string() : value.dump()) + " |\n";
  std::string out = yaml_head(card) + "# " + card.name + "\n\n";
  out += join_text("A ", card.source == "base" ? "base language model" : "chat model (stage " + card.source + ")", " of ", with_thousands(card.parameters),
                   " parameters, step ", card.step, ", trained with lathe ", card.version, ".\n\n## How to use\n\n```sh\n", card.command, "\n```\n\n");
  out += "## Training data\n\n" + data_text(card) + "## Training\n\n" + training_text(card) + "## Evaluation\n\n" + evaluation_text(card);
  out += "## Limits\n\n" + limits_text(card);
  out += "## Architecture\n\n" + (config.empty() ? "Not recorded.\n\n" : "| setting | value |\n|---|---|\n" + config + "\n");
  out += "## Environment\n\n" + (card.environment.empty() ? "Not recorded.\n" : card.environment) + "\n";
  out += "## Hashes\n\n| what | SHA-256 |\n|---|---|\n| " + card.weights_file + " | `" + card.weights_sha256 + "` |\n| tokenizer (content) | `" +
         (card.tokenizer_sha256.empty() ? std::string("not recorded") : card.tokenizer_sha256) + "` |\n\n";
  return out + "`lathe inspect --verify` follows the chain from these to the raw files.\n";
}

Result<ModelCard> gather_model_card(const fs::path& base, const std::string& tag, const std::string& source, int64_t step) {
  const auto* stage = std::find_if(std::begin(kStageFolders), std::end(kStageFolders), [&](const StageFolder& s) { return source == s.stage; });
  if (stage == std::end(kStageFolders)) return error_at("source", -1, "no stage \"", source, "\"; there are base, mid, sft, dpo, rl");
  const fs::path run = base / stage->folder / tag;
  ModelCard card;
  card.step = step >= 0 ? step : latest_step(run);
  const fs::path folder = run / join_text("step_", card.step);
  std::error_code code;
  if (card.step < 0 || !fs::exists(folder / "meta.json", code))
    return error_at(run.string(), -1, step >= 0 ? join_text("no checkpoint of step ", step) : "no checkpoint here", "; name another --tag, --source or --step");
  LATHE_TRY(const Json meta, read_json(folder / "meta.json"));
  LATHE_TRY(const ReportFindings findings, find_for_report(base, tag, ""));
  card.name = tag + "-" + source;
  card.source = source;
  card.tag = tag;
  if (const Json* config = meta.find("model_config"); config != nullptr && config->is_object()) card.model_config = *config;
  card.tokenizer_sha256 = meta.get_string("tokenizer_hash", "");
  card.weights_file = fs::exists(folder / "adapter_model.safetensors", code) ? "adapter_model.safetensors" : "model.safetensors";
  LATHE_TRY(const FileRecord weights, record_file(folder / card.weights_file));
  card.weights_sha256 = weights.sha256;
  card.weight_bytes = weights.bytes;
  if (const Json* count = section_metric(findings, "base-model-training", "Number of parameters")) card.parameters = count->as_int();
  if (card.parameters == 0) card.parameters = weights.bytes / static_cast<int64_t>(sizeof(float));
  for (const RunCurves& part : findings.curves) {
    card.stages.push_back(part);
    if (part.stage == source) break;  // what came after did not make this model
  }
  if (const Json* judged = findings.evaluations.find(source)) {
    const Json* about = findings.about.find(source);
    const Json* hashes = about != nullptr ? about->find("weights_sha256") : nullptr;
    const bool same = hashes != nullptr && hashes->is_array() && hashes->size() > 0 && hashes->as_array().back() == Json(weights.sha256);
    const bool recorded = hashes != nullptr;
    if (same || (!recorded && about != nullptr && about->get_int("step", -1) == card.step)) card.evaluations = *judged;
  }
  add_data(findings, card);
  const size_t begin = findings.header.find("### Hardware\n"), end = findings.header.find("### Size of the sources");
  if (begin != std::string::npos && end != std::string::npos && end > begin) card.environment = findings.header.substr(begin, end - begin);
  card.version = tool_version();
  card.command = source == "base" ? "lathe generate --base-dir " + base.string() + " --tag " + tag + " --prompt \"Once upon a time\""
                                  : "lathe chat --base-dir " + base.string() + " --tag " + tag + " --source " + source;
  return card;
}

}  // namespace lathe::eval
