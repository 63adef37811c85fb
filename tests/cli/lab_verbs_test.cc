// The lab's training programs as a person types them: one small project, made once, and what each program does, prints and refuses.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "core/manifest.h"
#include "core/rng.h"
#include "real_verbs.h"
#include "tokenizer/tokenizer.h"

namespace lathe::cli {
namespace {

namespace fs = std::filesystem;
using lathe::testing::check;
using lathe::testing::take;

constexpr int64_t kVocab = 262, kLength = 64;
using Words = std::vector<std::string>;

std::string sentence(Rng& rng) {
  static const Words words = {"the", "cat", "sees", "a", "red", "ball", "and", "runs", "home", "with", "it"};
  std::string text;
  for (uint64_t n = 8 + rng.below(12); n > 0; --n) text += (text.empty() ? "" : " ") + words[rng.below(words.size())];
  return text + ".";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

int64_t count(const std::string& text, const std::string& part) {
  int64_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

class LabVerbs : public ::testing::Test {
 protected:
  static fs::path root() { return fs::path(::testing::TempDir()) / ("lab_verbs_" + std::to_string(getpid())); }
  static std::string at(const std::string& name) { return (root() / name).string(); }
  static void write(const std::string& name, const std::string& text) { check(write_file_atomic(at(name), text)); }
  static std::string bytes(const std::string& name) { return take(read_file(at(name))); }

  static void must(const Words& words) {
    const Outcome out = run_lathe(words);
    ASSERT_EQ(out.exit, Exit::kDone) << words[0] << "\n" << out.err << out.out;
  }

  static void SetUpTestSuite() {
    fs::create_directories(root());
    Words tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    check(take(tokenizer::Tokenizer::from_tokens(tokens, {"<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"})).save(at("tok")));
    check(take(tokenizer::Tokenizer::from_tokens(tokens, {"<s>", "<unk>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"})).save(at("other_tok")));
    check(take(tokenizer::Tokenizer::from_tokens(tokens, {"<unk>", "<s>", "</s>", "<pad>"})).save(at("small_tok")));
    make_corpus("stories_corpus", 1);
    make_corpus("books_corpus", 2);
    pack("stories_corpus", "stories", "tok", kLength);
    pack("books_corpus", "books", "tok", kLength);
    pack("books_corpus", "long", "tok", 2 * kLength);
    pack("books_corpus", "foreign", "other_tok", kLength);
    make_conversations("trial", 0.9, 60);
    make_conversations("more", 0.9, 30);
    make_conversations("blind", 1.0, 20);
    make_pairs();
    shape("micro", kLength);
    write("base.json", config("max_steps", "6", "\"data_params\": {\"sequence_length\": 64, \"data_seed\": 42}"));
    must(pretrain({"--config", at("base.json"), "--data_dirs", at("stories"), "--output_dir", at("base")}));
    write("sft.json", sft_config(""));
    must(sft({"--output_dir", at("sft")}));
  }
  static void TearDownTestSuite() { fs::remove_all(root()); }

  static void make_corpus(const std::string& name, uint64_t seed) {
    Manifest manifest;
    manifest.kind = "corpus";
    manifest.settings = Json::object();
    manifest.counts["estimated_tokens"] = 40000;
    std::string lines;
    Rng rng(seed, "corpus");
    for (int i = 0; i < 400; ++i)
      lines += Json(Json::Object{{"text", sentence(rng)}, {"source", "tales"}, {"id", join_text(seed, '-', i)}}).dump() + "\n";
    write(name + "/shard_0000.jsonl", lines);
    manifest.outputs.push_back(take(record_file(at(name) + "/shard_0000.jsonl", "shard_0000.jsonl")));
    check(write_manifest(at(name), manifest));
  }
  static void pack(const std::string& corpus, const std::string& out, const std::string& tok, int64_t length) {
    must({"30_pack_dataset", "--corpus-dir", at(corpus), "--tokenizer-dir", at(tok), "--output-dir", at(out), "--sequence-length", std::to_string(length)});
  }
  static void make_conversations(const std::string& name, double train, int n) {
    std::string lines;
    for (int i = 0; i < n; ++i)
      lines += format_text(R"({"messages": [{"role": "user", "content": "%d + 1?"}, {"role": "assistant", "content": "It is %d."}]})", i, i + 1) + "\n";
    write(name + ".jsonl", lines);
    write(name + ".json", format_text(R"({"name": "%s", "template": "chatml", "datasets": [{"name": "%s", "type": "local", "path": "%s"}],
      "output_params": {"sequence_length": 64, "train_ratio": %g},
      "quality_filters": {"min_prompt_length": 1, "min_response_length": 1, "remove_duplicates": false}})",
                                      name.c_str(), name.c_str(), at(name + ".jsonl").c_str(), train));
    must({"60_prepare_sft_corpus", "--config", at(name + ".json"), "--tokenizer_dir", at("tok"), "--output_dir", at(name)});
  }
  static void make_pairs() {
    std::string lines;
    for (int i = 0; i < 60; ++i) lines += format_text(R"({"prompt": "%d + 2?", "chosen": "It is %d.", "rejected": "It is %d."})", i, i + 2, i + 5) + "\n";
    write("pairs.jsonl", lines);
    write("pairs.json", R"({"name": "pairs", "template": "chatml", "datasets": [{"name": "pairs", "type": "local", "path": ")" + at("pairs.jsonl") + R"("}],
      "output_params": {"max_length": 64, "max_prompt_length": 40, "train_val_split": 0.8},
      "quality_filters": {"min_prompt_length": 1, "min_chosen_length": 1, "min_rejected_length": 1, "min_margin_tokens": 0}})");
    must({"90_prepare_dpo_corpus", "--config", at("pairs.json"), "--tokenizer_dir", at("tok"), "--output_dir", at("pairs")});
    write("dpo.json", R"({"training_params": {"learning_rate": 1e-3, "max_steps": 6, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2,
      "save_steps": 2, "logging_steps": 1, "eval_steps": 3}, "dpo_params": {"max_length": 64, "max_prompt_length": 40}, "lora_config": {"r": 4, "lora_alpha": 8}})");
  }
  static void shape(const std::string& name, int64_t length, int64_t vocab = kVocab) {
    write(name + "_shape.json", format_text(R"({"model_name": "%s", "n_layer": 2, "d_model": 64, "n_head": 2, "vocab_size": %lld, "sequence_length": %lld})",
                                            name.c_str(), static_cast<long long>(vocab), static_cast<long long>(length)));
  }
  // Of a pretraining; one of the training parameters by name.
  static std::string config(const std::string& key, const std::string& value, const std::string& more = "\"data_params\": {}") {
    Json training = take(parse_json(R"({"learning_rate": 1e-3, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 3, "max_steps": 4,
      "save_steps": 2, "logging_steps": 1, "eval_steps": 2, "eval_batches": 2, "warmup_steps": 1})"));
    training[key] = take(parse_json(value));
    return R"({"architecture_config": ")" + at("micro_shape.json") + R"(", "training_params": )" + training.dump() + ", " + more + "}";
  }
  static std::string sft_config(const std::string& lora) {
    return R"({"training_params": {"learning_rate": 1e-3, "max_steps": 6, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "save_steps": 2,
      "logging_steps": 1, "eval_steps": 3}, "lora_config": {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1)" + lora + R"(},
      "evaluation_config": {"eval_prompts": ["3 + 1?", "What?"], "generation_config": {"max_new_tokens": 5, "temperature": 0}}})";
  }
  static Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Later flags of the same name stand; lists are given once.
  static Words pretrain(const Words& more) { return with({"40_pretrain", "--tokenizer_dir", at("tok")}, more); }
  static Words sft(const Words& more) {
    Words words = {"70_train_sft", "--tokenizer_dir", at("tok")};
    const auto add = [&](const std::string& flag, const std::string& value) {
      if (std::find(more.begin(), more.end(), flag) == more.end()) words.insert(words.end(), {flag, value});
    };
    add("--config", at("sft.json")), add("--model_path", at("base/micro/final")), add("--data_dirs", at("trial"));
    return with(words, more);
  }
  static Words dpo(const Words& more) {
    return with({"95_train_dpo", "--config", at("dpo.json"), "--data_dirs", at("pairs"), "--tokenizer_dir", at("tok"), "--model_path", at("sft/final")}, more);
  }
  // With what was logged.
  static Outcome heard(const Words& words) {
    ::testing::internal::CaptureStderr();
    Outcome out = run_lathe(words);
    out.err += ::testing::internal::GetCapturedStderr();
    return out;
  }
  static void refused(const Words& words, const Words& parts) {
    const Outcome out = run_lathe(words);
    EXPECT_NE(out.exit, Exit::kDone) << out.out;
    for (const std::string& part : parts) EXPECT_TRUE(has(out.err, part)) << "no \"" << part << "\" in: " << out.err;
    EXPECT_FALSE(fs::exists(at("refused"))) << "something was written";
  }
};

