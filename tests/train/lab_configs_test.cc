// The shipped settings of the lab: each parses, each path resolves, each count is right; and the report of their values.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/ref/testing.h"
#include "train/lab_architecture.h"
#include "train/lab_sft_settings.h"

namespace lathe::train {
namespace {

using lathe::testing::check;
using lathe::testing::take;

fs::path shipped(const std::string& name) { return fs::path(LATHE_SOURCE_DIR) / "configs" / "lab" / name; }
std::vector<fs::path> files_of(const std::string& folder) { return take(list_files(shipped(folder), {".json"}, false)); }

ConfigKeys pretrain_keys() {
  ConfigKeys keys = lab_keys();
  keys.push_back({"", "architecture_config", "architecture_config"});
  return keys;
}

struct Read {
  LabSettings settings;
  LabSftSettings sft;
  std::string architecture;
  int64_t seed = 42;
  SettingsTable table;
};

void read_pretrain(Read& r, const fs::path& file) {
  describe(r.table, r.settings);
  r.table.add("seed", &r.seed, "");
  r.table.add("architecture_config", &r.architecture, "");
  check(r.table.read_object(take(flat_settings(take(read_json(file)), pretrain_keys(), file.string())), file.string()));
}
void read_sft(Read& r, const fs::path& file) {
  describe(r.table, r.sft);
  r.table.add("seed", &r.seed, "");
  check(r.table.read_object(take(flat_settings(take(read_json(file)), lab_sft_keys(), file.string())), file.string()));
}

LabArchitecture shape(const std::string& name) {
  const fs::path file = shipped("architectures/" + name + ".json");
  return take(LabArchitecture::from_json(take(read_json(file)), file.string()));
}

// L-5.4
TEST(LabConfigs, TinyHasExactly23072000Parameters) {
  const LabArchitecture tiny = shape("tiny");
  EXPECT_EQ(parameter_count(tiny), 23072000);
  // Embedding and head, blocks with a hidden width of 1,024, norms.
  EXPECT_EQ(2 * 32768 * 256, 16777216);
  EXPECT_EQ(parameter_count(tiny) - 16777216 - 3328, 6 * (4 * 256 * 256 + 3 * 256 * 1024));
  EXPECT_EQ(parameter_lines(tiny).warning, "");
}

// L-15.13, L-16.10
TEST(LabConfigs, EveryShapeHasTheCountItsFileSays) {
  for (const auto& [name, count] : std::vector<std::pair<std::string, int64_t>>{
           {"micro", 9438336}, {"tiny", 23072000}, {"small_42m", 41686656}, {"small", 83898880}, {"base", 276861696}}) {
    const LabArchitecture a = shape(name);
    EXPECT_EQ(a.model_name, name);
    EXPECT_EQ(a.head_dim, 64) << name;
    EXPECT_EQ(parameter_count(a), count) << name;
    EXPECT_EQ(a.estimated_parameters, count) << name;
  }
  LabArchitecture micro = shape("micro");
  micro.vocab_size = 2048;
  EXPECT_EQ(parameter_count(micro), 1574016);
  EXPECT_EQ(files_of("architectures").size(), 5u);
}

// C1: no file or line calls a shape by a count it does not have.
TEST(LabConfigs, SmallAndBaseAreNotSaidToBe42And124Million) {
  for (const char* name : {"small", "base"}) {
    const std::string line = parameter_lines(shape(name)).count;
    EXPECT_EQ(line.find("42,"), std::string::npos) << line;
    EXPECT_EQ(line.find("124,"), std::string::npos) << line;
  }
}

// L-1.36, L-16.10
TEST(LabConfigs, EveryTrainingConfigParsesAndItsShapeResolves) {
  for (const fs::path& file : files_of("pretrain/training")) {
    Read r;
    read_pretrain(r, file);
    check(lathe::train::check(r.settings));
    EXPECT_TRUE(interval_warnings(r.settings, take(warmup_steps(r.settings))).empty()) << file;
    ASSERT_TRUE(r.architecture.starts_with("config/")) << file;
    const LabArchitecture a = shape(fs::path(r.architecture).stem().string());
    EXPECT_EQ(a.sequence_length, r.settings.sequence_length) << file;
  }
}

// L-5.32, L-5.33, L-5.35
TEST(LabConfigs, ThePhasesShareTheirHorizonAndBorder) {
  Read a, b;
  read_pretrain(a, shipped("pretrain/training/chinchilla_tiny_phase_a.json"));
  read_pretrain(b, shipped("pretrain/training/chinchilla_tiny_phase_b.json"));
  EXPECT_EQ(a.settings.max_steps, 30000);
  EXPECT_EQ(b.settings.max_steps, a.settings.max_steps);
  EXPECT_EQ(a.settings.last_step(), 15000);
  EXPECT_EQ(b.settings.last_step(), 30000);
  EXPECT_EQ(a.settings.data_weights, (std::vector<double>{0.67, 0.33}));
  EXPECT_EQ(b.settings.data_weights, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(15000 % a.settings.save_steps, 0);
  for (const char* source : {"c4_english", "gutenberg_books", "fineweb_edu", "vietgpt_wikipedia"})
    EXPECT_TRUE(fs::exists(shipped(std::string("pretrain/sources/") + source + ".json"))) << source;
}

// L-1.46, L-7.28, L-7.29
TEST(LabConfigs, TheReferenceFineTuningHasItsValues) {
  Read r;
  read_sft(r, shipped("sft/training/lora_optimal_tiny_23m.json"));
  check(resolve(r.sft));
  const LabSftSettings& s = r.sft;
  EXPECT_TRUE(s.lora);
  EXPECT_EQ(s.r, 32);
  EXPECT_EQ(s.lora_alpha, 64);
  EXPECT_EQ(s.common.learning_rate, 8e-5);
  EXPECT_EQ(s.common.max_steps, 2000);
  EXPECT_EQ(s.common.global_batch(), 32);
  EXPECT_EQ(take(warmup_steps(s.common)), 200);
  EXPECT_EQ(s.common.weight_decay, 0.01);
  EXPECT_EQ(s.common.betas, (std::vector<double>{0.9, 0.95}));
  EXPECT_EQ(s.common.save_total_limit, 5);
  EXPECT_FALSE(s.eval_prompts.empty());
  EXPECT_EQ(s.target_modules.size(), 7u);
  // The defaults are the same.
  const LabSftSettings defaults;
  EXPECT_EQ(defaults.common.learning_rate, 8e-5);
  EXPECT_EQ(defaults.common.save_steps, s.common.save_steps);
}

std::string refusal(const std::string& text) {
  const auto flat = flat_settings(take(parse_json(text)), lab_sft_keys(), "c.json");
  return flat.ok() ? "taken" : flat.error().to_string();
}

// L-7.30
TEST(LabConfigs, NamesOfTheOriginalTrainerHaveTheirMeaningOrOnlyTheirNeutralValue) {
  EXPECT_EQ(refusal(R"({"training_params": {"num_train_epochs": -1, "optim": "adamw_torch", "group_by_length": false, "report_to": ["tensorboard"]}})"), "taken");
  EXPECT_NE(refusal(R"({"training_params": {"group_by_length": true}})").find("only taken at false"), std::string::npos);
  EXPECT_NE(refusal(R"({"training_params": {"optim": "adafactor"}})").find("training_params.optim"), std::string::npos);
  LabSftSettings s;
  s.adam_beta1 = 0.8;
  s.evaluation_strategy = "no";
  check(resolve(s));
  EXPECT_EQ(s.common.betas[0], 0.8);
  EXPECT_EQ(s.common.eval_steps, -1);
}

std::string shown(const Json& value) {
  std::string text = value.dump();
  return text.size() > 40 ? text.substr(0, 37) + "..." : text;
}

// The table of one program: its keys, defaults, and the value in every shipped file.
std::string report(const std::string& program, const ConfigKeys& keys, const std::vector<fs::path>& files, void (*read)(Read&, const fs::path&), const Json& defaults) {
  std::string head = "| key | setting | default |", rule = "|---|---|---|", body;
  std::vector<Json> given;
  for (const fs::path& file : files) {
    Read r;
    read(r, file);
    given.push_back(take(flat_settings(take(read_json(file)), keys, file.string())));
    head += " " + file.stem().string() + " |";
    rule += "---|";
  }
  for (const ConfigKey& key : keys) {
    const bool neutral = key.setting.empty();
    body += "| `" + key.name() + "` | " + (neutral ? "only at " + shown(key.neutral[0]) : "`--" + key.setting + "`") + " | " +
            (neutral || defaults.find(key.setting) == nullptr ? "" : shown(defaults.at(key.setting))) + " |";
    for (const Json& values : given) body += " " + (neutral || !values.contains(key.setting) ? std::string() : shown(values.at(key.setting))) + " |";
    body += "\n";
  }
  return "## " + program + "\n\n" + head + "\n" + rule + "\n" + body + "\n";
}

// L-16.8
TEST(LabConfigs, TheReportOfTheirValuesIsUpToDate) {
  Read pretrain, sft;
  describe(pretrain.table, pretrain.settings);
  pretrain.table.add("seed", &pretrain.seed, "");
  describe(sft.table, sft.sft);
  sft.table.add("seed", &sft.seed, "");
  const std::string text =
      "# Every key of the lab's training configs\n\nGenerated by `tests/train/lab_configs_test.cc` (LATHE_WRITE_DOCS=1) from the table that the programs read and from the shipped\n"
      "files. An empty cell: the file does not say, the default holds. A key without a setting has no meaning here and is taken at one value alone.\n\n" +
      report("40_pretrain", pretrain_keys(), files_of("pretrain/training"), read_pretrain, pretrain.table.to_json()) +
      report("70_train_sft", lab_sft_keys(), files_of("sft/training"), read_sft, sft.table.to_json());
  const fs::path file = fs::path(LATHE_SOURCE_DIR) / "docs" / "lab_settings.md";
  if (std::getenv("LATHE_WRITE_DOCS") != nullptr) check(write_file_atomic(file, text));
  EXPECT_EQ(take(read_file(file)), text) << "run it once with LATHE_WRITE_DOCS=1";
}

}  // namespace
}  // namespace lathe::train
