// Preference pairs from hosted sets: records, filters, duplicates, splits.
#include "corpus/preference_corpus.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "corpus/preference_duplicates.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using lathe::testing::real_data;
using lathe::testing::take;

Json json(const std::string& text) { return take(parse_json(text)); }

tokenizer::Tokenizer chatml_bytes() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return take(tokenizer::Tokenizer::from_tokens(tokens, {"<s>", "</s>", "<|im_start|>", "<|im_end|>"}));
}

std::string content(const data::PreferencePair& pair, size_t message) {
  return std::get<std::string>(pair.prompt.messages.at(message).content);
}

fs::path shipped(const std::string& name) { return fs::path(LATHE_SOURCE_DIR) / "configs/lab/dpo/datasets" / name; }
PreferenceSettings shipped_settings(const std::string& name) {
  return take(PreferenceSettings::read(take(read_json(shipped(name))), shipped(name).string()));
}

// L-9.2, L-15.19
TEST(PreferenceSettings, ShippedConfigsHaveThePublicValues) {
  const PreferenceSettings orca = shipped_settings("orca_dpo.json"), hh = shipped_settings("hh_rlhf.json");
  const PreferenceFilters &o = orca.filters, &h = hh.filters;
  EXPECT_EQ(
      (std::vector<int64_t>{o.min_prompt_length, o.max_prompt_length, o.min_chosen_length, o.max_chosen_length,
                            o.min_rejected_length, o.max_rejected_length, o.min_margin_tokens, o.max_identical_pairs}),
      (std::vector<int64_t>{10, 1024, 20, 2048, 10, 2048, 5, 0}));
  EXPECT_EQ(
      (std::vector<int64_t>{h.min_prompt_length, h.min_chosen_length, h.min_rejected_length, h.min_margin_tokens}),
      (std::vector<int64_t>{20, 30, 20, 10}));
  EXPECT_EQ(o.language, "en");
  EXPECT_EQ(o.language_threshold, 0.9);
  EXPECT_EQ(h.language_threshold, 0.95);
  EXPECT_EQ(o.deduplication_method, "exact_prompt");
  EXPECT_EQ(h.deduplication_method, "fuzzy_prompt");
  EXPECT_EQ(hh.sources.at(0).max_samples, 50000);
  EXPECT_EQ(orca.train_val_split, 0.95);
}

// L-9.3: the published form names `system` as the prompt and relies on a flag.
TEST(PreferenceSettings, TakesThePublishedFormOfTheOrcaConfig) {
  const PreferenceSettings settings = take(PreferenceSettings::read(
      json(
          R"({"name": "o", "datasets": [{"type": "huggingface", "dataset_name": "x/pairs", "subset": null, "max_samples": null,
              "text_fields": {"prompt": "system", "chosen": "chosen", "rejected": "rejected"}, "processing": {"combine_system_user": true}}]})"),
      "o.json"));
  EXPECT_EQ(settings.sources.at(0).system, "system");
  EXPECT_EQ(settings.sources.at(0).prompt, "question");
  EXPECT_EQ(settings.sources.at(0).where.name, "pairs");
}

TEST(PreferenceSettings, RefusesUnknownKeysAndSenselessValuesByName) {
  const auto message = [](const std::string& text) {
    const auto read = PreferenceSettings::read(json(text), "c.json");
    return read.ok() ? std::string() : read.error().to_string();
  };
  const std::string set = R"("datasets": [{"path": "a.jsonl"}])";
  EXPECT_EQ(message("{" + set + "}"), "");
  EXPECT_NE(message("{" + set + R"(, "quality_filters": {"min_promt_length": 3}})").find("min_prompt_length"),
            std::string::npos);
  EXPECT_NE(message("{" + set + R"(, "quality_filters": {"max_identical_pairs": 3}})").find("max_identical_pairs"),
            std::string::npos);
  EXPECT_NE(message("{" + set + R"(, "output_params": {"train_val_split": 1.5}})").find("train_val_split"),
            std::string::npos);
  EXPECT_NE(message("{" + set + R"(, "template": "chatnl"})").find("chatml"), std::string::npos);
  EXPECT_NE(message(R"({"name": "x"})").find("datasets"), std::string::npos);
  EXPECT_NE(message(R"({"datasets": [{}]})").find("path"), std::string::npos);
}

