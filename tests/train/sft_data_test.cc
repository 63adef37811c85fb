#include "train/sft_data.h"

#include <fstream>
#include <set>

#include "core/manifest.h"
#include "core/rng.h"
#include "tests/ref/small_models.h"
#include "tokenizer/bpe_trainer.h"
#include "train/language_objective.h"

namespace lathe::testing {
namespace {

using train::SftData;
using train::SftDataOptions;

const tokenizer::Tokenizer& bytes() {
  static const tokenizer::Tokenizer t = take(tokenizer::Tokenizer::from_tokens(
      tokenizer::tokens_of_merges({{'h', 'e'}, {'.', '\n'}}), {"<pad>", "</s>", "<|im_start|>", "<|im_end|>"}));
  return t;
}

// Conversation n: one to three turns; every answer says whose it is.
std::string line_of(int64_t n, const std::string& set) {
  Rng rng(static_cast<uint64_t>(n), "sft test");
  Json::Array messages;
  const int64_t turns = 1 + static_cast<int64_t>(rng.below(3));
  for (int64_t t = 0; t < turns; ++t) {
    messages.push_back(Json(Json::Object{{"role", "user"}, {"content", "question " + std::string(rng.below(12), 'q')}}));
    messages.push_back(Json(Json::Object{{"role", "assistant"}, {"content", join_text("[", set, " ", n, ".", t, "]")}}));
  }
  return Json(Json::Object{{"messages", Json(std::move(messages))}}).dump() + "\n";
}

class SftDataTest : public ::testing::Test {
 protected:
  // A data set as `lathe corpus sft` leaves it.
  std::string make_set(const std::string& name, int64_t conversations, const std::string& form = "chatml",
                       const std::string& tokenizer_hash = bytes().hash()) {
    const fs::path folder = files_.path() / name;
    std::string train, val;
    for (int64_t n = 0; n < conversations; ++n) (n % 5 == 4 ? val : train) += line_of(n, name);
    EXPECT_TRUE(write_file_atomic(folder / "train_00000.jsonl", train).ok());
    EXPECT_TRUE(write_file_atomic(folder / "val_00000.jsonl", val).ok());
    Manifest manifest;
    manifest.kind = "sft";
    manifest.settings = Json::object();
    manifest.tokenizer_sha256 = tokenizer_hash;
    manifest.details["template"] = form;
    manifest.details["template_version"] = int64_t{1};
    for (const char* file : {"train_00000.jsonl", "val_00000.jsonl"}) manifest.outputs.push_back(take(record_file(folder / file, file)));
    EXPECT_TRUE(write_manifest(folder, manifest).ok());
    return folder.string();
  }
  Result<SftData> open(const std::vector<std::string>& folders, SftDataOptions options = {}, const std::vector<double>& weights = {}) {
    if (options.sequence_length == 1024) options.sequence_length = 160;
    return SftData::open(folders, weights, bytes(), "tok", options);
  }
  TemporaryFolder files_;
};

// The trained tokens of each document of a batch, decoded.
std::vector<std::string> trained_texts(const data::TokenBatch& batch) {
  std::vector<std::string> texts;
  for (int64_t r = 0; r < batch.rows; ++r) {
    int32_t document = -1;
    for (int64_t t = 0; t < batch.columns; ++t) {
      const auto at = static_cast<size_t>(r * batch.columns + t);
      if (batch.documents[at] != document) texts.emplace_back();
      document = batch.documents[at];
      const int32_t target = batch.targets()[at];
      if (target >= 0) texts.back() += bytes().decode(std::span(&target, 1));
    }
  }
  return texts;
}

std::string expected_text(int64_t n, const std::string& set) {
  const Json json = take(parse_json(line_of(n, set)));
  std::string text;
  for (const Json& message : json.at("messages").as_array())
    if (message.at("role").as_string() == "assistant") text += message.at("content").as_string() + "\n<|im_end|>";
  return text + "</s>";
}

std::multiset<std::string> texts_of(data::PackedLoader& loader, int64_t batches) {
  std::multiset<std::string> texts;
  data::TokenBatch batch;
  for (int64_t i = 0; i < batches; ++i) {
    EXPECT_TRUE(loader.next(batch).ok());
    for (std::string& text : trained_texts(batch))
      if (!text.empty()) texts.insert(std::move(text));
  }
  return texts;
}

// L-7.19, L-7.16, L-7.35: through cache and packing the trained tokens of an epoch are exactly the answers with their stop
// tokens, each under its own document. Trap L4: packing does not drop the mask.
TEST_F(SftDataTest, TrainedTokensAreTheAnswersAndTheirStopTokens) {
  const std::string folder = make_set("a", 100);
  std::multiset<std::string> expected;
  for (int64_t n = 0; n < 100; ++n)
    if (n % 5 != 4) expected.insert(expected_text(n, "a"));
  SftDataOptions options;
  options.cache = files_.path() / "cache";
  for (const bool cached : {false, true}) {
    const SftData data = take(open({folder}, options));
    data::PackedLoaderOptions loading;
    loading.rows = 1;
    const auto loader = take(data.loader(data::Split::kTrain, loading));
    EXPECT_LT(data.train_sequences(), 60) << "rows hold several conversations";
    EXPECT_EQ(texts_of(*loader, data.train_sequences()), expected) << cached;
  }
}

// L-7.19: after a resume in the middle the same batches follow, masks and documents included.
TEST_F(SftDataTest, ResumeGivesTheSameBatches) {
  const std::vector<std::string> folders = {make_set("a", 80), make_set("b", 40)};
  const SftData data = take(open(folders, {}, {0.7, 0.3}));
  data::PackedLoaderOptions loading;
  loading.rows = 3;
  const auto whole = take(data.loader(data::Split::kTrain, loading)), rest = take(data.loader(data::Split::kTrain, loading));
  data::TokenBatch a, b;
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(whole->next(a).ok());
  ASSERT_TRUE(rest->restore(take(parse_json(whole->state().dump())), data::ResumeMode::kExact).ok());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(whole->next(a).ok() && rest->next(b).ok());
    EXPECT_EQ(a.ids, b.ids);
    EXPECT_EQ(a.documents, b.documents);
  }
}

// Trap L3: no conversation's first token is a target, neither with loss on all tokens nor behind a full row; the padding is
// a document of its own and has no target.
TEST_F(SftDataTest, TrapL3NothingIsPredictedAcrossABorder) {
  SftDataOptions options;
  options.loss_on = tokenizer::LossOn::kAll;
  const SftData data = take(open({make_set("a", 100)}, options));
  data::PackedLoaderOptions loading;
  loading.rows = 2;
  const auto loader = take(data.loader(data::Split::kTrain, loading));
  data::TokenBatch batch;
  const int32_t pad = bytes().special_id("<pad>");
  int64_t borders = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(loader->next(batch).ok());
    for (int64_t r = 0; r < 2; ++r)
      for (int64_t t = 0; t < batch.columns; ++t) {
        const auto at = static_cast<size_t>(r * batch.columns + t);
        const bool last = t + 1 == batch.columns || batch.documents[at + 1] != batch.documents[at];
        if (t + 1 < batch.columns && last) {
          ++borders;
          EXPECT_EQ(batch.targets()[at], data::kIgnoredTarget);
        } else if (t + 1 < batch.columns && batch.inputs()[at] != pad) {
          EXPECT_EQ(batch.targets()[at], batch.inputs()[at + 1]) << "all other tokens count";
        }
        if (batch.inputs()[at] == pad) {
          EXPECT_EQ(batch.targets()[at], data::kIgnoredTarget);
        }
      }
  }
  EXPECT_GT(borders, 40);
}

