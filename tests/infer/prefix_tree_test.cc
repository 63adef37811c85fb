#include "infer/prefix_tree.h"

#include "infer/row_pages.h"
#include "tests/infer/recorder.h"

namespace lathe::infer {
namespace {

using namespace testing;

constexpr int64_t kPage = model::PagedCache::kPositions;

struct Room {
  explicit Room(int64_t pages) : pool(model.new_pages(pages, model::KvFormat::kActivation)), tree(pool) {}
  MockModel model;
  PagePool pool;
  PrefixTree tree;
};

void read(RowPages& row, const std::vector<int32_t>& tokens) {
  ASSERT_TRUE(row.reserve(static_cast<int64_t>(tokens.size())));
  row.advance(static_cast<int64_t>(tokens.size()), tokens);
}

// Every page that differs in one token, wherever it stands, is another page. There is no hash that could collide: keys are the tokens.
TEST(TrapS10, AHitIsComparedTokenByToken) {
  Room room(80);
  const std::vector<int32_t> text = text_of_seed(kPage, 1);
  RowPages first(room.pool, room.tree, -1, true);
  read(first, text);
  std::vector<std::unique_ptr<RowPages>> rows;
  for (size_t place = 0; place < static_cast<size_t>(kPage); ++place) {
    std::vector<int32_t> other = text;
    other[place] ^= 1;
    EXPECT_EQ(room.tree.find(room.tree.root(-1), other), nullptr);
    rows.push_back(std::make_unique<RowPages>(room.pool, room.tree, -1, true));
    EXPECT_EQ(rows.back()->take_prefix(other, kPage), 0);
    read(*rows.back(), other);
    EXPECT_NE(rows.back()->pages()[0], first.pages()[0]);
  }
  RowPages again(room.pool, room.tree, -1, true);
  EXPECT_EQ(again.take_prefix(text, kPage), kPage);
  EXPECT_EQ(again.pages()[0], first.pages()[0]);
  RowPages adapted(room.pool, room.tree, 0, true);  // the same tokens have other keys and values under an adapter
  EXPECT_EQ(adapted.take_prefix(text, kPage), 0);
}

TEST(PrefixTree, GivesBackTheLeastRecentlyUsedLeafFirst) {
  Room room(4);
  std::vector<int32_t> text = text_of_seed(2 * kPage, 1);
  const std::vector<int32_t> other = text_of_seed(kPage, 2), third = text_of_seed(kPage, 3);
  for (const std::vector<int32_t>& tokens : {text, other, third}) {
    RowPages row(room.pool, room.tree, -1, true);
    read(row, tokens);
  }
  EXPECT_EQ(room.tree.unused(), 4);
  EXPECT_EQ(room.pool.free(), 0);
  const auto known = [&](const std::vector<int32_t>& tokens) {
    RowPages row(room.pool, room.tree, -1, true);
    return row.take_prefix(tokens, static_cast<int64_t>(tokens.size()));
  };
  {
    RowPages user(room.pool, room.tree, -1, true);
    EXPECT_EQ(user.take_prefix(text, kPage), kPage);  // of the two pages the first is used again
    EXPECT_EQ(room.tree.unused(), 3);
    EXPECT_TRUE(room.tree.evict());                   // its second page goes first
    EXPECT_TRUE(room.tree.evict());
    EXPECT_EQ(room.tree.find(room.tree.root(-1), other), nullptr);
    EXPECT_TRUE(room.tree.evict());
    EXPECT_FALSE(room.tree.evict());                  // what is left is in use
  }
  EXPECT_EQ(known(text), kPage);
  EXPECT_TRUE(room.tree.evict());
  EXPECT_EQ(room.pool.free(), 4);
}

TEST(RowPages, AnswersToOnePromptPartWhereOneWrites) {
  Room room(6);
  const std::vector<int32_t> prompt = text_of_seed(kPage + 10, 1);
  RowPages first(room.pool, room.tree, -1, true), second(room.pool, room.tree, -1, true);
  read(first, prompt);
  second.share(first);
  EXPECT_EQ(room.pool.free(), 4);
  std::vector<int32_t> a = prompt, b = prompt;
  a.push_back(1);
  b.push_back(2);
  read(second, b);
  EXPECT_EQ(room.pool.free(), 3);  // a copy of the page that was begun
  EXPECT_EQ(first.pages()[0], second.pages()[0]);
  EXPECT_NE(first.pages()[1], second.pages()[1]);
  const int32_t before = first.pages()[1];
  read(first, a);
  EXPECT_EQ(first.pages()[1], before);  // nobody else holds it now
  first.release();
  second.release();
  EXPECT_EQ(room.pool.free(), 5);
  EXPECT_EQ(room.tree.unused(), 1);
}

TEST(RowPages, APageThatTwoRowsHaveReadIsKeptOnce) {
  Room room(4);
  const std::vector<int32_t> text = text_of_seed(kPage, 1);
  RowPages first(room.pool, room.tree, -1, true), second(room.pool, room.tree, -1, true), apart(room.pool, room.tree, -1, false);
  for (RowPages* row : {&first, &second, &apart}) ASSERT_TRUE(row->reserve(kPage));
  EXPECT_EQ(room.pool.free(), 1);
  for (RowPages* row : {&first, &second, &apart}) row->advance(kPage, text);
  EXPECT_EQ(first.pages()[0], second.pages()[0]);
  EXPECT_NE(first.pages()[0], apart.pages()[0]);
  EXPECT_EQ(room.pool.free(), 2);
  EXPECT_EQ(room.tree.pages_in_use(-1, text), 1);
  EXPECT_EQ(room.tree.pages_in_use(0, text), 0);
}

TEST(RowPages, AFailedReservationLosesNothing) {
  Room room(2);
  const std::vector<int32_t> text = text_of_seed(2 * kPage, 1);
  RowPages row(room.pool, room.tree, -1, false);
  EXPECT_FALSE(row.reserve(3 * kPage));
  EXPECT_EQ(row.room(), 2 * kPage);
  read(row, text);
  row.release();
  EXPECT_EQ(room.pool.free(), 2);
}

}  // namespace
}  // namespace lathe::infer