// L-9.3
TEST(PairOfRecord, JoinsSystemTextAndQuestion) {
  const PreferenceSource joined = shipped_settings("orca_dpo.json").sources.at(0);
  const Json record = json(
      R"({"system": "You are terse. ", "question": "Why is the sky blue?", "chosen": "Scattering.", "rejected": "It is not."})");
  ParsedPair parsed = pair_of_record(record, joined);
  ASSERT_EQ(parsed.fault, PairFault::kNone);
  EXPECT_EQ(parsed.pair.prompt.messages.size(), 1u);
  EXPECT_EQ(content(parsed.pair, 0), "You are terse.\n\nWhy is the sky blue?");
  PreferenceSource apart = joined;
  apart.combine_system_user = false;
  parsed = pair_of_record(record, apart);
  EXPECT_EQ(parsed.pair.prompt.messages.at(0).role, tokenizer::Role::kSystem);
  EXPECT_EQ(content(parsed.pair, 1), "Why is the sky blue?");
  parsed = pair_of_record(json(R"({"system": "", "question": "Why?", "chosen": "a", "rejected": "b"})"), joined);
  EXPECT_EQ(content(parsed.pair, 0), "Why?");
}

// L-9.4
TEST(PairOfRecord, PartsDialoguesAtTheirLastAnswer) {
  const PreferenceSource source = shipped_settings("hh_rlhf.json").sources.at(0);
  const auto parse = [&](const std::string& chosen, const std::string& rejected) {
    return pair_of_record(Json(Json::Object{{"chosen", chosen}, {"rejected", rejected}}), source);
  };
  const std::string start = "\n\nHuman: Hello?\n\nAssistant: Hi!\n\nHuman: How?\n\nAssistant:";
  const ParsedPair parsed = parse(start + " Well.", start + " Badly.");
  ASSERT_EQ(parsed.fault, PairFault::kNone);
  ASSERT_EQ(parsed.pair.prompt.messages.size(), 3u);
  EXPECT_EQ(content(parsed.pair, 0), "Hello?");
  EXPECT_EQ(content(parsed.pair, 1), "Hi!");
  EXPECT_EQ(content(parsed.pair, 2), "How?");
  EXPECT_EQ(parsed.pair.chosen, "Well.");
  EXPECT_EQ(parsed.pair.rejected, "Badly.");
  EXPECT_EQ(parse(start + " Well.", "\n\nHuman: Hello!\n\nAssistant: Hi!\n\nHuman: How?\n\nAssistant: Badly.").fault,
            PairFault::kPrefixes);
  EXPECT_EQ(parse(start + " Well.", start + " Well. ").fault, PairFault::kIdentical);
  EXPECT_EQ(parse(start + " Well.", start + " ").fault, PairFault::kEmpty);
  EXPECT_EQ(parse("\n\nHuman: a\n\nHuman: b\n\nAssistant: c", "\n\nHuman: a\n\nHuman: b\n\nAssistant: d").fault,
            PairFault::kTurns);
  EXPECT_EQ(parse("\n\nHuman: a\n\nAssistant: b\n\nHuman: c", "\n\nHuman: a\n\nAssistant: b\n\nHuman: c").fault,
            PairFault::kTurns);
  EXPECT_EQ(parse("no markers", "at all").fault, PairFault::kTurns);
}