// L-7.35: the cache is used when it is whole and of these data, template and tokenizer; else the text is formatted anew.
TEST_F(SftDataTest, CacheIsKeyedAndVerified) {
  const fs::path cache = files_.path() / "cache", folder = make_set("a", 30);
  const auto request = [&](const std::string& form, const std::string& sha, tokenizer::LossOn loss_on = tokenizer::LossOn::kAssistant) {
    return train::FormattedConversations::Request{{folder / "train_00000.jsonl"}, sha, take(tokenizer::ChatTemplate::find(form)), loss_on, cache};
  };
  const auto open_it = [&](const train::FormattedConversations::Request& r) { return take(train::FormattedConversations::open(r, bytes())); };
  const auto first = open_it(request("chatml", "s"));
  EXPECT_FALSE(first->from_cache());
  const auto again = open_it(request("chatml", "s"));
  EXPECT_TRUE(again->from_cache());
  ASSERT_EQ(again->size(), first->size());
  for (int64_t i = 0; i < first->size(); ++i) {
    ASSERT_EQ(again->length(i), first->length(i));
    for (int64_t t = 0; t < first->length(i); ++t) {
      ASSERT_EQ(again->id(i, t), first->id(i, t));
      ASSERT_EQ(again->trained(i, t), first->trained(i, t));
    }
  }
  EXPECT_FALSE(open_it(request("chatml_strict", "s"))->from_cache());
  EXPECT_FALSE(open_it(request("chatml", "other data"))->from_cache());
  EXPECT_FALSE(open_it(request("chatml", "s", tokenizer::LossOn::kAll))->from_cache());
  const tokenizer::Tokenizer other = take(tokenizer::Tokenizer::from_tokens(tokenizer::tokens_of_merges({{'h', 'i'}, {'.', '\n'}}),
                                                                            {"<pad>", "</s>", "<|im_start|>", "<|im_end|>"}));
  EXPECT_FALSE(take(train::FormattedConversations::open(request("chatml", "s"), other))->from_cache());
  // Any damage is found.
  const std::string whole = take(read_file(first->cache_file()));
  Rng rng(1, "damage");
  for (int i = 0; i < 40; ++i) {
    std::string bad = whole;
    if (i % 2 == 0)
      bad.resize(rng.below(whole.size()));
    else
      bad[rng.below(whole.size())] ^= static_cast<char>(1 + rng.below(255));
    ASSERT_TRUE(write_file_atomic(first->cache_file(), bad).ok());
    const auto mended = open_it(request("chatml", "s"));
    EXPECT_FALSE(mended->from_cache());
    EXPECT_EQ(mended->length(3), first->length(3));
    EXPECT_EQ(take(read_file(first->cache_file())), whole);
  }
}

