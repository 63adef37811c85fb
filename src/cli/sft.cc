// lathe sft: supervised fine-tuning on conversations (rows C-8.2 to C-8.4, C-8.13 to C-8.18, C-8.31 to C-8.33).
#include <algorithm>

#include "cli/report_section.h"
#include "cli/training.h"
#include "cli/training_run.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/machine.h"
#include "eval/bits_per_byte.h"
#include "optim/schedule.h"
#include "optim/scaling.h"
#include "train/base_settings.h"
#include "train/conversations.h"
#include "train/load_model.h"
#include "train/language_objective.h"

namespace lathe::cli {
namespace {

struct SftSettings {
  std::string run = "dummy", data, val_data, source = "base";
  int64_t model_step = -1, num_iterations = -1, num_epochs = 1, max_seq_len = 2048, device_batch_size = 32,
          total_batch_size = 524288, target_global_batch = -1;
  double embedding_lr = 0.3, unembedding_lr = 0.004, matrix_lr = 0.02, weight_decay = 0, init_lr_frac = 1;
  std::string recompute = "none", muon_dtype = "bf16", targets = "completion", loss_normalisation = "global";
  int64_t eval_every = 150, eval_tokens = 20 * 524288, save_every = -1, resume_from_step = -1;
  bool resume = false, dry_run = false;
};

class Sft : public Verb {
 public:
  VerbInfo info() const override {
    return {"sft", "train", "fine-tune a model on conversations", "lathe sft --data chats.jsonl --max-seq-len 512", "", 0};
  }
  void describe(SettingsTable& t) override {
    SftSettings& s = s_;
    t.group("data");
    t.add("data", &s.data, "conversations, .jsonl; empty: <base>/sft/train.jsonl");
    t.add("val_data", &s.val_data, "empty: val.jsonl beside the data, if it is there");
    t.add("targets", &s.targets, "train on the assistant's words, or on every token").choices = {"completion", "every_token"};
    t.add("max_seq_len", &s.max_seq_len, "T, tokens of a row");
    t.group("model");
    t.add("source", &s.source, "checkpoint to start from").choices = {"base", "mid", "sft"};
    t.add("model_step", &s.model_step, "its step; -1: the latest");
    t.group("horizon and batch");
    t.add("num_iterations", &s.num_iterations, "optimizer steps; -1: by epochs");
    t.add("num_epochs", &s.num_epochs, "passes over the data");
    t.add("device_batch_size", &s.device_batch_size, "B, rows of a micro batch");
    t.add("total_batch_size", &s.total_batch_size, "tokens of a step");
    t.add("target_global_batch", &s.target_global_batch, "rows of a step, instead of its tokens; -1: off");
    t.add("recompute", &s.recompute, "activations dropped and computed again in the backward pass").choices =
        model::recompute_names();
    t.group("optimizer");
    t.add("embedding_lr", &s.embedding_lr, "AdamW, token embeddings");
    t.add("unembedding_lr", &s.unembedding_lr, "AdamW, output head");
    t.add("matrix_lr", &s.matrix_lr, "Muon");
    t.add("weight_decay", &s.weight_decay, "Muon");
    t.add("init_lr_frac", &s.init_lr_frac, "factor on all rates");
    t.add("muon_dtype", &s.muon_dtype, "of the orthogonalisation").choices = {"bf16", "fp32"};
    t.add("loss_normalisation", &s.loss_normalisation, "by all targets of a step, or per micro batch").choices = {"global", "micro_batch"};
    t.group("evaluation and saving");
    t.add("run", &s.run, "name in the metrics");
    t.add("eval_every", &s.eval_every, "steps; -1: only at the end");
    t.add("eval_tokens", &s.eval_tokens, "validation tokens");
    t.add("save_every", &s.save_every, "steps; -1: only at the end");
    t.add("resume_from_step", &s.resume_from_step, "exact continuation of this step's checkpoint");
    t.add("resume", &s.resume, "continue the latest checkpoint if there is one");
    t.add("dry_run", &s.dry_run, "save nothing");
    training_.describe(t);
  }
  Result<Exit> run(Context& context) override;

