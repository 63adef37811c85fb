// Batches and states of the origin's loader: one case a run of index.json, and the exact resume of each.
#include <gtest/gtest.h>

#include <unordered_map>

#include "data/pretrain_loader.h"
#include "tests/data/read_safetensors.h"

namespace lathe::data {
namespace {

using lathe::testing::check;
using lathe::testing::golden;
using lathe::testing::take;

class TableEncoder : public DocumentEncoder {
 public:
  explicit TableEncoder(const fs::path& docs) {
    for (const Json& row : lathe::testing::read_jsonl(docs)) {
      std::vector<int32_t>& ids = table_[row.at("text").as_string()];
      ids.clear();
      for (const Json& id : row.at("ids").as_array()) ids.push_back(static_cast<int32_t>(id.as_int()));
    }
  }
  void encode(std::span<const std::string> texts, std::vector<std::vector<int32_t>>& ids) override {
    ids.clear();
    for (const std::string& text : texts) ids.push_back(table_.at(text));
  }

 private:
  std::unordered_map<std::string, std::vector<int32_t>> table_;
};

class GoldenLoader : public ::testing::Test {
 protected:
  void SetUp() override {
    LATHE_NEEDS(golden("loader/index.json"));
    index_ = lathe::testing::read_json_or_fail(golden("loader/index.json"));
    tensors_ = lathe::testing::read_int_tensors(golden("loader/batches.safetensors"));
    encoder_ = std::make_unique<TableEncoder>(golden("loader/docs.jsonl"));
    corpus_ = take(Corpus::open(golden("loader/parquet")));
    ASSERT_FALSE(index_.at("runs").as_array().empty());
  }

  std::unique_ptr<TokenLoader> loader(const Json& run) {
    PretrainLoaderOptions options;
    options.rows = run.at("B").as_int();
    options.columns = run.at("T").as_int();
    options.rank = run.at("rank").as_int();
    options.world = run.at("world").as_int();
    options.buffer_size = run.at("buffer_size").as_int();
    options.encode_batch = run.at("tokenizer_batch_size").as_int();
    auto made = best_fit_loader(corpus_, take(parse_split(run.at("split").as_string())), *encoder_, options);
    if (const Json* state = run.find("resume_state"); state && !state->is_null())
      check(made->restore(*state, ResumeMode::kCompatible));
    return made;
  }

  // Batches from number `begin` on equal the golden ones, states too.
  void expect_golden(TokenLoader& loader, const Json& run, size_t begin) {
    const std::string& name = run.at("name").as_string();
    SCOPED_TRACE(name);
    const auto &x = tensors_.at(name + ".x"), &y = tensors_.at(name + ".y");
    const auto& states = run.at("states").as_array();
    ASSERT_EQ(x.shape[0], std::ssize(states));
    TokenBatch batch;
    for (size_t i = begin; i < states.size(); ++i) {
      check(loader.next(batch));
      const size_t size = batch.inputs().size();
      ASSERT_EQ(size, x.values.size() / states.size());
      ASSERT_TRUE(std::equal(batch.inputs().begin(), batch.inputs().end(), x.values.begin() + std::ptrdiff_t(i * size)))
          << "inputs of batch " << i;
      ASSERT_TRUE(
          std::equal(batch.targets().begin(), batch.targets().end(), y.values.begin() + std::ptrdiff_t(i * size)))
          << "targets of batch " << i;
      const Json state = loader.state();
      for (const auto& [key, value] : states[i].as_object()) ASSERT_EQ(state.at(key), value) << key << " of " << i;
    }
  }

  Json index_;
  std::map<std::string, lathe::testing::IntTensor> tensors_;
  std::unique_ptr<TableEncoder> encoder_;
  std::shared_ptr<const Corpus> corpus_;
};

// C-1.23, C-1.24, C-1.34
TEST_F(GoldenLoader, PacksTheOriginsBatches) {
  for (const Json& run : index_.at("runs").as_array()) expect_golden(*loader(run), run, 0);
}

// C-1.21, C-1.28, C-1.29
TEST_F(GoldenLoader, ResumesByTheOriginsRuleOnEveryRank) {
  int resumed = 0;
  for (const Json& run : index_.at("runs").as_array()) {
    if (run.at("resume_state").is_null()) continue;
    ++resumed;
    expect_golden(*loader(run), run, 0);
  }
  EXPECT_GT(resumed, 0);
}

// C-1.29; the state goes through its text form, as in a checkpoint.
TEST_F(GoldenLoader, ExactResumeAfterAnyBatchContinuesTheRun) {
  for (const Json& run : index_.at("runs").as_array()) {
    auto first = loader(run);
    TokenBatch batch;
    for (size_t stop = 0; stop < run.at("states").size(); ++stop) {
      const Json state = take(parse_json(first->state().dump()));
      auto second = loader(run);
      check(second->restore(state, ResumeMode::kExact));
      EXPECT_EQ(second->state(), state);
      expect_golden(*second, run, stop);
      check(first->next(batch));
    }
  }
}

TEST_F(GoldenLoader, PrefetchedBatchesAndStatesAreTheSame) {
  for (const Json& run : index_.at("runs").as_array()) {
    auto ahead = prefetch(loader(run), 3);
    expect_golden(*ahead, run, 0);
  }
}

// C-1.10, C-1.11: the shipped files, in every compression, hold the listed documents in the listed groups.
TEST_F(GoldenLoader, ParquetFilesHoldTheListedDocuments) {
  std::map<std::pair<int64_t, int64_t>, std::vector<std::string>> expected;
  for (const Json& row : lathe::testing::read_jsonl(golden("loader/docs.jsonl")))
    expected[{row.at("file").as_int(), row.at("row_group").as_int()}].push_back(row.at("text").as_string());
  const auto& files = index_.at("files").as_array();
  ASSERT_EQ(corpus_->files().size(), files.size());
  ASSERT_EQ(corpus_->parts(Split::kTrain).size(), files.size() - 1);
  ASSERT_EQ(corpus_->parts(Split::kValidation).size(), size_t{1});
  EXPECT_EQ(corpus_->parts(Split::kValidation)[0].file, std::ssize(files) - 1);
  size_t groups = 0;
  for (int64_t file = 0; file < std::ssize(files); ++file) {
    auto reader = take(corpus_->open_file(file));
    std::vector<std::string> texts;
    for (int64_t group = 0; take(reader->read_group(group, texts)); ++group, ++groups)
      EXPECT_EQ(texts, (expected[{file, group}])) << file << ' ' << group;
    EXPECT_EQ(take(reader->measure()).documents, files[static_cast<size_t>(file)].as_int());
  }
  EXPECT_EQ(groups, expected.size());
}

}  // namespace
}  // namespace lathe::data
