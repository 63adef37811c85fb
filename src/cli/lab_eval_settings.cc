#include "cli/lab_eval_settings.h"

namespace lathe::cli {
namespace {

const std::vector<std::string>& prompts_to_continue() {
  static const std::vector<std::string> list = {"Once upon a time", "The history of the city begins", "In the middle of the forest", "The most important thing about water is",
                                                "Scientists have found that", "The old man opened the door and"};
  return list;
}

const std::vector<std::string>& questions() {
  static const std::vector<std::string> list = {
      "What is artificial intelligence?", "Explain in simple terms how a computer learns from examples.", "Write two sentences about the sea.",
      "Give three tips for staying healthy.", "Why is the sky blue?", "What is the capital of France?", "Write a short poem about the moon.",
      "How do I cook rice?", "What is the difference between a lake and a river?", "Tell me something interesting about history.",
      "How can I learn a new language?", "Describe your favorite season.", "What should I do when I feel tired?", "Explain what gravity is.",
      "Write a short letter to a friend."};
  return list;
}

}  // namespace

infer::SamplingOptions LabEvalSettings::sampling(uint64_t seed, std::vector<std::string>* ignored) const {
  infer::SamplingOptions out;
  out.temperature = temperature;
  out.top_p = top_p;
  out.top_k = top_k;
  out.repetition_penalty = repetition_penalty;
  out.repetition_window = 0;
  out.no_repeat_ngram_size = no_repeat_ngram_size;
  out.seed = seed;
  return do_sample ? out : out.greedy(ignored);
}

void describe(SettingsTable& t, LabEvalSettings& s) {
  t.group("what");
  t.add("stage", &s.stage, "auto: by the program's name, else by the checkpoint").choices = {"auto", "pretrain", "sft", "dpo"};
  t.add("model_path", &s.model_path, "checkpoint folder, step_N or final, whole or an adapter");
  t.add("tokenizer_dir", &s.tokenizer_dir, "the model's tokenizer, with --model-path");
  t.add("output_dir", &s.output_dir, "folder for results.json and what stands beside it");
  t.add("output_file", &s.output_file, "the results file itself");
  t.add("force", &s.force, "replace results of other settings");
  t.add("perplexity", &s.perplexity, "on WikiText-2");
  t.add("boolq", &s.boolq, "accuracy on BoolQ");
  t.add("validation", &s.validation, "loss on the validation parts of the training data");
  t.add("smoke_tests", &s.smoke_tests, "24 prompts with a check each");
  t.add("generation", &s.generation, "texts to fixed prompts, and what can be counted about them");
  t.add("preferences", &s.preferences, "reward margin and win rate on held-out pairs");
  t.add("baseline", &s.baseline, "the same for the model it was made from, with differences");
  t.group("data");
  t.add("wikitext_path", &s.wikitext_path, "wiki.test.raw or another text, also .zst; empty: <base>/wikitext-2-raw/");
  t.add("boolq_path", &s.boolq_path, "empty: boolq.jsonl of <base>/eval_bundle");
  t.add("validation_dirs", &s.validation_dirs, "empty: those of the model's training");
  t.add("eval_data_dir", &s.eval_data_dir, "folder of `lathe corpus dpo`");
  t.add("eval_split", &s.eval_split, "of the pairs").choices = {"validation", "train"};
  t.group("limits");
  t.add("perplexity_samples", &s.perplexity_samples, "the first so many windows; -1: all");
  t.add("context_length", &s.context_length, "of a window; 0: the model's");
  t.add("stride", &s.stride, "between windows; 0: half a window");
  t.add("boolq_samples", &s.boolq_samples, "the first so many; -1: all 3,270");
  t.add("validation_batches", &s.validation_batches, "0: as in training");
  t.add("eval_samples", &s.eval_samples, "pairs, drawn by shuffle_seed; -1: all");
  t.add("shuffle_seed", &s.shuffle_seed, "which pairs");
  t.add("max_length", &s.max_length, "tokens of a pair's prompt and answer; 0: as in training");
  t.add("max_prompt_length", &s.max_prompt_length, "tokens of its prompt; 0: as in training");
  t.add("beta", &s.beta, "of the rewards; 0: as in training, else 0.1");
  t.add("batch_tokens", &s.batch_tokens, "scored together; changes no result");
  t.group("model");
  t.add("prompt_template", &s.prompt_template, "empty: the one of the model's record");
  t.add("use_lora", &s.use_lora, "the checkpoint must be an adapter, or must not");
  t.add("merged", &s.merged, "adapters become part of the weights first");
  t.add("sft_model_path", &s.sft_model_path, "baseline; empty: by the model's record");
  t.add("pretrain_model_path", &s.pretrain_model_path, "baseline; empty: by the model's record");
  t.add("text_start", &s.text_start, "token in front of texts; auto: as in training").choices = {"auto", "bos", "end", "none"};
  t.group("texts");
  t.add("categories", &s.categories, "of smoke tests; empty: all eight");
  t.add("prompts", &s.prompts, "to write to; empty: built-in ones");
  t.add("num_samples", &s.num_samples, "texts, prompts taken in turn; -1: one each");
  t.add("min_words", &s.min_words, "of a text whose length counts as in range");
  t.add("max_words", &s.max_words, "of a text whose length counts as in range");
  t.add("max_new_tokens", &s.max_new_tokens, "of a text");
  t.add("do_sample", &s.do_sample, "off: greedy");
  t.add("temperature", &s.temperature, "0: greedy");
  t.add("top_p", &s.top_p, "1: off");
  t.add("top_k", &s.top_k, "0: off");
  t.add("repetition_penalty", &s.repetition_penalty, "1: off");
  t.add("no_repeat_ngram_size", &s.no_repeat_ngram_size, "0: off");
  t.group("output");
  t.add("save_generations", &s.save_generations, "texts and answers, as JSON lines");
  t.add("save_metrics", &s.save_metrics, "the table, as Markdown");
  t.add("save_csv", &s.save_csv, "the figures as a table, with preferences");
  t.add("save_examples", &s.save_examples, "texts of model and baseline side by side, with preferences");
  t.add("name", &s.name, "of the settings file");
  t.add("description", &s.description, "of the settings file");
  t.add("version", &s.version, "of the settings file");
}

train::ConfigKeys lab_eval_keys() {
  train::ConfigKeys keys;
  const auto add = [&](const char* section, std::initializer_list<const char*> names) {
    for (const char* name : names) keys.push_back({section, name, name});
  };
  const auto rename = [&](const char* section, const char* key, const char* setting) { keys.push_back({section, key, setting}); };
  add("", {"name", "description", "version", "stage", "model_path", "tokenizer_dir", "output_dir", "output_file", "eval_data_dir", "seed"});
  add("model_params", {"prompt_template", "use_lora", "device", "merged", "text_start"});
  rename("metrics.perplexity", "enabled", "perplexity");
  rename("metrics.perplexity", "max_samples", "perplexity_samples");
  rename("metrics.perplexity", "path", "wikitext_path");
  add("metrics.perplexity", {"context_length", "stride"});
  keys.push_back({"metrics.perplexity", "dataset", "", {"wikitext2", "wikitext-2", "wikitext"}});
  rename("metrics.boolq", "enabled", "boolq");
  rename("metrics.boolq", "max_samples", "boolq_samples");
  rename("metrics.boolq", "path", "boolq_path");
  rename("metrics.validation", "enabled", "validation");
  rename("metrics.validation", "data_dirs", "validation_dirs");
  rename("metrics.validation", "eval_batches", "validation_batches");
  rename("metrics.smoke_tests", "enabled", "smoke_tests");
  add("metrics.smoke_tests", {"categories"});
  rename("metrics.generation", "enabled", "generation");
  add("metrics.generation", {"num_samples", "prompts", "min_words", "max_words"});
  rename("metrics.preferences", "enabled", "preferences");
  add("metrics.preferences", {"beta", "max_length", "max_prompt_length"});
  add("generation_params", {"max_new_tokens", "temperature", "top_p", "top_k", "do_sample", "repetition_penalty", "no_repeat_ngram_size"});
  rename("eval_dataset", "max_samples", "eval_samples");
  rename("eval_dataset", "split", "eval_split");
  add("eval_dataset", {"shuffle_seed"});
  rename("", "comparison_prompts", "prompts");
  rename("baseline_comparison", "enabled", "baseline");
  add("baseline_comparison", {"sft_model_path", "pretrain_model_path"});
  add("output", {"save_generations", "save_metrics", "save_csv", "save_examples"});
  keys.push_back({"output", "format", "", {"json"}});
  return keys;
}

Status resolve(LabEvalSettings& s) {
  const bool pretrain = s.stage == "pretrain", dpo = s.stage == "dpo";
  const auto set = [](std::optional<bool>& which, bool value) {
    if (!which) which = value;
  };
  set(s.perplexity, !dpo);
  set(s.boolq, true);
  set(s.validation, !dpo);
  set(s.smoke_tests, s.stage == "sft");
  set(s.generation, true);
  set(s.preferences, dpo);
  set(s.baseline, !pretrain);
  if (s.prompts.empty()) s.prompts = pretrain ? prompts_to_continue() : questions();
  for (const auto& [name, value] : {std::pair{"perplexity_samples", s.perplexity_samples}, {"boolq_samples", s.boolq_samples}, {"eval_samples", s.eval_samples},
                                    {"num_samples", s.num_samples}})
    if (value == 0 || value < -1) return error_at(name, -1, "must be at least 1, or -1 for all; is ", value);
  for (const auto& [name, value] : {std::pair{"validation_batches", s.validation_batches}, {"context_length", s.context_length}, {"stride", s.stride},
                                    {"max_length", s.max_length}, {"max_prompt_length", s.max_prompt_length}, {"min_words", s.min_words}})
    if (value < 0) return error_at(name, -1, "must be 0 or more, is ", value);
  if (s.max_new_tokens < 1) return error_at("max_new_tokens", -1, "must be at least 1, is ", s.max_new_tokens);
  if (s.batch_tokens < 1) return error_at("batch_tokens", -1, "must be at least 1, is ", s.batch_tokens);
  if (s.max_words < s.min_words) return error_at("max_words", -1, "is below min_words");
  if (!(s.beta >= 0) || s.beta > 1e6) return error_at("beta", -1, "must be 0 or more, is ", s.beta);
  if (!s.output_dir.empty() && !s.output_file.empty()) return error_at("output_file", -1, "and output_dir both say where results go; give one of them");
  return s.sampling(0, nullptr).validate();
}

}  // namespace lathe::cli
