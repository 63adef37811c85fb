// lathe eval bpb: bits per byte of a trained model on the two splits of a corpus (rows C-7.1 to C-7.5). As base_loss also the samples of a
// base model.
#include "cli/bpb_run.h"
#include "cli/sample_run.h"
#include "cli/verbs.h"
#include "core/signals.h"

namespace lathe::cli {
namespace {

constexpr const char* kOldName = "base_loss";

class EvalBpb : public Verb {
 public:
  VerbInfo info() const override {
    return {"eval bpb", "judge", "bits per byte on a corpus", "lathe eval bpb --source base --split val --split-tokens 1048576", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("model");
    evaluated_.describe(table).aliases = {"model_step"};
    table.group("text");
    run_.describe(table);
  }
  Result<Exit> run(Context& context) override {
    const bool old = context.program() == kOldName;
    if (old) run_.digits = 4;
    if (old && !context.given("split_tokens")) run_.split_tokens = 20 * 524288;
    LATHE_TRY(const train::LoadedModel loaded, evaluated_.load(context));
    LATHE_TRY(const BaseResults results, BaseResults::open(context, evaluated_, loaded));
    const StopSignals signals;
    Json figures = Json::object();
    figures["source"] = evaluated_.result_source();
    figures["tag"] = loaded.tag;
    figures["step"] = loaded.meta.step;
    LATHE_TRY(const Exit exit, run_.run(context, evaluated_, loaded, results, figures));
    if (old && exit == Exit::kDone) {
      LATHE_TRY([[maybe_unused]] const Samples samples, sample_run(context, evaluated_, loaded, results));
    }
    return exit == Exit::kDone ? context.finish(figures) : exit;
  }

 private:
  EvaluatedModel evaluated_;
  BpbRun run_;
};

}  // namespace

std::unique_ptr<Verb> make_eval_bpb() { return std::make_unique<EvalBpb>(); }

}  // namespace lathe::cli
