#include "infer/fair_queue.h"

#include <gtest/gtest.h>

namespace lathe::infer {
namespace {

std::string all(FairQueue<int>& queue) {
  std::string out;
  while (queue.size() > 0) out += std::to_string(queue.pop());
  return out;
}

TEST(FairQueue, ClientsTakeTurnsEachInItsOwnOrder) {
  FairQueue<int> queue(10, 10);
  for (const int i : {1, 2, 3}) EXPECT_TRUE(queue.push("a", i));
  EXPECT_TRUE(queue.push("b", 4));
  EXPECT_TRUE(queue.push("c", 5));
  EXPECT_TRUE(queue.push("b", 6));
  EXPECT_EQ(queue.front(), 1);
  EXPECT_EQ(all(queue), "145263");
}

TEST(FairQueue, WhoComesBackStandsBehindThoseWhoWait) {
  FairQueue<int> queue(10, 10);
  EXPECT_TRUE(queue.push("a", 1));
  EXPECT_TRUE(queue.push("b", 2));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.push("a", 3));
  EXPECT_EQ(all(queue), "23");
}

TEST(FairQueue, IsBoundedInAllAndForEachClient) {
  FairQueue<int> queue(3, 2);
  EXPECT_TRUE(queue.push("a", 1));
  EXPECT_TRUE(queue.push("a", 2));
  EXPECT_FALSE(queue.push("a", 3));
  EXPECT_TRUE(queue.push("b", 4));
  EXPECT_FALSE(queue.push("c", 5));
  EXPECT_EQ(queue.size(), 3);
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.push("c", 5));
}

TEST(FairQueue, WhatIsTakenOutHasNoTurn) {
  FairQueue<int> queue(9, 9);
  for (const int i : {1, 2, 3, 4}) EXPECT_TRUE(queue.push(i % 2 ? "odd" : "even", i));
  EXPECT_TRUE(queue.push("odd", 5));
  EXPECT_EQ(queue.take_if([](int i) { return i % 2 == 0 || i == 3; }).size(), 3u);
  EXPECT_EQ(queue.size(), 2);
  EXPECT_EQ(all(queue), "15");
}

}  // namespace
}  // namespace lathe::infer
