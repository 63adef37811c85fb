// lathe rl: reinforcement learning on problems with a checker (rows C-9.1 to C-9.21).
#include <algorithm>
#include <optional>

#include "cli/adapter_flags.h"
#include "cli/report_section.h"
#include "cli/stage_rates.h"
#include "cli/stage_samples.h"
#include "cli/training.h"
#include "cli/training_run.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/signals.h"
#include "eval/pass_at_k.h"
#include "tasks/hosted_tasks.h"
#include "tasks/problem_set.h"
#include "train/base_settings.h"
#include "train/load_model.h"
#include "train/policy_objective.h"

namespace lathe::cli {
namespace {

constexpr int64_t kStepsBetweenSamples = 5;  // answers in the metrics

struct RlSettings {
  std::string run = "dummy", source = "sft", task = "gsm8k", data;
  int64_t model_step = -1, problems = 4000, num_epochs = 1, num_iterations = -1;
  train::PolicyOptions policy;
  std::string advantage = "mean";
  bool compat = false;
  double embedding_lr = 0.2, unembedding_lr = 0.004, matrix_lr = 0.02, weight_decay = 0, init_lr_frac = 0.05;
  std::string recompute = "none", muon_dtype = "bf16";
  int64_t eval_every = 60, eval_examples = 400, eval_samples = -1, save_every = 60, resume_from_step = -1;
  bool resume = false, dry_run = false;
};

class Rl : public Verb {
 public:
  VerbInfo info() const override {
    return {"rl", "train", "reinforcement learning: make right answers more likely", "lathe rl --task sums --num-iterations 60", "", 0};
  }
  void describe(SettingsTable& t) override;
  Result<Exit> run(Context& context) override;

 private:
  Status settle(const Context& context);  // what follows from --compat and names
  void describe_optimizer(SettingsTable& t);
  StageRates rates() const;
  Status enough_memory(const model::ModelConfig& config, DType dtype) const;
  Result<std::unique_ptr<tasks::ProblemSet>> problems(const fs::path& base, const train::LoadedModel& loaded, tasks::Split split, int64_t seed) const;
  // What the KL term holds on to: the model without its adapter, or a frozen copy.
  Result<train::ReferencePolicy> reference_policy(const Context& context, const fs::path& base, model::Transformer& model, model::Adapter* adapter,
                                                  std::optional<train::LoadedModel>& copy) const;
  train::LoopSettings loop_settings(const Context& context, const model::Transformer& model, int64_t steps, int64_t resume) const;

