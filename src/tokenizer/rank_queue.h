// Pairs waiting to be merged, by (rank, position): the smallest first. Positions of one rank nearly always arrive in
// ascending order, so a rank is a list that is read from its front, and the lowest rank is found in a tree of bits:
// constant time a step, where one heap over all pairs needs log n. A rank whose positions arrive out of order becomes a
// heap of its own, which bounds the worst case at O(n log n).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <vector>

#include "tokenizer/pair_map.h"

namespace lathe::tokenizer {

class RankQueue {
 public:
  // Ranks in [0, rank_count).
  explicit RankQueue(int64_t rank_count) {
    size_t words = static_cast<size_t>(rank_count);
    do levels_.emplace_back(words = (words + 63) / 64);
    while (words > 1);
  }

  void push(int32_t rank, uint32_t position) {
    if (rank != last_rank_) {
      last_rank_ = rank;
      last_list_ = static_cast<size_t>(list_of_.find_or_insert(rank, 0, static_cast<int32_t>(lists_.size())));
      if (last_list_ == lists_.size()) lists_.emplace_back();
    }
    if (rank < front_rank_) front_rank_ = -1;
    List& list = lists_[last_list_];
    ++steps_;
    if (list.empty()) {
      list.positions.clear();
      list.front = 0;
      list.heap = false;
      set(static_cast<size_t>(rank));
    }
    list.positions.push_back(position);
    const size_t count = list.positions.size();
    if (!list.heap && count - list.front > 1 && list.positions[count - 2] > position) {
      list.positions.erase(list.positions.begin(), list.positions.begin() + static_cast<std::ptrdiff_t>(list.front));
      steps_ += static_cast<int64_t>(list.front);
      list.front = 0;
      list.heap = true;  // ascending, so already a heap but for the new one
    }
    if (list.heap) {
      std::push_heap(list.positions.begin(), list.positions.end(), std::greater<>());
      steps_ += std::bit_width(list.positions.size());
    }
  }

  bool empty() const { return levels_.back()[0] == 0; }

  struct Entry {
    int32_t rank;
    uint32_t position;
  };
  // Takes out the smallest; the queue must not be empty.
  Entry pop() {
    if (front_rank_ < 0) find_front();
    ++steps_;
    const int32_t rank = front_rank_;
    List& list = lists_[front_list_];
    uint32_t position;
    if (list.heap) {
      std::pop_heap(list.positions.begin(), list.positions.end(), std::greater<>());
      steps_ += std::bit_width(list.positions.size());
      position = list.positions.back();
      list.positions.pop_back();
    } else {
      position = list.positions[list.front++];
    }
    if (list.empty()) {
      clear(static_cast<size_t>(rank));
      front_rank_ = -1;
    }
    return {rank, position};
  }

  // Elementary steps so far: moves of one position, in a list or along one level of a heap.
  int64_t steps() const { return steps_; }

 private:
  struct List {
    std::vector<uint32_t> positions;
    size_t front = 0;  // what is before it was taken
    bool heap = false;
    bool empty() const { return front == positions.size(); }
  };
  void find_front() {
    size_t rank = 0;
    for (size_t level = levels_.size(); level-- > 0;)
      rank = rank * 64 + static_cast<size_t>(std::countr_zero(levels_[level][rank]));
    front_rank_ = static_cast<int32_t>(rank);
    front_list_ = static_cast<size_t>(list_of_.find(front_rank_, 0));
  }
  void set(size_t rank) {
    for (auto& level : levels_) {
      level[rank / 64] |= uint64_t{1} << rank % 64;
      rank /= 64;
    }
  }
  void clear(size_t rank) {
    for (auto& level : levels_) {
      if ((level[rank / 64] &= ~(uint64_t{1} << rank % 64)) != 0) return;
      rank /= 64;
    }
  }

  std::vector<std::vector<uint64_t>>
      levels_;       // bit r of level 0: rank r waits; bit w of level l+1: word w of l is not 0
  PairMap list_of_;  // (rank, 0) -> index in lists_
  std::vector<List> lists_;
  int32_t last_rank_ = -1;
  size_t last_list_ = 0;
  int32_t front_rank_ = -1;  // the lowest rank and its list; -1: to be looked up
  size_t front_list_ = 0;
  int64_t steps_ = 0;
};

}  // namespace lathe::tokenizer