// L-9.1
TEST(PairOfRecord, SaysWhatIsWrongWithARecord) {
  PreferenceSource source;
  const auto fault = [&](const char* text) { return pair_of_record(json(text), source).fault; };
  EXPECT_EQ(fault(R"({"prompt": "q", "chosen": "a", "rejected": "b"})"), PairFault::kNone);
  EXPECT_EQ(fault(R"({"prompt": "q", "chosen": "a"})"), PairFault::kNoField);
  EXPECT_EQ(fault(R"({"prompt": 7, "chosen": "a", "rejected": "b"})"), PairFault::kNoField);
  EXPECT_EQ(fault(R"("text")"), PairFault::kNoField);
  EXPECT_EQ(fault(R"({"prompt": " ", "chosen": "a", "rejected": "b"})"), PairFault::kEmpty);
  EXPECT_EQ(fault(R"({"prompt": "q", "chosen": "a ", "rejected": " a"})"), PairFault::kIdentical);
  EXPECT_EQ(
      fault(
          R"({"prompt": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": [{"role": "assistant", "content": "b"}]})"),
      PairFault::kNone);
  EXPECT_EQ(fault(R"({"prompt": [{"from": "gpt", "value": "q"}], "chosen": "a", "rejected": "b"})"), PairFault::kTurns);
}

class PreferenceCorpus : public ::testing::Test {
 protected:
  PreferenceReport prepare(const std::string& lines, const PreferenceSettings& settings) {
    std::ofstream(folder_.path() / "source.jsonl") << lines;
    PreferenceRun run;
    run.settings = settings;
    run.source_map[settings.sources.at(0).where.name] = (folder_.path() / "source.jsonl").string();
    run.output = folder_.path() / "out";
    fs::remove_all(run.output);
    fs::create_directories(run.output);
    return take(prepare_preferences(run, chatml_bytes()));
  }
  static PreferenceSettings plain() {
    PreferenceSettings settings =
        take(PreferenceSettings::read(json(R"({"name": "x", "datasets": [{"path": "source.jsonl"}]})"), "x.json"));
    settings.filters.min_prompt_length = settings.filters.min_chosen_length = settings.filters.min_rejected_length = 1;
    return settings;
  }
  std::set<std::string> prompts(const char* file) const {
    std::set<std::string> out;
    for (const data::PreferencePair& pair : take(data::read_preference_pairs(folder_.path() / "out" / file)))
      out.insert(content(pair, 0));
    return out;
  }
  TemporaryFolder folder_;
};

std::string line(const std::string& prompt, const std::string& chosen, const std::string& rejected) {
  return Json(Json::Object{{"prompt", prompt}, {"chosen", chosen}, {"rejected", rejected}}).dump() + "\n";
}

// L-9.1, L-9.2
TEST_F(PreferenceCorpus, CountsWhyRecordsAreLeftOut) {
  PreferenceSettings settings = plain();
  settings.filters.max_prompt_length = 10, settings.filters.max_chosen_length = 20,
  settings.filters.max_rejected_length = 200;
  settings.filters.min_margin_tokens = 2;
  settings.max_length = 100, settings.max_prompt_length = 90;
  const PreferenceReport report =
      prepare(line("q1", "good one", "bad one") + line("q1", "good two", "bad two") +  // kept, duplicate
                  line("a prompt too long", "good", "bad") + line("q2", std::string(21, 'x'), "bad") +
                  line("q3", "good", std::string(201, 'y')) + line("q4", "same", "sane") +  // one token differs
                  line("q5", "good", std::string(180, 'z')) + line("q6", "ok", "") + line("q7", "fine", "worse"),
              settings);
  const PreferenceCounts& counts = report.sources.at(0);
  const auto count = [&](PairFault fault) { return counts.faults[static_cast<size_t>(fault)]; };
  EXPECT_EQ(counts.read, 9);
  EXPECT_EQ(counts.kept, 2);
  for (const PairFault fault :
       {PairFault::kDuplicate, PairFault::kPromptLength, PairFault::kChosenLength, PairFault::kRejectedLength,
        PairFault::kTooFewDiffering, PairFault::kTooManyTokens, PairFault::kEmpty})
    EXPECT_EQ(count(fault), 1) << fault_name(fault);
  EXPECT_EQ(report.train + report.validation, 2);
}

