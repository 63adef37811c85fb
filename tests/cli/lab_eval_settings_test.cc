// The evaluation configs of the lab: each shipped one is read, with the documented values; and what their keys decide.
#include "cli/lab_eval_settings.h"

#include "cli/lab_eval_output.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

using lathe::testing::check;
using lathe::testing::take;

struct Read {
  LabEvalSettings settings;
  int64_t seed = 0;
  std::string device;
  SettingsTable table;
  Read() {
    describe(table, settings);
    table.add("seed", &seed, "");
    table.add("device", &device, "");
  }
  Status read(const Json& config) {
    LATHE_TRY(const Json flat, train::flat_settings(config, lab_eval_keys(), "config.json"));
    return table.read_object(flat, "config.json");
  }
};

Json shipped(const std::string& name) { return take(read_json(fs::path(LATHE_SOURCE_DIR) / "configs/lab/evaluation" / (name + "_standard.json"))); }

// L-12.6, L-8.1
TEST(LabEvalConfigs, HaveTheDocumentedDefaults) {
  for (const char* name : {"pretrain", "sft", "dpo"}) {
    Read r;
    check(r.read(shipped(name)));
    const LabEvalSettings& s = r.settings;
    EXPECT_EQ(s.max_new_tokens, 128) << name;
    EXPECT_EQ(s.temperature, 0.7) << name;
    EXPECT_EQ(s.top_p, 0.9) << name;
    EXPECT_EQ(s.top_k, 50) << name;
    EXPECT_TRUE(s.do_sample) << name;
    EXPECT_EQ(s.repetition_penalty, 1.1) << name;
    EXPECT_EQ(s.no_repeat_ngram_size, 3) << name;
    EXPECT_EQ(s.boolq_samples, -1) << name;  // the whole set
    EXPECT_EQ(s.prompt_template, "") << name;
    EXPECT_EQ(s.name, std::string(name) + "_standard");
    EXPECT_EQ(r.seed, 42) << name;
  }
  const LabEvalSettings plain;
  EXPECT_EQ(plain.max_new_tokens, 128);
  EXPECT_EQ(plain.sampling(1, nullptr).no_repeat_ngram_size, 3);
  EXPECT_EQ(plain.sampling(1, nullptr).repetition_window, 0);
}

