// lathe corpus dpo: preference pairs for `lathe dpo` (rows L-1.52, L-1.53, L-9.1 to L-9.5). Origin:
// 90_prepare_dpo_corpus.
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/manifest.h"
#include "core/output_folder.h"
#include "corpus/preference_corpus.h"
#include "tokenizer/frozen.h"

namespace lathe::cli {
namespace {

constexpr const char* kTokenizerRemedy =
    "make one: lathe tokenizer train --config config/pretrain/tokenizer/spm32k.json --output-dir "
    "data/models/tokenizers/spm_32k";

class CorpusDpo : public Verb {
 public:
  VerbInfo info() const override {
    return {"corpus dpo",
            "data",
            "preference pairs (prompt, better and worse answer) checked and filtered",
            "lathe corpus dpo --config config/dpo/datasets/orca_dpo.json --tokenizer-dir data/spm_32k --output-dir "
            "data/orca",
            "",
            0};
  }
  void describe(SettingsTable& table) override {
    table.group("files");
    table.add("tokenizer_dir", &tokenizer_dir_, "folder of the tokenizer; there is no default").aliases = {
        "tokenizer_path"};
    table.add("output_dir", &output_dir_, "folder for the shards; empty: data/dpo_processed/<name of the config>");
    table.add("source_map", &source_map_,
              "NAME=PATH: local files in the place of a source; several are parted by blanks");
    table.add("force", &force_, "replace what the folder holds");
    table.group("pairs");
    table.add("template", &template_, "chat template, instead of the config's").choices = template_names();
    table.add("max_samples", &max_samples_, "records read of each source; -1: as the config says, 0: all");
  }
  Status read_config(SettingsTable&, const Json& config, const std::string& path) override {
    LATHE_TRY(settings_, corpus::PreferenceSettings::read(config, path));
    config_path_ = path;
    return {};
  }
  Result<Exit> run(Context& context) override;

 private:
  static std::vector<std::string> template_names() {
    std::vector<std::string> names = tokenizer::ChatTemplate::names();
    names.insert(names.begin(), "");
    return names;
  }
  Result<corpus::PreferenceRun> resolve(const Context& context) const;

