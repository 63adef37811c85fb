// lathe eval core, eval sample, eval base and their old names, on a tiny model with a bundle of two tasks.
#include <gtest/gtest.h>

#include <algorithm>

#include "model/hugging_face.h"
#include "real_verbs.h"
#include "tensor/safetensors.h"
#include "tests/train/tiny_run.h"

namespace lathe::cli {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class EvalBase : public ::testing::Test {
 protected:
  EvalBase() : tokenizer_(testing::tiny_tokenizer({"the ", "and "})) {
    testing::check(tokenizer_.save(base() / "tokenizer"));
    testing::save_tiny(base(), "base", "d2", 7, tokenizer_);
  }
  const fs::path& base() const { return folder_.path(); }
  Outcome lathe(std::vector<std::string> words) {
    words.insert(words.end(), {"--base-dir", base().string(), "--dtype", "fp32", "--json", "--quiet"});
    return run_lathe(std::move(words));
  }
  void write(const fs::path& file, const std::string& text) { testing::check(write_file_atomic(base() / file, text)); }
  void write_corpus() {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "{\"text\": \"the cat and the dog number " + std::to_string(i) + "\"}\n";
    write("base_data/docs.jsonl", text);
  }
  void write_bundle() {
    write("eval_bundle/core.yaml",
          "icl_tasks:\n-\n  label: parity\n  dataset_uri: parity.jsonl\n  num_fewshot: [1]\n  icl_task_type: multiple_choice\n"
          "-\n  label: next\n  dataset_uri: deep/next.jsonl\n  num_fewshot: [0]\n  icl_task_type: language_modeling\n");
    write("eval_bundle/eval_meta_data.csv", "Eval Task,Random baseline\nparity,50\nnext,0\n");
    std::string parity, next;
    for (int i = 0; i < 9; ++i) {
      parity += format_text("{\"query\": \"%d is\", \"choices\": [\"odd\", \"even\"], \"gold\": %d}\n", i, (i + 1) % 2);
      next += format_text("{\"context\": \"after %d\", \"continuation\": \"%d\"}\n", i, i + 1);
    }
    write("eval_bundle/eval_data/parity.jsonl", parity);
    write("eval_bundle/eval_data/deep/next.jsonl", next);
  }
  fs::path results() const { return base() / "eval_results" / "d2" / "base"; }
  Json section() const { return testing::take(read_json(base() / "report" / "base-model-evaluation.json")).at("items"); }

