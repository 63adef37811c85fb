// lathe train_tinyllm: the small trainer (rows L-11.1 to L-11.112): one text file, its own tokenizer, random windows.
#include <algorithm>
#include <cmath>
#include <optional>

#include "cli/training.h"
#include "cli/tiny_sample.h"
#include "cli/training_run.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "core/manifest.h"
#include "data/document_file.h"
#include "data/window_loader.h"
#include "eval/bits_per_byte.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/char_model.h"
#include "tokenizer/tokenizer_file.h"
#include "train/language_objective.h"
#include "train/checkpoint_names.h"
#include "train/tiny_settings.h"

namespace lathe::cli {
namespace {

constexpr const char* kKind = "tinyllm";
constexpr const char* kSettingsFile = "config.json";
constexpr const char* kAnew = "start anew without --resume, or put the file back";

class TrainTinyllm : public Verb {
 public:
  VerbInfo info() const override {
    return {"train_tinyllm", "train", "small trainer: one text file, its own tokenizer", "lathe train_tinyllm --data_path book.txt --out_dir out/book", "", 0};
  }
  void describe(SettingsTable& table) override {
    train::describe(table, settings_);
    training_.describe(table);
  }
  void adjust_common(CommonOptions& common) override { common.seed = 1337; }
  std::string default_config() const override { return "config/tiny_char_gpt.json"; }
  Result<Exit> run(Context& context) override;

 private:
  Result<std::string> read_text() const;
  Result<tokenizer::Tokenizer> train_tokenizer(const std::string& text) const;
  Result<tokenizer::Tokenizer> make_tokenizer(const std::string& text) const;
  Status take_over(const Context& context);
  Result<data::TokenStream> make_stream(const std::string& text, const tokenizer::Tokenizer& tokenizer) const;
  Status write_record(const Context& context, const tokenizer::Tokenizer& tokenizer, const data::TokenStream& stream, const std::string& started) const;
  void print_start(Context& context, const data::TokenStream& stream, const data::WindowSplit& split, const SampleStart& start) const;
  Result<int64_t> step_to_go_on_from() const;
  bool goes_on() const { return settings_.resume; }
  fs::path folder() const { return settings_.out_dir; }

