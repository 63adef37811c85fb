#include "corpus/mix_settings.h"

#include "tests/corpus/pipeline_fixture.h"

namespace lathe::corpus {
namespace {

Result<MixSettings> read(const std::string& json) { return MixSettings::read(take(parse_json(json)), "some/dir/my_mix.json"); }
std::string fault(const std::string& json) {
  const auto mix = read(json);
  return mix.ok() ? "" : mix.error().to_string();
}

// L-1.19, L-2.5
TEST(MixSettings, BothShapesAreRecognised) {
  const MixSettings mix = take(read(R"({"name": "m", "version": "2", "target_total_tokens": 300, "processing_params": {"shard_size": 5},
    "deduplication": {"threshold": 0.5, "num_perm": 64, "shingle_size": 2},
    "sources": [{"path": "x/web.jsonl", "weight": 2}, {"dataset_name": "a/books", "weight": 1}]})"));
  ASSERT_EQ(mix.sources.size(), 2u);
  EXPECT_EQ(mix.sources[0].name, "web");
  EXPECT_EQ(mix.sources[0].type, "local");
  EXPECT_EQ(mix.sources[0].token_budget, 200);
  EXPECT_EQ(mix.sources[1].name, "books");
  EXPECT_EQ(mix.sources[1].type, "hf");
  EXPECT_EQ(mix.sources[1].token_budget, 100);
  EXPECT_EQ(mix.processing.shard_size, 5);
  EXPECT_EQ(mix.deduplication.num_perm, 64);
  const MixSettings one = take(read(R"({"dataset_name": "a/books", "subset": "en", "description": "d", "cleaning": {"remove_urls": false}})"));
  EXPECT_EQ(one.name, "my_mix");
  EXPECT_EQ(one.description, "d");
  ASSERT_EQ(one.sources.size(), 1u);
  EXPECT_EQ(one.sources[0].subset, "en");
  EXPECT_EQ(one.sources[0].description, "d");
  EXPECT_FALSE(one.cleaning.remove_urls);
}

// L-1.9
TEST(MixSettings, UnknownKeysNameTheNearestAndCommentsAreIgnored) {
  EXPECT_PART(fault(R"({"path": "x", "token_budgt": 1})"), "token_budget");
  EXPECT_PART(fault(R"({"sources": [{"path": "x"}], "deduplcation": {}})"), "did you mean \"deduplication\"");
  EXPECT_PART(fault(R"({"sources": [{"path": "x", "weigth": 1}]})"), "sources[0]");
  EXPECT_PART(fault(R"({"path": "x", "cleaning": {"remove_url": true}})"), "remove_urls");
  EXPECT_EQ(fault(R"({"_note": 1, "sources": [{"path": "x", "_why": {"a": 1}}], "quality": {"_x": 2}, "deduplication": {"_y": []}})"), "");
}

// Every key of every section is set to another value; each change shows in the resolved settings.
// L-1.8, L-1.6, L-2.4
TEST(MixSettings, NoKeyIsDead) {
  const std::string base = R"({"name": "m", "sources": [{"name": "s", "path": "x"}]})";
  const Json resolved = take(read(base)).to_json();
  EXPECT_EQ(take(MixSettings::read(resolved, "again")).to_json(), resolved);
  const std::map<std::string, Json> special = {
      {"num_perm", Json(int64_t{64})}, {"threshold", Json(0.5)}, {"format", Json("parquet")}, {"compression", Json("gz")}, {"action", Json("flag")},
      {"unicode_form", Json("none")}, {"invalid_utf8", Json("drop")}, {"over_long", Json("cut")}, {"invalid_records", Json("skip")},
      {"quality", Json(Json::Array{"gopher"})}, {"quality_with", Json(Json::Array{"gopher_min_words"})}, {"quality_without", Json(Json::Array{"gopher_min_words"})},
      {"margin_ratio", Json(0.5)}, {"min_english", Json(0.5)}, {"max_length", Json(int64_t{900})}};
  const auto other = [&](const std::string& key, const Json& value) {
    if (const auto found = special.find(key); found != special.end()) return found->second;
    if (value.is_bool()) return Json(!value.as_bool());
    if (value.is_int()) return Json(value.as_int() + 1);
    if (value.is_number()) return Json(value.as_double() + 0.25);
    if (value.is_array()) return Json(Json::Array{"other"});
    return Json("other");
  };
  int keys = 0;
  const auto try_key = [&](const std::string& where, const std::string& key, const Json& value) {
    if (key == "trust_remote_code" || key == "type") return;  // must be false; needs its data set: both tested below
    Json config = resolved;
    Json& place = where.empty() ? config : where == "sources" ? config[where].as_array()[0] : config[where];
    place[key] = other(key, value);
    const auto mix = MixSettings::read(config, "config");
    ASSERT_TRUE(mix.ok()) << where << "." << key << ": " << mix.error().to_string();
    EXPECT_NE(mix.value().to_json(), resolved) << where << "." << key;
    ++keys;
  };
  for (const auto& [key, value] : resolved.as_object()) {
    if (key == "sources") {
      for (const auto& [inner, inner_value] : value.at(size_t{0}).as_object()) try_key("sources", inner, inner_value);
    } else if (value.is_object()) {
      for (const auto& [inner, inner_value] : value.as_object()) try_key(key, inner, inner_value);
    } else {
      try_key("", key, value);
    }
  }
  EXPECT_GT(keys, 60);
}

// L-2.4
TEST(MixSettings, ValuesThatCannotBeMeantAreErrors) {
  for (const auto& [json, part] : std::vector<std::pair<const char*, const char*>>{
           {R"({"path": "x", "trust_remote_code": true})", "trust_remote_code"},
           {R"({"type": "hf"})", "dataset_name"},
           {R"({})", "path"},
           {R"({"sources": []})", "sources"},
           {R"({"path": "x", "text_keys": []})", "text_keys"},
           {R"({"path": "x", "text_keys": ["a..b"]})", "text_keys"},
           {R"({"path": "x", "chars_per_token": 0})", "chars_per_token"},
           {R"({"path": "x", "margin_ratio": 1})", "margin_ratio"},
           {R"({"path": "x", "min_length": 5, "max_length": 4})", "max_length"},
           {R"({"path": "x", "token_budget": "5"})", "token_budget"},
           {R"({"path": "x", "token_budget": 9223372036854775807})", "token_budget"},
           {R"({"path": "x", "target_total_tokens": 9223372036854775807})", "target_total_tokens"},
           {R"({"target_total_tokens": 10, "sources": [{"path": "x", "token_budget": 10}, {"path": "y"}]})", "leave nothing for \"y\""},
           {R"({"path": "x", "name": "../up"})", "name"},
           {R"({"path": "x", "deduplication": {"num_perm": 100}})", "num_perm"},
           {R"({"path": "x", "deduplication": {"threshold": 1.5}})", "threshold"},
           {R"({"path": "x", "processing_params": {"compression": "rar"}})", "compression"},
           {R"({"path": "x", "quality": {"quality": ["goffer"]}})", "goffer"},
           {R"({"path": "x", "processing_params": 5})", "processing_params"},
           {R"({"sources": [{"path": "x"}, {"path": "x"}]})", "two of them"},
           {R"({"sources": [{"path": "x", "weight": 1}, {"path": "y"}]})", "weight"}})
    EXPECT_PART(fault(json), part);
}

MixSettings shipped(const std::string& name) {
  const fs::path path = fs::path(LATHE_SOURCE_DIR) / "configs/lab/pretrain" / name;
  return take(MixSettings::read(take(read_json(path)), path.string()));
}

const SourceSettings& source_named(const MixSettings& mix, const std::string& dataset) {
  for (const SourceSettings& source : mix.sources)
    if (source.dataset_name == dataset) return source;
  throw std::runtime_error("no source " + dataset);
}

// L-1.22, L-1.23, L-2.21
TEST(MixSettings, ShippedMixesHaveTheirBudgets) {
  const MixSettings tokenizer = shipped("corpus/tokenizer_training_mix.json"), tiny = shipped("corpus/tiny_23M_chinchilla_500M.json");
  EXPECT_EQ(tokenizer.name, "tokenizer_corpus");
  EXPECT_EQ(tiny.name, "tiny_23M_corpus");
  EXPECT_EQ(tokenizer.target_total_tokens, 100'000'000);
  EXPECT_EQ(tiny.target_total_tokens, 600'000'000);
  EXPECT_EQ(source_named(tokenizer, "allenai/c4").token_budget, 28'000'000);
  for (const char* set : {"sedthh/gutenberg_english", "HuggingFaceFW/fineweb-edu", "vietgpt/wikipedia_en"}) {
    EXPECT_EQ(source_named(tokenizer, set).token_budget, 24'000'000);
    EXPECT_EQ(source_named(tiny, set).token_budget, 150'000'000);
  }
  EXPECT_EQ(source_named(tiny, "allenai/c4").token_budget, 150'000'000);
  for (const MixSettings& mix : {tokenizer, tiny}) {
    EXPECT_EQ(mix.sources.size(), 4u);
    EXPECT_EQ(mix.processing.shard_size, 10000);
    EXPECT_EQ(mix.deduplication.threshold, 0.85);
    EXPECT_EQ(mix.deduplication.num_perm, 128);
    EXPECT_EQ(mix.deduplication.shingle_size, 3);
    EXPECT_TRUE(mix.decontamination.enabled);
    EXPECT_EQ(mix.decontamination.action, "remove");
    EXPECT_EQ(mix.decontamination.ngram, 13);
  }
}

// L-1.24, L-2.3, L-2.16
TEST(MixSettings, ShippedSourcesHaveTheirReferencesAndLimits) {
  struct Expected {
    const char *file, *dataset, *subset, *column;
    int64_t least, most;
  };
  for (const Expected& e : {Expected{"c4_english", "allenai/c4", "en", "text", 50, 10000},
                            {"gutenberg_books", "sedthh/gutenberg_english", "", "TEXT", 200, 900000},
                            {"fineweb_edu", "HuggingFaceFW/fineweb-edu", "sample-10BT", "text", 100, 9000},
                            {"vietgpt_wikipedia", "vietgpt/wikipedia_en", "", "text", 100, 50000}}) {
    const MixSettings single = shipped(std::string("sources/") + e.file + ".json");
    EXPECT_EQ(single.name, e.file);
    ASSERT_EQ(single.sources.size(), 1u);
    const MixSettings mix = shipped("corpus/tokenizer_training_mix.json");
    for (const SourceSettings& source : {single.sources[0], source_named(mix, e.dataset)}) {
      EXPECT_EQ(source.type, "hf");
      EXPECT_EQ(source.dataset_name, e.dataset);
      EXPECT_EQ(source.subset, e.subset);
      EXPECT_EQ(source.text_keys.front(), e.column);
      EXPECT_EQ(source.length.min_length, e.least);
      EXPECT_EQ(source.length.max_length, e.most);
      EXPECT_EQ(source.length.over_long, "drop");
      EXPECT_EQ(source.chars_per_token, 4.0);
      EXPECT_EQ(source.margin_ratio, 0.02);
      EXPECT_FALSE(source.licence.empty());
    }
  }
}

}  // namespace
}  // namespace lathe::corpus