// L-8.2
TEST(LabEvalConfigs, PublicKeysOfFineTuningsEvaluation) {
  Read r;
  check(r.read(take(parse_json(R"({
    "model_params": {"prompt_template": "chatml", "use_lora": true, "device": "auto"},
    "metrics": {"perplexity": {"enabled": false, "max_samples": 7, "dataset": "wikitext2"}, "boolq": {"enabled": true, "max_samples": 100},
                "smoke_tests": {"enabled": true, "categories": ["reasoning"]}, "generation": {"enabled": true, "num_samples": 4, "prompts": ["a", "b"]}},
    "generation_params": {"temperature": 0.5},
    "output": {"save_generations": false, "save_metrics": true, "format": "json"}})"))));
  const LabEvalSettings& s = r.settings;
  EXPECT_EQ(s.prompt_template, "chatml");
  EXPECT_TRUE(s.use_lora.value());
  EXPECT_FALSE(s.perplexity.value());
  EXPECT_EQ(s.perplexity_samples, 7);
  EXPECT_EQ(s.boolq_samples, 100);
  EXPECT_EQ(s.categories, std::vector<std::string>{"reasoning"});
  EXPECT_EQ(s.num_samples, 4);
  EXPECT_EQ(s.prompts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(s.temperature, 0.5);
  EXPECT_FALSE(s.save_generations);
  EXPECT_NE(Read().read(take(parse_json(R"({"metrics": {"boolq": {"enabeld": true}}})"))).error().to_string().find("metrics.boolq.enabeld"), std::string::npos);
  EXPECT_FALSE(Read().read(take(parse_json(R"({"metrics": {"perplexity": {"dataset": "c4"}}})"))).ok());
}

// L-9.19
TEST(LabEvalConfigs, PublicKeysOfPreferencesEvaluation) {
  Read r;
  check(r.read(shipped("dpo")));
  EXPECT_EQ(r.settings.eval_samples, 1000);
  EXPECT_EQ(r.settings.shuffle_seed, 42);
  EXPECT_EQ(r.settings.eval_split, "validation");
  EXPECT_EQ(r.settings.prompts.size(), 15u);
  EXPECT_TRUE(r.settings.baseline.value());
  Read given;
  check(given.read(take(parse_json(R"({"baseline_comparison": {"enabled": true, "sft_model_path": "a", "pretrain_model_path": "b"}})"))));
  EXPECT_EQ(given.settings.sft_model_path, "a");
  EXPECT_EQ(given.settings.pretrain_model_path, "b");
}

// L-1.50: what each stage measures where nothing is said.
TEST(LabEvalSettings, TheStageDecidesWhatIsMeasured) {
  const auto of = [](const char* stage) {
    LabEvalSettings s;
    s.stage = stage;
    check(resolve(s));
    return s;
  };
  const LabEvalSettings pretrain = of("pretrain"), sft = of("sft"), dpo = of("dpo");
  EXPECT_TRUE(*pretrain.perplexity && *pretrain.boolq && *pretrain.generation);
  EXPECT_FALSE(*pretrain.smoke_tests || *pretrain.preferences || *pretrain.baseline);
  EXPECT_TRUE(*sft.perplexity && *sft.boolq && *sft.generation && *sft.smoke_tests && *sft.validation && *sft.baseline);
  EXPECT_TRUE(*dpo.preferences && *dpo.boolq && *dpo.generation && *dpo.baseline);
  EXPECT_FALSE(*dpo.perplexity || *dpo.smoke_tests);
  EXPECT_EQ(dpo.prompts.size(), 15u);
}

// L-12.7
TEST(LabEvalSettings, WithoutSamplingTheMostLikelyTokenIsTakenAndTheRestNamed) {
  LabEvalSettings s;
  s.do_sample = false;
  std::vector<std::string> ignored;
  const infer::SamplingOptions options = s.sampling(42, &ignored);
  EXPECT_EQ(options.temperature, 0);
  EXPECT_EQ(options.repetition_penalty, 1);
  EXPECT_EQ(ignored, (std::vector<std::string>{"temperature", "top_k", "top_p", "repetition_penalty", "no_repeat_ngram_size"}));
}

TEST(LabEvalSettings, WrongValuesNameTheirKey) {
  const auto message = [](const std::function<void(LabEvalSettings&)>& change) {
    LabEvalSettings s;
    s.stage = "sft";
    change(s);
    return resolve(s).error().to_string();
  };
  EXPECT_NE(message([](auto& s) { s.boolq_samples = 0; }).find("boolq_samples"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.stride = -1; }).find("stride"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.temperature = -1; }).find("temperature"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.max_words = 1; }).find("max_words"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.output_dir = s.output_file = "x"; }).find("output_file"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.beta = -2; }).find("beta"), std::string::npos);
}

// L-6.7, L-1.41: what was not run is no number, in no form.
TEST(LabEvalOutput, NotRunIsNeverANumber) {
  const Json results = take(parse_json(R"({"stage": "sft", "about": {"model_path": "m", "step": 3, "dtype": "bf16"},
    "metrics": {"perplexity": {"not_run": "no, file"}, "boolq": {"accuracy": 0.5, "n": 10, "low": 0.2, "high": 0.8, "majority_baseline": 0.6, "verdict": "not distinguishable from chance"}},
    "baselines": []})"));
  EXPECT_TRUE(anything_ran(results.at("metrics")));
  const std::string table = results_markdown(results), csv = results_csv(results);
  EXPECT_NE(table.find("| perplexity | not run | | | no, file |"), std::string::npos) << table;
  EXPECT_NE(table.find("| boolq | 50.00 % | 20.00 % to 80.00 % | 10 | more common answer 60.00 %; not distinguishable from chance |"), std::string::npos) << table;
  EXPECT_NE(csv.find("model,perplexity,,,,,\"not run: no, file\"\n"), std::string::npos) << csv;
  EXPECT_NE(csv.find("model,boolq,0.5,0.2,0.8,10,"), std::string::npos) << csv;
  EXPECT_FALSE(anything_ran(take(parse_json(R"({"boolq": {"not_run": "x"}})"))));
}

}  // namespace
}  // namespace lathe::cli