  train::TinySettings settings_;
  TrainingRun training_;
};

// A .txt file is its bytes; of the other formats the documents follow each other with an empty line between.
Result<std::string> TrainTinyllm::read_text() const {
  const fs::path path = settings_.data_path;
  std::error_code code;
  if (!fs::exists(path, code))
    return error_at(path.string(), -1, "no such file; give a UTF-8 text with --data_path, or write a small corpus: `lathe synth --size-mb 2 --out data`, then --data_path data/base_data/shard_00000.jsonl");
  if (path.extension() == ".txt") return read_file(path);
  if (settings_.memmap_dataset) return error_at("memmap_dataset", -1, "needs a .txt file, --data_path is ", path.string());
  LATHE_TRY(const std::unique_ptr<data::DocumentFile> file, data::open_document_file(path));
  std::string text;
  std::vector<std::string> documents;
  for (int64_t group = 0;; ++group) {
    LATHE_TRY(const bool found, file->read_group(group, documents));
    if (!found) return text;
    for (const std::string& document : documents) text.append(text.empty() ? "" : "\n\n").append(document);
  }
}

Result<tokenizer::Tokenizer> TrainTinyllm::train_tokenizer(const std::string& text) const {
  if (settings_.tokenizer == "char") {
    tokenizer::CharCounter counter;
    if (const Status added = counter.add(text); !added.ok()) return error_at(settings_.data_path, added.error().offset, added.error().message);
    LATHE_TRY(const auto model, tokenizer::CharModel::make(counter.tokens()));
    return tokenizer::Tokenizer::from_model(model, {});
  }
  tokenizer::TrainSettings settings;
  settings.vocab_size = settings_.bpe_vocab_size;
  settings.min_pair_count = settings_.bpe_min_frequency;
  settings.max_chars = settings.doc_cap = std::max<int64_t>(1, static_cast<int64_t>(text.size()));
  settings.special_tokens = {};
  bool given = false;
  LATHE_TRY(const tokenizer::TrainResult trained, tokenizer::train_bpe(settings, [&](std::vector<std::string>& documents) -> Status {
              if (!std::exchange(given, true)) documents.push_back(text);
              return {};
            }));
  if (trained.tokenizer.vocab_size() < settings_.bpe_vocab_size)
    log_warning("tokenizer", "no pair is left that the text has ", settings_.bpe_min_frequency, " times: the vocabulary has ",
                trained.tokenizer.vocab_size(), " tokens, not ", settings_.bpe_vocab_size);
  return trained.tokenizer;
}

// Row L-11.14: shape and tokenizer of a run that goes on are those it was started with; so is its text. What the user gives
// against that is an error; what is left at its default is taken from the record.
Status TrainTinyllm::take_over(const Context& context) {
  LATHE_TRY(const Manifest manifest, read_manifest(folder(), kKind, "nothing to go on with; run without --resume first"));
  const Json now = context.settings();
  SettingsTable table;
  train::describe(table, settings_);
  for (const char* key : {"tokenizer", "bpe_vocab_size", "bpe_min_frequency", "block_size", "n_layer", "n_head", "n_embd", "mlp_hidden", "norm",
                          "norm_eps", "mlp", "gelu_form", "pos_encoding", "rope_base", "bias", "weight_tying", "sliding_window", "qk_norm", "qk_norm_eps"}) {
    const Json* then = manifest.settings.find(key);
    if (then == nullptr || *then == now.at(key)) continue;
    if (context.given(key))
      return error_at(key, -1, "is ", now.at(key).dump(), ", the run in ", folder().string(), " was started with ", then->dump(), "; leave it out, or start anew");
    LATHE_TRY_STATUS(table.set_json(key, *then));
  }
  LATHE_TRY_STATUS(train::check(settings_));
  LATHE_TRY(const FileRecord text, record_file(settings_.data_path));
  for (const FileRecord& input : manifest.inputs)
    if (input.sha256 != text.sha256)
      return error_at(text.path, -1, "is not the text that the run was started with (", input.path, ", ", input.bytes, " bytes, SHA-256 ",
                      input.sha256.substr(0, 12), "..., now ", text.bytes, " bytes, ", text.sha256.substr(0, 12), "...); ", kAnew);
  return {};
}

// Row L-3.27: a run that goes on takes what stands in out_dir, and only when it is what the run recorded.
Result<tokenizer::Tokenizer> TrainTinyllm::make_tokenizer(const std::string& text) const {
  if (!goes_on()) {
    LATHE_TRY(tokenizer::Tokenizer trained, train_tokenizer(text));
    LATHE_TRY_STATUS(trained.save(folder()));
    return trained;
  }
  LATHE_TRY(const Manifest manifest, read_manifest(folder(), kKind, "nothing to go on with; run without --resume first"));
  LATHE_TRY_STATUS(verify_outputs(folder(), manifest, kAnew));
  LATHE_TRY(tokenizer::Tokenizer saved, tokenizer::Tokenizer::load(folder()));
  if (saved.hash() != manifest.tokenizer_sha256)
    return error_at(folder().string(), -1, "its tokenizer is not the one the run was started with; ", kAnew);
  return saved;
}

Result<data::TokenStream> TrainTinyllm::make_stream(const std::string& text, const tokenizer::Tokenizer& tokenizer) const {
  if (!settings_.memmap_dataset) return data::TokenStream::in_memory(tokenizer.encode(text));
  data::TokenStream::Source source;
  source.data = settings_.data_path;
  source.tokenizer_hash = tokenizer.hash();
  source.vocab_size = tokenizer.vocab_size();
  source.encode = [&](const std::string& part) -> Result<std::vector<int32_t>> { return tokenizer.encode(part); };
  return data::TokenStream::memory_mapped(folder(), source, goes_on());
}

Status TrainTinyllm::write_record(const Context& context, const tokenizer::Tokenizer& tokenizer, const data::TokenStream& stream,
                                  const std::string& started) const {
  Manifest manifest;
  manifest.kind = kKind;
  manifest.settings = context.settings();
  manifest.config_sha256 = config_hash(manifest.settings);
  manifest.seed = context.common().seed;
  manifest.tokenizer_sha256 = tokenizer.hash();
  LATHE_TRY(FileRecord input, record_file(settings_.data_path));
  manifest.inputs.push_back(std::move(input));
  std::vector<std::string> names = {tokenizer::kTokenizerFile};
  if (stream.is_mapped()) names.insert(names.end(), {data::kTokensFile, data::kTokensMetaFile});
  for (const std::string& name : names) {
    LATHE_TRY(FileRecord output, record_file(folder() / name, name));
    manifest.outputs.push_back(std::move(output));
  }
  manifest.counts["tokens"] = stream.size();
  manifest.counts["vocab_size"] = tokenizer.vocab_size();
  manifest.started = started;
  manifest.ended = Clock::real().local_time();
  return write_manifest(folder(), manifest);
}

// Row L-11.12. A run that was killed before its first save starts from the beginning.
Result<int64_t> TrainTinyllm::step_to_go_on_from() const {
  if (!goes_on()) return int64_t{-1};
  LATHE_TRY(const std::vector<int64_t> steps, train::checkpoint_steps(folder()));
  if (steps.empty() && !fs::exists(folder() / "ckpt.pt")) return int64_t{-1};
  LATHE_TRY(const train::NamedCheckpoint found, train::find_named_checkpoint(folder(), train::WhichCheckpoint::kAuto));
  return found.step;
}

void TrainTinyllm::print_start(Context& context, const data::TokenStream& stream, const data::WindowSplit& split,
                               const SampleStart& start) const {
  context.print("Tokens: ", with_thousands(stream.size()), stream.is_mapped() ? " (memory-mapped)" : " (in memory)", ", ",
                with_thousands(split.train.size()), " train, ", with_thousands(split.validation.size()), " validate");
  for (const std::string& line : train::schedule_warnings(settings_)) log_warning("train", line);
  for (const std::string& line : train::optimizer_warnings(settings_)) log_warning("train", line);
  if (settings_.ema)  // row L-11.53
    context.print(format_text("Average of the weights: over about %.0f steps of %lld, %.0f %% of its first weights at the end",
                              train::ema_reach(settings_).window_steps, static_cast<long long>(settings_.max_steps),
                              100 * train::ema_reach(settings_).start_share));
  std::vector<std::string> ignored;
  if (settings_.sample_interval > 0) {
    context.print("Samples start from ", start.description);
    sample_options(settings_, 0, &ignored);
  }
  for (const std::string& name : ignored) log_info("train", name, " has no effect: do_sample is off");
  if (settings_.use_ema) log_info("train", "use_ema is for generate_only: samples of a run use its average once it has one");
  if (settings_.curriculum)
    for (const std::string& line : train::curriculum_of(settings_).notes(settings_.max_steps)) context.print(line);
  if (settings_.compile) log_info("train", "compile on: the engine always runs its planned form, the results are the same");
}

Result<Exit> TrainTinyllm::run(Context& context) {
  const std::string started = Clock::real().local_time();
  context.print_banner();
  LATHE_TRY_STATUS(train::check(settings_));
  LATHE_TRY_STATUS(training_.check());
  if (settings_.generate_only) return generate_only(context, settings_);
  LATHE_TRY(const std::string text, read_text());
  LATHE_TRY_STATUS(make_folders(folder()));
  LATHE_TRY(const FolderLock lock, FolderLock::take(folder()));
  if (goes_on()) LATHE_TRY_STATUS(take_over(context));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, make_tokenizer(text));
  LATHE_TRY(const data::TokenStream stream, make_stream(text, tokenizer));
  LATHE_TRY(const data::WindowSplit split, data::split_windows(stream.size(), settings_.val_fraction, settings_.block_size));
  LATHE_TRY(const model::ModelConfig config, train::model_config(settings_, tokenizer.vocab_size()));
  const SampleStart start = sample_start(settings_, tokenizer);
  if (!goes_on()) LATHE_TRY_STATUS(write_record(context, tokenizer, stream, started));
  LATHE_TRY_STATUS(write_json_atomic(folder() / kSettingsFile, context.settings()));  // row L-11.7
  print_start(context, stream, split, start);