  TemporaryFolder folder_;
  tokenizer::Tokenizer tokenizer_;
};

// C-7.20, C-7.21
TEST_F(EvalBase, CoreIsPrintedKeptAndTabled) {
  write_bundle();
  const Outcome all = lathe({"eval", "core"});
  ASSERT_EQ(all.exit, Exit::kDone) << all.err;
  const Json figures = all.figures();
  const Json parity = figures.at("core_tasks").at("parity"), next = figures.at("core_tasks").at("next");
  EXPECT_EQ(parity.at("n").as_int(), 9);
  EXPECT_NEAR(figures.at("core").as_double(), (parity.at("centered").as_double() + next.at("centered").as_double()) / 2, 1e-12);
  EXPECT_TRUE(has(all.out, "parity (1-shot, type: multiple_choice): accuracy: ") && has(all.out, "CORE metric: ")) << all.out;

  const std::string csv = testing::take(read_file(base() / "base_eval" / "base_model_000007.csv"));
  EXPECT_TRUE(has(csv, "Task                               , Accuracy  , Centered  \nparity     ")) << csv;
  EXPECT_TRUE(has(csv, format_text("CORE                               ,           , %-10.6f\n", figures.at("core").as_double()))) << csv;

  const Json summary = testing::take(read_json(results() / "summary.json"));
  for (const auto& [key, value] : parity.as_object()) EXPECT_EQ(summary.at("core").at("parity").at(key), value) << key;
  EXPECT_EQ(summary.at("core").at("parity").at("answers_sha256").as_string().size(), 64u);
  EXPECT_EQ(summary.at("core").at("CORE").at("value"), figures.at("core"));
  EXPECT_EQ(parity.at("settings").at("num_fewshot").as_int(), 1);
  EXPECT_EQ(parity.at("data").at(size_t{0}).at("sha256").as_string().size(), 64u);
  EXPECT_EQ(parity.at("data").at(size_t{0}).at("file").as_string(), "parity.jsonl");
  EXPECT_EQ(parity.at("random_baseline").as_double(), 0.5);
  EXPECT_NEAR(parity.at("majority_baseline").as_double(), 5.0 / 9, 1e-12);

  const std::vector<Json> answers = testing::read_jsonl(results() / parity.at("answers").as_string());
  ASSERT_EQ(answers.size(), 9u);
  int64_t right = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].at("index").as_int(), static_cast<int64_t>(i));
    const size_t choice = answers[i].at("losses").at(size_t{0}).as_double() <= answers[i].at("losses").at(size_t{1}).as_double() ? 0 : 1;
    EXPECT_EQ(answers[i].at("output"), answers[i].at("options").at(choice));
    EXPECT_EQ(answers[i].at("correct").as_bool(), answers[i].at("output") == answers[i].at("expected"));
    right += answers[i].at("correct").as_bool();
  }
  EXPECT_EQ(parity.at("correct").as_int(), right);
}

// C-13.16
TEST_F(EvalBase, ThePartsOfTheReportsSectionComeTogether) {
  write_bundle();
  write_corpus();
  const Outcome core = lathe({"eval", "core", "--max-per-task", "4"});
  const Outcome bpb = lathe({"eval", "bpb", "--split-tokens", "64", "--device-batch-size", "1"});
  const Outcome samples = lathe({"eval", "sample"});
  ASSERT_EQ(samples.exit, Exit::kDone) << samples.err;
  const Json items = section();
  EXPECT_EQ(items.at(size_t{0}).at("model").as_string(), "base_model (step 7)");
  EXPECT_EQ(items.at(size_t{0}).at("CORE metric"), core.figures().at("core"));
  EXPECT_EQ(items.at(size_t{0}).at("train bpb"), bpb.figures().at("train_bpb"));
  EXPECT_EQ(items.at(size_t{0}).at("val bpb"), bpb.figures().at("val_bpb"));
  EXPECT_EQ(items.at(size_t{1}).at("parity"), core.figures().at("core_tasks").at("parity").at("centered"));
  EXPECT_EQ(items.at(size_t{2}).size(), 7u);
  EXPECT_EQ(items.at(size_t{3}).size(), 8u);

  testing::save_tiny(base(), "base", "d2", 8, tokenizer_, 2);
  ASSERT_EQ(lathe({"eval", "core"}).exit, Exit::kDone);
  EXPECT_EQ(section().at(size_t{0}).at("model").as_string(), "base_model (step 8)");
  EXPECT_FALSE(section().at(size_t{0}).contains("val bpb")) << "of the older checkpoint";
}

