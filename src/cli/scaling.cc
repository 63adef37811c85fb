// lathe scaling: a grid of runs over compute budgets and depths, or a miniseries of depths, each run by `lathe train`; their table,
// the scaling laws fitted to it, and a page (rows C-14.4 to C-14.7, C-14.12).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <limits>
#include <set>

#include "cli/core_run.h"
#include "cli/scaling_run.h"
#include "cli/verbs.h"
#include "core/environment.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "eval/report_curves.h"
#include "eval/scaling_page.h"
#include "train/base_settings.h"

namespace lathe::cli {
namespace {

using eval::ScalingKind;
using eval::ScalingRow;

constexpr int64_t kOnlyAtTheEnd = 999999;  // steps between CORE evaluations

// What the experiment sets itself for every run.
const std::set<std::string> kOwnKeys = {"depth", "target_flops", "num_iterations", "resume", "resume_from_step", "core_metric_every", "core_metric_max_per_task"};
// What may change between the parts of an interrupted experiment: it changes no result.
const std::set<std::string> kFreeKeys = {"run", "log_every", "save_every", "num_workers", "recompute"};

Result<double> flops_of(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !(value > 0) || !std::isfinite(value))
    return error_at("flops_budgets", -1, "\"", text, "\" is no number of FLOPs; write it as 1e18 or 2.15e18");
  return value;
}

Status check_word(const char* key, const std::string& word) {
  const bool good = !word.empty() && word[0] != '.' && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
  if (!good) return error_at(key, -1, "\"", word, "\" becomes part of file names: letters, digits, \".\", \"-\" and \"_\" only");
  return {};
}

// "nov21"
std::string month_and_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[16];
  const size_t length = std::strftime(text, sizeof text, "%b%d", &local);
  std::string out(text, length);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

class ScalingVerb : public Verb {
 public:
  explicit ScalingVerb(ScalingKind kind) : kind_(kind) {
    settings_.eval_tokens = grid() ? 100 * 524288 : settings_.eval_tokens;
    settings_.target_param_data_ratio = grid() ? -1 : settings_.target_param_data_ratio;
    settings_.sample_every = -1;
    settings_.run.clear();
    if (!grid()) depths_ = {12, 14, 16, 18, 20, 22, 24, 26};
  }

  VerbInfo info() const override {
    if (grid())
      return {"scaling", "judge", "scaling laws: a grid of runs over budgets and depths, fits, a page with plots", "lathe scaling --flops-budgets 1e15 3e15 --depths 2 3 4 5", "", 0};
    return {"scaling miniseries", "judge", "models of several depths by the same recipe, their table and plots", "lathe scaling miniseries jan26 --depths 4 6 8", "[SERIES]", 1};
  }

  void describe(SettingsTable& table) override {
    table.group(grid() ? "grid" : "miniseries");
    if (grid()) {
      table.add("flops_budgets", &budgets_, "compute budgets, FLOPs");
      table.add("label", &label_, "results go to <base>/scaling_laws_results_<label>");
    }
    table.add("depths", &depths_, "models");
    table.add("parameters", &parameters_, "which ones N of the fits counts: transformer and head, all, or the transformer alone").choices = {"scaling", "total", "transformer"};
    SettingsTable base;
    train::describe(base, settings_);
    for (const Setting& setting : base.settings())
      if (!kOwnKeys.contains(setting.name)) table.settings().push_back(setting);
  }

  Result<Exit> run(Context& context) override;

 private:
  bool grid() const { return kind_ == ScalingKind::kGrid; }
  Status prepare(const Context& context);
  Result<Json> shared_settings(const Context& context) const;
  Status pin_settings(const Json& shared) const;
  Result<Exit> run_member(Context& context, const Json& shared, const std::string& budget, int64_t depth);
  Status write_results() const;
  Status write_page(Context& context, bool tell);
  eval::ScalingRun facts_of(const ScalingRow& row) const;