// L-7.36
TEST_F(SftDataTest, TemplatesMustAgreeUnlessAllowed) {
  const std::vector<std::string> folders = {make_set("a", 20), make_set("b", 20, "instruct")};
  const auto refused = open(folders);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().to_string().find("instruct"), std::string::npos);
  SftDataOptions options;
  options.mixed_templates = true;
  EXPECT_EQ(take(open(folders, options)).chat_template().name(), "chatml");
}

// L-3.19, L-3.20, trap T1: the hash is compared with the tokenizer's own; changed shards are refused, too.
TEST_F(SftDataTest, OtherTokenizersAndChangedFilesAreRefused) {
  const auto other = open({make_set("a", 20, "chatml", std::string(64, 'a'))});
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().to_string().find("Tokenizer mismatch between datasets"), std::string::npos);
  const std::string folder = make_set("b", 20);
  std::ofstream(fs::path(folder) / "train_00000.jsonl", std::ios::app) << line_of(99, "b");
  EXPECT_FALSE(open({folder}).ok());
  EXPECT_NE(open({(files_.path() / "none").string()}).error().to_string().find("lathe corpus sft"), std::string::npos);
  SftDataOptions narrow;
  narrow.sequence_length = 8;
  EXPECT_NE(open({make_set("c", 20)}, narrow).error().to_string().find("row of 8"), std::string::npos);
}

