// Every parameter of the small trainer changes what it should, and nothing else: one short run beside another.
#include "tests/cli/tinyllm_runs.h"

#include <cmath>
#include <set>

#include "train/tiny_settings.h"

namespace lathe::cli {
namespace {

class TinyParameter : public TinyRuns {};

// L-11.21
TEST_F(TinyParameter, MaxSteps) {
  EXPECT_EQ(train({{"max_steps", "4"}}).saved_steps(), (std::vector<int64_t>{4}));
  EXPECT_EQ(train().saved_steps(), (std::vector<int64_t>{6}));
}

// L-11.22, L-11.23: the effective batch is their product, and its samples are the same (L-11.25).
TEST_F(TinyParameter, BatchSizeAndAccumulation) {
  expect_other_weights("batch_size", "3");
  expect_other_weights("grad_accum_steps", "2");
  EXPECT_EQ(train({{"batch_size", "3"}}).meta().at("loop_state").at("tokens").as_int(), 6 * 3 * 16);
  EXPECT_EQ(train({{"grad_accum_steps", "2"}}).meta().at("loop_state").at("tokens").as_int(), 6 * 2 * 4 * 16);
  const std::vector<double> split = train({{"batch_size", "2"}, {"grad_accum_steps", "2"}}).figures("train/window_loss"),
                            whole = train().figures("train/window_loss");
  ASSERT_EQ(split.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(split[i], whole[i], 1e-5);
}

// L-11.24
TEST_F(TinyParameter, BlockSize) {
  const TinyRun& run = train({{"block_size", "8"}});
  EXPECT_EQ(run.meta().at("model_config").at("sequence_len").as_int(), 8);
  const SafetensorsFile file = testing::take(read_safetensors(run.folder / "step_6" / "model.safetensors"));
  EXPECT_EQ(file.find("transformer.wpe.weight")->shape(), (Shape{8, 16}));
}

// L-11.30, L-11.34
TEST_F(TinyParameter, LearningRateAndItsMinimum) {
  expect_other_weights("learning_rate", "5e-3");
  expect_other_weights("lr_min", "2e-3");
  expect_same_weights("lr_min", "2e-3", {{"lr_schedule", "constant"}});
}

// L-11.31, L-11.33
TEST_F(TinyParameter, ScheduleAndItsPlateau) {
  expect_other_weights("lr_schedule", "constant");
  expect_other_weights("lr_schedule", "wsd");
  expect_other_weights("lr_stable_steps", "2", {{"lr_schedule", "wsd"}});
  expect_other_weights("wsd_decay", "sqrt", {{"lr_schedule", "wsd"}});
  expect_other_weights("lr_warmup_steps", "3");
  expect_same_weights("lr_stable_steps", "2");
}

// L-11.37: three rules; wide enough for 8-bit moments.
TEST_F(TinyParameter, Optimizer) {
  const Flags wide = {{"n_embd", "64"}};
  expect_other_weights("optimizer", "adamw8bit", wide);
  expect_other_weights("optimizer", "lion", wide);
  const auto kinds = [&](const std::string& optimizer) {
    std::set<std::string> out;
    const Json meta = train(with(wide, "optimizer", optimizer)).meta();
    for (const Json& group : meta.at("optimizer").at("groups").as_array()) out.insert(group.at("kind").as_string());
    return out;
  };
  EXPECT_EQ(kinds("adamw"), (std::set<std::string>{"adamw"}));
  EXPECT_EQ(kinds("adamw8bit"), (std::set<std::string>{"adamw", "adamw8bit"}));
  EXPECT_EQ(kinds("lion"), (std::set<std::string>{"lion"}));
}

// L-11.40, L-11.41: only lion.
TEST_F(TinyParameter, LionBetas) {
  for (const char* key : {"lion_beta1", "lion_beta2"}) {
    expect_other_weights(key, "0.3", {{"optimizer", "lion"}});
    expect_same_weights(key, "0.3");
  }
}

// L-11.39
TEST_F(TinyParameter, AdamBetasAndEps) {
  for (const auto& [key, value] : {std::pair{"adam_beta1", "0.5"}, {"adam_beta2", "0.5"}, {"adam_eps", "1e-3"}}) {
    expect_other_weights(key, value);
    expect_same_weights(key, value, {{"optimizer", "lion"}});
  }
}

// L-11.43, L-11.44: 0 turns clipping off, the norm is logged all the same.
TEST_F(TinyParameter, WeightDecayAndClipping) {
  expect_other_weights("weight_decay", "0.5");
  expect_other_weights("grad_clip", "0.01");
  expect_same_weights("grad_clip", "1000", {{"grad_clip", "0"}});
  const TinyRun& off = train({{"grad_clip", "0"}});
  std::vector<double> norms;
  for (const Json& line : off.metrics())
    for (const auto& [key, value] : line.as_object())
      if (key.find("grad_norm") != std::string::npos && value.is_number()) norms.push_back(value.as_double());
  ASSERT_FALSE(norms.empty());
  for (const double norm : norms) EXPECT_GT(norm, 0);
}

// L-11.45: less memory, the same bits, with all that is drawn replayed.
TEST_F(TinyParameter, GradCheckpointing) {
  expect_same_weights("grad_checkpointing", "true", {{"dropout", "0.2"}, {"layerdrop", "0.3"}, {"n_layer", "4"}});
}

// L-11.46, L-11.47: trained with it, measured without it; both are named.
TEST_F(TinyParameter, LabelSmoothing) {
  expect_other_weights("label_smoothing", "0.3");
  const TinyRun &smooth = train({{"label_smoothing", "0.3"}}), &plain = train();
  EXPECT_EQ(smooth.figures("train/window_loss").at(0), plain.figures("train/window_loss").at(0));  // the same weights still
  EXPECT_EQ(smooth.figures("train/smoothed_loss").size(), 6u);
  EXPECT_NE(smooth.figures("train/smoothed_loss").at(0), smooth.figures("train/window_loss").at(0));
  EXPECT_GT(smooth.count("smoothed loss: "), 0);
  EXPECT_TRUE(plain.figures("train/smoothed_loss").empty());
  EXPECT_EQ(plain.count("smoothed loss"), 0);
}

// L-11.48, L-11.49, L-11.50
TEST_F(TinyParameter, Average) {
  const Flags on = {{"ema", "true"}, {"ema_decay", "0.5"}};
  expect_same_weights("ema", "true");
  EXPECT_TRUE(train().average().empty());
  EXPECT_FALSE(train(on).average().empty());
  for (const auto& [key, value] : {std::pair{"ema_decay", "0.7"}, {"ema_update_every", "2"}}) {
    expect_same_weights(key, value, on);
    EXPECT_NE(train(with(on, key, value)).average(), train(on).average()) << key;
  }
  EXPECT_EQ(train(on).meta().at("ema_updates").as_int(), 6);
  EXPECT_EQ(train(with(on, "ema_update_every", "2")).meta().at("ema_updates").as_int(), 3);
}

// L-11.51, L-11.52: from this step on, beginning with a copy.
TEST_F(TinyParameter, AverageStart) {
  const Flags on = {{"ema", "true"}, {"ema_decay", "0.5"}};
  EXPECT_EQ(train(with(on, "ema_start_step", "4")).meta().at("ema_updates").as_int(), 2);
  const TinyRun& copy = train(with(on, "ema_start_step", "5"));
  const auto read = [&](const char* file) { return testing::take(read_safetensors(copy.folder / "step_6" / file)); };
  const SafetensorsFile weights = read("model.safetensors"), average = read("ema.safetensors");
  const Tensor &a = *weights.find("lm_head.weight"), &b = *average.find("ema.lm_head.weight");
  EXPECT_TRUE(std::equal(a.span<float>().begin(), a.span<float>().end(), b.span<float>().begin()));
  EXPECT_TRUE(train(with(on, "ema_start_step", "6")).average().empty());
}

// L-11.53
TEST_F(TinyParameter, AverageThatIsTooSlowIsWarnedOf) {
  const TinyRun& slow = train({{"ema", "true"}});
  EXPECT_GT(slow.count("Average of the weights: over about 10000 steps of 6, 100 % of its first weights at the end"), 0);
  train::TinySettings s;
  s.ema = true;
  EXPECT_NEAR(train::ema_reach(s).start_share, 0.82, 0.005);
  ASSERT_EQ(train::optimizer_warnings(s).size(), 1u);
  EXPECT_NE(train::optimizer_warnings(s)[0].find("still holds 82 % of its first weights"), std::string::npos);
  s.ema_decay = 0.99;
  EXPECT_TRUE(train::optimizer_warnings(s).empty());
  s.ema_start_step = 2000;
  EXPECT_NE(train::optimizer_warnings(s).at(0).find("there will be no average"), std::string::npos);
}

// L-11.42
TEST_F(TinyParameter, AHighRateForLionIsWarnedOf) {
  train::TinySettings s;
  EXPECT_TRUE(train::optimizer_warnings(s).empty());
  s.optimizer = "lion";
  EXPECT_NE(train::optimizer_warnings(s).at(0).find("is high for lion: 3 to 10 times less"), std::string::npos);
  s.learning_rate = 5e-5;
  EXPECT_TRUE(train::optimizer_warnings(s).empty());
}

// L-11.56, L-11.57, L-11.58; and L-11.61: what the ramp has not reached has had no gradient.
TEST_F(TinyParameter, Curriculum) {
  const Flags on = {{"curriculum", "true"}, {"curriculum_start_block_size", "4"}, {"curriculum_steps", "100"}, {"weight_decay", "0"}};
  expect_other_weights("curriculum", "true", {{"curriculum_start_block_size", "4"}, {"curriculum_steps", "3"}});
  expect_other_weights("curriculum_start_block_size", "8", on);
  expect_other_weights("curriculum_steps", "3", on);
}

// L-11.61
TEST_F(TinyParameter, PositionsBeyondTheRampKeepTheirStart) {
  const auto positions = [&](int64_t steps) {
    const TinyRun& run = train({{"curriculum", "true"}, {"curriculum_start_block_size", "4"}, {"curriculum_steps", "100"}, {"weight_decay", "0"},
                                {"max_steps", std::to_string(steps)}});
    const SafetensorsFile file = testing::take(read_safetensors(run.folder / ("step_" + std::to_string(steps)) / "model.safetensors"));
    return file.find("transformer.wpe.weight")->clone();
  };
  const Tensor one = positions(1), six = positions(6);
  const auto same = [&](int64_t row) {
    const auto a = one.rows(row, row + 1).span<float>(), b = six.rows(row, row + 1).span<float>();
    return std::equal(a.begin(), a.end(), b.begin());
  };
  for (int64_t row = 0; row < 16; ++row) EXPECT_EQ(same(row), row >= 4) << row;
}

// L-11.62
TEST_F(TinyParameter, Amp) {
  const TinyRun &mixed = train({{"amp", "true"}, {"dtype", "bf16"}}), &plain = train({{"amp", "false"}, {"dtype", "bf16"}});
  EXPECT_NE(mixed.weights(), plain.weights());
  EXPECT_EQ(plain.weights(), train().weights());
}

// L-11.63, L-11.64, L-11.65
TEST_F(TinyParameter, CompileIsAcceptedAndKept) {
  for (const auto& [key, value] : {std::pair{"compile", "true"}, {"compile_backend", "eager"}, {"compile_mode", "max-autotune"}}) {
    expect_same_weights(key, value);
    EXPECT_NE(train({{key, value}}).meta().at("user_config").at(key), train().meta().at("user_config").at(key)) << key;
  }
  EXPECT_NE(run_lathe({"train_tinyllm", "--compile_backend", "nonsense"}).exit, Exit::kDone);
  EXPECT_NE(run_lathe({"train_tinyllm", "--compile_mode", "nonsense"}).exit, Exit::kDone);
}

// L-11.66, L-11.67, L-11.68: compile_dynamic has three states.
TEST_F(TinyParameter, CompileFullgraphAndDynamic) {
  const auto kept = [&](const std::string& key, const std::string& value) {
    expect_same_weights(key, value);
    return train({{key, value}}).meta().at("user_config").at(key);
  };
  EXPECT_EQ(kept("compile_fullgraph", "true"), Json(true));
  EXPECT_EQ(kept("compile_dynamic", "true"), Json(true));
  EXPECT_EQ(kept("compile_dynamic", "false"), Json(false));
  EXPECT_EQ(kept("compile_dynamic", "auto"), Json());
}

// L-11.69, L-11.70
TEST_F(TinyParameter, EvaluationIntervalAndSize) {
  const TinyRun& every = train({{"eval_interval", "3"}});
  EXPECT_EQ(train().count(" | validation loss "), 0);
  EXPECT_EQ(every.count(" | validation loss "), 3);
  expect_same_weights("eval_interval", "3");
  const TinyRun& more = train({{"eval_interval", "3"}, {"eval_iters", "3"}});
  EXPECT_NE(more.figures("val/bpb"), every.figures("val/bpb"));
  EXPECT_EQ(more.weights(), every.weights());
}

// L-11.72
TEST_F(TinyParameter, ValidationFraction) { expect_other_weights("val_fraction", "0.3"); }

// L-11.73: the mean over the window, weighted by tokens.
TEST_F(TinyParameter, LogInterval) {
  const std::vector<double> each = train({{"max_steps", "7"}}).figures("train/window_loss"),
                            third = train({{"max_steps", "7"}, {"log_interval", "3"}}).figures("train/window_loss");
  EXPECT_TRUE(train({{"log_interval", "0"}}).figures("train/window_loss").empty());
  ASSERT_EQ(each.size(), 7u);
  ASSERT_GE(third.size(), 2u);
  EXPECT_LT(third.size(), 5u);
  bool found = false;  // one of the lines is the mean of three steps
  for (size_t i = 0; i + 2 < each.size(); ++i) found |= std::abs(third[1] - (each[i] + each[i + 1] + each[i + 2]) / 3) < 1e-6;
  EXPECT_TRUE(found);
}

// L-11.74, L-11.75
TEST_F(TinyParameter, SampleIntervalAndLength) {
  EXPECT_EQ(train({{"sample_interval", "3"}}).samples().size(), 2u);
  EXPECT_TRUE(train().samples().empty());
  for (const int64_t n : {20, 45}) EXPECT_EQ(std::ssize(train({{"sample_interval", "6"}, {"sample_chars", std::to_string(n)}}).samples().at(0)), n + 1);
}

// L-11.76
TEST_F(TinyParameter, Prompt) {
  const TinyRun &given = train({{"sample_interval", "6"}, {"prompt", "ab"}}), &empty = train({{"sample_interval", "6"}});
  EXPECT_EQ(given.samples().at(0).substr(0, 2), "ab");
  EXPECT_EQ(empty.samples().at(0).substr(0, 1), "\n");
  EXPECT_GT(given.count("Samples start from the prompt"), 0);
  EXPECT_GT(empty.count("Samples start from a line break"), 0);
}

// L-11.77
TEST_F(TinyParameter, SaveInterval) {
  EXPECT_EQ(train({{"save_interval", "2"}}).saved_steps(), (std::vector<int64_t>{2, 4, 6}));
  EXPECT_EQ(train({{"eval_interval", "3"}, {"save_interval", "4"}}).saved_steps(), (std::vector<int64_t>{3, 4, 6}));
  EXPECT_EQ(train().saved_steps(), (std::vector<int64_t>{6}));
  expect_same_weights("save_interval", "2");
}

// The shape of the saved model, as a checkpoint names it.
Json shape_of(const TinyRun& run, const char* key) { return run.meta().at("model_config").at(key); }

// L-11.78, L-11.79, L-11.80
TEST_F(TinyParameter, LayersHeadsAndWidth) {
  EXPECT_EQ(shape_of(train({{"n_layer", "3"}}), "n_layer"), Json(3));
  EXPECT_EQ(shape_of(train({{"n_head", "4"}}), "n_head"), Json(4));
  EXPECT_EQ(shape_of(train({{"n_embd", "24"}}), "n_embd"), Json(24));
  expect_other_weights("n_head", "4");
  const Outcome odd = run_lathe({"train_tinyllm", "--data_path", (root() / "book.txt").string(), "--out_dir", (root() / "odd").string(), "--n_head", "3"});
  EXPECT_NE(odd.err.find("width 128 is not divisible by 3 heads"), std::string::npos) << odd.err;
}

// L-11.81: off in evaluation.
TEST_F(TinyParameter, Dropout) {
  expect_other_weights("dropout", "0.3");
  const auto first = [&](const char* rate) { return train({{"dropout", rate}, {"eval_interval", "6"}}).figures("val/bpb").at(0); };
  EXPECT_EQ(first("0"), first("0.3"));  // of the weights at the start
}

// L-11.82, L-11.83
TEST_F(TinyParameter, NormAndItsEps) {
  expect_other_weights("norm", "rmsnorm");
  expect_other_weights("norm_eps", "1e-2");
  EXPECT_EQ(shape_of(train({{"norm", "rmsnorm"}}), "norm"), Json("rms"));
}

// L-11.84, L-11.85
TEST_F(TinyParameter, MlpItsFormAndHiddenWidth) {
  expect_other_weights("mlp", "swiglu");
  expect_other_weights("gelu_form", "tanh");
  EXPECT_EQ(shape_of(train({{"mlp_hidden", "40"}}), "mlp_hidden"), Json(40));
  EXPECT_EQ(shape_of(train({{"mlp", "swiglu"}}), "mlp"), Json("swiglu"));
}

// L-11.86
TEST_F(TinyParameter, LayerDrop) {
  expect_other_weights("layerdrop", "0.5");
  const auto first = [&](const char* rate) { return train({{"layerdrop", rate}, {"eval_interval", "6"}}).figures("val/bpb").at(0); };
  EXPECT_EQ(first("0"), first("0.5"));
}

// L-11.88, L-11.89: the base only with rope.
TEST_F(TinyParameter, PositionsAndRopeBase) {
  expect_other_weights("pos_encoding", "rope");
  expect_other_weights("rope_base", "100", {{"pos_encoding", "rope"}});
  expect_same_weights("rope_base", "100");
}

// L-11.90
TEST_F(TinyParameter, SlidingWindow) {
  expect_other_weights("sliding_window", "4");
  expect_same_weights("sliding_window", "16");  // the whole block
}

// L-11.92, L-11.93: the eps only with it.
TEST_F(TinyParameter, QkNorm) {
  expect_other_weights("qk_norm", "true");
  expect_other_weights("qk_norm_eps", "0.1", {{"qk_norm", "true"}});
  expect_same_weights("qk_norm_eps", "0.1");
}

// L-11.94, L-11.95
TEST_F(TinyParameter, InitialisationAndTying) {
  expect_other_weights("scaled_init", "false");
  const TinyRun& tied = train({{"weight_tying", "true"}});
  const SafetensorsFile file = testing::take(read_safetensors(tied.folder / "step_6" / "model.safetensors"));
  EXPECT_EQ(file.find("lm_head.weight"), nullptr);
  EXPECT_NE(file.find("transformer.wte.weight"), nullptr);
}

// L-11.112
TEST_F(TinyParameter, Bias) {
  EXPECT_EQ(shape_of(train(), "mlp_bias"), Json(true));
  EXPECT_EQ(shape_of(train({{"bias", "false"}}), "mlp_bias"), Json(false));
  EXPECT_EQ(shape_of(train({{"norm", "rmsnorm"}}), "mlp_bias"), Json(false));
}

// L-11.107, L-11.108, L-11.109
TEST_F(TinyParameter, TemperatureTopKTopP) {
  expect_other_samples("temperature", "0.3");
  expect_other_samples("top_k", "1");
  expect_other_samples("top_p", "0.2");
}

// L-11.110, L-11.111: the same settings rule the samples of a run.
TEST_F(TinyParameter, RepetitionPenaltyAndWindow) {
  expect_other_samples("repetition_penalty", "3");
  expect_other_samples("repetition_window", "2", {{"repetition_penalty", "3"}});
  expect_other_samples("no_repeat_ngram_size", "2");
}

// L-12.7
TEST_F(TinyParameter, DoSample) {
  expect_other_samples("do_sample", "false");
  const Flags greedy = {{"do_sample", "false"}, {"sample_interval", "6"}, {"sample_chars", "60"}};
  EXPECT_EQ(train(with(greedy, "repetition_penalty", "3")).samples(), train(greedy).samples());
  EXPECT_EQ(train(with(greedy, "seed", "5")).ok(), true);
}

// L-12.8
TEST_F(TinyParameter, ContextOverflow) {
  expect_other_samples("context_overflow", "stop");
  const TinyRun& stopped = train({{"context_overflow", "stop"}, {"sample_interval", "6"}, {"sample_chars", "60"}});
  EXPECT_EQ(stopped.samples().at(0).size(), 17u);  // the block and the token after it
}

// L-11.3: each switch has both forms.
TEST_F(TinyParameter, SwitchesComeAsFooAndNoFoo) {
  train::TinySettings settings;
  SettingsTable table;
  train::describe(table, settings);
  for (const Setting& setting : table.settings()) {
    if (!std::holds_alternative<bool*>(setting.field)) continue;
    for (const bool on : {true, false}) {
      const Outcome out = run_lathe({"train_tinyllm", "--print-config", (on ? "--" : "--no-") + setting.name});
      EXPECT_NE(out.out.find("\"" + setting.name + "\": " + (on ? "true" : "false")), std::string::npos) << setting.name << out.err;
    }
  }
}

// L-11.4
TEST_F(TinyParameter, UseEmaAndCompileDynamicHaveThreeStates) {
  const auto printed = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"train_tinyllm", "--print-config"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome out = run_lathe(words);
    EXPECT_EQ(out.exit, Exit::kDone) << out.err;
    return out.out;
  };
  std::ofstream(root() / "three.json") << R"({"use_ema": true, "compile_dynamic": null})";
  for (const std::string key : {"use_ema", "compile_dynamic"}) {
    const std::string name = "\"" + key + "\": ";
    EXPECT_NE(printed({}).find(name + "null"), std::string::npos) << key;
    EXPECT_NE(printed({"--" + key}).find(name + "true"), std::string::npos) << key;
    EXPECT_NE(printed({"--no-" + key}).find(name + "false"), std::string::npos) << key;
  }
  const std::string config = (root() / "three.json").string();
  EXPECT_NE(printed({"--config", config}).find("\"use_ema\": true"), std::string::npos);
  EXPECT_NE(printed({"--config", config, "--use_ema=auto"}).find("\"use_ema\": null"), std::string::npos);
  EXPECT_NE(printed({"--config", config}).find("\"compile_dynamic\": null"), std::string::npos);
  std::ofstream(root() / "three.json") << R"({"use_ema": "yes"})";
  EXPECT_NE(run_lathe({"train_tinyllm", "--config", config}).err.find("true, false or null"), std::string::npos);
}

// What one process cannot do, and what excludes another, is refused by name.
TEST_F(TinyParameter, CombinationsThatDoNotWorkAreRefusedByName) {
  for (const auto& [words, said] : {std::pair<std::vector<std::string>, std::string>{{"--ddp"}, "ddp: this trainer runs in one process"},
                                    {{"--resume", "--generate_only"}, "generate_only: and resume exclude each other"},
                                    {{"--checkpoint", "best"}, "checkpoint: is only for generate_only"},
                                    {{"--label_smoothing", "1"}, "label_smoothing: must be at least 0 and below 1"},
                                    {{"--layerdrop", "1"}, "layerdrop: must be at least 0 and below 1"},
                                    {{"--ema_update_every", "0"}, "ema_update_every: must be at least 1"},
                                    {{"--sliding_window", "-1"}, "sliding_window: must be at least 0"}}) {
    std::vector<std::string> all = {"train_tinyllm", "--data_path", (root() / "book.txt").string()};
    all.insert(all.end(), words.begin(), words.end());
    const Outcome out = run_lathe(all);
    EXPECT_NE(out.exit, Exit::kDone);
    EXPECT_NE(out.err.find(said), std::string::npos) << out.err;
  }
}

// The table of the documentation names every parameter, with its default, and no other.
TEST_F(TinyParameter, TheDocumentedTableIsTheSettingsTable) {
  const std::string text = text_of(fs::path(LATHE_SOURCE_DIR) / "docs/training.md");
  const size_t begin = text.find("## The small trainer");
  const std::string section = text.substr(begin, text.find("\n## ", begin) - begin);
  std::map<std::string, std::string> documented;
  for (const std::string& line : split_text(section, '\n')) {
    const std::vector<std::string> cells = split_text(line, '|');
    if (!line.starts_with("| `") || cells.size() < 4) continue;
    const std::string name(trim_text(cells[1]));
    documented[name.substr(1, name.size() - 2)] = std::string(trim_text(cells[2]));
  }
  train::TinySettings settings;
  SettingsTable table;
  train::describe(table, settings);
  const Json defaults = table.to_json();
  std::map<std::string, std::string> wanted;
  for (const auto& [key, value] : defaults.as_object())
    wanted[key] = value.is_string() ? value.as_string() : value.is_null() ? "auto" : value.is_bool() || value.is_int() ? value.dump() : shortest_double(value.as_double());
  for (const auto& [key, value] : wanted) {
    ASSERT_TRUE(documented.contains(key)) << key;
    EXPECT_EQ(documented.at(key), value) << key;
  }
  EXPECT_EQ(documented.size(), wanted.size());
}

// L-11.97
TEST_F(TinyParameter, Device) {
  expect_same_weights("device", "cpu");
  const Outcome cuda = run_lathe({"train_tinyllm", "--device", "cuda", "--data_path", (root() / "book.txt").string()});
  EXPECT_NE(cuda.exit, Exit::kDone);
  EXPECT_NE(cuda.err.find("no CUDA"), std::string::npos) << cuda.err;
}

}  // namespace
}  // namespace lathe::cli
