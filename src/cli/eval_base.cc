// lathe eval base (base_eval): all there is to say of a base model, in the order samples, bits per byte, CORE (rows C-7.4, C-7.40).
#include <algorithm>
#include <set>

#include "cli/bpb_run.h"
#include "cli/core_run.h"
#include "cli/sample_run.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/signals.h"
#include "eval/results.h"

namespace lathe::cli {
namespace {

class EvalBase : public Verb {
 public:
  VerbInfo info() const override {
    VerbInfo info{"eval base", "judge", "samples, bits per byte and CORE of a base model", "lathe eval base --eval core,bpb --max-per-task 500", "", 0};
    info.ranks = true;
    return info;
  }
  void describe(SettingsTable& table) override {
    table.group("model");
    evaluated_.describe(table);
    table.group("what");
    table.add("eval", &modes_, "any of core, bpb and sample, joined by commas");
    table.group("CORE");
    core_.describe(table);
    table.group("text of bits per byte");
    bpb_.describe(table);
  }
  Result<Exit> run(Context& context) override;

 private:
  EvaluatedModel evaluated_;
  std::string modes_ = "core,bpb,sample";
  CoreRun core_;
  BpbRun bpb_;
};

Result<std::set<std::string>> modes_of(const std::string& words) {
  std::set<std::string> out;
  for (const std::string& word : split_text(words, ',')) {
    const std::string mode(trim_text(word));
    if (mode != "core" && mode != "bpb" && mode != "sample") return error_at("eval", -1, "no evaluation \"", mode, "\"; there are core, bpb, sample");
    out.insert(mode);
  }
  return out;
}

Result<Exit> EvalBase::run(Context& context) {
  LATHE_TRY(const std::set<std::string> modes, modes_of(modes_));
  LATHE_TRY(const fs::path base, context.base_folder());
  // With others to run, an absent bundle is no reason to run nothing.
  const bool no_bundle = modes.contains("core") && modes.size() > 1 && core_.bundle.empty() && core_.task_files.empty() && !core_.bundle_exists(base);
  std::vector<eval::CoreTask> tasks;
  if (modes.contains("core") && !no_bundle) {
    LATHE_TRY(tasks, core_.list(base));
  }
  LATHE_TRY(const std::unique_ptr<dist::Communicator> world, dist::mpi_communicator());
  LATHE_TRY(const train::LoadedModel loaded, evaluated_.load(context));
  LATHE_TRY(const BaseResults results, BaseResults::open(context, evaluated_, loaded));
  const StopSignals signals;
  context.print("Evaluating model: ", results.model_name());
  std::string names;
  for (const std::string& mode : modes) names += (names.empty() ? "" : ", ") + mode;
  context.print("Eval modes: ", names);

  Json figures = results.about();
  if (modes.contains("sample")) {
    print_mode(context, "Model samples");
    LATHE_TRY([[maybe_unused]] const Samples samples, sample_run(context, evaluated_, loaded, results));
  }
  if (modes.contains("bpb")) {
    print_mode(context, "Bits per byte");
    if (world->size() > 1) log_info("eval", "bits per byte: every rank measures all batches");
    LATHE_TRY(const Exit exit, bpb_.run(context, evaluated_, loaded, results, figures));
    if (exit != Exit::kDone) return context.finish(figures, exit);
  }
  if (modes.contains("core")) {
    print_mode(context, "CORE");
    if (no_bundle) {
      const std::string why = join_text("no bundle at ", core_.bundle_folder(base).string(), "; fetch it with `lathe download eval-bundle`");
      context.print("CORE: not run: ", why);
      LATHE_TRY_STATUS(results.keep("core", {{"CORE", eval::not_run(why)}}));
      figures["core"] = eval::not_run(why);
    } else {
      LATHE_TRY(const Exit exit, core_.run(context, evaluated_, loaded, results, tasks, *world, figures));
      if (exit != Exit::kDone) return context.finish(figures, exit);
    }
  }
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_eval_base() { return std::make_unique<EvalBase>(); }

}  // namespace lathe::cli