// C-7.40, L-6.6: whichever verbs judge a checkpoint, in whatever order, their figures stand together.
TEST_F(EvalBase, AllVerbsKeepEachOthersSections) {
  write_bundle();
  write_corpus();
  std::string questions, cases;
  for (int i = 0; i < 4; ++i) {
    questions += "{\"passage\": \"the cats\", \"question\": \"are they " + std::to_string(i) + "\", \"answer\": true}\n";
    cases += R"({"task": "choices", "messages": [{"role": "user", "content": "Which? )" + std::to_string(i) + R"("}], "expected": "A", "candidates": ["A", "B"]})" "\n";
  }
  write("eval_bundle/eval_data/reading_comprehension/boolq.jsonl", questions);
  write("eval/choices.jsonl", cases);
  ASSERT_EQ(lathe({"eval", "tasks", "--source", "base", "--tasks", "choices"}).exit, Exit::kDone);
  const Outcome bpb = lathe({"eval", "bpb", "--split-tokens", "64", "--device-batch-size", "1"});
  ASSERT_EQ(bpb.exit, Exit::kDone) << bpb.err;
  const Outcome lab = lathe({"eval", "lab", "--source", "base", "--tag", "d2", "--max-new-tokens", "4"});
  ASSERT_EQ(lab.exit, Exit::kDone) << lab.err;
  ASSERT_EQ(lathe({"eval", "sample"}).exit, Exit::kDone);
  ASSERT_EQ(lathe({"eval", "core"}).exit, Exit::kDone);
  ASSERT_EQ(lathe({"eval", "tasks", "--source", "base", "--tasks", "choices"}).exit, Exit::kDone);
  const Json summary = testing::take(read_json(results() / "summary.json"));
  for (const auto& [section, figure] : std::vector<std::pair<std::string, std::string>>{
           {"tasks", "choices"}, {"bpb", "val"}, {"boolq", "boolq"}, {"perplexity", "wikitext2"}, {"samples", "prompted"}, {"core", "CORE"}, {"core", "next"}}) {
    ASSERT_TRUE(summary.contains(section)) << section;
    EXPECT_TRUE(summary.at(section).contains(figure)) << section << " " << figure;
  }
  ASSERT_EQ(lathe({"report"}).exit, Exit::kDone);
  const std::string report = testing::take(read_file(base() / "report" / "report.md"));
  for (const char* part : {"Tasks, base", "CORE tasks, base", "Bits per byte, base", "BoolQ, base", "Perplexity, base"}) EXPECT_TRUE(has(report, part)) << part;
}

// C-7.17: answers of CORE can be looked at and compared like those of chat models, by the names of its tasks.
TEST_F(EvalBase, AnswersOfCoreAreShownAndCompared) {
  write_bundle();
  ASSERT_EQ(lathe({"eval", "core"}).exit, Exit::kDone);
  const Outcome shown = run_lathe({"eval", "show", "--task", "parity", "--all", "--index", "2", "--base-dir", base().string()});
  ASSERT_EQ(shown.exit, Exit::kDone) << shown.err;
  EXPECT_TRUE(has(shown.out, "--- core_parity, item 2 ") && has(shown.out, "\n  options ") && has(shown.out, "odd\n") && has(shown.out, "even\n")) << shown.out;
  EXPECT_FALSE(has(shown.out, "judged")) << "an option's number says nothing beside its text\n" << shown.out;
  const Outcome wrong = lathe({"eval", "show", "--task", "party"});
  EXPECT_EQ(wrong.exit, Exit::kBadInput);
  EXPECT_TRUE(has(wrong.err, "no answers to \"party\"; there are core_next, core_parity")) << wrong.err;

  testing::save_tiny(base(), "base", "d3", 7, tokenizer_, 5);
  ASSERT_EQ(lathe({"eval", "core", "--tag", "d3"}).exit, Exit::kDone);
  const Outcome both = lathe({"eval", "compare", "d2/base", "d3/base"});
  ASSERT_EQ(both.exit, Exit::kDone) << both.err;
  EXPECT_EQ(both.figures().at("tasks").at("core_parity").at("common").as_int(), 9);
  write("eval_bundle/eval_data/parity.jsonl", testing::take(read_file(base() / "eval_bundle/eval_data/parity.jsonl")) + "\n");  // other bytes
  ASSERT_EQ(lathe({"eval", "core", "--tag", "d3"}).exit, Exit::kDone);
  EXPECT_TRUE(has(lathe({"eval", "compare", "d2/base", "d3/base"}).err, "was made from other files"));
}