// L-1.38, L-16.2
TEST_F(LabVerbs, PretrainingIsBlockedByDataThatDoNotFit) {
  write("p.json", config("max_steps", "4"));
  const auto run = [&](const Words& more) { return with({"40_pretrain", "--config", at("p.json"), "--output_dir", at("refused")}, more); };
  refused(run({"--tokenizer_dir", at("tok"), "--data_dirs", at("stories"), at("foreign")}), {at("foreign"), "the tokenizer in use", "--force"});
  refused(run({"--tokenizer_dir", at("other_tok"), "--data_dirs", at("stories")}), {at("stories"), at("other_tok")});
  refused(run({"--tokenizer_dir", at("small_tok"), "--data_dirs", at("stories")}), {"vocab_size", "262", "260"});
  refused(run({"--tokenizer_dir", at("tok"), "--data_dirs", at("long")}), {"sequence_length", "128", "64", "--sequence-length 64"});
  refused(run({"--tokenizer_dir", at("tok"), "--data_dirs", at("stories"), at("books"), "--data_weights", "1"}), {"data_weights", "2 data sets"});
  refused(run({"--tokenizer_dir", at("tok"), "--data_dirs", at("stories_corpus")}), {"kind \"corpus\"", "lathe pack"});
  refused(run({"--tokenizer_dir", at("nowhere"), "--data_dirs", at("stories")}), {"No tokenizer found", "lathe 20_train_tokenizer"});
  refused(run({"--tokenizer_dir", at("tok"), "--data_dirs", at("nowhere")}), {"no such data set", "lathe 30_pack_dataset"});
  shape("wide", 2 * kLength);
  write("w.json", R"({"architecture_config": "wide_shape.json", "training_params": {"max_steps": 1, "eval_steps": -1, "per_device_train_batch_size": 1}})");
  const Outcome shorter = heard({"40_pretrain", "--config", at("w.json"), "--tokenizer_dir", at("tok"), "--data_dirs", at("stories"), "--output_dir", at("w")});
  EXPECT_EQ(shorter.exit, Exit::kDone) << shorter.err;
  EXPECT_TRUE(has(shorter.err, "the data has sequences of 64 tokens, the model's context is 128")) << shorter.err;
}

