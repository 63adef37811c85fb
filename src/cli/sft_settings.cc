#include "cli/sft_settings.h"

#include "model/transformer.h"

namespace lathe::cli {
namespace {

void describe_data(SettingsTable& t, SftSettings& s) {
  t.group("data");
  t.add("data", &s.data, "conversations of any known form (.jsonl, .json, .parquet); empty: <base>/sft/train.jsonl");
  t.add("val_data", &s.val_data, "empty: val.jsonl beside the data, if it is there");
  t.add("mixture", &s.mixture, "a mixture of tasks instead: a file, or the name of a shipped one (sft, mid, sft_old, builtin)");
  t.add("style", &s.style, "conversations packed into rows, cut from one stream, or the origin's older way: one a row, with its schedule").choices =
      {"packed", "stream", "old"};
  t.add("targets", &s.targets, "train on the assistant's words, or on every token").choices = {"completion", "every_token"};
  t.add("max_seq_len", &s.max_seq_len, "T, tokens of a row");
}

void describe_horizon(SettingsTable& t, SftSettings& s) {
  t.group("horizon and batch");
  t.add("num_iterations", &s.num_iterations, "optimizer steps; -1: by epochs");
  t.add("num_epochs", &s.num_epochs, "passes over the data");
  t.add("device_batch_size", &s.device_batch_size, "B, rows of a micro batch");
  t.add("total_batch_size", &s.total_batch_size, "tokens of a step");
  t.add("target_global_batch", &s.target_global_batch, "rows of a step, instead of its tokens; -1: off");
  t.add("target_examples_per_step", &s.target_examples_per_step, "conversations of a step of --style old");
  t.add("recompute", &s.recompute, "activations dropped and computed again in the backward pass").choices = model::recompute_names();
}

}  // namespace

void describe(SettingsTable& t, ChatStage stage, SftSettings* settings) {
  SftSettings& s = *settings;
  const bool mid = stage == ChatStage::kMid;
  if (mid) {
    s.style = "stream";
    s.targets = "every_token";
    s.embedding_lr = 0.2;
  }
  describe_data(t, s);
  t.group("model");
  t.add("source", &s.source, "checkpoint to start from").choices = mid ? std::vector<std::string>{"base", "mid"} : std::vector<std::string>{"base", "mid", "sft"};
  t.add("model_step", &s.model_step, "its step; -1: the latest").aliases = {"step"};
  describe_horizon(t, s);
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
}

void resolve_style(const Context& context, SftSettings* s) {
  if (s->style != "old") return;
  const auto set = [&](const char* name, auto* field, auto value) {
    if (!context.given(name)) *field = value;
  };
  set("source", &s->source, "mid");
  set("device_batch_size", &s->device_batch_size, int64_t{4});
  set("init_lr_frac", &s->init_lr_frac, 0.02);
  set("embedding_lr", &s->embedding_lr, 0.2);
  set("eval_every", &s->eval_every, int64_t{100});
  set("loss_normalisation", &s->loss_normalisation, "micro_batch");
}

}  // namespace lathe::cli
