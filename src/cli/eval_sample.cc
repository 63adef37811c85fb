// lathe eval sample: what a model writes, after seven prompts and from nothing (row C-7.6).
#include "cli/sample_run.h"
#include "cli/verbs.h"

namespace lathe::cli {
namespace {

class EvalSample : public Verb {
 public:
  VerbInfo info() const override {
    return {"eval sample", "judge", "fixed prompts continued, texts from nothing", "lathe eval sample --source base", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("model");
    evaluated_.describe(table);
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(const train::LoadedModel loaded, evaluated_.load(context));
    LATHE_TRY(const BaseResults results, BaseResults::open(context, evaluated_, loaded));
    LATHE_TRY(const Samples samples, sample_run(context, evaluated_, loaded, results));
    Json figures = results.about();
    figures["prompted"] = Json::array();
    figures["unconditioned"] = Json::array();
    for (const std::string& text : samples.prompted) figures["prompted"].push_back(text);
    for (const std::string& text : samples.unconditioned) figures["unconditioned"].push_back(text);
    return context.finish(figures);
  }

 private:
  EvaluatedModel evaluated_;
};

}  // namespace

std::unique_ptr<Verb> make_eval_sample() { return std::make_unique<EvalSample>(); }

}  // namespace lathe::cli