// L-1.48, L-16.1
TEST_F(LabVerbs, FineTuningIsBlockedByAnotherTokenizerAWrongTargetOrNoBase) {
  const Words out = {"--output_dir", at("refused")};
  refused(with({"70_train_sft", "--config", at("sft.json"), "--data_dirs", at("trial"), "--model_path", at("base/micro/final"), "--tokenizer_dir", at("other_tok")}, out),
          {"was trained with the tokenizer", at("other_tok"), "--tokenizer_dir"});
  must({"60_prepare_sft_corpus", "--config", at("trial.json"), "--tokenizer_dir", at("other_tok"), "--output_dir", at("foreign_trial")});
  refused(sft(with(out, {"--data_dirs", at("foreign_trial")})), {"tokenizer", at("foreign_trial")});
  refused(sft(with(out, {"--model_path", at("base/none")})), {"no such checkpoint", "lathe 40_pretrain"});
  refused(sft(with(out, {"--data_dirs", at("stories")})), {"kind \"packed\"", "lathe corpus sft"});
  const Outcome target = run_lathe(sft({"--output_dir", at("target"), "--target_modules", "q_prj"}));
  EXPECT_NE(target.exit, Exit::kDone);
  EXPECT_TRUE(has(target.err, "target_modules: \"q_prj\" matches no layer")) << target.err;
  EXPECT_TRUE(has(target.err, "q_proj")) << target.err;
}

// L-15.11
TEST_F(LabVerbs, ThePathWithoutTheModelsNameIsAnErrorThatShowsTheRightOne) {
  const Words out = {"--output_dir", at("refused")};
  const std::string right = "give --model_path " + at("base/micro/final");
  refused(sft(with(out, {"--model_path", at("base/final")})), {right});
  refused(sft(with(out, {"--model_path", at("base")})), {right});
  refused(sft(with(out, {"--model_path", at("base/micro")})), {at("base/micro/step_2"), at("base/micro/final"), "one of them"});
  Words words = dpo(out);
  *std::find(words.begin(), words.end(), at("sft/final")) = at("nothing");
  refused(words, {"no such checkpoint", "lathe 70_train_sft"});
  fs::create_directories(at("alone/here"));
  fs::copy(at("sft/final"), at("alone/here/final"), fs::copy_options::recursive);
  *std::find(words.begin(), words.end(), at("nothing")) = at("alone/here");
  refused(words, {"give --model_path " + at("alone/here/final")});
}

