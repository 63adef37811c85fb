#include "infer/row_pages.h"

#include <algorithm>

#include "core/check.h"

namespace lathe::infer {
namespace {

constexpr int64_t kPositions = model::PagedCache::kPositions;

}  // namespace

RowPages::RowPages(PagePool& pool, PrefixTree& tree, int32_t adapter, bool shares)
    : pool_(pool), tree_(tree), shares_(shares), node_(tree.root(adapter)) {}

int32_t RowPages::take() {
  int32_t page = pool_.take();
  while (page < 0 && tree_.evict()) page = pool_.take();
  return page;
}

// The next page is the tree's `child`, which is in use by this row already.
void RowPages::enter(PrefixTree::Node* child) {
  node_ = child;
  ++in_tree_;
}

int64_t RowPages::take_prefix(std::span<const int32_t> tokens, int64_t most) {
  if (!shares_) return 0;
  for (;;) {
    const int64_t begin = static_cast<int64_t>(in_tree_) * kPositions;
    if (begin + kPositions > most) break;
    PrefixTree::Node* child = tree_.find(node_, tokens.subspan(static_cast<size_t>(begin), PrefixTree::kTokens));
    if (child == nullptr) break;
    tree_.use(child);
    pool_.hold(child->page);
    if (in_tree_ < pages_.size()) {  // a page that was begun
      pool_.let_go(pages_[in_tree_]);
      pages_[in_tree_] = child->page;
    } else {
      pages_.push_back(child->page);
    }
    enter(child);
  }
  const int64_t won = std::max<int64_t>(static_cast<int64_t>(in_tree_) * kPositions - held_, 0);
  held_ += won;
  return won;
}

bool RowPages::reserve(int64_t end) {
  const auto first = static_cast<size_t>(held_ / kPositions), needed = static_cast<size_t>(pages_for(end));
  for (size_t i = first; i < needed && i < pages_.size(); ++i) {
    if (!pool_.is_shared(pages_[i])) continue;
    LATHE_CHECK(i >= in_tree_, "a page of the tree would be written");
    int32_t page = pool_.writable(pages_[i]);
    while (page < 0 && tree_.evict()) page = pool_.writable(pages_[i]);
    if (page < 0) return false;
    pages_[i] = page;
  }
  while (pages_.size() < needed) {
    const int32_t page = take();
    if (page < 0) return false;
    pages_.push_back(page);
  }
  return true;
}

void RowPages::advance(int64_t held, std::span<const int32_t> tokens) {
  LATHE_CHECK(held >= held_ && held <= room() && held <= static_cast<int64_t>(tokens.size()), held, " positions after ", held_, " in ", room());
  held_ = held;
  if (!shares_) return;
  for (; static_cast<int64_t>(in_tree_ + 1) * kPositions <= held_;) {
    const auto part = tokens.subspan(in_tree_ * PrefixTree::kTokens, PrefixTree::kTokens);
    int32_t& page = pages_[in_tree_];
    PrefixTree::Node* child = tree_.find(node_, part);
    if (child == nullptr) {
      child = tree_.insert(node_, part, page);
    } else {  // another row was faster; what it computed are the same bits
      tree_.use(child);
      pool_.hold(child->page);
      pool_.let_go(page);
      page = child->page;
    }
    enter(child);
  }
}

void RowPages::share(const RowPages& other) {
  LATHE_CHECK(empty(), "pages are there already");
  pages_ = other.pages_;
  for (const int32_t page : pages_) pool_.hold(page);
  held_ = other.held_;
  in_tree_ = other.in_tree_;
  node_ = other.node_;
  for (PrefixTree::Node* node = node_; node->parent != nullptr; node = node->parent) tree_.use(node);
}

void RowPages::release() {
  while (!pages_.empty()) {
    pool_.let_go(pages_.back());
    if (pages_.size() == in_tree_) {
      PrefixTree::Node* parent = node_->parent;
      tree_.leave(node_);
      node_ = parent;
      --in_tree_;
    }
    pages_.pop_back();
  }
  held_ = 0;
}

}  // namespace lathe::infer
