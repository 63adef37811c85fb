#include <gtest/gtest.h>

#include <set>

#include "core/manifest.h"
#include "core/rng.h"
#include "real_verbs.h"
#include "tokenizer/tokenizer.h"
#include "train/sft_data.h"

namespace lathe::cli {
namespace {

using lathe::testing::check;
using lathe::testing::take;

std::string words(uint64_t seed, int64_t count) {
  Rng rng(seed, "words");
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += (i ? " w" : "w") + std::to_string(rng.below(900));
  return text;
}
std::string alpaca(const std::string& instruction, const std::string& input, const std::string& output) {
  return Json(Json::Object{{"instruction", instruction}, {"input", input}, {"output", output}}).dump() + "\n";
}

// Trees with `branches` answers to one question, each answered further.
Json message(const std::string& role, const std::string& text, int64_t rank, Json::Array replies) {
  return Json(Json::Object{{"text", text}, {"role", role}, {"lang", "en"}, {"rank", rank}, {"deleted", false}, {"synthetic", false},
                           {"replies", Json(std::move(replies))}});
}
std::string tree(uint64_t number, int64_t branches) {
  Json::Array answers;
  for (int64_t b = 0; b < branches; ++b) {
    const uint64_t seed = number * 100 + static_cast<uint64_t>(b);
    answers.push_back(message("assistant", words(seed, 30), b,
                              {message("prompter", words(seed + 40, 8), 0, {message("assistant", words(seed + 70, 30), 0, {})})}));
  }
  return Json(Json::Object{{"message_tree_id", "tree" + std::to_string(number)}, {"prompt", message("prompter", words(number, 12), 0, std::move(answers))}}).dump() + "\n";
}

class CorpusSftVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    check(take(tokenizer::Tokenizer::from_tokens(tokens, {"<pad>", "</s>", "<|im_start|>", "<|im_end|>"})).save(at("tok")));
    check(take(tokenizer::Tokenizer::from_tokens(tokens, {"</s>"})).save(at("plain_tok")));
  }
  fs::path at(const std::string& name) const { return base_.path() / name; }
  void write(const std::string& name, const std::string& text) { check(write_file_atomic(at(name), text)); }
  // {"name", "template", "datasets": [{path}], ...} with `more` in place of what is standard.
  void config(const std::string& data, const std::string& more) {
    write("config.json", R"({"name": "set", "template": "chatml", "datasets": [{"name": "d", "path": "data.jsonl"}])" + more + "}");
    write("data.jsonl", data);
  }
  Outcome run(std::vector<std::string> more = {}, const std::string& verb = "corpus sft", const std::string& tok = "tok") {
    std::vector<std::string> line = split_text(verb, ' ');
    for (const std::string& word : {std::string("--config"), at("config.json").string(), std::string("--tokenizer_dir"), at(tok).string(),
                                    std::string("--output_dir"), at("out").string(), std::string("--json")})
      line.push_back(word);
    line.insert(line.end(), more.begin(), more.end());
    return run_lathe(line);
  }
  std::vector<Json> records(const std::string& part) const {
    std::vector<Json> out;
    for (const auto& entry : fs::directory_iterator(at("out")))
      if (entry.path().filename().string().starts_with(part))
        for (const std::string& line : split_text(take(read_file(entry.path())), '\n'))
          if (!line.empty()) out.push_back(take(parse_json(line)));
    return out;
  }
  TemporaryFolder base_;
};

constexpr const char* kOpen = R"(, "quality_filters": {"min_prompt_length": 0, "min_response_length": 0})";

// L-1.42, L-1.43, L-7.11: by the origin's name and flags; the manifest says what a later stage must know.
TEST_F(CorpusSftVerb, MakesShardsWithTheirManifest) {
  std::string data;
  for (uint64_t i = 0; i < 60; ++i) data += alpaca(words(i, 10), i % 3 ? "" : words(i + 1000, 6), words(i + 500, 20));
  config(data, R"(, "output_params": {"shard_size": 20})");
  const Outcome done = run({}, "scripts/60_prepare_sft_corpus.py");
  ASSERT_EQ(done.exit, Exit::kDone) << done.err;
  const Manifest manifest = take(read_manifest(at("out"), "sft", ""));
  check(verify_outputs(at("out"), manifest, ""));
  EXPECT_EQ(manifest.tokenizer_sha256, take(tokenizer::Tokenizer::load(at("tok"))).hash());
  EXPECT_EQ(manifest.details.at("template").as_string(), "chatml");
  EXPECT_EQ(manifest.details.at("template_version").as_int(), 1);
  const auto train = records("train_"), val = records("val_");
  EXPECT_EQ(static_cast<int64_t>(train.size() + val.size()), 60);
  EXPECT_EQ(manifest.counts.at("train").as_int(), static_cast<int64_t>(train.size()));
  EXPECT_EQ(manifest.counts.at("truncated").as_int(), 0);
  EXPECT_TRUE(fs::exists(at("out") / "train_00002.jsonl"));
  EXPECT_TRUE(fs::exists(at("out") / "DATA_CARD.md"));
  // The counted tokens are those that training sees.
  const auto tokenizer = take(tokenizer::Tokenizer::load(at("tok")));
  const auto form = take(tokenizer::ChatTemplate::find("chatml"));
  int64_t tokens = 0;
  for (const Json& record : train)
    tokens += static_cast<int64_t>(take(form.render(tokenizer, take(tokenizer::conversation_from_json(record)))).ids.size());
  EXPECT_EQ(manifest.counts.at("train_tokens").as_int(), tokens);
  // And what is written is what the loader takes.
  EXPECT_EQ(take(train::SftData::open({at("out").string()}, {}, tokenizer, "tok", {})).chat_template().name(), "chatml");
  EXPECT_TRUE(run().figures().contains("already_done"));
  config(data, kOpen);
  EXPECT_EQ(run().exit, Exit::kBadInput);
  EXPECT_EQ(run({"--force"}).exit, Exit::kDone);
}