// L-5.8, L-5.9, L-5.49
TEST_F(LabVerbs, TheFormOfAttentionIsInTheLogTheFiguresAndTheCheckpoint) {
  write("f.json", config("max_steps", "1", R"("hardware_params": {"use_flash_attn": true}, "reproducibility": {"deterministic": false})"));
  const Outcome out = heard(pretrain({"--config", at("f.json"), "--data_dirs", at("stories"), "--output_dir", at("f"), "--json"}));
  ASSERT_EQ(out.exit, Exit::kDone) << out.err;
  EXPECT_EQ(count(out.err, "use_flash_attn: the tiled, memory-linear form of attention runs"), 1) << out.err;
  EXPECT_TRUE(has(out.err, "deterministic false: the CPU gives the same bits")) << out.err;
  EXPECT_EQ(out.figures().get_string("attention", ""), "tiled, memory-linear");
  EXPECT_TRUE(has(bytes("f/micro/final/meta.json"), R"("attention": "tiled, memory-linear")"));
}

// L-5.13, L-5.54, L-5.37
TEST_F(LabVerbs, StepsAreOptimizerStepsInEveryCounter) {
  write("c.json", config("max_steps", "4"));
  const Outcome out = run_lathe(pretrain({"--config", at("c.json"), "--data_dirs", at("stories"), "--output_dir", at("c")}));
  ASSERT_EQ(out.exit, Exit::kDone) << out.err;
  for (const char* line : {"step 1/4 (25.00 %)", "step 2/4 (50.00 %)", "step 4/4 (100.00 %)", "Evaluation at step 2 (50.00 % of max_steps)"})
    EXPECT_TRUE(has(out.out, line)) << line << " is not in " << out.out;
  EXPECT_EQ(count(out.out, "\nstep "), 4);
  EXPECT_EQ(count(out.out, "Evaluation at step "), 3);  // before the first, after 2 and 4
  for (const char* folder : {"step_2", "step_4", "final"}) EXPECT_TRUE(fs::exists(at(std::string("c/micro/") + folder) + "/meta.json")) << folder;
  EXPECT_FALSE(fs::exists(at("c/micro/step_1")));
  const Json meta = take(parse_json(bytes("c/micro/step_4/meta.json")));
  EXPECT_EQ(meta.get_int("step", 0), 4);
  // 4 steps of 3 micro batches of 2 rows.
  EXPECT_TRUE(has(out.out, "| " + with_thousands(4 * 3 * 2 * kLength) + " tokens |")) << out.out;
}

// L-5.38, L-5.39
TEST_F(LabVerbs, ACheckpointHoldsAllThatTheRunNeeds) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "meta.json"}) EXPECT_TRUE(fs::exists(at("base/micro/step_4/") + file)) << file;
  const std::string meta = bytes("base/micro/step_4/meta.json");
  for (const char* key : {"\"step\"", "\"tokenizer_hash\"", "\"dataloader_state_dict\"", "\"loop_state\"", "\"phases\"", "\"sources\"", "\"id\"", "\"seed\"", "\"data_seed\"",
                          "\"smooth_train_loss\"", "\"losses\"", "\"code_version\"", "\"optimizer\""})
    EXPECT_TRUE(has(meta, key)) << key << " is not in " << meta;
}

// L-5.51
TEST_F(LabVerbs, TheSeedsOfWeightsAndOfTheOrderAreApart) {
  const auto first_two = [&](const std::string& name, const std::string& seed, const std::string& data_seed) {
    write("s.json", config("max_steps", "1"));
    const Outcome out = run_lathe(pretrain({"--config", at("s.json"), "--data_dirs", at("stories"), "--output_dir", at(name), "--seed", seed, "--data_seed", data_seed}));
    EXPECT_EQ(out.exit, Exit::kDone) << out.err;
    const size_t line = out.out.find("step 1/1 ");
    // The rate of the first step is 0: the weights are still the initial ones.
    return std::pair(bytes(name + "/micro/final/model.safetensors"), out.out.substr(line, out.out.find("| lr", line) - line));
  };
  const auto one = first_two("s1", "5", "5"), order = first_two("s2", "5", "6"), weights = first_two("s3", "6", "5");
  EXPECT_TRUE(one.first == order.first);
  EXPECT_NE(one.second, order.second);  // other sequences
  EXPECT_FALSE(one.first == weights.first);
}

