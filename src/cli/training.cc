#include "cli/training.h"

#include "core/log.h"
#include "core/machine.h"
#include "eval/bits_per_byte.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "train/checkpoint.h"
#include "train/load_model.h"

namespace lathe::cli {

DType resolved_dtype(const Context& context) { return context.common().dtype == "fp32" ? DType::kFloat32 : DType::kBFloat16; }

Setting& add_checkpoint_flags(SettingsTable& table, std::string* source, int64_t* step) {
  Setting& from = table.add("source", source, "which stage's checkpoint");
  from.choices = train::model_sources();
  from.short_flag = 'i';
  Setting& at = table.add("step", step, "-1: the latest");
  at.short_flag = 's';
  return at;
}

data::SplitRule split_rule(const std::string& name) {
  if (name == "last_file") return data::SplitRule::kLastFile;
  return name == "tail" ? data::SplitRule::kTail : data::SplitRule::kAuto;
}

train::LossNormalisation loss_normalisation(const std::string& name) {
  return name == "global" ? train::LossNormalisation::kGlobal : train::LossNormalisation::kMicroBatch;
}

Result<fs::path> given_or_base(const Context& context, const std::string& given, const char* fallback) {
  if (!given.empty()) return fs::path(given);
  LATHE_TRY(const fs::path base, context.base_folder());
  return base / fallback;
}

Json with_whole_paths(Json settings, const std::vector<std::string>& keys) {
  if (!settings.is_object()) return settings;
  const auto whole = [](const Json& value) -> Json {
    std::error_code code;
    if (!value.is_string() || value.as_string().empty() || fs::path(value.as_string()).is_absolute() || !fs::exists(value.as_string(), code)) return value;
    const fs::path path = fs::absolute(value.as_string(), code);
    return code ? value : Json(path.lexically_normal().string());
  };
  for (const std::string& key : keys) {
    const Json* value = settings.find(key);
    if (value == nullptr) continue;
    Json out = whole(*value);
    if (value->is_array()) {
      out = Json::array();
      for (const Json& entry : value->as_array()) out.push_back(whole(entry));
    }
    settings[key] = std::move(out);
  }
  return settings;
}

Result<double> validate(model::Transformer& model, ops::Context& ctx, const MakeLoader& make_loader, int64_t batches,
                        const std::vector<int32_t>& token_bytes) {
  LATHE_TRY(const std::unique_ptr<data::TokenLoader> loader, make_loader());
  LATHE_TRY(const eval::ByteSums sums, eval::measure_batches(model, ctx, *loader, batches, token_bytes));
  return sums.bits_per_byte();
}

Result<std::vector<std::string>> sample_lines(model::Transformer& model, const tokenizer::Tokenizer& tokenizer) {
  constexpr const char* kPrompts[] = {
      "The capital of France is",
      "The chemical symbol of gold is",
      "If yesterday was Friday, then tomorrow will be",
      "The opposite of hot is",
      "The planets of the solar system are:",
      "My favorite color is",
      "If 5*x + 3 = 13, then x is",
  };
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  infer::GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = 16;
  tokenizer::EncodeOptions with_bos;
  with_bos.prepend = tokenizer.bos_id();
  std::vector<std::string> lines;
  for (const char* prompt : kPrompts) {
    LATHE_TRY(const infer::Generated generated, engine.generate_batch(tokenizer.encode(prompt, with_bos), options));
    lines.push_back(tokenizer.decode(generated.tokens.at(0)));
  }
  return lines;
}

Result<FolderLock> lock_run(const fs::path& run) {
  LATHE_TRY_STATUS(make_folders(run.parent_path()));
  return FolderLock::take(run);
}

namespace {

// Row C-6.7: names every setting that differs from those the run was started with; what the stored optimizer brings back
// wins over changed flags.
void warn_changed_settings(const char* module, const Json& now, const Json& then) {
  if (!then.is_object()) return;
  for (const auto& [key, value] : now.as_object()) {
    const Json* before = then.find(key);
    if (before == nullptr || *before == value || key.starts_with("resume") || key == "dashboard") continue;
    log_warning(module, "--", key, " is ", value.dump(), ", the run was started with ", before->dump(),
                "; learning rates, betas and eps of the checkpoint stay in force");
  }
}

// A run that starts anew where checkpoints of an earlier one stand.
Status warn_earlier_checkpoints(const char* module, const fs::path& run) {
  LATHE_TRY(const std::vector<int64_t> steps, train::checkpoint_steps(run));
  if (!steps.empty())
    log_warning(module, run.string(), " holds ", steps.size(), " checkpoint(s) of an earlier run, the last of step ", steps.back(),
                "; this run starts anew and does not remove them (--resume goes on, --tag takes another folder)");
  return {};
}

}  // namespace

Status resume_or_start(const char* module, train::Loop& loop, const fs::path& run, int64_t resume, const Json& settings) {
  if (resume < 0) return warn_earlier_checkpoints(module, run);
  LATHE_TRY(const train::CheckpointMeta saved, train::read_meta(run, resume));
  warn_changed_settings(module, settings, with_whole_paths(with_whole_paths(saved.user_config), {"tokenizer"}));
  return loop.resume();
}

Result<int64_t> step_to_resume(const fs::path& run, int64_t asked, bool latest) {
  if (asked >= 0 || !latest) return asked;
  LATHE_TRY(const std::vector<int64_t> steps, train::checkpoint_steps(run));
  return steps.empty() ? int64_t{-1} : steps.back();
}

Json stage_settings(const Context& context, const train::LoadedModel& loaded) {
  Json settings = context.settings();
  if (const std::string own = loaded.meta.user_config.get_string("tokenizer", ""); !own.empty()) settings["tokenizer"] = own;
  return settings;
}

void print_ending(Context& context, const train::LoopResult& result, const fs::path& run, int digits, const char* go_on) {
  if (result.interrupted) {
    context.print("Stopped by a signal after step ", result.state.step,
                  run.empty() ? std::string() : join_text("; saved to ", train::checkpoint_folder(run, result.state.step).string(), "; ", go_on));
    return;
  }
  context.print(format_text("Peak memory usage: %.2fMiB", peak_rss_mb()));
  context.print(format_text("Total training time: %.2fm", result.state.total_training_time / 60));
  if (digits > 0 && result.state.min_val_bpb)
    context.print(format_text("Minimum validation %s: %.*f", result.validation.c_str(), digits, *result.state.min_val_bpb));
}

Json report_items(const train::Performance& performance) {
  Json items = Json::object();
  const Json all = performance.to_json();
  for (const auto& [key, value] : all.as_object()) items["performance " + key] = value;
  return items;
}

Json run_figures(const train::LoopResult& result) {
  Json figures = Json::object();
  figures["step"] = result.state.step;
  figures["loss"] = result.last_loss;
  figures["val_" + result.validation] = result.state.val_bpb ? Json(*result.state.val_bpb) : Json();
  figures["min_val_" + result.validation] = result.state.min_val_bpb ? Json(*result.state.min_val_bpb) : Json();
  figures["tok_per_s"] = result.tokens_per_second;
  figures["step_ms_p50"] = result.step_ms_p50;
  figures["gemm_gflops"] = result.performance.product_flops / 1e9;
  figures["mfu"] = result.performance.mfu();
  figures["mfu_peak"] = Json();  // there is no vendor's figure for a CPU's products
  figures["performance"] = result.performance.to_json();
  figures["peak_rss_mb"] = peak_rss_mb();
  figures["total_training_time"] = result.state.total_training_time;
  return figures;
}

void print_model(Context& context, const model::Transformer& model) {
  const model::ModelConfig& config = model.config();
  context.print("Device: ", device_name(context.device()), ", ranks: 1, activations: ", dtype_name(model.dtype()),
                ", attention: flash style, with sliding windows");
  context.print("Vocabulary size: ", with_thousands(config.vocab_size));
  if (config.padded_vocab() != config.vocab_size)
    context.print("Padding the vocabulary from ", config.vocab_size, " to ", config.padded_vocab(), " rows");
  context.print("Model config:\n", config.to_json().dump(2));
  const model::ParameterCounts counts = model.counts();
  context.print("Parameter counts:");
  const auto line = [&](const char* name, int64_t n) { context.print(format_text("%-24s: %s", name, with_thousands(n).c_str())); };
  line("wte", counts.wte);
  if (counts.positions > 0) line("positions", counts.positions);
  line("value_embeds", counts.value_embeds);
  line("lm_head", counts.lm_head);
  line("transformer_matrices", counts.transformer_matrices);
  if (counts.norms > 0) line("norms_and_biases", counts.norms);
  line("scalars", counts.scalars);
  line("total", counts.total);
  context.print(format_text("Estimated FLOPs per token: %e", model.flops_per_token()));
}

}  // namespace lathe::cli