 private:
  SftSettings s_;
  TrainingRun training_;
};

std::unique_ptr<optim::Optimizer> make_optimizer(const SftSettings& s, const model::Transformer& model, dist::Communicator* ranks) {
  train::BaseSettings base;
  base.architecture = model.config().family != model::Family::kChat                    ? "llama"
                      : model.config().chat_state == model::ChatState::kNewest ? "chat_newest" : "chat";
  base.embedding_lr = s.embedding_lr * s.init_lr_frac;
  base.unembedding_lr = s.unembedding_lr * s.init_lr_frac;
  base.matrix_lr = s.matrix_lr * s.init_lr_frac;
  base.scalar_lr = 0.5 * s.init_lr_frac;
  base.learning_rate = 3e-4 * s.init_lr_frac;
  base.muon_dtype = s.muon_dtype;
  optim::ScalingPlan plan;  // no batch scaling (row C-8.3)
  plan.weight_decay = s.weight_decay;
  return train::make_base_optimizer(base, model, plan, ranks);
}

Result<Exit> Sft::run(Context& context) {
  context.print_banner();
  LATHE_TRY_STATUS(training_.check());
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const fs::path data_path, given_or_base(context, s_.data, "sft/train.jsonl"));
  const fs::path val_path = s_.val_data.empty() ? data_path.parent_path() / "val.jsonl" : fs::path(s_.val_data);
  const DType dtype = resolved_dtype(context);
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  // The total batch has a default: only one that was given speaks against the rows.
  const bool total_given = s_.target_global_batch < 0 || context.given("total_batch_size");
  LATHE_TRY(const int64_t total_batch,
            optim::total_batch_tokens(total_given ? s_.total_batch_size : -1, s_.target_global_batch, s_.max_seq_len));
  LATHE_TRY(const int64_t accumulation,
            optim::accumulation_steps(total_batch, s_.device_batch_size, s_.max_seq_len, world->size()));
  const auto enough_memory = [&](const model::ModelConfig& config) {
    train::PlanRequest request;
    request.config = config;
    request.dtype = dtype;
    request.batch = s_.device_batch_size;
    request.sequence_len = s_.max_seq_len;
    request.recompute = model::recompute_of(s_.recompute);
    const model::Transformer shape(config, dtype, Device::kMeta);
    request.optimizer_bytes = train::state_bytes(*make_optimizer(s_, shape, nullptr));
    return train::require_memory(train::make_plan(request));
  };
  LATHE_TRY(train::LoadedModel loaded,
            train::load_model(base, s_.source, context.common().tag, s_.model_step, dtype, true, enough_memory));
  model::Transformer& model = *loaded.model;
  model.set_recompute(model::recompute_of(s_.recompute));
  const tokenizer::Tokenizer& tokenizer = loaded.tokenizer;
  if (const int64_t rows = loaded.meta.user_config.get_int("device_batch_size", 0); rows > 0 && s_.device_batch_size > rows)
    log_warning("sft", "footgun: --device-batch-size ", s_.device_batch_size, " exceeds the ", rows, " of base training");

