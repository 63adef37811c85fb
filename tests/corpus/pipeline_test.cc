// What comes out of a run: records, shards, budgets, order, duplicates, filters.
#include "corpus/pipeline.h"

#include <algorithm>
#include <set>

#include "core/parallel.h"
#include "core/sha256.h"
#include "data/document_file.h"
#include "tests/corpus/pipeline_fixture.h"

namespace lathe::corpus {
namespace {

class Pipeline : public PipelineTest {};

// L-2.30, L-2.31
TEST_F(Pipeline, WritesNumberedShardsOfRecordsWithTextSourceAndId) {
  const auto made = made_texts(1, 25, 40);
  write_records(root / "a.jsonl", made);
  take(prepare_corpus(settings({{"a", root / "a.jsonl"}}, R"(, "processing_params": {"shard_size": 10})")));
  for (const auto& [name, documents] : {std::pair{"shard_0000.jsonl.zst", 10}, {"shard_0001.jsonl.zst", 10}, {"shard_0002.jsonl.zst", 5}}) {
    auto lines = take(data::LineReader::open(root / "out" / name));
    int count = 0;
    for (std::string_view line; take(lines->next(line));) ++count;
    EXPECT_EQ(count, documents) << name;
  }
  std::set<std::string> ids;
  const auto all = records(root / "out");
  ASSERT_EQ(all.size(), made.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].at("text").as_string(), made[i]);
    EXPECT_EQ(all[i].at("source").as_string(), "a");
    ids.insert(all[i].at("id").as_string());
    EXPECT_EQ(all[i].at("id").as_string(), sha256_hex(std::string("a") + '\0' + std::to_string(i)).substr(0, 16));
  }
  EXPECT_EQ(ids.size(), made.size());
}

// L-2.30
TEST_F(Pipeline, OtherShardFormatsHoldTheSameTexts) {
  write_records(root / "a.jsonl", made_texts(1, 30, 40));
  auto wanted = settings({{"a", root / "a.jsonl"}});
  take(prepare_corpus(wanted));
  const auto expected = texts(root / "out");
  for (const char* compression : {"gz", "none"}) {
    wanted.output = root / compression;
    wanted.mix.processing.compression = compression;
    take(prepare_corpus(wanted));
    EXPECT_EQ(texts(wanted.output), expected);
  }
  wanted.output = root / "parquet";
  wanted.mix.processing.format = "parquet";
  take(prepare_corpus(wanted));
  auto file = take(data::open_document_file(wanted.output / "shard_0000.parquet"));
  std::vector<std::string> read;
  ASSERT_TRUE(take(file->read_group(0, read)));
  EXPECT_EQ(read, expected);
}

// L-2.39, L-2.1
TEST_F(Pipeline, BytesDoNotDependOnThreadsOrMemory) {
  std::vector<std::string> made = made_texts(1, 9000, 12), second = made_texts(2, 5000, 12);
  for (size_t i = 0; i < 500; ++i) second[i * 7] = made[i * 11];
  write_records(root / "a.jsonl.zst", made);
  write_records(root / "b.jsonl.gz", second);
  auto wanted = settings({{"a", root / "a.jsonl.zst"}, {"b", root / "b.jsonl.gz"}}, R"(, "processing_params": {"shard_size": 3000})");
  const int before = num_threads();
  std::map<std::string, std::string> expected;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    wanted.output = root / std::to_string(threads);
    wanted.memory_bytes = threads == 3 ? kMinDuplicateMemory : int64_t{64} << 20;
    take(prepare_corpus(wanted));
    const auto found = content(wanted.output);
    if (threads == 1) expected = found;
    EXPECT_EQ(found.size(), 8u);  // 5 shards, manifest, card, report
    EXPECT_TRUE(found == expected) << threads;
  }
  set_num_threads(before);
}