// Damaged weights are an error, and no figure is written.
TEST_F(EvalBase, LossesThatAreNoNumbersAreNoResults) {
  write_bundle();
  write_corpus();
  const fs::path file = base() / "base_checkpoints" / "d2" / "step_7" / "model.safetensors";
  std::string bytes = testing::take(read_file(file));
  for (size_t i = bytes.size() - bytes.size() / 2; i < bytes.size(); ++i) bytes[i] = '\xff';  // NaN in every type
  testing::check(write_file_atomic(file, bytes));
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{{"eval", "core"}, {"eval", "bpb", "--split-tokens", "64", "--device-batch-size", "1"}}) {
    const Outcome outcome = lathe(verb);
    EXPECT_EQ(outcome.exit, Exit::kBadInput) << verb[1];
    EXPECT_TRUE(has(outcome.err, "not finite")) << outcome.err;
  }
  EXPECT_FALSE(fs::exists(results() / "summary.json"));
}

// C-7.6
TEST_F(EvalBase, SamplesBeginWithTheirTokenAndStandBelowRules) {
  const Outcome samples = lathe({"eval", "sample"});
  ASSERT_EQ(samples.exit, Exit::kDone) << samples.err;
  const Json prompted = samples.figures().at("prompted"), free = samples.figures().at("unconditioned");
  ASSERT_EQ(prompted.size(), 7u);
  ASSERT_EQ(free.size(), 8u);
  EXPECT_TRUE(prompted.at(size_t{0}).as_string().starts_with("<|bos|>The capital of France is"));
  for (const Json& text : free.as_array()) EXPECT_TRUE(text.as_string().starts_with("<|bos|>"));
  EXPECT_NE(free.at(size_t{0}), free.at(size_t{1}));
  EXPECT_TRUE(has(samples.out, std::string(80, '-') + "\n<|bos|>The capital of France is")) << samples.out;
  EXPECT_EQ(lathe({"eval", "sample"}).figures().at("unconditioned"), free) << "seed 42";
}

// C-7.40, C-7.4
TEST_F(EvalBase, TheOldNameRunsItsModesInOneOrder) {
  write_bundle();
  write_corpus();
  const Outcome all = lathe({"base_eval", "--eval", "core, sample,bpb", "--model-tag", "d2", "--step", "7", "--max-per-task", "5", "--device-batch-size", "1",
                             "--split-tokens", "64", "--device-type", "cpu"});
  ASSERT_EQ(all.exit, Exit::kDone) << all.err;
  const std::string rule(80, '=');
  const auto at = [&](const std::string& text) { return all.out.find(text); };
  EXPECT_TRUE(all.out.starts_with("Evaluating model: base_model (step 7)\nEval modes: bpb, core, sample\n")) << all.out;
  const size_t samples = at(rule + "\nModel samples\n" + rule), bpb = at(rule + "\nBits per byte\n" + rule), core = at(rule + "\nCORE\n" + rule);
  EXPECT_TRUE(samples < bpb && bpb < core && core != std::string::npos) << all.out;
  EXPECT_EQ(all.figures().at("core_tasks").at("parity").at("n").as_int(), 5);
  EXPECT_TRUE(all.figures().contains("val_bpb"));

  const Outcome wrong = lathe({"base_eval", "--eval", "core,bbp"});
  EXPECT_EQ(wrong.exit, Exit::kBadInput);
  EXPECT_TRUE(has(wrong.err, "\"bbp\"; there are core, bpb, sample")) << wrong.err;
}

TEST_F(EvalBase, AnAbsentBundleIsNotANumber) {
  write_corpus();
  const Outcome all = lathe({"eval", "base", "--eval", "core,bpb", "--device-batch-size", "1", "--split-tokens", "64"});
  ASSERT_EQ(all.exit, Exit::kDone) << all.err;
  EXPECT_TRUE(has(all.figures().at("core").at("not_run").as_string(), "lathe download eval-bundle"));
  EXPECT_TRUE(section().at(size_t{0}).at("CORE metric").is_null());
  const Outcome alone = lathe({"eval", "core"});
  EXPECT_EQ(alone.exit, Exit::kBadInput);
  EXPECT_TRUE(has(alone.err, "lathe download eval-bundle")) << alone.err;
}