  const DType dtype = settings_.amp ? resolved_dtype(context) : DType::kFloat32;
  const auto seed = static_cast<uint64_t>(context.common().seed);
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  model::Transformer model(config, dtype, Device::kCpu, true);
  model.set_recompute(settings_.grad_checkpointing ? model::Recompute::kBlock : model::Recompute::kNone);
  print_model(context, model);
  const fs::path run = folder();
  LATHE_TRY(const int64_t resume, step_to_go_on_from());
  if (resume < 0) model.initialise(seed);
  const std::unique_ptr<optim::Optimizer> optimizer = train::make_optimizer(settings_, model, world.get());
  train::ModelWeights weights(model);
  std::optional<optim::Ema> average;
  if (settings_.ema) average.emplace(model.parameters(), settings_.ema_decay);
  LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, optimizer.get(), average ? weights.bytes() : 0)));

  data::WindowLoaderOptions loader_options;
  loader_options.rows = settings_.batch_size;
  loader_options.block_size = settings_.block_size;
  loader_options.accumulation = settings_.grad_accum_steps;
  loader_options.workers = settings_.dataloader_workers;
  loader_options.prefetch_factor = settings_.dataloader_prefetch_factor;
  loader_options.persistent_workers = settings_.dataloader_persistent_workers;
  loader_options.seed = seed;
  if (settings_.curriculum) loader_options.curriculum = train::curriculum_of(settings_);
  const std::unique_ptr<data::WindowLoader> loader = data::window_loader(stream, split.train, loader_options);

  train::LoopSettings loop_settings;
  loop_settings.stage = kKind;
  loop_settings.num_iterations = settings_.max_steps;
  loop_settings.grad_clip = settings_.grad_clip;
  loop_settings.eval_every = split.validation.size() > 0 && settings_.eval_interval > 0 ? settings_.eval_interval : -1;
  loop_settings.sample_every = settings_.sample_interval > 0 ? settings_.sample_interval : -1;
  loop_settings.save_with_eval = true;
  const int64_t save_every = settings_.save_interval > 0 ? settings_.save_interval : settings_.eval_interval;  // without a validation part too
  loop_settings.save_every = save_every > 0 ? save_every : -1;
  loop_settings.log_every = settings_.log_interval;
  loop_settings.ema_update_every = settings_.ema_update_every;
  loop_settings.ema_start_step = settings_.ema_start_step;
  loop_settings.resume_from_step = resume;
  loop_settings.flops_per_token = model.flops_per_token();
  loop_settings.seed = seed;

  ops::Context eval_context;
  const std::vector<int32_t> token_bytes = tokenizer.token_byte_lengths();
  const auto measure = [&](data::EvalSplit which, data::TokenRange range) {
    eval::ByteSums sums;
    data::TokenBatch batch;
    for (int64_t i = 0; i < settings_.eval_iters; ++i) {
      data::eval_windows(stream, range, which, seed, i, settings_.batch_size, settings_.block_size, batch);
      sums += eval::measure_batch(model, eval_context, batch.inputs(), batch.targets(), settings_.batch_size, token_bytes);
    }
    return sums;
  };
  const double targets = static_cast<double>(settings_.eval_iters * settings_.batch_size * settings_.block_size);
  train::LoopHooks hooks;
  hooks.schedule = [&](optim::Optimizer& o, int64_t step, double) {
    const double multiplier = train::learning_rate(settings_, step) / settings_.learning_rate;
    o.set_lr_multiplier(multiplier);
    return multiplier;
  };
  hooks.validate = [&](int64_t step) -> Result<double> {
    loader->pause();
    const double train_loss = measure(data::EvalSplit::kTrain, split.train).nats / targets;
    const eval::ByteSums validation = measure(data::EvalSplit::kValidation, split.validation);
    const double loss = validation.nats / targets;
    context.print(format_text("Step %05lld | train loss %.4f | validation loss %.4f, perplexity %.3f", static_cast<long long>(step), train_loss, loss, std::exp(loss)));
    return validation.bits_per_byte();
  };
  hooks.sample = [&](int64_t step) -> Status {
    LATHE_TRY(const std::string line, draw_sample(settings_, model, tokenizer, start, seed + static_cast<uint64_t>(step)));
    return training_.show_samples(context, step, {"--- sample\n" + line + "\n---"});
  };
  hooks.saved = [&](const train::Saved& saved) -> Status {  // row L-11.13
    LATHE_TRY_STATUS(train::name_checkpoint(run, train::kLastName, saved.step));
    return saved.best ? train::name_checkpoint(run, train::kBestName, saved.step) : Status();
  };
  train::LanguageOptions options;
  options.label_smoothing = settings_.label_smoothing;
  options.batch = settings_.batch_size;
  options.sequence_len = settings_.block_size;
  options.accumulation = settings_.grad_accum_steps;
  train::LanguageObjective objective(model, *loader, options);
  LATHE_TRY(const train::LoopResult result, training_.go(context, {"train", loop_settings, hooks, model, tokenizer, *optimizer, objective,
                                                                   weights, *world, context.settings(), run,
                                                                   average ? &*average : nullptr, 6, {settings_.data_path}, {run / tokenizer::kTokenizerFile}}));
  Json figures = Json::object();
  figures["parameters"] = model.counts().total;
  figures["vocab_size"] = tokenizer.vocab_size();
  figures["tokens"] = stream.size();
  figures["checkpoint"] = train::checkpoint_folder(run, result.state.step).string();
  return finish_training(context, result, std::move(figures));
}

}  // namespace

std::unique_ptr<Verb> make_train_tinyllm() { return std::make_unique<TrainTinyllm>(); }

}  // namespace lathe::cli
