#include "data/conversation_packer.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

constexpr int32_t kBos = 1;

// Conversation i: BOS, a prompt of `i + 1000` with mask 0, then answers with mask 1; lengths are given.
class Made : public ConversationSource {
 public:
  explicit Made(std::vector<int64_t> lengths) : lengths_(std::move(lengths)) {}
  int64_t size() const override { return std::ssize(lengths_); }
  Status get(int64_t index, RenderedConversation& c) override {
    const auto n = static_cast<size_t>(lengths_.at(static_cast<size_t>(index)));
    c.ids.assign(n, static_cast<int32_t>(1000 + index));
    c.mask.assign(n, 0);
    if (n > 0) c.ids[0] = kBos;
    for (size_t i = n / 2; i < n; ++i) c.mask[i] = 1;
    if (n == 1) c.mask[0] = 0;
    return {};
  }

 private:
  std::vector<int64_t> lengths_;
};

std::vector<int64_t> mixed_lengths(int64_t n) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < n; ++i) lengths.push_back(3 + i * 7 % 19);
  return lengths;
}

ConversationPackerOptions small() {
  ConversationPackerOptions options;
  options.rows = 2;
  options.columns = 32;
  options.bos_id = kBos;
  options.buffer_size = 10;
  return options;
}

// How often each conversation's id begins in a batch's inputs (a BOS, then its first id).
void count_conversations(const TokenBatch& batch, std::map<int32_t, int>& counts) {
  for (int64_t r = 0; r < batch.rows; ++r) {
    const auto row = batch.inputs().subspan(static_cast<size_t>(r * batch.columns), static_cast<size_t>(batch.columns));
    for (size_t t = 0; t + 1 < row.size(); ++t)
      if (row[t] == kBos && row[t + 1] != kBos) ++counts[row[t + 1]];
  }
}

// C-8.37
TEST(ConversationPacker, ExactEpochsUseEveryConversationOnceOverAllRanks) {
  for (const int64_t n : {1, 7, 100}) {
    for (const int64_t world : {1, 2, 3}) {
      if (n < world) continue;
      Made source(mixed_lengths(n));
      std::map<int32_t, int> counts;
      for (int64_t rank = 0; rank < world; ++rank) {
        ConversationPackerOptions options = small();
        options.rank = rank, options.world = world, options.num_epochs = 3;
        const auto packer = conversation_packer(source, options);
        TokenBatch batch;
        int batches = 0;
        while (!packer->progress().last_step) {
          ASSERT_LT(++batches, 1000);
          check(packer->next(batch));
          count_conversations(batch, counts);
        }
        EXPECT_EQ(packer->progress().progress, 1.0);
        EXPECT_EQ(packer->progress().epoch, 3);
        EXPECT_EQ(packer->progress().cut, 0);
      }
      ASSERT_EQ(std::ssize(counts), n);
      for (const auto& [id, count] : counts) EXPECT_EQ(count, 3) << id << " of " << n << " on " << world;
    }
  }
}

TEST(ConversationPacker, EpochsAreShuffledBySeedAndEpoch) {
  Made source(std::vector<int64_t>(40, 33));  // one a row
  const auto order = [&](uint64_t seed) {
    ConversationPackerOptions options = small();
    options.rows = 1, options.num_epochs = 2, options.seed = seed, options.buffer_size = 1;
    const auto packer = conversation_packer(source, options);
    std::vector<int32_t> ids;
    TokenBatch batch;
    while (!packer->progress().last_step) {
      check(packer->next(batch));
      ids.push_back(batch.inputs()[1]);
    }
    return ids;
  };
  const auto ids = order(5);
  ASSERT_EQ(ids.size(), 80u);
  EXPECT_EQ(order(5), ids);
  EXPECT_NE(order(6), ids);
  const std::vector<int32_t> first(ids.begin(), ids.begin() + 40), second(ids.begin() + 40, ids.end());
  EXPECT_NE(first, second);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
  EXPECT_EQ(std::set<int32_t>(first.begin(), first.end()).size(), 40u);
}

// Trap R1
TEST(ConversationPacker, TrapR1ExactResumeAfterEveryBatch) {
  Made source(mixed_lengths(61));
  for (const EpochMode mode : {EpochMode::kExact, EpochMode::kCompatible}) {
    for (const int64_t world : {1, 2}) {
      ConversationPackerOptions options = small();
      options.epochs = mode, options.world = world, options.rank = world - 1, options.num_epochs = 2;
      const auto first = conversation_packer(source, options);
      TokenBatch batch, again;
      for (int i = 0; i < 30; ++i) {
        const auto second = conversation_packer(source, options);
        const Json state = take(parse_json(first->state().dump(2)));
        check(second->restore(state, ResumeMode::kExact));
        ASSERT_EQ(second->state(), state);
        check(first->next(batch));
        check(second->next(again));
        ASSERT_EQ(again.ids, batch.ids) << i;
        ASSERT_EQ(second->state(), first->state()) << i;
      }
    }
  }
}