  RlSettings s_;
  AdapterFlags adapter_;
  TrainingRun training_;
};

void Rl::describe(SettingsTable& t) {
  RlSettings& s = s_;
  train::PolicyOptions& p = s.policy;
  t.group("model");
  t.add("source", &s.source, "checkpoint to start from").choices = {"sft", "mid", "base"};
  t.add("model_step", &s.model_step, "its step; -1: the latest");
  t.group("problems");
  t.add("task", &s.task, "gsm8k, or built-in ones joined by |: sums, spelling, counting, reading");
  t.add("data", &s.data, "folder of gsm8k; empty: <base>/hosted/gsm8k");
  t.add("problems", &s.problems, "of each built-in task, made from the seed; 1 to 4000");
  t.add("num_epochs", &s.num_epochs, "passes over the problems");
  t.add("num_iterations", &s.num_iterations, "steps; -1: by epochs");
  t.group("answers");
  t.add("examples_per_step", &p.examples_per_step, "problems of a step, over all ranks");
  t.add("num_samples", &p.num_samples, "answers sampled to each");
  t.add("device_batch_size", &p.device_batch_size, "answers of a forward and backward pass; divides --num-samples");
  t.add("max_new_tokens", &p.max_new_tokens, "of an answer");
  t.add("temperature", &p.temperature, "of the draws; what is trained is the model at 1");
  t.add("top_k", &p.top_k, "draws from the k most likely tokens; 0: from all, as trained");
  t.add("rollout_rows", &p.rollout_rows, "answers written at a time; memory, not results, depends on it");
  t.add("compat", &s.compat, "as the origin: top-k 50, and the token that ends an answer is not trained");
  t.group("objective");
  t.add("advantage", &s.advantage, "reward less the mean of the problem, or that over their deviation (GRPO)").choices = {"mean", "normalised"};
  t.add("inner_epochs", &p.inner_epochs, "updates made of one step's answers");
  t.add("clip", &p.clip, "epsilon of the clipped ratio; 0: REINFORCE");
  t.add("kl", &p.kl, "weight of the divergence from the starting model");
  t.add("length_penalty", &p.length_penalty, "reward given up by an answer of --max-new-tokens tokens, by shorter ones in proportion");
  describe_optimizer(t);
}

void Rl::describe_optimizer(SettingsTable& t) {
  RlSettings& s = s_;
  t.group("optimizer");
  t.add("embedding_lr", &s.embedding_lr, "AdamW, token embeddings");
  t.add("unembedding_lr", &s.unembedding_lr, "AdamW, output head");
  t.add("matrix_lr", &s.matrix_lr, "Muon");
  t.add("weight_decay", &s.weight_decay, "Muon");
  t.add("init_lr_frac", &s.init_lr_frac, "factor on all rates");
  t.add("muon_dtype", &s.muon_dtype, "of the orthogonalisation").choices = {"bf16", "fp32"};
  t.add("recompute", &s.recompute, "activations dropped and computed again in the backward pass").choices = model::recompute_names();
  t.group("evaluation and saving");
  t.add("run", &s.run, "name in the metrics");
  t.add("eval_every", &s.eval_every, "steps; -1: never");
  t.add("eval_examples", &s.eval_examples, "held-out problems");
  t.add("eval_samples", &s.eval_samples, "answers to each, k of pass@k; -1: --device-batch-size");
  t.add("save_every", &s.save_every, "steps; -1: only at the end");
  t.add("resume_from_step", &s.resume_from_step, "exact continuation of this step's checkpoint");
  t.add("resume", &s.resume, "continue the latest checkpoint if there is one");
  t.add("dry_run", &s.dry_run, "save nothing");
  adapter_.describe(t);
  training_.describe(t);
}

Status Rl::settle(const Context& context) {
  LATHE_TRY_STATUS(cli::check(rates()));
  train::PolicyOptions& p = s_.policy;
  if (s_.compat) {
    if (!context.given("top_k")) p.top_k = 50;
    p.train_stop = false;
  }
  p.advantage = s_.advantage == "mean" ? train::AdvantageKind::kMean : train::AdvantageKind::kNormalised;
  if (s_.eval_samples < 0) s_.eval_samples = p.device_batch_size;
  if (s_.eval_samples < 1 || s_.eval_examples < 1) return error("--eval-samples and --eval-examples must be 1 or more");
  if (p.top_k > 0 || p.temperature != 1)  // trap G1
    log_warning("rl", "answers are drawn with top-k ", p.top_k, " and temperature ", p.temperature,
                ", but what is trained is the whole distribution at temperature 1: the two differ");
  return p.validate(1);
}

StageRates Rl::rates() const {
  return {s_.embedding_lr, s_.unembedding_lr, s_.matrix_lr, s_.weight_decay, s_.init_lr_frac, s_.muon_dtype};
}

Status Rl::enough_memory(const model::ModelConfig& config, DType dtype) const {
  train::PlanRequest request;
  request.config = config;
  request.dtype = dtype;
  request.batch = s_.policy.device_batch_size;
  request.sequence_len = config.sequence_len;
  request.recompute = model::recompute_of(s_.recompute);
  if (adapter_.wanted()) {
    LATHE_TRY(const int64_t trained, adapter_.count(config));
    request.optimizer_bytes = 2 * trained * int64_t{sizeof(float)};
  } else {
    const model::Transformer shape(config, dtype, Device::kMeta);
    request.optimizer_bytes = train::state_bytes(*make_stage_optimizer(rates(), shape, nullptr));
  }
  request.kv_cache_rows = s_.policy.rollout_rows;
  request.kv_cache_positions = config.sequence_len;
  return train::require_memory(train::make_plan(request));
}

Result<std::unique_ptr<tasks::ProblemSet>> Rl::problems(const fs::path& base, const train::LoadedModel& loaded, tasks::Split split,
                                                        int64_t seed) const {
  tasks::ProblemSource source;
  source.task = s_.task;
  source.base = base;
  source.folder = s_.data;
  source.split = split;
  source.count = split == tasks::Split::kTest ? std::min<int64_t>(s_.eval_examples, 4000) : s_.problems;
  source.seed = static_cast<uint64_t>(seed);
  return tasks::open_problems(source, loaded.tokenizer, loaded.model->config().sequence_len);
}

Result<train::ReferencePolicy> Rl::reference_policy(const Context& context, const fs::path& base, model::Transformer& model,
                                                    model::Adapter* adapter, std::optional<train::LoadedModel>& copy) const {
  if (s_.policy.kl == 0) return train::ReferencePolicy{};
  if (adapter != nullptr) return train::ReferencePolicy{&model, [adapter](bool on) { adapter->set_enabled(on); }};
  LATHE_TRY(copy, train::load_model(base, s_.source, context.common().tag, s_.model_step, resolved_dtype(context)));
  return train::ReferencePolicy{copy->model.get(), {}};
}

train::LoopSettings Rl::loop_settings(const Context& context, const model::Transformer& model, int64_t steps, int64_t resume) const {
  train::LoopSettings out;
  out.stage = "rl";
  out.num_iterations = steps;
  out.eval_every = s_.eval_every;
  out.validation = "unsolved";  // 1 - pass@1: lower is better
  out.save_every = s_.save_every;
  out.log_every = 1;
  out.resume_from_step = resume;
  out.flops_per_token = model.flops_per_token();
  out.seed = static_cast<uint64_t>(context.common().seed);
  out.save = !s_.dry_run;
  return out;
}

Result<Exit> Rl::run(Context& context) {
  context.print_banner();
  LATHE_TRY_STATUS(training_.check());
  LATHE_TRY_STATUS(adapter_.check(context));
  LATHE_TRY_STATUS(settle(context));
  LATHE_TRY(const fs::path base, context.base_folder());
  const DType dtype = resolved_dtype(context);
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  LATHE_TRY(train::LoadedModel loaded,
            train::load_model(base, s_.source, context.common().tag, s_.model_step, dtype, !adapter_.wanted(),
                              [&](const model::ModelConfig& config) { return enough_memory(config, dtype); }));
  if (const std::string form = loaded.meta.user_config.get_string("chat_template", "chat"); form != "chat")
    return error("the model speaks by the template \"", form, "\"; problems are asked in that of the chat family alone");
  model::Transformer& model = *loaded.model;
  model.set_recompute(model::recompute_of(s_.recompute));
  LATHE_TRY(const auto train_set, problems(base, loaded, tasks::Split::kTrain, context.common().seed));
  LATHE_TRY(const auto held_out, problems(base, loaded, tasks::Split::kTest, 1));
  const int64_t per_step = s_.policy.examples_per_step, by_epochs = train_set->size() / per_step * s_.num_epochs;
  const int64_t steps = s_.num_iterations > 0 ? s_.num_iterations : by_epochs;  // row C-9.2
  if (steps < 1) return error("the ", train_set->size(), " problems are fewer than the ", per_step, " of a step; lower --examples-per-step");

  const fs::path run = base / "chatrl_checkpoints" / loaded.tag;
  LATHE_TRY(const FolderLock lock, lock_run(run));
  LATHE_TRY(const int64_t resume, step_to_resume(run, s_.resume_from_step, s_.resume));
  train::ModelWeights whole(model);
  AttachedAdapter attached;
  if (adapter_.wanted()) {  // the template's markers were learned in fine-tuning
    LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find("chat"));
    LATHE_TRY(attached, adapter_.attach(loaded, static_cast<uint64_t>(context.common().seed), form, true));
    context.print(AdapterFlags::summary(*attached.adapter, model));
  }
  train::Weights& weights = attached.weights ? static_cast<train::Weights&>(*attached.weights) : whole;
  std::optional<train::LoadedModel> frozen;
  LATHE_TRY(const train::ReferencePolicy reference, reference_policy(context, base, model, attached.adapter.get(), frozen));
  const std::unique_ptr<optim::Optimizer> optimizer = attached.adapter
                                                          ? adapter_.make_optimizer(*attached.adapter, world.get(), s_.init_lr_frac)
                                                          : make_stage_optimizer(rates(), model, world.get());
  if (!s_.dry_run) LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, optimizer.get())));
  Json user_config = stage_settings(context, loaded);

  context.print("Calculated number of steps: ", steps);  // row C-9.18
  context.print("Total sequences per step: ", per_step * s_.policy.num_samples);
  context.print("Calculated examples per rank: ", per_step / world->size());
  train::PolicyObjective objective(model, loaded.tokenizer, *train_set, s_.policy, reference,
                                   [&](const std::string& line) { context.print(line); });
  infer::TransformerModel inference(model);
  infer::Engine engine(inference, loaded.tokenizer);
  std::optional<eval::PassScore> first, latest;
  train::LoopHooks hooks;
  hooks.schedule = [&](optim::Optimizer& o, int64_t step, double) {  // row C-9.11
    const double multiplier = 1 - static_cast<double>(step) / static_cast<double>(steps);
    o.set_lr_multiplier(multiplier);
    o.set_muon(0.95, s_.weight_decay);
    return multiplier;
  };
  hooks.validate = [&](int64_t step) -> Result<double> {
    eval::PassOptions options;
    options.max_problems = s_.eval_examples;
    options.samples = s_.eval_samples;
    options.rows = s_.policy.rollout_rows;
    if (!s_.compat) options.top_k = s_.policy.top_k;
    LATHE_TRY(latest, eval::measure_pass(engine, *held_out, options, *world));
    if (!first) first = latest;
    context.print(format_text("Step %lld | %s | right: %.4f of all samples", static_cast<long long>(step), latest->line().c_str(), latest->right));
    Json values = Json::object();
    for (size_t k = 0; k < latest->pass.size(); ++k) values["pass@" + std::to_string(k + 1)] = latest->pass[k];
    values["rl/eval_right"] = latest->right;
    values["rl/eval_sequence_length"] = latest->sequence_length;
    LATHE_TRY_STATUS(training_.log(step, values));
    return 1 - latest->pass[0];
  };
  hooks.figures = [&](int64_t step, Json& values) {
    if (step % kStepsBetweenSamples != 0) return;
    Json samples = Json::array();
    for (const infer::Rollout& answer : objective.shown()) {
      const std::span<const int32_t> all = answer.tokens;
      const auto prompt = static_cast<size_t>(answer.prompt_length);
      samples.push_back(format_text("reward %.2f: ", answer.reward) + plain_text(loaded.tokenizer, all.first(prompt)) + " \u2192 " +
                        plain_text(loaded.tokenizer, all.subspan(prompt)));
    }
    values["samples"] = std::move(samples);
  };
  std::vector<fs::path> sources = loaded.files;
  std::vector<fs::path> beside;
  if (s_.task == "gsm8k") {  // the built-in ones are made, not read
    LATHE_TRY(const std::vector<fs::path> files, tasks::hosted_task_files(tasks::HostedTask::kGsm8k, base, s_.data, "main", "train"));
    sources.insert(sources.end(), files.begin(), files.end());
    LATHE_TRY(beside, tasks::hosted_task_files(tasks::HostedTask::kGsm8k, base, s_.data, "main", "test"));
  }
  LATHE_TRY(const train::LoopResult result,
            training_.go(context, {"rl", loop_settings(context, model, steps, resume), hooks, model, loaded.tokenizer, *optimizer, objective,
                                   weights, *world, user_config, run, nullptr, 0, sources, beside}));

  Json outcome = Json::object();
  if (first && !first->pass.empty()) {
    outcome["Pass@1 at the start"] = first->pass[0];
    outcome["Pass@1 at the end"] = latest->pass[0];
  }
  if (!result.interrupted && !s_.dry_run) {  // row C-9.16
    LATHE_TRY([[maybe_unused]] const fs::path written,
              write_report_section(base, "Chat RL", {context.settings(), outcome, report_items(result.performance)}));
  }
  Json figures = Json::object();
  figures["pass_at_1_start"] = first ? Json(first->pass[0]) : Json();
  figures["pass_at_1"] = latest ? Json(latest->pass[0]) : Json();
  figures["right_start"] = first ? Json(first->right) : Json();
  figures["right"] = latest ? Json(latest->right) : Json();
  figures["checkpoint"] = s_.dry_run ? Json() : Json(train::checkpoint_folder(run, result.state.step).string());
  return finish_training(context, result, std::move(figures));
}

}  // namespace

std::unique_ptr<Verb> make_rl() { return std::make_unique<Rl>(); }

}  // namespace lathe::cli
