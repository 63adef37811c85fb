#include "data/packed_loader.h"

#include <chrono>
#include <thread>

#include "data/ordered_workers.h"
#include "data/pretrain_loader.h"
#include "packing.h"

namespace lathe::data {
namespace {

using namespace testing;

using Row = std::vector<int32_t>;  // inputs, then the last target

class PackedLoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    first_ = pack_texts(some_texts(300, 1), folder_.path() / "first").folder.split(Split::kTrain);
    second_ = pack_texts(some_texts(40, 2), folder_.path() / "second").folder.split(Split::kTrain);
  }
  std::unique_ptr<PackedLoader> loader(PackedLoaderOptions options, std::vector<double> weights = {0.6, 0.4}) {
    return take(packed_loader({first_, second_}, weights, options));
  }
  static void add_rows(const TokenBatch& batch, std::vector<Row>& rows) {
    for (int64_t r = 0; r < batch.rows; ++r) {
      const auto inputs = batch.inputs().begin() + r * batch.columns,
                 targets = batch.targets().begin() + r * batch.columns;
      EXPECT_TRUE(std::equal(inputs + 1, inputs + batch.columns, targets));
      rows.emplace_back(inputs, inputs + batch.columns);
      rows.back().push_back(*(targets + batch.columns - 1));
    }
  }
  // The global samples 0 .. samples - 1 as `world` ranks of `rows` see them.
  std::vector<Row> global_rows(int64_t rows, int64_t world, int64_t workers, int64_t samples) {
    std::vector<std::unique_ptr<PackedLoader>> ranks;
    for (int64_t rank = 0; rank < world; ++rank) {
      PackedLoaderOptions options;
      options.rows = rows, options.rank = rank, options.world = world, options.workers = workers;
      ranks.push_back(loader(options));
    }
    std::vector<Row> all;
    TokenBatch batch;
    while (std::ssize(all) < samples)
      for (auto& rank : ranks) {
        check(rank->next(batch));
        add_rows(batch, all);
      }
    all.resize(static_cast<size_t>(samples));
    return all;
  }

  TemporaryFolder folder_;
  std::shared_ptr<const SequenceSet> first_, second_;
};

// L-5.25, L-5.29
TEST_F(PackedLoaderTest, GlobalSamplesDoNotDependOnRanksBatchesOrWorkers) {
  const std::vector<Row> expected = global_rows(1, 1, 0, 480);
  EXPECT_EQ(global_rows(8, 1, 0, 480), expected);
  EXPECT_EQ(global_rows(8, 1, 1, 480), expected);
  EXPECT_EQ(global_rows(4, 3, 4, 480), expected);
  EXPECT_EQ(global_rows(5, 2, 2, 480), expected);
  // They are the sampler's.
  const std::vector<MixedSource> sources = {{"", first_->size()}, {"", second_->size()}};
  MixedSampler sampler(sources, take(mix_shares(sources, {0.6, 0.4})), 42);
  Row ids(17);
  for (int64_t k = 0; k < 480; ++k) {
    const MixedSample sample = sampler.at(k);
    (sample.source == 0 ? first_ : second_)->read(sample.index, ids);
    ASSERT_EQ(expected[static_cast<size_t>(k)], ids) << k;
  }
}

// L-5.25, traps R1, R2
TEST_F(PackedLoaderTest, TrapR1AResumeGoesOnAtTheVeryNextSampleAnywhere) {
  const std::vector<Row> expected = global_rows(4, 1, 1, 400);
  for (const int batches : {0, 1, 17, 60, 90}) {  // inside epochs, blocks and beyond them
    PackedLoaderOptions options;
    options.rows = 4;
    std::vector<Row> rows;
    TokenBatch batch;
    auto before = data::prefetch(loader(options));
    for (int i = 0; i < batches; ++i) {
      check(before->next(batch));
      add_rows(batch, rows);
    }
    const Json state = take(parse_json(before->state().dump()));
    auto after = data::prefetch(loader(options));
    check(after->restore(state, ResumeMode::kExact));
    EXPECT_EQ(after->state(), state) << "restoring moves nothing";
    while (std::ssize(rows) < 400) {
      check(after->next(batch));
      add_rows(batch, rows);
    }
    EXPECT_EQ(rows, expected) << batches;
  }
}

// Traps R3, R4, R5
TEST_F(PackedLoaderTest, TrapR5EveryRankHasTheSameStateAndItServesAnotherNumberOfRanks) {
  const std::vector<Row> expected = global_rows(4, 1, 0, 400);
  Json states[2];
  std::vector<Row> rows;
  std::vector<std::vector<Row>> of_rank(2);
  for (const int64_t rank : {0, 1}) {
    PackedLoaderOptions options;
    options.rows = 3, options.rank = rank, options.world = 2;
    auto ranked = loader(options);
    TokenBatch batch;
    for (int i = 0; i < 20; ++i) check(ranked->next(batch));
    states[rank] = ranked->state();
  }
  EXPECT_EQ(states[0], states[1]);
  EXPECT_EQ(states[0].at("sample").as_int(), 120);
  PackedLoaderOptions options;
  options.rows = 7;
  auto resumed = loader(options);
  check(resumed->restore(states[1], ResumeMode::kExact));
  TokenBatch batch;
  while (std::ssize(rows) < 280) {
    check(resumed->next(batch));
    add_rows(batch, rows);
  }
  EXPECT_EQ(rows, std::vector<Row>(expected.begin() + 120, expected.end()));
}