  std::string tag_of(const std::string& budget, int64_t depth) const {
    return grid() ? join_text("scaling_", budget, "_d", depth) : join_text(series_, "_miniseries_d", depth);
  }
  bool has_row(const std::string& budget, int64_t depth) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const ScalingRow& row) { return row.depth == depth && row.budget == budget; });
  }

  ScalingKind kind_;
  train::BaseSettings settings_;
  std::vector<std::string> budgets_ = {"1e18", "2.15e18", "4.64e18", "1e19"};
  std::vector<int64_t> depths_ = {8, 10, 12, 14, 16, 18, 20};
  std::string label_ = "jan26", parameters_ = "scaling";
  // While run() works.
  std::string series_;
  bool core_ = false;  // the evaluation bundle is there
  fs::path base_, folder_;
  std::vector<ScalingRow> rows_;
};

Status ScalingVerb::prepare(const Context& context) {
  if (!context.common().tag.empty()) return error_at("tag", -1, "each run has a tag of its own; name the experiment by ", grid() ? "--label" : "its operand");
  series_ = context.operands().empty() ? environment("SERIES_NAME", month_and_day()) : context.operands()[0];
  LATHE_TRY_STATUS(grid() ? check_word("label", label_) : check_word("series", series_));
  if (settings_.eval_every <= 0) return error_at("eval_every", -1, "must be above 0: the fits need the validation loss at the end of each run");
  if (depths_.empty()) return error_at("depths", -1, "names no depth");
  for (const int64_t depth : depths_)
    if (depth < 1) return error_at("depths", -1, depth, " is no depth");
  if (grid()) {
    if (budgets_.empty()) return error_at("flops_budgets", -1, "names no budget");
    for (const std::string& budget : budgets_)
      if (const Result<double> flops = flops_of(budget); !flops.ok()) return flops.error();
  } else {
    budgets_ = {""};
  }
  LATHE_TRY(base_, context.base_folder());
  folder_ = base_ / (grid() ? "scaling_laws_results_" + label_ : series_ + "_miniseries_results");
  const std::string usual = grid() ? "scaling_" + label_ : series_ + "_miniseries";
  if (settings_.run.empty()) settings_.run = environment("WANDB_RUN", usual);
  core_ = CoreRun().bundle_exists(base_);
  return {};
}

// The settings of `lathe train` that all runs share, as a config file has them: those that were given, and the experiment's own.
Result<Json> ScalingVerb::shared_settings(const Context& context) const {
  SettingsTable names;
  train::BaseSettings ignored;
  train::describe(names, ignored);
  Json shared = Json::object();
  const Json all = context.settings();
  for (const Setting& setting : names.settings())
    if (!kOwnKeys.contains(setting.name) && context.given(setting.name)) shared[setting.name] = all.at(setting.name);
  shared["target_param_data_ratio"] = settings_.target_param_data_ratio;
  shared["eval_tokens"] = settings_.eval_tokens;
  shared["sample_every"] = settings_.sample_every;
  shared["save_every"] = settings_.save_every;
  for (const char* key : {"seed", "dtype", "device"}) shared[key] = all.at(key);
  return shared;
}

// Rows of different settings must not stand in one table: the first start writes the settings down, later ones compare.
Status ScalingVerb::pin_settings(const Json& shared) const {
  Json pinned = Json::object();
  for (const auto& [key, value] : shared.as_object())
    if (!kFreeKeys.contains(key)) pinned[key] = value;
  const fs::path tokenizer = settings_.tokenizer.empty() ? base_ / "tokenizer" : fs::path(settings_.tokenizer);
  LATHE_TRY(pinned["tokenizer_hash"], tokenizer_hash(tokenizer));
  const fs::path path = folder_ / "settings.json";
  std::error_code code;
  if (!fs::exists(path, code)) return write_json_atomic(path, pinned);
  LATHE_TRY(const Json before, read_json(path));
  if (before == pinned) return {};
  std::set<std::string> keys;
  for (const Json* side : {&before, static_cast<const Json*>(&pinned)}) {
    if (!side->is_object()) return error_at(path.string(), -1, "holds no settings; remove the folder, or take another ", grid() ? "--label" : "series name");
    for (const auto& [key, value] : side->as_object()) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const Json *then = before.find(key), *now = pinned.find(key);
    if (then != nullptr && now != nullptr && *then == *now) continue;
    return error_at(path.string(), -1, "this experiment was begun with ", key, " ", then == nullptr ? "unset" : then->dump(), ", now it is ",
                    now == nullptr ? "unset" : now->dump(), "; its runs would not be comparable: take another ", grid() ? "--label" : "series name");
  }
  return {};
}