// C-7.5
TEST_F(EvalBase, TheOldLossProgramHasFourDigitsAndSamples) {
  write_corpus();
  const Outcome old = lathe({"base_loss", "--model_tag", "d2", "--model_step", "7", "--device_batch_size", "1", "--split-tokens", "128"});
  ASSERT_EQ(old.exit, Exit::kDone) << old.err;
  EXPECT_TRUE(has(old.out, format_text("train bpb: %.4f\nval bpb: %.4f\n", old.figures().at("train_bpb").as_double(), old.figures().at("val_bpb").as_double()))) << old.out;
  EXPECT_TRUE(has(old.out, "<|bos|>My favorite color is")) << old.out;
}

TEST_F(EvalBase, TasksAreChosenByNameAndAddedByAList) {
  write_bundle();
  write("own/list.yaml", "icl_tasks:\n- label: mine\n  dataset_uri: mine.jsonl\n  num_fewshot: [0]\n  icl_task_type: schema\n  random_baseline: 50\n");
  write("own/mine.jsonl", "{\"context_options\": [\"He\", \"It\"], \"continuation\": \"ran.\", \"gold\": 0}\n");
  const std::string list = (base() / "own" / "list.yaml").string();
  const Outcome two = lathe({"eval", "core", "--tasks", "parity, mine", "--task-files", list});
  ASSERT_EQ(two.exit, Exit::kDone) << two.err;
  EXPECT_EQ(two.figures().at("core_tasks").size(), 2u);
  EXPECT_FALSE(two.figures().at("core_complete").as_bool());
  EXPECT_TRUE(has(two.out, "mean of the chosen tasks")) << two.out;
  const Json summary = testing::take(read_json(results() / "summary.json"));
  EXPECT_FALSE(summary.at("core").contains("CORE"));

  const Outcome alone = lathe({"eval", "core", "--bundle", (base() / "nowhere").string(), "--task-files", list});
  ASSERT_EQ(alone.exit, Exit::kDone) << alone.err;
  const Outcome unknown = lathe({"eval", "core", "--tasks", "party"});
  EXPECT_EQ(unknown.exit, Exit::kBadInput);
  EXPECT_TRUE(has(unknown.err, "did you mean \"parity\"?")) << unknown.err;
  EXPECT_EQ(lathe({"eval", "core", "--max-per-task", "0"}).exit, Exit::kBadInput);
  const Outcome shots = lathe({"eval", "core", "--tasks", "parity", "--max-per-task", "1"});
  EXPECT_EQ(shots.exit, Exit::kBadInput);
  EXPECT_TRUE(has(shots.err, "max_per_task: is 1, but parity puts 1 other items before each; give at least 2")) << shots.err;
  EXPECT_FALSE(has(shots.err, "loading")) << "told before the model is read";
}

