// lathe eval core: the CORE metric of a model (rows C-7.8 to C-7.23), any of its tasks, and tasks of the same form.
#include "cli/core_run.h"
#include "cli/verbs.h"
#include "core/signals.h"

namespace lathe::cli {
namespace {

class EvalCore : public Verb {
 public:
  VerbInfo info() const override {
    VerbInfo info{"eval core", "judge", "the CORE metric", "lathe eval core --source base --max-per-task 500", "", 0};
    info.ranks = true;
    return info;
  }
  void describe(SettingsTable& table) override {
    table.group("model");
    evaluated_.describe(table);
    table.group("tasks");
    run_.describe(table);
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(const fs::path base, context.base_folder());
    LATHE_TRY(const std::vector<eval::CoreTask> tasks, run_.list(base));
    LATHE_TRY(const std::unique_ptr<dist::Communicator> world, dist::mpi_communicator());
    LATHE_TRY(const train::LoadedModel loaded, evaluated_.load(context));
    LATHE_TRY(const BaseResults results, BaseResults::open(context, evaluated_, loaded));
    const StopSignals signals;
    Json figures = results.about();
    LATHE_TRY(const Exit exit, run_.run(context, evaluated_, loaded, results, tasks, *world, figures));
    return context.finish(figures, exit);
  }

 private:
  EvaluatedModel evaluated_;
  CoreRun run_;
};

}  // namespace

std::unique_ptr<Verb> make_eval_core() { return std::make_unique<EvalCore>(); }

}  // namespace lathe::cli