// L-2.6, L-1.25
TEST_F(Pipeline, BudgetCountsWhatIsLeftAndStopsWithinItsMargin) {
  std::vector<std::string> made = made_texts(1, 4000, 30);
  for (size_t i = 1; i < 2000; i += 2) made[i] = made[i - 1];  // a half of the first half is duplicates
  write_records(root / "a.jsonl", made);
  const auto wanted = settings({{"a", root / "a.jsonl"}}, "", R"(, "token_budget": 60000, "margin_ratio": 0.05, "chars_per_token": 3.0)");
  take(prepare_corpus(wanted));
  int64_t characters = 0;
  for (const std::string& text : texts(root / "out")) characters += static_cast<int64_t>(text.size());
  EXPECT_LE(characters, 60000 * 3 * 1.05);
  EXPECT_GT(characters, 60000 * 3 * 1.05 - 400);
  const Json counts = manifest(root / "out").at("counts");
  EXPECT_EQ(counts.at("characters").as_int(), characters);
  EXPECT_EQ(counts.at("bytes").as_int(), characters);
  EXPECT_NEAR(counts.at("estimated_tokens").as_double(), static_cast<double>(characters) / 3.0, 1);
}

// L-2.6, L-1.25
TEST_F(Pipeline, AShortSourceIsAnErrorUnlessAllowed) {
  write_records(root / "a.jsonl", made_texts(1, 100, 30));
  auto wanted = settings({{"a", root / "a.jsonl"}}, "", R"(, "token_budget": 60000)");
  EXPECT_PART(failure(wanted), "of its budget of 60,000");
  EXPECT_FALSE(fs::exists(root / "out"));
  wanted.mix.allow_short = true;
  take(prepare_corpus(wanted));
  EXPECT_EQ(records(root / "out").size(), 100u);
  EXPECT_PART(take(read_file(root / "out" / "DATA_CARD.md")), "ends at");
}

// A source with a budget is read on when duplicates take more than its first surplus.
// L-2.6
TEST_F(Pipeline, ReadsOnWhenDuplicatesTakeMoreThanExpected) {
  // 1024 documents are a block and 32 blocks a part: the first parts are nearly all copies of one text.
  std::vector<std::string> made(70000, made_text(9, 9, 8));
  for (size_t i = 0; i < made.size(); i += 20) made[i] = made_text(1, i, 8);
  for (size_t i = 65536; i < made.size(); ++i) made[i] = made_text(1, i, 8);
  write_records(root / "a.jsonl.zst", made);
  auto wanted = settings({{"a", root / "a.jsonl.zst"}}, "", R"(, "token_budget": 60000)");
  std::string said;
  wanted.print = [&](const std::string& line) { said += line + "\n"; };
  take(prepare_corpus(wanted));
  EXPECT_PART(said, "reading on");
  const double tokens = manifest(root / "out").at("counts").at("estimated_tokens").as_double();
  EXPECT_GE(tokens, 60000 * 0.98);
  EXPECT_LE(tokens, 60000 * 1.02);
}

// L-2.32
TEST_F(Pipeline, EveryPrefixHasTheProportionsOfTheMix) {
  write_records(root / "a.jsonl", made_texts(1, 3000, 20));
  write_records(root / "b.jsonl", made_texts(2, 600, 100));
  auto wanted = settings({{"a", root / "a.jsonl"}, {"b", root / "b.jsonl"}});
  wanted.mix.sources[0].weight = 3, wanted.mix.sources[1].weight = 1;
  take(prepare_corpus(wanted));
  double of_a = 0, all = 0;
  const auto mixed = records(root / "out");
  for (size_t i = 0; i < mixed.size(); ++i) {
    const double size = static_cast<double>(mixed[i].at("text").as_string().size());
    all += size;
    if (mixed[i].at("source").as_string() == "a") of_a += size;
    if (all > 1000 && of_a < 300000) {
      ASSERT_NEAR(of_a, 0.75 * all, kMixOffset * 4 + 700) << i;
    }
  }
  EXPECT_EQ(mixed.size(), 3600u);
  // Another seed: another order of the same documents.
  wanted.mix.seed = 7;
  wanted.output = root / "seven";
  take(prepare_corpus(wanted));
  auto first = texts(root / "out"), second = texts(root / "seven");
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end()), std::sort(second.begin(), second.end());
  EXPECT_EQ(first, second);
}