  const std::string tag = loaded.run.filename().string();
  const fs::path run = base / "chatsft_checkpoints" / tag;
  LATHE_TRY(const FolderLock lock, lock_run(run));
  LATHE_TRY(const int64_t resume, step_to_resume(run, s_.resume_from_step, s_.resume));
  const std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(s_, model, world.get());
  train::ModelWeights weights(model);
  if (!s_.dry_run) LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, optimizer.get())));

  LATHE_TRY(const auto source, train::ConversationFile::open(data_path, tokenizer, s_.max_seq_len + 1));
  data::ConversationPackerOptions pack;
  pack.rows = s_.device_batch_size;
  pack.columns = s_.max_seq_len;
  pack.bos_id = tokenizer.bos_id();
  pack.rank = world->rank();
  pack.world = world->size();
  pack.targets = s_.targets == "completion" ? data::TargetMode::kCompletion : data::TargetMode::kEveryToken;
  pack.num_epochs = s_.num_iterations > 0 ? 0 : s_.num_epochs;
  pack.seed = static_cast<uint64_t>(context.common().seed);
  const std::unique_ptr<data::ConversationPacker> packer = data::conversation_packer(*source, pack);

  std::unique_ptr<train::ConversationFile> val_source;
  std::error_code code;
  if (fs::exists(val_path, code)) {
    LATHE_TRY(val_source, train::ConversationFile::open(val_path, tokenizer, s_.max_seq_len + 1));
  } else {
    log_info("sft", "no validation conversations at ", val_path.string(), "; going without");
  }

  // Whoever loads the result finds the tokenizer as it was found here.
  Json user_config = context.settings();
  if (const std::string own = loaded.meta.user_config.get_string("tokenizer", ""); !own.empty()) user_config["tokenizer"] = own;

  train::LoopSettings loop_settings;
  loop_settings.stage = "sft";
  loop_settings.num_iterations = s_.num_iterations > 0 ? s_.num_iterations : -1;
  loop_settings.eval_every = s_.eval_every;
  loop_settings.eval_at_end = true;
  loop_settings.save_every = s_.save_every;
  loop_settings.log_every = 10;
  loop_settings.resume_from_step = resume;
  loop_settings.flops_per_token = model.flops_per_token();
  loop_settings.seed = static_cast<uint64_t>(context.common().seed);
  loop_settings.save = !s_.dry_run;

  ops::Context eval_context;
  const std::vector<int32_t> token_bytes = tokenizer.token_byte_lengths();
  train::LoopHooks hooks;
  const int64_t n = s_.num_iterations;
  hooks.schedule = [&](optim::Optimizer& o, int64_t step, double share) {
    const double progress = n > 0 ? static_cast<double>(step) / static_cast<double>(n) : std::max(share, 0.0);
    const double multiplier = optim::sft_lr_multiplier(progress);
    o.set_lr_multiplier(multiplier);
    o.set_muon(optim::muon_momentum(step), s_.weight_decay);
    return multiplier;
  };
  if (val_source) {
    const int64_t wanted = std::max<int64_t>(1, s_.eval_tokens / (s_.device_batch_size * s_.max_seq_len * world->size()));
    hooks.validate = [&, wanted](int64_t) -> Result<double> {
      data::ConversationPackerOptions options = pack;
      options.num_epochs = 1;
      const auto loader = data::conversation_packer(*val_source, options);
      eval::ByteSums sums;
      data::TokenBatch batch;
      for (int64_t i = 0; i < wanted && !loader->progress().last_step; ++i) {
        LATHE_TRY_STATUS(loader->next(batch));
        sums += eval::measure_batch(model, eval_context, batch.inputs(), batch.targets(), batch.rows, token_bytes);
      }
      return sums.bits_per_byte();
    };
  }
  train::LanguageOptions options;
  options.batch = s_.device_batch_size;
  options.sequence_len = s_.max_seq_len;
  options.accumulation = accumulation;
  options.normalisation = loss_normalisation(s_.loss_normalisation);
  train::LanguageObjective objective(model, *packer, options, [&] {
    const data::PackerProgress& p = packer->progress();
    return train::StageProgress{p.progress, p.epoch, n <= 0 && p.last_step};
  });
  LATHE_TRY(const train::LoopResult result, training_.go(context, {"sft", loop_settings, hooks, model, tokenizer, *optimizer, objective, weights,
                                                                   *world, user_config, run, nullptr, 4}));

  if (!result.interrupted && !s_.dry_run) {  // rows C-8.18, C-13.19
    Json outcome = Json::object();
    outcome["Number of iterations"] = result.state.step;
    outcome["World size"] = int64_t{world->size()};
    outcome["Minimum validation bpb"] = result.state.min_val_bpb ? Json(*result.state.min_val_bpb) : Json();
    LATHE_TRY(const fs::path written, write_report_section(base, "SFT", {context.settings(), outcome, report_items(result.performance)}));
    log_debug("report", "wrote ", written.string());
  }
  Json figures = Json::object();
  figures["conversations"] = source->size();
  figures["cut"] = packer->progress().cut;
  figures["checkpoint"] = s_.dry_run ? Json() : Json(train::checkpoint_folder(run, result.state.step).string());
  return finish_training(context, result, std::move(figures));
}

}  // namespace

std::unique_ptr<Verb> make_sft() { return std::make_unique<Sft>(); }

}  // namespace lathe::cli
