// lathe eval bpb: bits per byte of a trained model on the two splits of a corpus (rows C-7.1 to C-7.5).
#include "cli/report_section.h"
#include "cli/training.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/progress.h"
#include "core/signals.h"
#include "data/pretrain_loader.h"
#include "eval/bits_per_byte.h"
#include "train/load_model.h"
#include "train/tokenizer_encoder.h"

namespace lathe::cli {
namespace {

class EvalBpb : public Verb {
 public:
  VerbInfo info() const override {
    return {"eval bpb", "judge", "bits per byte on a corpus", "lathe eval bpb --source base --split val --split-tokens 1048576", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("model");
    add_checkpoint_flags(table, &source_, &step_).aliases = {"model_step"};
    table.group("text");
    table.add("data", &data_, "corpus; empty: the one of the model's training, else <base>/base_data");
    table.add("split", &split_, "which split").choices = {"both", "train", "val"};
    table.add("split_tokens", &split_tokens_, "of each split; rounded down to whole batches");
    table.add("device_batch_size", &rows_, "B, rows of a batch");
    table.add("bpb", &bytes_, "byte lengths: true ones, or 3 for each U+FFFD").choices = {"raw", "reference"};
  }
  Result<Exit> run(Context& context) override;

 private:
  std::string source_ = "base", data_, split_ = "both", bytes_ = "raw";
  int64_t step_ = -1, split_tokens_ = 40 * 524288, rows_ = 32;
};

// The rule by which the training run split its corpus.
data::SplitRule split_rule_of(const Json& settings) {
  return split_rule(settings.is_object() ? settings.get_string("split", "auto") : "auto");
}

Result<Exit> EvalBpb::run(Context& context) {
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const train::LoadedModel loaded, train::load_model(base, source_, context.common().tag, step_, resolved_dtype(context)));
  model::Transformer& model = *loaded.model;
  const Json& trained_with = loaded.meta.user_config;
  const bool is_base = loaded.meta.stage == "base" && trained_with.is_object();  // other stages' "data" are conversations
  const std::string data = data_.empty() && is_base ? trained_with.get_string("data", "") : data_;
  LATHE_TRY(const fs::path path, given_or_base(context, data, "base_data"));
  LATHE_TRY(const auto corpus, data::Corpus::open(path, split_rule_of(trained_with)));

  data::PretrainLoaderOptions options;
  options.rows = rows_;
  options.columns = model.config().sequence_len;
  LATHE_TRY(const int64_t batches, eval::batches_of(split_tokens_, options.rows, options.columns));
  const std::vector<int32_t> token_bytes =
      loaded.tokenizer.token_byte_lengths(bytes_ == "raw" ? tokenizer::TokenBytes::kRaw : tokenizer::TokenBytes::kReference);
  train::TokenizerEncoder encoder(loaded.tokenizer);
  ops::Context ctx;
  const StopSignals signals;

  Json figures = Json::object();
  figures["source"] = source_;
  figures["tag"] = loaded.tag;
  figures["step"] = loaded.meta.step;
  figures["tokens"] = batches * options.rows * options.columns;
  for (const auto& [name, split] : {std::pair{"train", data::Split::kTrain}, {"val", data::Split::kValidation}}) {
    if (split_ != "both" && split_ != name) continue;
    const std::unique_ptr<data::TokenLoader> loader = data::best_fit_loader(corpus, split, encoder, options);
    Progress progress(join_text("bits per byte, ", name), batches, "batches");
    eval::ByteSums sums;
    const double start = Clock::real().seconds();
    for (int64_t i = 0; i < batches; ++i) {
      if (StopSignals::requested()) return Exit::kInterrupted;
      LATHE_TRY(const eval::ByteSums more, eval::measure_batches(model, ctx, *loader, 1, token_bytes));
      sums += more;
      progress.update(i + 1);
    }
    progress.finish();
    const double seconds = Clock::real().seconds() - start;
    context.print(format_text("%s bpb: %.6f", name, sums.bits_per_byte()));
    figures[join_text(name, "_bpb")] = sums.bits_per_byte();
    figures[join_text(name, "_bytes")] = sums.bytes;
    figures["tok_per_s"] = static_cast<double>(batches * options.rows * options.columns) / seconds;
  }
  if (source_ == "base" && context.rank() == 0) {
    Json results = Json::object();
    results["model"] = join_text(loaded.tag, ", step ", loaded.meta.step);
    for (const char* name : {"train", "val"})
      if (const Json* bpb = figures.find(join_text(name, "_bpb"))) results[join_text(name, " bpb")] = *bpb;
    LATHE_TRY([[maybe_unused]] const fs::path section, write_report_section(base, "Base model evaluation", {context.settings(), results}));
  }
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_eval_bpb() { return std::make_unique<EvalBpb>(); }

}  // namespace lathe::cli