// C-8.9, C-8.10, C-8.31; trap L3: each target is the next token of the row iff that token's own mask is 1.
TEST(ConversationPacker, TrapL3TargetsAreTheNextTokensWhereTheirMaskIsOne) {
  Made source({6, 5, 4});
  ConversationPackerOptions options = small();
  options.rows = 1, options.columns = 12, options.epochs = EpochMode::kCompatible, options.buffer_size = 1;
  TokenBatch batch;
  check(conversation_packer(source, options)->next(batch));
  // Capacity 13: 6 + 5 = 11, nothing fits the last two, which are padding.
  const int32_t a = 1000, b = 1001, x = kIgnoredTarget;
  EXPECT_EQ(std::vector<int32_t>(batch.inputs().begin(), batch.inputs().end()),
            (std::vector<int32_t>{kBos, a, a, a, a, a, kBos, b, b, b, b, kBos}));
  EXPECT_EQ(std::vector<int32_t>(batch.targets().begin(), batch.targets().end()),
            (std::vector<int32_t>{x, x, a, a, a, x, x, b, b, b, x, x}));
  options.targets = TargetMode::kEveryToken;
  check(conversation_packer(source, options)->next(batch));
  EXPECT_EQ(std::vector<int32_t>(batch.targets().begin(), batch.targets().end()),
            (std::vector<int32_t>{a, a, a, a, a, kBos, b, b, b, b, x, x}));
}

// C-8.11
TEST(ConversationPacker, TooLongConversationsAreCutAndCountedAndProgressGoesOn) {
  for (const EpochMode mode : {EpochMode::kExact, EpochMode::kCompatible}) {
    Made source({500, 33, 34, 500, 10});
    ConversationPackerOptions options = small();
    options.rows = 1, options.epochs = mode, options.buffer_size = 5;
    const auto packer = conversation_packer(source, options);
    TokenBatch batch;
    int batches = 0, trained = 0;
    while (!packer->progress().last_step) {
      ASSERT_LT(++batches, 10) << "stuck on conversations that never fit";
      check(packer->next(batch));
      for (const int32_t target : batch.targets()) trained += target != kIgnoredTarget;
    }
    EXPECT_EQ(batches, 5);
    EXPECT_GE(packer->progress().cut, 3);
    EXPECT_GT(trained, 5);
    for (const int32_t target : batch.targets()) EXPECT_NE(target, kBos);
  }
}

// C-8.11, C-8.12: rows after the last conversation hold no target at all.
TEST(ConversationPacker, EmptyRowsAreFullyMasked) {
  Made source({5});
  ConversationPackerOptions options = small();
  options.targets = TargetMode::kEveryToken;
  const auto packer = conversation_packer(source, options);
  TokenBatch batch;
  check(packer->next(batch));
  EXPECT_TRUE(packer->progress().last_step);
  const auto second_row = batch.targets().last(static_cast<size_t>(options.columns));
  EXPECT_TRUE(std::all_of(second_row.begin(), second_row.end(), [](int32_t t) { return t == kIgnoredTarget; }));
  check(packer->next(batch));
  for (const int32_t target : batch.targets()) ASSERT_EQ(target, kIgnoredTarget);
  for (const int32_t input : batch.inputs()) ASSERT_EQ(input, kBos);
  EXPECT_TRUE(packer->progress().last_step);
}

// C-8.13
TEST(ConversationPacker, CompatibleProgressOnlyGrowsAndStopsAtEitherLimit) {
  Made source(std::vector<int64_t>(10, 16));  // two a row of 33
  ConversationPackerOptions options = small();
  options.rows = 1, options.epochs = EpochMode::kCompatible;
  const auto last_batch = [&](int64_t iterations, std::vector<double>& progress) {
    options.num_iterations = iterations;
    const auto packer = conversation_packer(source, options);
    TokenBatch batch;
    while (!packer->progress().last_step) {
      check(packer->next(batch));
      progress.push_back(packer->progress().progress);
    }
    return packer->progress();
  };
  std::vector<double> progress;
  last_batch(-1, progress);
  EXPECT_EQ(progress, (std::vector<double>{0.2, 0.4, 0.6, 0.8, 1.0}));
  progress.clear();
  last_batch(2, progress);
  EXPECT_EQ(progress, (std::vector<double>{0.5, 1.0}));
  progress.clear();
  last_batch(100, progress);  // the conversations run out first
  EXPECT_EQ(progress, (std::vector<double>{0.01, 0.02, 0.03, 0.04, 0.05}));
}