// L-1.20, L-2.20, L-2.26
TEST_F(Pipeline, DuplicatesAreTakenBeforeFiltersLook) {
  std::vector<std::string> first = made_texts(1, 50, 200), second = made_texts(2, 50, 60);
  second[3] = first[5];           // exact, of another source
  second[4] = first[6] + " also";  // near
  second[5] = second[9] = made_text(3, 3, 60);
  write_records(root / "a.jsonl", first);
  write_records(root / "b.jsonl", second);
  auto wanted = settings({{"a", root / "a.jsonl"}, {"b", root / "b.jsonl"}});
  wanted.mix.sources[0].length.max_length = 100;  // takes the survivors of both clusters
  take(prepare_corpus(wanted));
  const auto left = texts(root / "out");
  EXPECT_EQ(std::count(left.begin(), left.end(), first[5]), 0);
  EXPECT_EQ(left.size(), 47u);
  const Json facts = manifest(root / "out").at("deduplication");
  EXPECT_EQ(facts.at("exact").as_int(), 2);
  EXPECT_EQ(facts.at("near").as_int(), 1);
  EXPECT_EQ(facts.at("bands").as_int(), 8);
  EXPECT_EQ(facts.at("rows").as_int(), 16);
  EXPECT_EQ(facts.at("exact_pairs").dump(),
            R"([{"kept": "a", "removed": "b", "documents": 1}, {"kept": "b", "removed": "b", "documents": 1}])");
  EXPECT_EQ(facts.at("near_pairs").dump(), R"([{"kept": "a", "removed": "b", "documents": 1}])");
}

// L-2.19, L-2.18, L-2.17
TEST_F(Pipeline, FunnelHasOneLineAFilterAndItsNumbersAddUp) {
  std::vector<std::string> made = made_texts(1, 100, 60);
  for (size_t i = 0; i < 30; ++i) made[i] = made_text(1, i, 3);           // too short
  for (size_t i = 30; i < 40; ++i) made[i] = made_text(1, i, 2000);       // too long
  for (size_t i = 40; i < 45; ++i) made[i] += std::string(400, '#') + " " + std::to_string(i);  // too few letters
  write_records(root / "a.jsonl", made);
  auto wanted = settings({{"a", root / "a.jsonl"}}, R"(, "quality": {"quality": ["basic"], "quality_without": ["min_stop_words"]})");
  wanted.mix.quality.without.clear();
  for (const Rule& rule : quality_rules())
    if (std::string(rule.key) != "min_alphabetic" && std::string(rule.family) == "basic") wanted.mix.quality.without.emplace_back(rule.key);
  std::string alphabetic;
  for (const Rule& rule : quality_rules())
    if (std::string(rule.key).find("alphabetic") != std::string::npos && std::string(rule.family) == "basic") alphabetic = rule.key;
  std::erase(wanted.mix.quality.without, alphabetic);
  wanted.mix.sources[0].length = {50, 5000, "drop"};
  take(prepare_corpus(wanted));
  const Json source = manifest(root / "out").at("sources").at(size_t{0});
  const Json& funnel = source.at("filters");
  int64_t seen = source.at("unique").at("documents").as_int();
  EXPECT_EQ(seen, 100);
  std::map<std::string, int64_t> removed;
  for (const Json& line : funnel.as_array()) {
    EXPECT_EQ(line.at("seen").as_int(), seen);
    EXPECT_EQ(line.at("seen").as_int() - line.at("removed").as_int(), line.at("kept").as_int());
    seen = line.at("kept").as_int();
    removed[line.at("filter").as_string()] = line.at("removed").as_int();
  }
  EXPECT_EQ(seen, source.at("documents").as_int());
  EXPECT_EQ(removed.at("length"), 40);
  EXPECT_EQ(removed.at(alphabetic), 5);
  // Ten long texts are most of the characters: the limits were likely meant for another source.
  EXPECT_PART(take(read_file(root / "out" / "DATA_CARD.md")), "the filter length takes");
}

