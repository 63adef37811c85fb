// lathe eval lab: the lab's evaluations of a model after pretraining, fine-tuning or preferences, under their own names too:
// 50_evaluate_pretrain, 80_evaluate_sft, 98_evaluate_dpo (rows L-1.39 to L-1.41, L-1.49 to L-1.51, L-1.57, L-1.58, L-6, L-8, L-9.17 on).
#include <tuple>

#include "cli/lab_eval_metrics.h"
#include "cli/lab_eval_output.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "core/clock.h"
#include "core/manifest.h"
#include "core/sha256.h"
#include "core/signals.h"
#include "eval/results.h"

namespace lathe::cli {
namespace {

constexpr const char* kKind = "evaluation";
constexpr const char* kResults = "results.json";

class LabEval : public Verb {
 public:
  VerbInfo info() const override {
    return {"eval lab", "judge", "perplexity, BoolQ, smoke tests, texts, preferences",
            "lathe 80_evaluate_sft --config config/evaluation/sft_standard.json --model_path checkpoints/sft/tiny/final "
            "--tokenizer_dir data/models/tokenizers/spm_32k --output_file evaluation_results/sft/tiny/results.json",
            "", 0};
  }
  void describe(SettingsTable& table) override {
    cli::describe(table, settings_);
    table.group("a model of the base folder");
    evaluated_.describe(table);
  }
  Status read_config(SettingsTable& table, const Json& config, const std::string& path) override {
    LATHE_TRY(const Json flat, train::flat_settings(config, lab_eval_keys(), path));
    return table.read_object(flat, path);
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<fs::path> results_file(const Context& context, const LabSubjects& subjects) const;
  Result<bool> already_done(const fs::path& file, const std::string& hash) const;
  Status write_texts(const fs::path& file, const LabMetrics& metrics, const LabMeasured& model, const LabMeasured* baseline, Json& files) const;
  Status write_files(Context& context, const fs::path& file, Json& results, const LabMetrics& metrics, const LabSubjects& subjects, const LabMeasured& model,
                     const LabMeasured* baseline) const;
  Status write_summary(Context& context, const LabSubjects& subjects, const LabMeasured& model) const;
  Status write_manifest_of(const Context& context, const fs::path& file, const Json& results, const LabMetrics& metrics, const LabSubjects& subjects) const;

  LabEvalSettings settings_;
  EvaluatedModel evaluated_;
  std::string started_;
};

// Row L-1.40: evaluation_results/{stage}/{model}/ where nothing else is said.
Result<fs::path> LabEval::results_file(const Context& context, const LabSubjects& subjects) const {
  if (!settings_.output_file.empty()) return fs::path(settings_.output_file);
  if (!settings_.output_dir.empty()) return fs::path(settings_.output_dir) / kResults;
  if (!settings_.model_path.empty()) return fs::path("evaluation_results") / settings_.stage / subjects.folder_name() / kResults;
  LATHE_TRY(const fs::path base, context.base_folder());
  return evaluated_.results_folder(base, *subjects.model().loaded) / "lab" / kResults;
}

// Row L-1.15.
Result<bool> LabEval::already_done(const fs::path& file, const std::string& hash) const {
  std::error_code code;
  if (fs::is_directory(file, code)) return error_at(file.string(), -1, "is a folder; --output-file is the results file itself");
  if (settings_.force) return false;
  if (fs::exists(file, code)) {
    const Result<Json> json = read_json(file);
    if (json.ok() && json.value().is_object() && json.value().get_string("config_sha256", "") == hash) return true;
    return error_at(file.string(), -1, "holds something else: results of another model, other settings or other data; --force replaces it, or name another place");
  }
  if (!settings_.output_dir.empty() && fs::is_directory(settings_.output_dir, code) && !fs::is_empty(settings_.output_dir, code))
    return error_at(settings_.output_dir, -1, "is not empty and holds no results; --force writes into it, or name another folder");
  return false;
}

Status LabEval::write_texts(const fs::path& file, const LabMetrics& metrics, const LabMeasured& model, const LabMeasured* baseline, Json& files) const {
  const auto beside = [&](const char* name) { return file.parent_path() / join_text(file.stem().string(), "_", name, ".jsonl"); };
  const auto write = [&](const char* key, const std::vector<Json>& lines) -> Status {
    if (lines.empty()) return {};
    LATHE_TRY_STATUS(eval::write_answers(beside(key), lines));
    files[key] = beside(key).filename().string();
    return {};
  };
  if (settings_.save_generations) {
    std::vector<Json> lines;
    for (size_t i = 0; i < model.texts.size(); ++i) {
      const eval::Generation& text = model.texts[i];
      lines.push_back(Json(Json::Object{{"index", static_cast<int64_t>(i)}, {"prompt", metrics.prompts()[i]}, {"output", text.text}, {"tokens", text.tokens},
                                        {"stopped_by_itself", text.stopped}, {"template_leakage", text.leaked}}));
    }
    LATHE_TRY_STATUS(write("generations", lines));
    LATHE_TRY_STATUS(write("smoke_tests", model.smoke_answers));
    LATHE_TRY_STATUS(write("boolq", model.boolq_answers));
  }
  if (settings_.save_examples && *settings_.preferences && baseline != nullptr && baseline->texts.size() == model.texts.size()) {
    std::vector<Json> lines;
    for (size_t i = 0; i < model.texts.size(); ++i)
      lines.push_back(Json(Json::Object{{"index", static_cast<int64_t>(i)}, {"prompt", metrics.prompts()[i]}, {"output", model.texts[i].text}, {"baseline", baseline->texts[i].text}}));
    LATHE_TRY_STATUS(write("examples", lines));
  }
  return {};
}

Status LabEval::write_manifest_of(const Context& context, const fs::path& file, const Json& results, const LabMetrics& metrics, const LabSubjects& subjects) const {
  Manifest manifest;
  manifest.kind = kKind;
  manifest.settings = context.settings();
  manifest.config_sha256 = results.get_string("config_sha256", "");
  manifest.seed = context.common().seed;
  manifest.tokenizer_sha256 = subjects.tokenizer().hash();
  for (const std::vector<fs::path>& paths : {subjects.files(), metrics.inputs()})
    for (const fs::path& path : paths) {
      LATHE_TRY(FileRecord record, record_file(path));
      manifest.inputs.push_back(std::move(record));
    }
  std::vector<std::string> names = {file.filename().string()};
  for (const auto& [key, name] : results.at("files").as_object()) names.push_back(name.as_string());
  for (const std::string& name : names) {
    LATHE_TRY(FileRecord record, record_file(file.parent_path() / name, name));
    manifest.outputs.push_back(std::move(record));
  }
  manifest.started = started_;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = results.get_double("seconds", 0);
  // Several results files may share a folder, and the folder may be another stage's.
  if (file.filename() == kResults) return write_manifest(file.parent_path(), manifest);
  return write_json_atomic(file.parent_path() / (file.stem().string() + "_" + kManifestFile), manifest.to_json());
}

// The figures of a model of the base folder also stand where every evaluation's do.
Status LabEval::write_summary(Context& context, const LabSubjects& subjects, const LabMeasured& model) const {
  if (!settings_.model_path.empty()) return {};
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const Json about, evaluated_.about(context, *subjects.model().loaded));
  const fs::path folder = evaluated_.results_folder(base, *subjects.model().loaded);
  for (const auto& [name, measured] : model.metrics.as_object()) {
    std::vector<std::pair<std::string, Json>> figures;
    Json figure = measured;
    // For `lathe eval show` and `compare`. CORE has a task of the name boolq, in another form.
    for (const auto& [metric, task, answers] :
         {std::tuple{"boolq", "boolq_harness", &model.boolq_answers}, {"smoke_tests", "smoke_tests", &model.smoke_answers}}) {
      if (name != metric || answers->empty() || !settings_.save_generations) continue;
      figure["answers"] = join_text(task, ".jsonl");
      LATHE_TRY_STATUS(eval::write_answers(folder / join_text(task, ".jsonl"), *answers));
    }
    if ((name == "generation" || name == "preferences") && !figure.contains("not_run")) {
      for (const auto& [part, one] : figure.as_object())
        if (one.contains("value") || one.contains("accuracy")) figures.emplace_back(part, one);  // not settings, seconds, ...
    } else {
      figures.emplace_back(name == "perplexity" ? "wikitext2" : name, figure);
    }
    LATHE_TRY_STATUS(eval::update_summary(folder, about, name, figures));
  }
  return {};
}

Status LabEval::write_files(Context& context, const fs::path& file, Json& results, const LabMetrics& metrics, const LabSubjects& subjects, const LabMeasured& model,
                            const LabMeasured* baseline) const {
  LATHE_TRY_STATUS(make_folders(file.parent_path().empty() ? fs::path(".") : file.parent_path()));
  Json files = Json::object();
  LATHE_TRY_STATUS(write_texts(file, metrics, model, baseline, files));
  const auto beside = [&](const char* ending) { return file.parent_path() / (file.stem().string() + ending); };
  if (settings_.save_metrics) {
    LATHE_TRY_STATUS(write_file_atomic(beside(".md"), results_markdown(results)));
    files["table"] = beside(".md").filename().string();
  }
  if (settings_.save_csv && *settings_.preferences) {
    LATHE_TRY_STATUS(write_file_atomic(beside(".csv"), results_csv(results)));
    files["csv"] = beside(".csv").filename().string();
  }
  results["files"] = std::move(files);
  LATHE_TRY_STATUS(write_summary(context, subjects, model));  // before the file that says "already done"
  LATHE_TRY_STATUS(write_json_atomic(file, results));
  return write_manifest_of(context, file, results, metrics, subjects);
}

Result<Exit> LabEval::run(Context& context) {
  started_ = Clock::real().local_time();
  const double start = Clock::real().seconds();
  LATHE_TRY(const LabSubjects subjects, LabSubjects::open(context, settings_, evaluated_));
  context.print("Settings: ", context.settings().dump(2));
  LATHE_TRY(LabMetrics metrics, LabMetrics::open(context, settings_, subjects));

  Json results = Json::object();
  results["schema"] = 1;
  results["kind"] = kKind;
  results["stage"] = settings_.stage;
  LATHE_TRY(results["about"], subjects.about(subjects.model(), settings_));
  Json deciding = Json::object();  // what results depend on, and nothing else
  const Json all_settings = context.settings();
  for (const auto& [name, value] : all_settings.as_object())
    if (name != "force" && name != "threads" && name != "quiet" && name != "json" && name != "log_level" && name != "log_file" && name != "config" && name != "batch_tokens" &&
        name != "nproc" && name != "print_config" && name != "output_dir" && name != "output_file")
      deciding[name] = value;
  deciding["about"] = results["about"];
  deciding["data"] = metrics.data();
  results["config_sha256"] = config_hash(deciding);
  LATHE_TRY(const fs::path file, results_file(context, subjects));
  LATHE_TRY(const bool done, already_done(file, results.get_string("config_sha256", "")));
  if (done) {
    context.print("Already done: ", file.string(), " holds the results of this model, these settings and these data. --force measures again");
    return context.finish(Json(Json::Object{{"already_done", true}, {"results", file.string()}}));
  }
  context.print("Model: ", results["about"].get_string("model_path", ""), ", step ", results["about"].get_int("step", 0), ", stage ", settings_.stage, ", ",
                results["about"].get_string("dtype", ""));

  const StopSignals signals;
  const auto interrupted = [&](const Error& error) -> Result<Exit> {
    if (!StopSignals::requested()) return error;
    context.print("Stopped by a signal; nothing was written");
    return Exit::kInterrupted;
  };
  Result<LabMeasured> model = metrics.measure(context, subjects.model(), false);
  if (!model.ok()) return interrupted(model.error());
  if (!anything_ran(model.value().metrics)) {
    std::string reasons;
    for (const auto& [name, figure] : model.value().metrics.as_object()) reasons += join_text("\n  ", name, ": ", figure.get_string("not_run", ""));
    return error("nothing could be run", reasons.empty() ? ": every metric is switched off" : reasons);
  }
  results["settings"] = context.settings();
  results["protocol"] = metrics.protocol();
  results["metrics"] = model.value().metrics;
  results["baselines"] = Json::array();
  std::vector<LabMeasured> baselines;
  if (*settings_.baseline)
    for (const LabSubject& subject : subjects.baselines()) {
      context.print("Beside it: ", subject.name);
      Result<LabMeasured> measured = metrics.measure(context, subject, true);
      if (!measured.ok()) return interrupted(measured.error());
      Json one = Json::object();
      one["name"] = subject.name;
      LATHE_TRY(one["about"], subjects.about(subject, settings_));
      one["metrics"] = measured.value().metrics;
      one["differences"] = LabMetrics::differences(model.value(), measured.value());
      for (const auto& [name, d] : one["differences"].as_object())
        if (!d.contains("p_value"))
          context.print(format_text("  %-16s %.5g less %.5g: %+.5g", name.c_str(), d.get_double("model", 0), d.get_double("baseline", 0), d.get_double("difference", 0)));
        else
          context.print(format_text("  %-16s %.5g less %.5g: %+.5g (%+.5g to %+.5g), p %.4f: %s", name.c_str(), d.get_double("model", 0), d.get_double("baseline", 0),
                                    d.get_double("difference", 0), d.get_double("low", 0), d.get_double("high", 0), d.get_double("p_value", 1),
                                    d.get_bool("differs", false) ? "differs" : "not distinguishable"));
      results["baselines"].push_back(std::move(one));
      baselines.push_back(std::move(measured).value());
    }
  if (*settings_.baseline && baselines.empty()) {
    results["no_baseline"] = subjects.why_no_baseline();
    context.print("No baseline: ", subjects.why_no_baseline());
  }
  Json not_run = Json::array();
  for (const auto& [name, figure] : model.value().metrics.as_object())
    if (figure.contains("not_run")) not_run.push_back(name);
  results["not_run"] = std::move(not_run);
  results["program"] = split_text(version_text(), '\n')[0];
  results["time"] = Clock::real().local_time();
  results["seconds"] = Clock::real().seconds() - start;
  LATHE_TRY_STATUS(write_files(context, file, results, metrics, subjects, model.value(), baselines.empty() ? nullptr : &baselines.front()));
  context.print("Results: ", file.string());
  Json figures = Json::object();
  figures["results"] = file.string();
  figures["stage"] = settings_.stage;
  figures["step"] = results["about"].get_int("step", 0);
  figures["metrics"] = model.value().metrics;
  figures["not_run"] = results["not_run"];
  Json differences = Json::object();
  for (const Json& one : results["baselines"].as_array()) differences[one.get_string("name", "")] = one.at("differences");
  figures["differences"] = std::move(differences);
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_lab_eval() { return std::make_unique<LabEval>(); }

}  // namespace lathe::cli
