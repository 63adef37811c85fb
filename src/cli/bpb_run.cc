#include "cli/bpb_run.h"

#include <cmath>

#include "cli/training.h"
#include "core/clock.h"
#include "core/progress.h"
#include "core/signals.h"
#include "data/pretrain_loader.h"
#include "eval/bits_per_byte.h"
#include "eval/provenance_records.h"
#include "train/tokenizer_encoder.h"

namespace lathe::cli {
namespace {

constexpr int64_t kForeignLength = 1024;  // row C-7.7

// The rule by which the training run split its corpus.
data::SplitRule split_rule_of(const Json& settings) {
  return split_rule(settings.is_object() ? settings.get_string("split", "auto") : "auto");
}

}  // namespace

void BpbRun::describe(SettingsTable& table) {
  table.add("data", &data, "corpus; empty: the one of the model's training, else <base>/base_data");
  table.add("split", &split, "which split").choices = {"both", "train", "val"};
  table.add("split_tokens", &split_tokens, "of each split; rounded down to whole batches");
  table.add("device_batch_size", &rows, "B, rows of a batch");
  table.add("bpb", &bytes, "byte lengths: raw true ones; reference 3 for each U+FFFD; auto raw, of foreign models reference").choices = {"auto", "raw", "reference"};
}

Result<Exit> BpbRun::run(Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded, const BaseResults& results,
                         Json& figures) const {
  model::Transformer& model = *loaded.model;
  const Json& trained_with = loaded.meta.user_config;
  // Other stages' "data" are conversations.
  const bool is_base = !evaluated.foreign() && loaded.meta.stage == "base" && trained_with.is_object();
  const std::string given = data.empty() && is_base ? trained_with.get_string("data", "") : data;
  LATHE_TRY(fs::path path, given_or_base(context, given, "base_data"));
  if (data.empty() && !given.empty())  // the base folder may have been moved since
    if (const fs::path found = eval::find_recorded(given, results.base()); !found.empty()) path = found;
  LATHE_TRY(const auto corpus, data::Corpus::open(path, split_rule_of(trained_with)));

  data::PretrainLoaderOptions options;
  options.rows = rows;
  options.columns = evaluated.foreign() ? std::min(kForeignLength, model.config().sequence_len) : model.config().sequence_len;
  LATHE_TRY(const int64_t batches, eval::batches_of(split_tokens, options.rows, options.columns));
  const bool reference = bytes == "reference" || (bytes == "auto" && evaluated.foreign());
  const std::vector<int32_t> token_bytes =
      loaded.tokenizer.token_byte_lengths(reference ? tokenizer::TokenBytes::kReference : tokenizer::TokenBytes::kRaw);
  train::TokenizerEncoder encoder(loaded.tokenizer);
  ops::Context ctx;

  Json settings = Json::object();
  settings["data"] = path.string();
  settings["rows"] = options.rows;
  settings["columns"] = options.columns;
  settings["tokens"] = batches * options.rows * options.columns;
  settings["byte_lengths"] = reference ? "reference" : "raw";
  figures["tokens"] = settings.at("tokens");
  std::vector<std::pair<std::string, Json>> kept;
  for (const auto& [name, which] : {std::pair{"train", data::Split::kTrain}, {"val", data::Split::kValidation}}) {
    if (split != "both" && split != name) continue;
    const std::unique_ptr<data::TokenLoader> loader = data::best_fit_loader(corpus, which, encoder, options);
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
    if (!std::isfinite(sums.nats)) return error("the model's losses on the ", name, " split are not finite: its weights are damaged");
    const double seconds = Clock::real().seconds() - start;
    context.print(format_text("%s bpb: %.*f", name, digits, sums.bits_per_byte()));
    figures[join_text(name, "_bpb")] = sums.bits_per_byte();
    figures[join_text(name, "_bytes")] = sums.bytes;
    figures["tok_per_s"] = static_cast<double>(batches * options.rows * options.columns) / seconds;
    Json figure = Json::object();
    figure["value"] = sums.bits_per_byte();
    figure["n"] = sums.bytes;
    figure["unit"] = "bits per byte";
    figure["seconds"] = seconds;
    figure["settings"] = settings;
    kept.emplace_back(name, std::move(figure));
  }
  LATHE_TRY_STATUS(results.keep("bpb", kept));
  return Exit::kDone;
}

}  // namespace lathe::cli