Result<Exit> ScalingVerb::run_member(Context& context, const Json& shared, const std::string& budget, int64_t depth) {
  const std::string tag = tag_of(budget, depth);
  Json config = shared;
  config["depth"] = depth;
  if (grid()) {
    LATHE_TRY(config["target_flops"], flops_of(budget));
  }
  if (!grid() && !context.given("device_batch_size")) config["device_batch_size"] = int64_t{depth >= 28 ? 8 : depth >= 20 ? 16 : 32};
  config["run"] = settings_.run + "_" + tag;
  config["core_metric_every"] = core_ ? kOnlyAtTheEnd : int64_t{-1};
  config["core_metric_max_per_task"] = int64_t{-1};
  context.print("Training d=", depth, grid() ? " at " + budget + " FLOPs" : std::string(), ": ", tag);
  LATHE_TRY(const MemberResult member, train_member(context, {base_, folder_, tag, config}));
  if (member.exit != Exit::kDone) return member.exit;
  LATHE_TRY(ScalingRow row, eval::row_of_figures(budget, depth, member.figures, member.log.string()));
  if (!row.core) log_warning("scaling", tag, " has no CORE score: the table says 0.0", core_ ? "" : " (no eval_bundle in the base folder)");
  context.print("  parameters ", with_thousands(row.total), " (transformer ", with_thousands(row.transformer), "), steps ", with_thousands(row.num_iterations),
                ", val bpb ", row.val_bpb ? format_text("%.6f", *row.val_bpb) : std::string("not run"), ", CORE ",
                row.core ? format_text("%.4f", *row.core) : std::string("not run"));
  rows_.push_back(std::move(row));
  LATHE_TRY_STATUS(write_results());
  return Exit::kDone;
}

Status ScalingVerb::write_results() const {
  LATHE_TRY_STATUS(eval::write_scaling_csv(kind_, folder_ / "results.csv", rows_));
  Json list = Json::array();
  for (const ScalingRow& row : rows_) {
    Json item = row.to_json(kind_);
    item["tag"] = tag_of(row.budget, row.depth);
    list.push_back(std::move(item));
  }
  return write_json_atomic(folder_ / "results.json", list);
}

// A row as the fits see it: the trainer's figures and its curve where they are still there.
eval::ScalingRun ScalingVerb::facts_of(const ScalingRow& row) const {
  eval::ScalingRun run;
  const std::string tag = tag_of(row.budget, row.depth);
  run.parameters = static_cast<double>(parameters_ == "total" ? row.total : parameters_ == "transformer" ? row.transformer : row.scaling);
  run.tokens = static_cast<double>(row.tokens);
  run.loss = row.val_bpb.value_or(std::numeric_limits<double>::quiet_NaN());
  const Result<Json> figures = read_json(folder_ / (tag + ".json"));
  double flops_per_token = figures.ok() ? figures.value().get_double("flops_per_token", 0) : 0;
  if (!(flops_per_token > 0)) flops_per_token = 6 * static_cast<double>(row.scaling);
  run.flops = flops_per_token * run.tokens;
  run.budget = run.flops;
  if (grid())
    if (const Result<double> budget = flops_of(row.budget); budget.ok()) run.budget = budget.value();
  const double tokens_per_step = row.num_iterations > 0 ? run.tokens / static_cast<double>(row.num_iterations) : 0;
  if (const auto curves = eval::read_curves(base_, tag); curves.ok())
    for (const eval::RunCurves& stage : curves.value())
      if (stage.stage == "base")
        for (const plot::Point& p : stage.points("train/loss")) run.curve.push_back({flops_per_token * tokens_per_step * (p.x + 1), p.y});
  return run;
}