// L-7.31: shares are of packed sequences, exact over a block, and the lines say so.
TEST_F(SftDataTest, WeightsAreSharesOfSequences) {
  const SftData data = take(open({make_set("a", 200), make_set("b", 60)}, {}, {7, 3}));
  data::PackedLoaderOptions loading;
  loading.rows = 8;
  const auto loader = take(data.loader(data::Split::kTrain, loading));
  data::TokenBatch batch;
  int64_t of_b = 0;
  for (int i = 0; i < 128; ++i) {
    ASSERT_TRUE(loader->next(batch).ok());
    for (int64_t r = 0; r < 8; ++r) {
      const auto row = batch.inputs().subspan(static_cast<size_t>(r * batch.columns), static_cast<size_t>(batch.columns));
      of_b += bytes().decode(row).find("[b ") != std::string::npos;
    }
  }
  EXPECT_NEAR(static_cast<double>(of_b) / 1024, 0.3, 0.001);
  const std::vector<std::string> lines = data.describe();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NE(lines[0].find("packed sequences"), std::string::npos);
  EXPECT_NE(lines[1].find("weight 0.7000"), std::string::npos);
  EXPECT_NE(lines[2].find("of trained tokens 0."), std::string::npos);
}

// L-7.15, L-7.18: the objective hands the documents on: the loss of packed rows is that of the conversations one by one, and
// of rows without any target 0.
TEST_F(SftDataTest, ObjectiveTrainsEachConversationAsIfAlone) {
  const SftData data = take(open({make_set("a", 40)}));
  model::ModelConfig config = model::llama_config(small_plain(160, false));
  config.vocab_size = bytes().vocab_size();
  const auto m = random_model(config, DType::kFloat32, true);
  data::PackedLoaderOptions loading;
  loading.rows = 2;
  const auto loader = take(data.loader(data::Split::kTrain, loading)), copy = take(data.loader(data::Split::kTrain, loading));
  train::LanguageOptions options;
  options.batch = 2;
  options.sequence_len = 160;
  train::LanguageObjective objective(*m, *loader, options);
  ops::Context ctx;
  autograd::Tape tape(ctx, true);
  train::TimeSplit split;
  const auto world = dist::single_process();
  train::StepScope scope{ctx, tape, Clock::real(), split, *world, 0, 1};
  ASSERT_TRUE(objective.prepare(scope).ok());
  const train::StepOutcome outcome = take(objective.gradients(scope, 0));

  data::TokenBatch batch;
  ASSERT_TRUE(copy->next(batch).ok());
  double nats = 0;
  int64_t targets = 0;
  for (size_t begin = 0; begin < batch.documents.size();) {
    size_t end = begin + 1;
    while (end < batch.documents.size() && end % 160 != 0 && batch.documents[end] == batch.documents[begin]) ++end;
    const auto n = static_cast<int64_t>(end - begin);
    ops::Context alone;
    autograd::Tape reading(alone, false);
    model::Batch one;
    one.ids = Tensor::borrow(batch.inputs().data() + begin, {n}, DType::kInt32);
    const Tensor nll = m->loss(reading, m->forward(reading, one), Tensor::borrow(batch.targets().data() + begin, {n}, DType::kInt32), Tensor());
    for (int64_t i = 0; i < n; ++i)
      if (batch.targets()[begin + static_cast<size_t>(i)] >= 0) nats += double{nll.data<float>()[i]}, ++targets;
    begin = end;
  }
  EXPECT_EQ(outcome.valid_targets, targets);
  EXPECT_NEAR(outcome.loss, nats / static_cast<double>(targets), 1e-5);
}

}  // namespace
}  // namespace lathe::testing