  corpus::PreferenceSettings settings_;
  std::string config_path_, tokenizer_dir_, output_dir_, template_;
  std::vector<std::string> source_map_;
  int64_t max_samples_ = -1;
  bool force_ = false;
};

Result<corpus::PreferenceRun> CorpusDpo::resolve(const Context& context) const {
  corpus::PreferenceRun run;
  run.settings = settings_;
  if (!template_.empty()) run.settings.chat_template = template_;
  if (context.given("seed")) run.settings.seed = context.common().seed;
  if (max_samples_ < -1) return error_at("max-samples", -1, "must be -1 or more");
  for (corpus::PreferenceSource& source : run.settings.sources) {
    if (max_samples_ >= 0) source.max_samples = max_samples_;
    std::error_code code;
    const fs::path beside = fs::path(config_path_).parent_path() / source.where.path;
    if (!source.where.path.empty() && !fs::exists(source.where.path, code) && fs::exists(beside, code))
      source.where.path = beside.string();
  }
  LATHE_TRY(run.source_map, corpus::parse_source_map(source_map_));
  LATHE_TRY(run.base, context.base_folder());
  return run;
}

std::string data_card(const corpus::PreferenceSettings& settings, const corpus::PreferenceReport& report) {
  std::string card = "# " + settings.name + "\n\n" + settings.description +
                     "\n\nPreference pairs: a prompt, a better and a worse answer.\n\n";
  card += "| source | licence | read | kept |\n|---|---|---|---|\n";
  for (size_t i = 0; i < report.sources.size(); ++i) {
    const corpus::SourceSettings& where = settings.sources[i].where;
    card += "| " + (where.dataset_name.empty() ? where.name : where.dataset_name) + " | " +
            (where.licence.empty() ? "not stated" : where.licence) + " | " + with_thousands(report.sources[i].read) +
            " | " + with_thousands(report.sources[i].kept) + " |\n";
  }
  return card + "\nPairs for training: " + with_thousands(report.train) +
         "; for validation, of other prompts: " + with_thousands(report.validation) +
         ". Why records were left out stands in manifest.json.\n";
}

void print_report(Context& context, const corpus::PreferenceReport& report) {
  for (const corpus::PreferenceCounts& counts : report.sources) {
    std::string faults;
    for (size_t i = 1; i < counts.faults.size(); ++i)
      if (counts.faults[i] > 0)
        faults += join_text(faults.empty() ? "" : ", ", corpus::fault_name(static_cast<corpus::PairFault>(i)), " ",
                            counts.faults[i]);
    context.print(counts.source, ": ", with_thousands(counts.read), " records, ", with_thousands(counts.kept), " kept",
                  faults.empty() ? "" : "; left out: ", faults);
  }
  const auto pairs = static_cast<double>(std::max<int64_t>(1, report.train + report.validation));
  context.print(
      format_text("%s pairs train, %s validate (%s prompts); tokens a pair: prompt %.0f, chosen %.0f, rejected %.0f; "
                  "prompts to be cut: %s",
                  with_thousands(report.train).c_str(), with_thousands(report.validation).c_str(),
                  with_thousands(report.prompts).c_str(), static_cast<double>(report.prompt_tokens) / pairs,
                  static_cast<double>(report.chosen_tokens) / pairs,
                  static_cast<double>(report.rejected_tokens) / pairs, with_thousands(report.prompts_cut).c_str()));
}

Result<Exit> CorpusDpo::run(Context& context) {
  const double began = Clock::real().seconds();
  Manifest manifest;
  manifest.started = Clock::real().local_time();
  if (config_path_.empty() || tokenizer_dir_.empty()) {
    log_error(
        "corpus",
        "needs --config and --tokenizer-dir; shipped configs: config/dpo/datasets/orca_dpo.json and hh_rlhf.json");
    return Exit::kUsage;
  }
  LATHE_TRY(corpus::PreferenceRun run, resolve(context));
  context.print("Settings: ", run.settings.to_json().dump(2));
  std::error_code code;
  if (!fs::exists(tokenizer_dir_, code)) return error_at(tokenizer_dir_, -1, "No tokenizer found; ", kTokenizerRemedy);
  LATHE_TRY(const tokenizer::FrozenTokenizer frozen, tokenizer::load_frozen(tokenizer_dir_));
  LATHE_TRY(manifest.inputs, corpus::preference_inputs(run));

  Json identity = run.settings.to_json();
  identity["tokenizer_sha256"] = frozen.hash;
  identity["inputs"] = Json::array();
  for (const FileRecord& record : manifest.inputs) identity["inputs"].push_back(record.sha256);
  manifest.config_sha256 = config_hash(identity);
  const fs::path folder =
      output_dir_.empty() ? fs::path("data/dpo_processed") / run.settings.name : fs::path(output_dir_);
  LATHE_TRY(OutputFolder output, OutputFolder::open(folder, manifest.config_sha256, force_));
  if (output.done()) {
    LATHE_TRY(const Manifest former, read_manifest(output.path(), corpus::kPreferenceKind, ""));
    LATHE_TRY_STATUS(verify_outputs(output.path(), former, "--force makes it anew"));
    context.print(folder.string(), " is already done: the same sources, tokenizer and settings. --force makes it anew");
    return context.finish(Json(Json::Object{{"already_done", true}, {"folder", folder.string()}}));
  }
  run.output = output.work();
  LATHE_TRY(const corpus::PreferenceReport report, corpus::prepare_preferences(run, frozen.tokenizer));
  print_report(context, report);

  LATHE_TRY(const auto chat_template, tokenizer::ChatTemplate::find(run.settings.chat_template));
  LATHE_TRY_STATUS(write_file_atomic(run.output / "DATA_CARD.md", data_card(run.settings, report)));
  manifest.kind = corpus::kPreferenceKind;
  manifest.settings = run.settings.to_json();
  manifest.seed = run.settings.seed;
  manifest.tokenizer_sha256 = frozen.hash;
  manifest.outputs = report.shards;
  manifest.counts = report.to_json();
  manifest.details["template"] = chat_template.name();
  manifest.details["template_version"] = chat_template.version();
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - began;
  LATHE_TRY_STATUS(write_manifest(run.output, manifest));
  LATHE_TRY_STATUS(output.commit());
  context.print("Saved preference pairs to ", folder.string());
  Json figures = report.to_json();
  figures["folder"] = folder.string();
  figures["tokenizer_sha256"] = frozen.hash;
  figures["seconds"] = Clock::real().seconds() - began;
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_corpus_dpo() { return std::make_unique<CorpusDpo>(); }

}  // namespace lathe::cli