// L-7.8, L-7.12: every branch of a tree is a conversation, and all of them are on one side of the split.
TEST_F(CorpusSftVerb, TreesAreNotSplit) {
  std::string data;
  for (uint64_t i = 0; i < 80; ++i) data += tree(i, 4);
  config(data, R"(, "output_params": {"train_ratio": 0.5}, "quality_filters": {"remove_duplicates": false})");
  const Outcome done = run();
  ASSERT_EQ(done.exit, Exit::kDone) << done.err;
  std::set<std::string> train, val;
  for (const Json& record : records("train_")) train.insert(record.at("tree").as_string());
  for (const Json& record : records("val_")) val.insert(record.at("tree").as_string());
  EXPECT_EQ(records("train_").size() + records("val_").size(), 320u);
  EXPECT_GT(train.size(), 20u);
  EXPECT_GT(val.size(), 20u);
  EXPECT_EQ(train.size() + val.size(), 80u) << "no tree is on both sides";
}

// L-7.8: the choice by rank.
TEST_F(CorpusSftVerb, RankChoosesBranches) {
  config(tree(1, 4) + tree(2, 4), kOpen);
  write("config.json", R"({"name": "set", "datasets": [{"name": "d", "path": "data.jsonl", "custom_processing": {"form": "oasst", "max_rank": 1}}]})");
  EXPECT_EQ(run().figures().at("read").as_int(), 4);
}

// L-7.10: each filter removes what it says, and says how many.
TEST_F(CorpusSftVerb, QualityFiltersRemoveAndCount) {
  const std::string good = words(1, 12), answer = words(2, 20);
  config(alpaca(good, "", answer) + alpaca("short", "", words(3, 20)) + alpaca(words(4, 400), "", words(5, 20)) + alpaca(words(6, 12), "", "brief") +
             alpaca(words(7, 12), "", words(8, 800)) + alpaca(words(9, 12), "", words(10, 20) + " see http://a.example/b now") +
             alpaca(words(11, 12), "", words(12, 20) + "\n```\ncode\n```\n") + alpaca(words(13, 12), "", words(14, 20) + " caf\xc3\xa9") +
             alpaca(good, "", answer) + alpaca(good, "", answer + " more"),
         R"(, "quality_filters": {"filter_urls": true, "filter_code_blocks": true, "require_ascii": true})");
  const Outcome done = run();
  ASSERT_EQ(done.exit, Exit::kDone) << done.err;
  const Json figures = done.figures();
  EXPECT_EQ(figures.at("read").as_int(), 10);
  EXPECT_EQ(figures.at("removed_prompt_length").as_int(), 2);
  EXPECT_EQ(figures.at("removed_response_length").as_int(), 2);
  EXPECT_EQ(figures.at("removed_urls").as_int(), 1);
  EXPECT_EQ(figures.at("removed_code_blocks").as_int(), 1);
  EXPECT_EQ(figures.at("removed_not_ascii").as_int(), 1);
  EXPECT_EQ(figures.at("removed_exact_duplicates").as_int(), 1);
  EXPECT_EQ(figures.at("removed_near_duplicates").as_int(), 1);
  EXPECT_EQ(figures.at("conversations").as_int(), 1);
}

// L-7.13: too long: cut between turns, whole answers and their stop token stay; or dropped; both are counted.
TEST_F(CorpusSftVerb, LongConversationsAreCutBetweenTurnsOrDropped) {
  Json::Array messages;
  for (uint64_t t = 0; t < 6; ++t) {
    messages.push_back(Json(Json::Object{{"role", "user"}, {"content", words(t, 4)}}));
    messages.push_back(Json(Json::Object{{"role", "assistant"}, {"content", words(t + 50, 10)}}));
  }
  const std::string data = Json(Json::Object{{"messages", Json(messages)}}).dump() + "\n" + R"({"messages":[{"role":"user","content":")" + words(90, 100) +
                           R"("},{"role":"assistant","content":"yes"}]})" + "\n";
  config(data, R"(, "output_params": {"sequence_length": 300, "train_ratio": 1}, "quality_filters": {"min_prompt_length": 0, "min_response_length": 0})");
  const Outcome cut = run();
  ASSERT_EQ(cut.exit, Exit::kDone) << cut.err;
  EXPECT_EQ(cut.figures().at("truncated").as_int(), 1);
  EXPECT_EQ(cut.figures().at("removed_too_long").as_int(), 1);
  const auto kept = records("train_");
  ASSERT_EQ(kept.size(), 1u);
  const auto& left = kept[0].at("messages").as_array();
  EXPECT_EQ(left.size(), 12 - 2 * static_cast<size_t>(cut.figures().at("truncated_turns").as_int()));
  EXPECT_EQ(left.back(), messages[left.size() - 1]) << "the last answer is whole";
  EXPECT_LE(cut.figures().at("train_tokens").as_int(), 300);
  config(data, R"(, "output_params": {"sequence_length": 300, "over_long": "drop"}, "quality_filters": {"min_prompt_length": 0, "min_response_length": 0})");
  const Outcome dropped = run({"--force"});
  EXPECT_EQ(dropped.exit, Exit::kBadInput) << "nothing is left";
  EXPECT_NE(dropped.err.find("no conversation is left"), std::string::npos);
}

