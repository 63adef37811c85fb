// Checkpoints by name, going on from them, and texts without training.
#include "tests/cli/tinyllm_runs.h"

#include "train/checkpoint_names.h"

namespace lathe::cli {
namespace {

class TinyGenerate : public TinyRuns {
 protected:
  static fs::path folder(const std::string& name) { return root() / name; }
  // A run of 6 steps with evaluations, its checkpoints and names in a folder of its own.
  static TinyRun trained(const std::string& name, const Flags& changes = {}) {
    Flags flags = base_flags();
    flags["eval_interval"] = "2";
    for (const auto& [key, value] : changes) flags[key] = value;
    fs::remove_all(folder(name));
    return run(flags, folder(name));
  }
  static Outcome generate(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"train_tinyllm", "--generate_only", "--out_dir", folder(name).string(), "--sample_chars", "30", "--no-amp", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_lathe(words);
  }
  static std::string target(const std::string& name, const char* link) { return fs::read_symlink(folder(name) / link).string(); }
};

// L-11.11, L-11.13, L-11.77
TEST_F(TinyGenerate, TheFolderHoldsEverythingAndNamesTheLastAndTheBest) {
  const TinyRun run = trained("names");
  for (const char* name : {"tokenizer.json", "config.json", "metrics.jsonl", "manifest.json", "step_2/model.safetensors", "step_6/optimizer.safetensors"})
    EXPECT_TRUE(fs::exists(run.folder / name)) << name;
  EXPECT_EQ(target("names", "ckpt"), "step_6");
  const std::vector<double> values = run.figures("val/bpb");  // at 0, 2, 4, 6
  ASSERT_EQ(values.size(), 4u);
  const auto best = std::min_element(values.begin() + 1, values.end()) - values.begin();
  EXPECT_EQ(target("names", "ckpt_best"), "step_" + std::to_string(2 * best));
  EXPECT_TRUE(fs::exists(run.folder / "ckpt" / "model.safetensors"));
  // Without validation there is no best one.
  trained("blind", {{"val_fraction", "0"}});
  EXPECT_TRUE(fs::is_symlink(folder("blind") / "ckpt"));
  EXPECT_FALSE(fs::is_symlink(folder("blind") / "ckpt_best"));
}

// L-11.13
TEST(CheckpointNames, AreReplacedWithoutAMomentWithoutOne) {
  const fs::path run = fs::path(::testing::TempDir()) / ("names_" + std::to_string(getpid()));
  fs::create_directories(run / "step_3");
  fs::create_directory_symlink("step_99", run / "ckpt.new");  // of a process that was killed between the two steps
  testing::check(train::name_checkpoint(run, "ckpt", 3));
  EXPECT_EQ(fs::read_symlink(run / "ckpt"), "step_3");
  testing::check(train::name_checkpoint(run, "ckpt", 4));
  EXPECT_EQ(fs::read_symlink(run / "ckpt"), "step_4");
  EXPECT_FALSE(fs::is_symlink(run / "ckpt.new"));
  fs::remove(run / "ckpt");
  fs::create_directories(run / "ckpt" / "something");
  EXPECT_NE(train::name_checkpoint(run, "ckpt", 4).error().to_string().find("cannot be pointed at step 4"), std::string::npos);
  EXPECT_TRUE(fs::exists(run / "ckpt" / "something"));
  fs::remove_all(run);
}

// L-11.106: no data file is needed; a given checkpoint is forced.
TEST_F(TinyGenerate, PrintsATextOfTheNamedCheckpoint) {
  const TinyRun run = trained("text", {{"learning_rate", "3e-2"}});
  fs::remove(folder("text") / "ckpt_best");
  fs::create_directory_symlink("step_2", folder("text") / "ckpt_best");
  const auto step = [&](std::vector<std::string> more) {
    const Outcome out = generate("text", more);
    EXPECT_EQ(out.exit, Exit::kDone) << out.err;
    return out.figures().at("step").as_int();
  };
  EXPECT_EQ(step({}), 6);
  EXPECT_EQ(step({"--checkpoint", "last"}), 6);
  EXPECT_EQ(step({"--checkpoint", "best"}), 2);
  const std::string text = generate("text", {"--prompt", "ab", "--data_path", "absent.txt"}).figures().at("text").as_string();
  EXPECT_EQ(text.size(), 32u);
  EXPECT_EQ(text.substr(0, 2), "ab");
  EXPECT_EQ(generate("text", {"--prompt", "ab"}).figures().at("text"), Json(text)) << "reproducible";
  EXPECT_NE(generate("text", {"--prompt", "ab", "--seed", "4"}).figures().at("text"), Json(text));
}

// L-11.12: what ckpt names, else ckpt_best; which one was used is said.
TEST_F(TinyGenerate, ADamagedLastCheckpointGivesWayToTheBest) {
  trained("damaged");
  fs::remove(folder("damaged") / "ckpt_best");
  fs::create_directory_symlink("step_2", folder("damaged") / "ckpt_best");
  fs::resize_file(folder("damaged") / "step_6" / "model.safetensors", 200);
  ::testing::internal::CaptureStderr();
  const Outcome fallen = generate("damaged");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(fallen.figures().at("step").as_int(), 2) << fallen.err;
  EXPECT_NE(said.find("ckpt is passed over"), std::string::npos) << said;
  EXPECT_NE(generate("damaged", {"--checkpoint", "last"}).exit, Exit::kDone);
  // Going on falls back too, and ends where the whole run did.
  const TinyRun whole = trained("whole");
  Flags flags = base_flags();
  flags["eval_interval"] = "2";
  const TinyRun resumed = run(flags, folder("damaged"), {"--resume"});
  EXPECT_EQ(resumed.weights(), whole.weights());
  EXPECT_EQ(target("damaged", "ckpt"), "step_6");
  fs::remove_all(folder("damaged") / "step_6");
  fs::remove(folder("damaged") / "ckpt_best");
  fs::create_directory_symlink("step_2", folder("damaged") / "ckpt_best");
  EXPECT_EQ(generate("damaged").figures().at("step").as_int(), 2);
}

// L-11.13: reading a pickle would run the code in it.
TEST_F(TinyGenerate, AForeignCheckpointIsRefused) {
  fs::create_directories(folder("foreign"));
  std::ofstream(folder("foreign") / "ckpt.pt") << "PK";
  const Outcome out = generate("foreign");
  EXPECT_EQ(out.exit, Exit::kBadInput);
  EXPECT_NE(out.err.find("ckpt.pt: is a Python pickle, which is not supported"), std::string::npos) << out.err;
  const Outcome none = generate("nowhere");
  EXPECT_EQ(none.exit, Exit::kBadInput);
  EXPECT_NE(none.err.find("train first with lathe train_tinyllm"), std::string::npos) << none.err;
}

TEST_F(TinyGenerate, AnotherTokenizerIsRefused) {
  trained("swapped");
  Flags other = base_flags();
  std::ofstream(root() / "other.txt") << std::string(2000, 'x') << "yz\n";
  other["data_path"] = (root() / "other.txt").string();
  fs::remove_all(folder("other"));
  run(other, folder("other"));
  fs::copy_file(folder("other") / "tokenizer.json", folder("swapped") / "tokenizer.json", fs::copy_options::overwrite_existing);
  EXPECT_NE(generate("swapped").err.find("is not the tokenizer that the checkpoint was trained with"), std::string::npos);
}

// L-11.55
TEST_F(TinyGenerate, UseEmaHasThreeStates) {
  trained("average", {{"ema", "true"}, {"ema_decay", "0.9"}, {"learning_rate", "5e-2"}});
  trained("live", {{"learning_rate", "5e-2"}});
  const auto averaged = [&](const std::string& name, std::vector<std::string> more) { return generate(name, more).figures().at("averaged").as_bool(); };
  EXPECT_TRUE(averaged("average", {}));
  EXPECT_TRUE(averaged("average", {"--use_ema"}));
  EXPECT_FALSE(averaged("average", {"--no-use_ema"}));
  EXPECT_FALSE(averaged("live", {}));
  ::testing::internal::CaptureStderr();
  const Outcome without = generate("live", {"--use_ema"});
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_FALSE(without.figures().at("averaged").as_bool());
  EXPECT_NE(said.find("the checkpoint has no average of the weights"), std::string::npos) << said;
  const auto text = [&](const std::string& name, std::vector<std::string> more) { return generate(name, more).figures().at("text"); };
  EXPECT_EQ(text("average", {"--no-use_ema"}), text("live", {}));
  EXPECT_NE(text("average", {}), text("live", {}));
}

// L-11.54, L-11.52: what validates is the average from its first step on; both weight sets are stored.
TEST_F(TinyGenerate, TheBestCheckpointIsChosenByTheAveragesLoss) {
  const auto values = [&](const Flags& flags) { return trained("chosen", flags).figures("val/bpb"); };
  const std::vector<double> live = values({}), late = values({{"ema", "true"}, {"ema_start_step", "4"}, {"ema_decay", "0.9"}}),
                            copies = values({{"ema", "true"}, {"ema_decay", "0"}}), slow = values({{"ema", "true"}, {"ema_decay", "0.9"}});
  EXPECT_EQ(copies, live);
  EXPECT_EQ(std::vector<double>(late.begin(), late.begin() + 3), std::vector<double>(live.begin(), live.begin() + 3));
  EXPECT_NE(late[3], live[3]);
  EXPECT_NE(slow[3], live[3]);
  const auto best = std::min_element(slow.begin() + 1, slow.end()) - slow.begin();
  EXPECT_EQ(target("chosen", "ckpt_best"), "step_" + std::to_string(2 * best));
  for (const char* file : {"model.safetensors", "ema.safetensors"}) EXPECT_TRUE(fs::exists(folder("chosen") / "ckpt_best" / file)) << file;
}

// L-11.38: the same loss in the end, within 1 %, from less than half the state of the coded matrices and the rest.
TEST_F(TinyGenerate, EightBitMomentsEndWhereFloat32OnesDo) {
  const auto run = [&](const std::string& optimizer) {
    return trained(optimizer, {{"optimizer", optimizer}, {"n_embd", "64"}, {"max_steps", "200"}, {"eval_interval", "200"}, {"eval_iters", "8"},
                               {"learning_rate", "3e-3"}, {"lr_min", "3e-4"}, {"log_interval", "0"}});
  };
  const TinyRun exact = run("adamw"), coded = run("adamw8bit");
  const double start = exact.figures("val/bpb").at(0), a = exact.figures("val/bpb").back(), b = coded.figures("val/bpb").back();
  EXPECT_LT(a, 0.8 * start);
  EXPECT_NEAR(b / a, 1, 0.01);
  EXPECT_NE(exact.weights(), coded.weights());
  const auto state = [](const TinyRun& r) { return static_cast<double>(r.bytes("optimizer.safetensors").size()); };
  EXPECT_LT(state(coded), 0.4 * state(exact));
}

// All that is drawn and averaged goes on bit for bit.
TEST_F(TinyGenerate, EveryOptimizerAndSwitchGoesOnBitForBit) {
  for (const std::string optimizer : {"adamw8bit", "lion"}) {
    const Flags flags = {{"optimizer", optimizer}, {"n_embd", "64"},  {"ema", "true"},         {"ema_decay", "0.9"},   {"dropout", "0.2"}, {"layerdrop", "0.3"},
                         {"qk_norm", "true"},      {"sliding_window", "6"}, {"label_smoothing", "0.1"}, {"scaled_init", "false"}};
    const TinyRun whole = trained("whole_" + optimizer, flags), cut = trained("cut_" + optimizer, flags);
    fs::remove_all(cut.folder / "step_6");
    fs::remove_all(cut.folder / "step_4");
    Flags all = base_flags();
    all["eval_interval"] = "2";
    for (const auto& [key, value] : flags) all[key] = value;
    const TinyRun resumed = run(all, cut.folder, {"--resume"});
    for (const char* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors"}) EXPECT_EQ(resumed.bytes(file), whole.bytes(file)) << optimizer << " " << file;
  }
}

// L-11.14
TEST_F(TinyGenerate, AnotherShapeIsRefusedWhenGoingOn) {
  trained("shape");
  for (const auto& [key, value] : {std::pair{"sliding_window", "3"}, {"qk_norm", "true"}, {"gelu_form", "tanh"}}) {
    Flags flags = base_flags();
    flags[key] = value;
    std::vector<std::string> words = {"train_tinyllm", "--resume", "--out_dir", folder("shape").string()};
    for (const auto& [k, v] : flags) words.push_back("--" + k + "=" + v);
    const Outcome out = run_lathe(words);
    EXPECT_NE(out.err.find(std::string(key) + ": is "), std::string::npos) << out.err;
    EXPECT_NE(out.err.find("was started with"), std::string::npos) << out.err;
  }
}

}  // namespace
}  // namespace lathe::cli
