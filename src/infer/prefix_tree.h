// Beginnings of texts whose keys and values are in the cache, as a tree of whole pages (Zheng et al. 2024, arXiv:2312.07104,
// RadixAttention). A page is found by comparing all of its tokens: there is no hash that could be right by accident (trap S10).
// Pages that no row uses stay until memory is needed; then the least recently used leaf goes first.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>

#include "infer/page_pool.h"

namespace lathe::infer {

// One thread. The pool must outlive it.
class PrefixTree {
 public:
  static constexpr size_t kTokens = static_cast<size_t>(model::PagedCache::kPositions);
  struct Node;

  explicit PrefixTree(PagePool& pool) : pool_(pool) {}
  ~PrefixTree() { clear(); }
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // Keys and values under one adapter are of no use under another.
  Node* root(int32_t adapter);
  // The page of these kTokens tokens after `node`; null: there is none. Not in use by being found.
  Node* find(const Node* node, std::span<const int32_t> tokens) const;
  // Adds one that is not there yet. The tree becomes a holder of `page`, and the caller uses the node.
  Node* insert(Node* node, std::span<const int32_t> tokens, int32_t page);
  // Users of a node must use its parents, too, and leave it before these.
  void use(Node* node);
  void leave(Node* node);

  bool evict();                                                  // one page; false: all are in use
  int64_t unused() const { return static_cast<int64_t>(unused_.size()); }  // pages that evict() can give back
  int64_t pages() const { return pages_; }
  // Leading whole pages of `tokens` that someone uses: a row with this beginning needs no memory for them.
  int64_t pages_in_use(int32_t adapter, std::span<const int32_t> tokens) const;
  void clear();  // nobody may use a node

 private:
  using Key = std::array<int32_t, kTokens>;
  PagePool& pool_;
  std::map<int32_t, std::unique_ptr<Node>> roots_;
  std::list<Node*> unused_;  // who was left first is in front, so children stand before their parents
  int64_t pages_ = 0;

 public:
  struct Node {
    Node* parent = nullptr;
    int32_t page = -1;  // of the cache; -1: a root
    int64_t users = 0;
    std::map<Key, std::unique_ptr<Node>> children;
    std::map<Key, std::unique_ptr<Node>>::iterator self;  // in the parent's children
    std::list<Node*>::iterator place;                     // in unused_ while there are no users
  };
};

}  // namespace lathe::infer