// L-1.44: what blocks.
TEST_F(CorpusSftVerb, BlocksOnMarkersAndMissingAnswers) {
  config(alpaca(words(1, 10), "", words(2, 20)), "");
  const Outcome markers = run({}, "corpus sft", "plain_tok");
  EXPECT_EQ(markers.exit, Exit::kBadInput);
  EXPECT_NE(markers.err.find("<|im_start|>, <|im_end|>"), std::string::npos) << markers.err;
  config(R"({"messages":[{"role":"user","content":"a question without an answer"}]})" "\n", "");
  EXPECT_EQ(run().exit, Exit::kBadInput);
  config(alpaca(words(1, 10), "", "no"), "");
  EXPECT_NE(run().err.find("no conversation is left"), std::string::npos);
  EXPECT_FALSE(fs::exists(at("out")));
  EXPECT_EQ(run_lathe({"corpus", "sft", "--config", at("config.json").string()}).exit, Exit::kUsage) << "there is no default tokenizer";
  const Outcome none = run({}, "corpus sft", "absent");
  EXPECT_NE(none.err.find("No tokenizer found"), std::string::npos);
}

// L-7.9: keys, targets and weights; an unknown key names its neighbour.
TEST_F(CorpusSftVerb, TargetsAreSharedByWeight) {
  std::string data, other;
  for (uint64_t i = 0; i < 100; ++i) data += alpaca(words(i, 10), "", words(i + 500, 20)), other += alpaca(words(i + 2000, 10), "", words(i + 2500, 20));
  write("other.jsonl", other);
  config(data, "");
  write("config.json", R"({"name": "set", "template": "instruct", "datasets": [{"name": "a", "path": "data.jsonl", "weight": 3, "_why": "larger"},
    {"name": "b", "path": "nowhere.jsonl", "weight": 1, "text_fields": {"prompt": "instruction", "response": "output", "context": "input"}}],
    "sampling_strategy": {"mode": "target_conversations", "target_conversations": 40, "seed": 7}, "output_params": {"train_ratio": 1}})");
  const Outcome done = run({"--source-map", "b=" + at("other.jsonl").string()});
  ASSERT_EQ(done.exit, Exit::kDone) << done.err;
  int64_t of_a = 0;
  for (const Json& record : records("train_")) of_a += record.at("source").as_string() == "a";
  EXPECT_EQ(records("train_").size(), 40u);
  EXPECT_EQ(of_a, 30);
  EXPECT_EQ(done.figures().at("left_out").as_int(), 160);
  EXPECT_EQ(done.figures().at("template").as_string(), "instruct");
  config(data, R"(, "output_params": {"sequence_lenght": 100})");
  const Outcome wrong = run({"--force"});
  EXPECT_NE(wrong.err.find("sequence_length"), std::string::npos) << wrong.err;
}

// L-7.1, L-7.9: the shipped configs are read, and make corpora of real samples.
TEST_F(CorpusSftVerb, ShippedConfigsTakeRealSamples) {
  const fs::path chat = lathe::testing::real_data("chat");
  LATHE_NEEDS(chat);
  struct Case {
    const char *config, *map;
  };
  for (const Case& c : {Case{"alpaca_chatml", "alpaca=alpaca_en_demo.jsonl.zst"}, Case{"oasst1_chatml", "oasst1=oasst_en_100_tree.jsonl.zst"}}) {
    const std::string map(c.map);
    const size_t equals = map.find('=');
    const Outcome done = run_lathe({"60_prepare_sft_corpus", "--config", join_text(LATHE_SOURCE_DIR, "/configs/lab/sft/datasets/", c.config, ".json"),
                                    "--tokenizer_dir", at("tok").string(), "--output_dir", at(c.config).string(), "--source-map",
                                    map.substr(0, equals + 1) + (chat / map.substr(equals + 1)).string(), "--json"});
    ASSERT_EQ(done.exit, Exit::kDone) << done.err;
    EXPECT_GT(done.figures().at("conversations").as_int(), 100);
    EXPECT_GT(done.figures().at("val").as_int(), 0);
  }
}

}  // namespace
}  // namespace lathe::cli
