// lathe report card: the model card of a checkpoint.
#include "cli/training.h"
#include "cli/verbs.h"
#include "eval/model_card.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

class ReportCard : public Verb {
 public:
  VerbInfo info() const override {
    return {"report card", "judge", "the model card of a checkpoint: data, training, evaluation, limits, hashes", "lathe report card --tag d4 --source sft", "", 0};
  }
  void describe(SettingsTable& table) override {
    add_checkpoint_flags(table, &source_, &step_);
    table.add("output", &output_, "file to write; empty: <base>/model_cards/<tag>-<source>.md");
    table.add("license", &licence_, "identifier for the head, \"mit\"; empty: that of the data, where all have the same").aliases = {"licence"};
    table.add("language", &language_, "code of the language for the head");
  }
  Result<Exit> run(Context& context) override;

 private:
  std::string source_ = "sft", output_, licence_, language_ = "en";
  int64_t step_ = -1;
};

Result<Exit> ReportCard::run(Context& context) {
  LATHE_TRY(const fs::path base, context.base_folder());
  std::string tag = context.common().tag;
  if (tag.empty()) {
    LATHE_TRY(const fs::path root, train::checkpoint_root(base, source_));
    LATHE_TRY(tag, train::guess_tag(root));
  }
  LATHE_TRY(eval::ModelCard card, eval::gather_model_card(base, tag, source_, step_));
  card.licence = licence_;
  card.language = language_;
  const fs::path file = output_.empty() ? base / "model_cards" / (card.name + ".md") : fs::path(output_);
  LATHE_TRY_STATUS(write_file_atomic(file, eval::model_card(card)));
  context.print("Model card: ", file.string());
  return context.finish(Json(Json::Object{{"card", file.string()}, {"weights_sha256", card.weights_sha256}, {"step", card.step}}));
}

}  // namespace

std::unique_ptr<Verb> make_report_card() { return std::make_unique<ReportCard>(); }

}  // namespace lathe::cli