// L-5.60
TEST_F(LabVerbs, EvaluationLeavesTheTrainingAsItIs) {
  write("often.json", sft_config(""));
  const Words often = sft({"--config", at("often.json"), "--output_dir", at("often"), "--eval_steps", "1"});
  must(often);
  must(sft({"--config", at("often.json"), "--output_dir", at("never"), "--eval_steps", "-1"}));
  EXPECT_EQ(bytes("often/final/adapter_model.safetensors"), bytes("never/final/adapter_model.safetensors"));
  EXPECT_FALSE(fs::exists(at("never/generations")));
}

// L-7.27
TEST_F(LabVerbs, WithoutAnAdapterAllParametersAreTrained) {
  write("full.json", sft_config(", \"enabled\": false"));
  const Outcome out = run_lathe(sft({"--config", at("full.json"), "--output_dir", at("full")}));
  ASSERT_EQ(out.exit, Exit::kDone) << out.err;
  EXPECT_TRUE(has(out.out, "parameters are trained")) << out.out;
  EXPECT_FALSE(fs::exists(at("full/final/adapter_model.safetensors")));
  EXPECT_NE(bytes("full/final/model.safetensors"), bytes("base/micro/final/model.safetensors"));
}

// L-7.31
TEST_F(LabVerbs, TheLogSaysWhatTheWeightsOfConversationsCountAndTheSharesTheyGive) {
  const Outcome out = run_lathe(sft({"--output_dir", at("mixed"), "--data_dirs", at("trial"), at("more"), "--data_weights", "0.7", "0.3", "--max_steps", "1"}));
  ASSERT_EQ(out.exit, Exit::kDone) << out.err;
  EXPECT_TRUE(has(out.out, "weights are shares of packed sequences")) << out.out;
  EXPECT_TRUE(has(out.out, "weight 0.7000, share of tokens 0.")) << out.out;
  EXPECT_TRUE(has(out.out, "weight 0.3000, share of tokens 0.")) << out.out;
}

// L-7.32
TEST_F(LabVerbs, ThePromptsOfTheConfigAreAnsweredAtEachEvaluation) {
  for (const char* step : {"step_3", "step_6"}) {
    const Json answers = take(parse_json(bytes(std::string("sft/generations/") + step + ".json")));
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers.as_array()[0].get_string("prompt", ""), "3 + 1?");
    EXPECT_LE(answers.as_array()[1].get_string("answer", "").size(), 15u);  // 5 tokens of a byte, a broken one shown as three
  }
  // The settings of the config decide: another length, another answer; the same greedy ones, the same answer.
  must(sft({"--output_dir", at("again")}));
  EXPECT_EQ(bytes("again/generations/step_6.json"), bytes("sft/generations/step_6.json"));
  must(sft({"--output_dir", at("longer"), "--max_new_tokens", "30"}));
  EXPECT_GT(bytes("longer/generations/step_6.json").size(), bytes("sft/generations/step_6.json").size());
}

// L-7.33, L-7.37
TEST_F(LabVerbs, FineTuningAndPreferencesStopAndGoOnAsPretrainingDoes) {
  const Words flags = {"--num_workers", "2", "--log-level", "WARNING"};
  must(dpo({"--output_dir", at("dpo")}));
  struct Case {
    std::string whole;
    std::function<Words(const Words&)> run;
  };
  for (const Case& c : {Case{"sft", sft}, Case{"dpo", dpo}}) {
    const std::string halves = c.whole + "_halves";
    must(with(c.run({"--output_dir", at(halves), "--stop_at_step", "4"}), flags));
    EXPECT_FALSE(fs::exists(at(halves + "/final")));
    must(with(c.run({"--output_dir", at(halves), "--resume_from_checkpoint", at(halves + "/step_4")}), flags));
    for (const char* file : {"adapter_model.safetensors", "optimizer.safetensors"})
      EXPECT_EQ(bytes(halves + "/final/" + file), bytes(c.whole + "/final/" + file)) << c.whole << " " << file;
    const Outcome done = run_lathe(c.run({"--output_dir", at(halves)}));
    EXPECT_EQ(done.exit, Exit::kDone);
    EXPECT_TRUE(has(done.out, "Already done")) << done.out;
  }
}

