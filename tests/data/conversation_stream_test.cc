#include "data/conversation_stream.h"

#include <gtest/gtest.h>

#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

constexpr int32_t kPad = 9;

// Conversation i: `lengths[i]` tokens 100 i, 100 i + 1, ...; the second half has mask 1.
class Made : public ConversationSource {
 public:
  explicit Made(std::vector<int64_t> lengths) : lengths_(std::move(lengths)) {}
  int64_t size() const override { return std::ssize(lengths_); }
  Status get(int64_t index, RenderedConversation& c) override {
    const int64_t n = lengths_.at(static_cast<size_t>(index));
    c.ids.clear();
    c.mask.clear();
    for (int64_t t = 0; t < n; ++t) {
      c.ids.push_back(static_cast<int32_t>(100 * index + t));
      c.mask.push_back(t >= n / 2);
    }
    return {};
  }

 private:
  std::vector<int64_t> lengths_;
};

ConversationPackerOptions small(TargetMode targets = TargetMode::kEveryToken) {
  ConversationPackerOptions options;
  options.rows = 2;
  options.columns = 4;
  options.targets = targets;
  return options;
}

std::vector<int32_t> inputs(const TokenBatch& b) { return {b.inputs().begin(), b.inputs().end()}; }
std::vector<int32_t> targets(const TokenBatch& b) { return {b.targets().begin(), b.targets().end()}; }

// C-8.19
TEST(ConversationStream, RowsAreCutFromOneFlatStream) {
  Made source({3, 5, 4});
  const auto loader = conversation_stream(source, small());
  TokenBatch batch;
  check(loader->next(batch));
  EXPECT_EQ(inputs(batch), (std::vector<int32_t>{0, 1, 2, 100, 101, 102, 103, 104}));
  EXPECT_EQ(targets(batch), (std::vector<int32_t>{1, 2, 100, 101, 102, 103, 104, 200}));  // every token, nothing padded
  EXPECT_TRUE(loader->progress().last_step);  // the source is used up
  check(loader->next(batch));
  EXPECT_EQ(inputs(batch), (std::vector<int32_t>{200, 201, 202, 203, 0, 1, 2, 100}));
}

TEST(ConversationStream, MaskedTokensAreNoTargetsWhereAsked) {
  Made source({4, 4, 4});
  const auto loader = conversation_stream(source, small(TargetMode::kCompletion));
  TokenBatch batch;
  check(loader->next(batch));
  EXPECT_EQ(targets(batch), (std::vector<int32_t>{-1, 2, 3, -1, -1, 102, 103, -1}));
}

// C-8.19
TEST(ConversationStream, AnEpochEndsWhenTheSourceIsUsedUp) {
  Made source(std::vector<int64_t>(20, 6));  // 120 tokens: 15 batches of 8
  ConversationPackerOptions options = small();
  options.num_epochs = 2;
  const auto loader = conversation_stream(source, options);
  TokenBatch batch;
  double before = 0;
  int batches = 0;
  while (!loader->progress().last_step) {
    check(loader->next(batch));
    ASSERT_GE(loader->progress().progress, before);
    before = loader->progress().progress;
    ASSERT_LT(++batches, 100);
  }
  EXPECT_EQ(before, 1.0);
  EXPECT_EQ(batches, 30);
  options.num_epochs = 0;
  const auto endless = conversation_stream(source, options);
  for (int i = 0; i < 40; ++i) check(endless->next(batch));
  EXPECT_FALSE(endless->progress().last_step);
  EXPECT_EQ(endless->progress().epoch, 3);
}

TEST(ConversationStream, RanksShareTheConversations) {
  Made source({8, 8, 8, 8});
  for (int64_t rank = 0; rank < 2; ++rank) {
    ConversationPackerOptions options = small();
    options.rank = rank, options.world = 2;
    const auto loader = conversation_stream(source, options);
    TokenBatch batch;
    check(loader->next(batch));
    EXPECT_EQ(inputs(batch)[0], 100 * rank);
    EXPECT_EQ(targets(batch)[7], 100 * (rank + 2));
  }
}

