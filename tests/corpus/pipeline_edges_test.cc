// Budgets that documents do not fit, folders that lie in one another, files of other stages, files cut to nothing.
#include "pipeline_fixture.h"

namespace lathe::corpus {
namespace {

using Edges = PipelineTest;

// L-2.6, L-1.25
TEST_F(Edges, DocumentsTooLargeForTheBudgetArePassedOverUntilItIsReached) {
  const std::string large = made_text(1, 0, 2000);
  std::vector<std::string> small;
  for (uint64_t i = 1; i <= 4; ++i) small.push_back(made_text(1, i, 200).substr(0, 500));
  write_records(root / "a.jsonl", {large, small[0], large + " again and again", small[1], small[2], small[3]});
  // 250 tokens are 1000 characters, to 1200 with the margin: two small documents.
  auto wanted = settings({{"a", root / "a.jsonl"}}, R"(, "deduplication": {"enabled": false}, "processing_params": {"shard_size": 1})",
                         R"(, "token_budget": 250, "margin_ratio": 0.2)");
  take(prepare_corpus(wanted));
  EXPECT_EQ(texts(root / "out"), (std::vector<std::string>{small[0], small[1]}));
  const std::string card = take(read_file(root / "out" / "DATA_CARD.md"));
  EXPECT_PART(card, small[0].substr(0, 60));
  EXPECT_EQ(card.find(large.substr(0, 60)), std::string::npos);

  wanted.mix.sources[0].token_budget = 1;
  wanted.output = root / "tiny";
  EXPECT_PART(failure(wanted), "each of the other 6 documents is larger than what is left");
}

// L-2.6
TEST_F(Edges, ABudgetBelowEveryDocumentOfALongSourceEnds) {
  write_records(root / "a.jsonl.zst", made_texts(1, 70000, 8));
  auto wanted = settings({{"a", root / "a.jsonl.zst"}}, R"(, "deduplication": {"enabled": false})", R"(, "token_budget": 1)");
  EXPECT_PART(failure(wanted), "each of the other 70,000 documents");
}

// L-1.14, L-1.15
TEST_F(Edges, OutputAndSourcesMayNotLieInOneAnother) {
  write_records(root / "texts" / "a.jsonl", made_texts(1, 10, 30));
  auto wanted = settings({{"a", root / "texts"}});
  wanted.output = root / "texts" / "deep" / "out";
  EXPECT_PART(failure(wanted), "lies in the source folder");
  EXPECT_FALSE(fs::exists(root / "texts" / "deep"));
  fs::create_directory_symlink(root / "texts", root / "link");
  wanted.output = root / "link" / "out";
  EXPECT_PART(failure(wanted), "lies in the source folder");
  wanted.force = true;
  for (const fs::path& place : {root / "texts", root}) {
    wanted.output = place;
    EXPECT_PART(failure(wanted), "--output-dir");
  }
  const fs::path before = fs::current_path();
  fs::current_path(root / "texts");
  wanted.mix.sources[0].path = ".", wanted.output = "out";
  EXPECT_PART(failure(wanted), "lies in the source folder");
  fs::current_path(before);
  wanted.mix.sources[0].path = (root / "texts" / "a.jsonl").string();
  wanted.output = root / "texts";
  EXPECT_PART(failure(wanted), "holds the source");
  EXPECT_TRUE(fs::exists(root / "texts" / "a.jsonl"));
  wanted.output = root / "texts" / "out";  // beside a source that is one file
  take(prepare_corpus(wanted));
}

// L-2.2
TEST_F(Edges, ACorpusIsASourceOfAnother) {
  write_records(root / "a.jsonl", made_texts(1, 10, 30));
  auto wanted = settings({{"a", root / "a.jsonl"}});
  take(prepare_corpus(wanted));
  wanted.mix.sources[0].path = (root / "out").string();
  wanted.output = root / "second";
  take(prepare_corpus(wanted));
  EXPECT_EQ(texts(root / "second"), texts(root / "out"));
}

// L-1.25
TEST_F(Edges, ACompressedFileCutToNothingIsTruncated) {
  write_records(root / "texts" / "a.jsonl", made_texts(1, 10, 30));
  for (const char* name : {"b.jsonl.gz", "b.jsonl.zst"}) {
    write_text(root / "texts" / name, "");
    auto wanted = settings({{"a", root / "texts"}});
    EXPECT_PART(failure(wanted), std::string(name) + " at byte 0");
    fs::remove(root / "texts" / name);
  }
  write_text(root / "texts" / "b.jsonl", "");  // nothing compressed: an empty file has no documents
  take(prepare_corpus(settings({{"a", root / "texts"}})));
}

// Of downloaded data sets, the files of the subset and the split.
// L-2.3, L-1.24
TEST_F(Edges, TheSubsetOfADownloadedSetIsItsFolder) {
  const fs::path c4 = root / "base" / "downloads" / "hf" / "datasets" / "allenai" / "c4";
  write_records(c4 / "en" / "c4-train.00000-of-01024.json.gz", {made_text(1, 0, 30)});
  write_records(c4 / "en" / "c4-validation.00000-of-00008.json.gz", {made_text(1, 1, 30)});
  write_records(c4 / "en.noclean" / "c4-train.00000-of-07168.json.gz", {made_text(1, 2, 30)});
  write_text(c4 / "manifest.json", "{\"kind\": \"download\"}");
  auto wanted = settings({{"c4", "x"}});
  SourceSettings& source = wanted.mix.sources[0];
  source.type = "hf", source.dataset_name = "allenai/c4", source.subset = "en";
  take(prepare_corpus(wanted));
  EXPECT_EQ(texts(root / "out"), (std::vector<std::string>{made_text(1, 0, 30)}));
  source.subset = "es";
  wanted.output = root / "other";
  EXPECT_PART(failure(wanted), "lathe download hf://datasets/allenai/c4/es/");
  source.revision = "v2";
  EXPECT_PART(failure(wanted), "lathe download hf://datasets/allenai/c4@v2/es/");

  source.dataset_name = "HuggingFaceFW/fineweb-edu", source.subset = "sample-10BT", source.revision = "";
  EXPECT_PART(failure(wanted), "lathe download hf://datasets/HuggingFaceFW/fineweb-edu/sample/10BT/");
  const fs::path fineweb = root / "base" / "downloads" / "hf" / "datasets" / "HuggingFaceFW" / "fineweb-edu";
  write_records(fineweb / "sample" / "10BT" / "000.jsonl", {made_text(2, 0, 30)});
  write_records(fineweb / "sample" / "100BT" / "000.jsonl", {made_text(2, 1, 30)});
  take(prepare_corpus(wanted));
  EXPECT_EQ(texts(root / "other"), (std::vector<std::string>{made_text(2, 0, 30)}));
}

}  // namespace
}  // namespace lathe::corpus