// L-7.34
TEST_F(LabVerbs, AnIntervalOfEvaluationNeedsValidationData) {
  const Outcome out = run_lathe(sft({"--output_dir", at("blind_run"), "--data_dirs", at("blind")}));
  EXPECT_NE(out.exit, Exit::kDone);
  EXPECT_TRUE(has(out.err, "eval_steps: no data set has conversations to validate on")) << out.err;
  EXPECT_FALSE(fs::exists(at("blind_run/metrics.jsonl")));
  must(sft({"--output_dir", at("blind_run"), "--data_dirs", at("blind"), "--eval_steps", "-1", "--max_steps", "1"}));
}

// L-1.48: adapters rest on each other; the lower one is frozen and found again by the next program.
TEST_F(LabVerbs, AnAdapterCanBeFineTunedFurther) {
  must(sft({"--output_dir", at("second"), "--model_path", at("sft/final"), "--data_dirs", at("more"), "--max_steps", "2"}));
  const Json record = take(parse_json(bytes("second/final/lathe_adapter.json")));
  ASSERT_NE(record.find("below"), nullptr);
  EXPECT_EQ(record.at("below").size(), 1u);
  Words words = dpo({"--output_dir", at("third"), "--max_steps", "1"});
  *std::find(words.begin(), words.end(), at("sft/final")) = at("second/final");
  must(words);
  must(sft({"--output_dir", at("merged"), "--model_path", at("second/final"), "--no-lora", "--max_steps", "1"}));
  EXPECT_TRUE(fs::exists(at("merged/final/model.safetensors")));
}

// L-5.61
TEST_F(LabVerbs, APhaseTypedAgainAfterACrashStopsAndNamesBothCheckpoints) {
  const Words first = pretrain({"--config", at("base.json"), "--data_dirs", at("stories"), "--output_dir", at("phases"), "--stop_at_step", "2"});
  must(first);
  const Words bare = pretrain({"--config", at("base.json"), "--data_dirs", at("books"), "--output_dir", at("phases")});
  const auto named = [&](const std::string& from) { return with(bare, {"--resume_from_checkpoint", at(from)}); };
  must(with(named("phases/micro/step_2"), {"--stop_at_step", "4"}));
  const auto error = [&](const Words& words) {
    const Outcome out = run_lathe(words);
    EXPECT_NE(out.exit, Exit::kDone) << out.out;
    return out.err;
  };
  const auto names_all = [&](const std::string& text, const std::string& folder) {
    for (const std::string& part : {at(folder + "/micro/step_2"), at(folder + "/micro/step_4"), std::string("drop --resume_from_checkpoint"), std::string("--force"),
                                    std::string("moved aside")})
      EXPECT_TRUE(has(text, part)) << part << " is not in " << text;
  };
  names_all(error(named("phases/micro/step_2")), "phases");
  fs::copy(at("phases"), at("moved"), fs::copy_options::recursive);  // the same course under another name
  Words elsewhere = named("moved/micro/step_2");
  *std::find(elsewhere.begin(), elsewhere.end(), at("phases")) = at("moved");
  names_all(error(elsewhere), "moved");
  EXPECT_TRUE(has(error(named("phases/step_2")), at("phases/micro/step_2") + " is one"));
  EXPECT_TRUE(has(error(named("phases/micro")), "the last is " + at("phases/micro/step_4")));
  const Outcome on = heard(bare);  // without the flag it goes on
  EXPECT_EQ(on.exit, Exit::kDone) << on.err;
  EXPECT_TRUE(has(on.out, "Going on from " + at("phases/micro/step_4"))) << on.out;
  EXPECT_FALSE(has(on.err, "WARNING - --")) << on.err;
  const Outcome over = run_lathe(with(named("phases/micro/step_2"), {"--force"}));
  EXPECT_EQ(over.exit, Exit::kDone) << over.err;
  EXPECT_TRUE(fs::exists(at("phases/micro/aside_1/step_4/model.safetensors")));
}

// L-15.12: model_name is the sub-folder's name, --output_dir the one above.
TEST_F(LabVerbs, TheArchitecturesNameIsTheFolder) {
  shape("another_name", kLength);
  write("n.json", config("max_steps", "1"));
  must(pretrain({"--config", at("n.json"), "--architecture_config", at("another_name_shape.json"), "--data_dirs", at("stories"), "--output_dir", at("n")}));
  EXPECT_TRUE(fs::exists(at("n/another_name/final/model.safetensors")));
}

}  // namespace
}  // namespace lathe::cli