// A job whose other rank votes `other`.
class TwoRanks : public dist::Communicator {
 public:
  explicit TwoRanks(int32_t other) : other_(other) {}
  int rank() const override { return 0; }
  int size() const override { return 2; }
  Status all_reduce(void* data, int64_t count, dist::ElementType type, dist::Reduction reduction) override {
    EXPECT_EQ(count, 1);
    EXPECT_EQ(type, dist::ElementType::kInt32);
    EXPECT_EQ(reduction, dist::Reduction::kMax);
    auto* value = static_cast<int32_t*>(data);
    *value = std::max(*value, other_);
    return {};
  }
  Status reduce_scatter(const void*, void*, int64_t, dist::ElementType, dist::Reduction) override {
    return error("unused");
  }
  Status all_gather(const void*, void*, int64_t, dist::ElementType) override { return error("unused"); }
  Status broadcast(void*, int64_t, dist::ElementType, int) override { return error("unused"); }
  Status all_to_all(const void*, std::span<const int64_t>, dist::ElementType, std::vector<std::byte>&, std::vector<int64_t>&) override {
    return error("not used");
  }
  Status barrier() override { return error("unused"); }

 private:
  int32_t other_;
};

// C-8.13: the flag is reduced over the ranks, so all stop together.
TEST(ConversationPacker, RanksAgreeOnTheLastStep) {
  TwoRanks other_stops(1), other_goes_on(0);
  EXPECT_TRUE(take(agree_last_step(other_stops, EpochMode::kCompatible, false)));
  EXPECT_TRUE(take(agree_last_step(other_goes_on, EpochMode::kCompatible, true)));
  EXPECT_FALSE(take(agree_last_step(other_goes_on, EpochMode::kCompatible, false)));
  // kExact votes "I go on": it ends when nobody does.
  EXPECT_FALSE(take(agree_last_step(other_stops, EpochMode::kExact, true)));
  EXPECT_FALSE(take(agree_last_step(other_goes_on, EpochMode::kExact, false)));
  EXPECT_TRUE(take(agree_last_step(other_goes_on, EpochMode::kExact, true)));
}

TEST(ConversationPacker, EndlessEpochsGoOn) {
  Made source(mixed_lengths(5));
  ConversationPackerOptions options = small();
  options.num_epochs = 0;
  const auto packer = conversation_packer(source, options);
  TokenBatch batch;
  for (int i = 0; i < 50; ++i) check(packer->next(batch));
  EXPECT_FALSE(packer->progress().last_step);
  EXPECT_GT(packer->progress().epoch, 20);
  EXPECT_LT(packer->progress().progress, 1.0);
}

TEST(ConversationPacker, EmptySetsConversationsAndForeignStatesAreErrors) {
  TokenBatch batch;
  Made none({}), two({5, 5}), empty({0, 0});
  EXPECT_NE(message(conversation_packer(none, small())->next(batch)).find("no conversation"), std::string::npos);
  EXPECT_NE(message(conversation_packer(empty, small())->next(batch)).find("is empty"), std::string::npos);
  ConversationPackerOptions three = small();
  three.world = 3;
  EXPECT_NE(message(conversation_packer(two, three)->next(batch)).find("fewer ranks"), std::string::npos);

  Made source(mixed_lengths(30)), other(mixed_lengths(31));
  const auto packer = conversation_packer(source, small());
  check(packer->next(batch));
  const Json good = packer->state();
  EXPECT_NE(message(conversation_packer(other, small())->restore(good, ResumeMode::kExact)), "");
  ConversationPackerOptions compatible = small();
  compatible.epochs = EpochMode::kCompatible;
  EXPECT_NE(message(conversation_packer(source, compatible)->restore(good, ResumeMode::kExact)), "");
  for (const char* key :
       {"loader", "size", "rank", "world", "seed", "position", "buffer", "approx_progress", "last_step"}) {
    Json bad = good;
    bad[key] = "spoiled";
    EXPECT_NE(message(conversation_packer(source, small())->restore(bad, ResumeMode::kExact)), "") << key;
  }
  Json bad = good;
  bad["buffer"] = Json::Array{30};
  EXPECT_NE(message(conversation_packer(source, small())->restore(bad, ResumeMode::kExact)), "");
}

}  // namespace
}  // namespace lathe::data
