// The pages of one sequence: its beginning may be shared through the prefix tree, its end is its own or shared with answers to the same
// prompt until one of them writes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/page_pool.h"
#include "infer/prefix_tree.h"

namespace lathe::infer {

constexpr int64_t pages_for(int64_t positions) { return (positions + model::PagedCache::kPositions - 1) / model::PagedCache::kPositions; }

// One thread. Pool and tree must outlive it.
class RowPages {
 public:
  // shares: whole pages are put into the tree.
  RowPages(PagePool& pool, PrefixTree& tree, int32_t adapter, bool shares);
  ~RowPages() { release(); }
  RowPages(const RowPages&) = delete;
  RowPages& operator=(const RowPages&) = delete;

  int64_t held() const { return held_; }  // positions whose keys and values are there
  int64_t room() const { return static_cast<int64_t>(pages_.size()) * model::PagedCache::kPositions; }
  bool empty() const { return pages_.empty(); }
  std::span<const int32_t> pages() const { return pages_; }

  // Goes on with pages of the tree that hold the first `most` of `tokens` at most; how many positions were won.
  int64_t take_prefix(std::span<const int32_t> tokens, int64_t most);
  // Makes the positions held() .. end - 1 writable, evicting from the tree where it must. false: memory is used up; what was won stays.
  bool reserve(int64_t end);
  // The positions of the first `held` of `tokens` are there now.
  void advance(int64_t held, std::span<const int32_t> tokens);
  void share(const RowPages& other);  // this one must be empty
  void release();                     // held() is 0 then

 private:
  int32_t take();
  void enter(PrefixTree::Node* child);

  PagePool& pool_;
  PrefixTree& tree_;
  const bool shares_;
  PrefixTree::Node* node_;      // the last page that is the tree's
  std::vector<int32_t> pages_;  // each held once
  size_t in_tree_ = 0;          // the first so many are the tree's
  int64_t held_ = 0;
};

}  // namespace lathe::infer