// C-5.31, C-7.23: CORE of the last iteration stands in the report, all of them in the metrics.
TEST_F(EvalBase, TrainingMeasuresCore) {
  write_bundle();
  write_corpus();
  const Outcome run = lathe({"train", "--tag", "new", "--depth", "1", "--head-dim", "8", "--aspect-ratio", "32", "--max-seq-len", "64", "--device-batch-size", "2",
                             "--total-batch-size", "128", "--num-iterations", "3", "--eval-every", "-1", "--sample-every", "-1", "--core-metric-every", "2",
                             "--core-metric-max-per-task", "3"});
  ASSERT_EQ(run.exit, Exit::kDone) << run.err;
  EXPECT_TRUE(has(run.out, "Step 00002 | CORE metric: ") && has(run.out, "Step 00003 | CORE metric: ")) << run.out;
  std::vector<Json> lines;
  for (const Json& line : testing::read_jsonl(base() / "base_checkpoints" / "new" / "metrics.jsonl"))
    if (line.contains("core_metric")) lines.push_back(line);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].at("step").as_int(), 3);
  EXPECT_EQ(lines[1].at("centered_results").size(), 2u);
  EXPECT_EQ(lines[1].at("core_metric"), run.figures().at("core_metric"));
  const std::string report = testing::take(read_file(base() / "report" / "base-model-training.md"));
  EXPECT_TRUE(has(report, format_text("- CORE metric estimate: %.4f", run.figures().at("core_metric").as_double()))) << report;
  const Outcome later = lathe({"eval", "core", "--tag", "new", "--max-per-task", "3"});
  EXPECT_EQ(later.figures().at("core"), run.figures().at("core_metric")) << "of the checkpoint as in the run";
  const Outcome defaults = lathe({"train", "--help=all"});
  EXPECT_TRUE(has(defaults.out, "core-metric-max-per-task") && has(defaults.out, "500")) << defaults.out;
}

// C-7.7: a foreign model goes the same way; samples are left out, and the run's own report is not touched.
TEST_F(EvalBase, ForeignModelsAreJudgedTheSameWay) {
  write_bundle();
  write_corpus();
  model::PlainSize size;
  size.n_layer = 1, size.n_head = size.n_kv_head = 2, size.n_embd = 32, size.sequence_len = 64, size.vocab_size = tokenizer_.vocab_size();
  const model::ModelConfig config = model::gpt2_config(size);
  model::Transformer model(config, DType::kFloat32);
  model.initialise(5);
  for (const char* name : {"tiny-gpt2", "other"}) {
    SCOPED_TRACE(name);
    const fs::path folder = base() / name;
    testing::check(tokenizer_.save(folder));
    testing::check(write_json_atomic(folder / "config.json", testing::take(model::hugging_face_config(config, DType::kFloat32, 0, 0))));
    testing::check(write_safetensors(folder / "model.safetensors", model::hugging_face_tensors(model, DType::kFloat32)));
    const Outcome all = lathe({"base_eval", "--hf-path", folder.string(), "--device-batch-size", "1", "--split-tokens", "64"});
    ASSERT_EQ(all.exit, Exit::kDone) << all.err;
    EXPECT_TRUE(has(all.out, "Evaluating model: " + folder.string()) && has(all.out, "Skipping samples")) << all.out;
    const Json figures = all.figures();
    EXPECT_EQ(figures.at("core_tasks").at("parity").at("settings").at("max_seq_len").as_int(), std::string(name) == "other" ? 0 : 1024);
    std::string slug = folder.string();
    std::replace(slug.begin(), slug.end(), '/', '-');
    EXPECT_EQ(figures.at("csv").as_string(), (base() / "base_eval" / (slug + ".csv")).string());
    const Json summary = testing::take(read_json(base() / "eval_results" / name / "foreign" / "summary.json"));
    EXPECT_EQ(summary.at("bpb").at("val").at("settings").at("byte_lengths").as_string(), "reference");
    EXPECT_EQ(summary.at("bpb").at("val").at("value"), figures.at("val_bpb"));
  }
  EXPECT_FALSE(fs::exists(base() / "report" / "base-model-evaluation.md"));
}

// C-7.16: without padding the losses have the bits that padded rows have.
TEST_F(EvalBase, TheBenchComparesEqualLosses) {
  const Outcome bench = lathe({"bench", "eval", "--questions", "2", "--prompt", "12", "--repeats", "1"});
  ASSERT_EQ(bench.exit, Exit::kDone) << bench.err;
  EXPECT_TRUE(bench.figures().at("same_bits").as_bool());
  EXPECT_GT(bench.figures().at("ratio").as_double(), 0);
}

}  // namespace
}  // namespace lathe::cli