// L-9.5
TEST_F(PreferenceCorpus, SplitsByPromptInShardsThatDoNotDependOnThreads) {
  PreferenceSettings settings = plain();
  settings.filters.remove_duplicates = false;
  settings.shard_size = 50;
  std::string lines;
  for (int i = 0; i < 300; ++i)
    lines += line("question " + std::to_string(i % 100), "good " + std::to_string(i), "bad " + std::to_string(i));
  const PreferenceReport report = prepare(lines, settings);
  EXPECT_EQ(report.prompts, 100);
  EXPECT_EQ(report.validation, 15);  // five prompts of three pairs
  EXPECT_EQ(report.train, 285);
  EXPECT_EQ(report.shards.size(), 7u);
  std::set<std::string> train;
  for (int i = 0; i < 6; ++i) train.merge(prompts(format_text("train_%05d.jsonl", i).c_str()));
  EXPECT_EQ(train.size(), 95u);
  for (const std::string& prompt : prompts("val_00000.jsonl")) EXPECT_FALSE(train.contains(prompt)) << prompt;
  const std::vector<FileRecord> first = report.shards;
  EXPECT_EQ(prepare(lines, settings).shards, first);
  settings.seed = 43;
  EXPECT_NE(prepare(lines, settings).shards, first);
}

TEST_F(PreferenceCorpus, RefusesALineThatIsNoJsonAndASourceWithoutPairs) {
  PreferenceRun run;
  run.settings = plain();
  std::ofstream(folder_.path() / "broken.jsonl") << line("q", "a", "b") << "{\"prompt\": \"q";
  run.source_map["source"] = (folder_.path() / "broken.jsonl").string();
  run.output = folder_.path();
  EXPECT_EQ(prepare_preferences(run, chatml_bytes()).error().offset, 2);
  std::ofstream(folder_.path() / "none.jsonl") << line("q", "a", "a");
  run.source_map["source"] = (folder_.path() / "none.jsonl").string();
  EXPECT_NE(prepare_preferences(run, chatml_bytes()).error().message.find("no pair is left"), std::string::npos);
  run.settings.chat_template = "chat";
  EXPECT_NE(prepare_preferences(run, chatml_bytes()).error().message.find("assistant_end"), std::string::npos);
}

TEST(PromptDuplicates, FindNearPromptsOnlyWhereAsked) {
  const std::string one =
      "please write me a short story about a dog who finds a bone in the garden behind the old house and brings it "
      "home";
  const std::string near = one + " again",
                    other = "what is the capital of the country that lies to the north of the mountains by the sea";
  PromptDuplicates exact(false, 0.8), fuzzy(true, 0.8);
  EXPECT_FALSE(exact.seen(one));
  EXPECT_FALSE(exact.seen(near));
  EXPECT_TRUE(exact.seen(one));
  EXPECT_FALSE(fuzzy.seen(one));
  EXPECT_TRUE(fuzzy.seen(near));
  EXPECT_FALSE(fuzzy.seen(other));
  EXPECT_FALSE(fuzzy.seen("hi"));
  EXPECT_TRUE(fuzzy.seen("hi"));
}

// Real records. L-9.4
TEST_F(PreferenceCorpus, ReadsHelpfulAndHarmlessDialogues) {
  const fs::path file = real_data("dpo/hh_rlhf_harmless_base_test.jsonl.gz");
  LATHE_NEEDS(file);
  PreferenceRun run;
  run.settings = shipped_settings("hh_rlhf.json");
  run.source_map["hh_rlhf_helpful"] = file.string();
  run.output = folder_.path();
  const PreferenceReport report = take(prepare_preferences(run, chatml_bytes()));
  const PreferenceCounts& counts = report.sources.at(0);
  EXPECT_EQ(counts.read, 2312);
  EXPECT_GT(counts.kept, 300);
  int64_t sum = counts.kept;
  for (size_t i = 1; i < counts.faults.size(); ++i) sum += counts.faults[i];
  EXPECT_EQ(sum, counts.read);
  EXPECT_LT(counts.faults[static_cast<size_t>(PairFault::kPrefixes)], 50);
}

}  // namespace
}  // namespace lathe::corpus