template <class MakeLoader>
void resumes_exactly(const MakeLoader& make) {
  TokenBatch batch, other;
  for (int cut = 0; cut < 12; ++cut) {
    const auto whole = make();
    for (int i = 0; i < cut; ++i) check(whole->next(batch));
    const auto resumed = make();
    check(resumed->restore(take(parse_json(whole->state().dump())), ResumeMode::kExact));
    EXPECT_EQ(resumed->state().dump(), whole->state().dump());
    for (int i = 0; i < 12; ++i) {
      check(whole->next(batch));
      check(resumed->next(other));
      ASSERT_EQ(batch.ids, other.ids) << "cut after " << cut << ", batch " << i;
      ASSERT_EQ(whole->progress().progress, resumed->progress().progress);
      ASSERT_EQ(whole->progress().last_step, resumed->progress().last_step);
      ASSERT_EQ(whole->progress().epoch, resumed->progress().epoch);
    }
  }
}

TEST(ConversationStream, ResumesExactly) {
  Made source({3, 9, 4, 11, 2, 30, 7});
  ConversationPackerOptions options = small();
  options.num_epochs = 2;
  resumes_exactly([&] { return conversation_stream(source, options); });
  resumes_exactly([&] { return conversation_rows(source, options, kPad); });
}

TEST(ConversationStream, StatesOfOthersAreRefused) {
  Made source({3, 9, 4, 11}), other({3, 9, 4});
  const Json state = conversation_stream(source, small())->state();
  EXPECT_FALSE(conversation_rows(source, small(), kPad)->restore(state, ResumeMode::kExact).ok());
  EXPECT_FALSE(conversation_stream(other, small())->restore(state, ResumeMode::kExact).ok());
  for (const char* key : {"cursor", "waiting", "used", "placed", "approx_progress", "last_step", "current_epoch"}) {
    Json damaged = state;
    damaged[key] = Json("x");
    EXPECT_FALSE(conversation_stream(source, small())->restore(damaged, ResumeMode::kExact).ok()) << key;
  }
  for (const int64_t bad : {int64_t{-1}, int64_t{99}}) {
    for (const char* key : {"cursor", "used"}) {
      Json damaged = state;
      damaged[key] = bad;
      EXPECT_FALSE(conversation_stream(source, small())->restore(damaged, ResumeMode::kExact).ok()) << key;
    }
    Json damaged = state;
    damaged["waiting"] = Json(Json::Array{bad});
    EXPECT_FALSE(conversation_stream(source, small())->restore(damaged, ResumeMode::kExact).ok());
  }
}

// C-8.20
TEST(ConversationRows, EachRowIsOnePaddedConversation) {
  Made source({3, 5, 9, 2});
  const auto loader = conversation_rows(source, small(TargetMode::kCompletion), kPad);
  TokenBatch batch;
  check(loader->next(batch));
  EXPECT_EQ(inputs(batch), (std::vector<int32_t>{0, 1, 2, kPad, 100, 101, 102, 103}));
  EXPECT_EQ(targets(batch), (std::vector<int32_t>{1, 2, -1, -1, -1, 102, 103, 104}));
  EXPECT_EQ(loader->progress().cut, 0);
  EXPECT_FALSE(loader->progress().last_step);
  check(loader->next(batch));
  EXPECT_EQ(inputs(batch), (std::vector<int32_t>{200, 201, 202, 203, 300, 301, kPad, kPad}));
  EXPECT_EQ(loader->progress().cut, 1);
  EXPECT_TRUE(loader->progress().last_step);
}

TEST(ConversationRows, WhatDoesNotFillABatchIsLeftOut) {
  Made source({3, 3, 3});
  const auto loader = conversation_rows(source, small(), kPad);
  TokenBatch batch;
  check(loader->next(batch));
  EXPECT_TRUE(loader->progress().last_step);
  Made one({3});
  EXPECT_FALSE(conversation_rows(one, small(), kPad)->next(batch).ok());
  Made none({});
  EXPECT_FALSE(conversation_stream(none, small())->next(batch).ok());
  Made empty({0});
  EXPECT_FALSE(conversation_stream(empty, small())->next(batch).ok());
}

}  // namespace
}  // namespace lathe::data