// L-2.28, L-2.29
TEST_F(Pipeline, TextsOfEvaluationSetsAreRemovedOrFlagged) {
  std::vector<std::string> made = made_texts(1, 20, 60);
  const std::string question = made_text(5, 5, 20), answer = made_text(6, 6, 30);
  made[7] += " " + question;
  made[9] = "Before. " + answer + " After.";
  write_records(root / "a.jsonl", made);
  write_text(root / "sets" / "quiz.jsonl", "{\"query\": \"" + question + "\", \"choices\": [\"no\", {\"b\": \"" + answer + "\"}], \"gold\": 1}\n");
  write_text(root / "sets" / "deep" / "lines.txt", made_text(8, 8, 40) + "\n");
  auto wanted = settings({{"a", root / "a.jsonl"}});
  wanted.mix.decontamination.sets = {(root / "sets").string()};
  take(prepare_corpus(wanted));
  EXPECT_EQ(records(root / "out").size(), 18u);
  const Json facts = manifest(root / "out").at("decontamination");
  EXPECT_EQ(facts.at("contaminated").as_int(), 2);
  ASSERT_EQ(facts.at("sets").size(), 2u);
  const Json& quiz = facts.at("sets").at(1);
  EXPECT_EQ(quiz.at("name").as_string(), "quiz");
  EXPECT_EQ(quiz.at("documents").as_int(), 2);
  EXPECT_EQ(quiz.at("sha256").as_string(), take(read_evaluation_file({root / "sets" / "quiz.jsonl", "quiz"}, 13)).sha256());
  EXPECT_EQ(facts.at("sets").at(size_t{0}).at("name").as_string(), "deep/lines");

  wanted.mix.decontamination.action = "flag";
  wanted.output = root / "flagged";
  take(prepare_corpus(wanted));
  std::vector<size_t> flagged;
  const auto all = records(wanted.output);
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].at("contaminated").as_bool()) flagged.push_back(i);
  EXPECT_EQ(flagged, (std::vector<size_t>{7, 9}));
  EXPECT_EQ(manifest(wanted.output).at("sources").at(size_t{0}).at("flagged").as_int(), 2);
}

// L-2.28
TEST_F(Pipeline, EvaluationSetsOfTheBaseFolderAreTheDefault) {
  std::vector<std::string> made = made_texts(1, 20, 60);
  write_records(root / "a.jsonl", made);
  write_text(root / "base" / "eval_bundle" / "eval_data" / "boolq.jsonl", "{\"passage\": \"" + made[3] + "\"}\n");
  take(prepare_corpus(settings({{"a", root / "a.jsonl"}})));
  EXPECT_EQ(records(root / "out").size(), 19u);
}