Status ScalingVerb::write_page(Context& context, bool tell) {
  eval::ScalingStudy study;
  study.kind = kind_;
  study.title = grid() ? "Scaling laws: " + label_ : "Miniseries: " + series_;
  study.parameters = parameters_ == "total" ? "all parameters" : parameters_ == "transformer" ? "the transformer's matrices" : "the transformer's matrices and the output head";
  study.rows = rows_;
  for (const ScalingRow& row : rows_) study.runs.push_back(facts_of(row));
  const eval::ScalingPage page = eval::make_scaling_page(study);
  LATHE_TRY_STATUS(write_file_atomic(folder_ / "scaling.html", page.html));
  LATHE_TRY_STATUS(write_json_atomic(folder_ / "scaling.json", page.json));
  for (const auto& [name, svg] : page.pictures) LATHE_TRY_STATUS(write_file_atomic(folder_ / name, svg));
  if (!tell) return {};
  context.print("\n", trim_text(eval::aligned_table(kind_, rows_)), "\n");
  for (const std::string& line : page.summary) context.print(line);
  context.print("Page: ", (folder_ / "scaling.html").string(), "; table: results.csv, results.json; fits: scaling.json");
  return {};
}

Result<Exit> ScalingVerb::run(Context& context) {
  LATHE_TRY_STATUS(prepare(context));
  LATHE_TRY_STATUS(make_folders(folder_));
  LATHE_TRY(const FolderLock lock, FolderLock::take(folder_));
  LATHE_TRY(rows_, eval::read_scaling_csv(kind_, folder_ / "results.csv"));
  LATHE_TRY(const Json shared, shared_settings(context));
  LATHE_TRY_STATUS(pin_settings(shared));
  if (!core_) log_warning("scaling", "CORE is not run: ", CoreRun().bundle_folder(base_).string(), " is missing (lathe download eval-bundle)");

  std::vector<std::string> failed;
  for (const std::string& budget : budgets_) {
    if (grid()) context.print("Compute budget: ", budget, " FLOPs");
    for (const int64_t depth : depths_) {
      if (has_row(budget, depth)) {
        context.print("Skipping ", tag_of(budget, depth), " (already in the results)");
        continue;
      }
      LATHE_TRY(const Exit exit, run_member(context, shared, budget, depth));
      if (exit == Exit::kInterrupted) {
        context.print("Stopped by a signal in ", tag_of(budget, depth), "; the same command goes on");
        return exit;
      }
      if (exit != Exit::kDone) failed.push_back(tag_of(budget, depth));
      else LATHE_TRY_STATUS(write_page(context, false));
    }
  }
  if (!rows_.empty()) LATHE_TRY_STATUS(write_page(context, true));
  for (const std::string& tag : failed) log_error("scaling", tag, " failed; its log: ", (folder_ / (tag + "_train.log")).string());
  Json figures = Json::object();
  figures["runs"] = static_cast<int64_t>(rows_.size());
  figures["failed"] = Json(Json::Array(failed.begin(), failed.end()));
  figures["results"] = (folder_ / "results.csv").string();
  figures["page"] = (folder_ / "scaling.html").string();
  return context.finish(figures, failed.empty() ? Exit::kDone : Exit::kBadInput);
}

}  // namespace

std::unique_ptr<Verb> make_scaling() { return std::make_unique<ScalingVerb>(ScalingKind::kGrid); }
std::unique_ptr<Verb> make_miniseries() { return std::make_unique<ScalingVerb>(ScalingKind::kMiniseries); }

}  // namespace lathe::cli