TEST_F(PackedLoaderTest, StatesOfOtherDataWeightsOrSeedsAreRefused) {
  PackedLoaderOptions options;
  const Json state = loader(options)->state();
  const auto refusal = [&](std::unique_ptr<PackedLoader> other) {
    const Status status = other->restore(state, ResumeMode::kExact);
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_EQ(refusal(loader(options)), "");
  EXPECT_NE(refusal(loader(options, {0.5, 0.5})).find("shares"), std::string::npos);
  EXPECT_NE(refusal(take(packed_loader({second_, first_}, {0.6, 0.4}, options))).find("sizes"), std::string::npos);
  options.seed = 1;
  EXPECT_NE(refusal(loader(options)).find("seed"), std::string::npos);
  EXPECT_FALSE(loader(options)->restore(Json::object(), ResumeMode::kExact).ok());
}

// L-4.8
TEST_F(PackedLoaderTest, DocumentsOfEachRowAreNumbered) {
  PackedLoaderOptions options;
  options.rows = 6;
  options.documents = true;
  auto numbered = loader(options);
  TokenBatch batch;
  for (int i = 0; i < 20; ++i) {
    check(numbered->next(batch));
    ASSERT_EQ(batch.documents.size(), batch.inputs().size());
    for (size_t p = 0; p < batch.documents.size(); ++p) {
      const bool row_begins = p % 16 == 0;
      const int32_t expected = row_begins ? 0 : batch.documents[p - 1] + (batch.inputs()[p - 1] == kEnd);
      ASSERT_EQ(batch.documents[p], expected) << p;
    }
  }
}

// L-4.4
TEST_F(PackedLoaderTest, PaddingIsNeverATarget) {
  PackSettings settings = small_settings();
  settings.train_val_split = 1;
  settings.tail = TailRule::kPad;
  const Packed padded =
      pack_texts({"abcdefghijklmnopqrstuvwxyz"}, folder_.path() / "padded", settings);  // 27 tokens, 6 of padding
  PackedLoaderOptions options;
  options.rows = 2;
  auto both = take(packed_loader({padded.folder.split(Split::kTrain)}, {}, options));
  TokenBatch batch;
  check(both->next(batch));
  EXPECT_EQ(std::count(batch.targets().begin(), batch.targets().end(), kIgnoredTarget), 6);
  EXPECT_EQ(std::count(batch.targets().begin(), batch.targets().end(), kEnd), 1)
      << "the end of the document itself is trained";
}

TEST_F(PackedLoaderTest, SetsOfTwoLengthsAreRefused) {
  PackSettings settings = small_settings();
  settings.sequence_length = 8;
  const Packed shorter = pack_texts(some_texts(100), folder_.path() / "shorter", settings);
  const auto result = packed_loader({first_, shorter.folder.split(Split::kTrain)}, {}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("sequences of 8 tokens"), std::string::npos);
}

// L-11.29
TEST(OrderedWorkers, ItemsArriveInOrderWhateverTheWorkersSpeed) {
  for (const int64_t workers : {0, 1, 4}) {
    int given = 0;
    OrderedWorkers<int> items(
        workers, 2,
        [&](int& item) -> Result<bool> {
          item = given;
          return given++ < 200;
        },
        [](int& item) -> Status {
          std::this_thread::sleep_for(std::chrono::microseconds(item % 3 == 0 ? 300 : 10));
          return {};
        });
    for (int i = 0; i < 200; ++i) {
      int* item = take(items.next());
      ASSERT_NE(item, nullptr);
      ASSERT_EQ(*item, i);
    }
    EXPECT_EQ(take(items.next()), nullptr);
    EXPECT_EQ(take(items.next()), nullptr);
  }
}

TEST(OrderedWorkers, ErrorsArriveAtTheirPlaceAndStay) {
  for (const int64_t workers : {0, 1, 3}) {
    int given = 0;
    OrderedWorkers<int> items(
        workers, 2,
        [&](int& item) -> Result<bool> {
          item = given++;
          return true;
        },
        [](int& item) -> Status {
          if (item == 5) return error("five");
          return {};
        });
    for (int i = 0; i < 5; ++i) EXPECT_EQ(*take(items.next()), i);
    for (int i = 0; i < 2; ++i) {
      const auto failed = items.next();
      ASSERT_FALSE(failed.ok());
      EXPECT_EQ(failed.error().message, "five");
    }
  }
}

}  // namespace
}  // namespace lathe::data