// L-2.33, L-1.12, L-2.40
TEST_F(Pipeline, ManifestHoldsTotalsShardsInputsAndIsVerified) {
  write_records(root / "a.jsonl", made_texts(1, 30, 40));
  write_records(root / "b.jsonl", made_texts(2, 20, 40));
  auto wanted = settings({{"a", root / "a.jsonl"}, {"b", root / "b.jsonl"}}, R"(, "processing_params": {"shard_size": 20})");
  const PipelineResult result = take(prepare_corpus(wanted));
  EXPECT_GT(result.worked_bytes, 0);
  EXPECT_EQ(result.worked_documents, 50);
  const Manifest read = take(read_manifest(root / "out", "corpus", ""));
  check(verify_outputs(root / "out", read, ""));
  ASSERT_EQ(read.inputs.size(), 2u);
  EXPECT_EQ(read.inputs[0], take(record_file(root / "a.jsonl", "a/a.jsonl")));
  const Json json = manifest(root / "out");
  EXPECT_EQ(json.at("counts").at("documents").as_int(), 50);
  EXPECT_EQ(json.at("counts").at("shards").as_int(), 3);
  EXPECT_EQ(json.at("settings").dump(), wanted.mix.to_json().dump());
  EXPECT_EQ(json.at("seed").as_int(), 42);
  int64_t characters = 0;
  for (const Json& source : json.at("sources").as_array()) characters += source.at("characters").as_int();
  EXPECT_EQ(characters, json.at("counts").at("characters").as_int());
  for (const Json& shard : json.at("shards").as_array())
    EXPECT_EQ(take(sha256_file(root / "out" / shard.at("path").as_string())), shard.at("sha256").as_string());
  write_text(root / "out" / "shard_0001.jsonl.zst", "changed");
  EXPECT_FALSE(verify_outputs(root / "out", read, "").ok());
}

// L-2.34, L-2.8
TEST_F(Pipeline, CardAndReportSpeakOfSourcesFiltersAndDuplicates) {
  std::vector<std::string> made = made_texts(1, 30, 40);
  made[20] = made[3];
  made[21] = made[4] + " too";
  made[3] += " <script>alert(1)</script>", made[20] = made[3];
  write_records(root / "a.jsonl", made);
  auto wanted = settings({{"a", root / "a.jsonl"}});
  wanted.mix.sources[0].licence = "CC BY 4.0", wanted.mix.sources[0].category = "stories";
  wanted.mix.sources[0].dataset_name = "some/stories", wanted.mix.sources[0].revision = "abc123";
  wanted.mix.description = "A made corpus.";
  take(prepare_corpus(wanted));
  const std::string card = take(read_file(root / "out" / "DATA_CARD.md")), report = take(read_file(root / "out" / "report.html"));
  for (const char* part : {"# made", "A made corpus.", "CC BY 4.0", "stories", "abc123", "1 exact and 1 near", "Known limits", "The first document of a begins"})
    EXPECT_PART(card, part);
  for (const char* part : {"Mean word length", "A cluster of 2 documents", "kept by the filters", "1 exact and 1 near", "alert(1)"}) EXPECT_PART(report, part);
  EXPECT_EQ(report.find("<script"), std::string::npos);
}

// L-1.15
TEST_F(Pipeline, DoneIsDoneAndOtherSettingsNeedForce) {
  write_records(root / "a.jsonl", made_texts(1, 30, 40));
  auto wanted = settings({{"a", root / "a.jsonl"}});
  take(prepare_corpus(wanted));
  EXPECT_TRUE(take(prepare_corpus(wanted)).already_done);
  wanted.mix.processing.shard_size = 7;
  EXPECT_PART(failure(wanted), "--force");
  wanted.force = true;
  EXPECT_FALSE(take(prepare_corpus(wanted)).already_done);
  EXPECT_EQ(manifest(root / "out").at("counts").at("shards").as_int(), 5);
}

// A source that changed since is not "already done".
// L-1.15, L-1.12
TEST_F(Pipeline, AChangedSourceIsNotDone) {
  write_records(root / "a.jsonl", made_texts(1, 30, 40));
  const auto wanted = settings({{"a", root / "a.jsonl"}});
  take(prepare_corpus(wanted));
  std::string bytes = take(read_file(root / "a.jsonl"));
  bytes[12] = bytes[12] == 'x' ? 'y' : 'x';
  write_text(root / "a.jsonl", bytes);
  EXPECT_PART(failure(wanted), "a/a.jsonl");
}

}  // namespace
}  // namespace lathe::corpus
