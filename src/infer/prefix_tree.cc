#include "infer/prefix_tree.h"

#include <algorithm>

#include "core/check.h"

namespace lathe::infer {

PrefixTree::Node* PrefixTree::root(int32_t adapter) {
  std::unique_ptr<Node>& root = roots_[adapter];
  if (!root) root = std::make_unique<Node>();
  return root.get();
}

PrefixTree::Node* PrefixTree::find(const Node* node, std::span<const int32_t> tokens) const {
  LATHE_CHECK(tokens.size() == kTokens, tokens.size(), " tokens are no page");
  Key key;
  std::copy(tokens.begin(), tokens.end(), key.begin());
  const auto it = node->children.find(key);
  return it == node->children.end() ? nullptr : it->second.get();
}

PrefixTree::Node* PrefixTree::insert(Node* node, std::span<const int32_t> tokens, int32_t page) {
  LATHE_CHECK(tokens.size() == kTokens, tokens.size(), " tokens are no page");
  Key key;
  std::copy(tokens.begin(), tokens.end(), key.begin());
  const auto [it, is_new] = node->children.emplace(key, std::make_unique<Node>());
  LATHE_CHECK(is_new, "page ", page, " is in the tree twice");
  Node* child = it->second.get();
  child->parent = node;
  child->page = page;
  child->users = 1;
  child->self = it;
  pool_.hold(page);
  ++pages_;
  return child;
}

void PrefixTree::use(Node* node) {
  if (node->users++ == 0) unused_.erase(node->place);
}

void PrefixTree::leave(Node* node) {
  LATHE_CHECK(node->users > 0, "page ", node->page, " is used by nobody");
  if (--node->users == 0) node->place = unused_.insert(unused_.end(), node);
}

bool PrefixTree::evict() {
  if (unused_.empty()) return false;
  Node* node = unused_.front();
  LATHE_CHECK(node->children.empty(), "page ", node->page, " is unused before those that follow it");
  unused_.pop_front();
  pool_.let_go(node->page);
  --pages_;
  node->parent->children.erase(node->self);
  return true;
}

int64_t PrefixTree::pages_in_use(int32_t adapter, std::span<const int32_t> tokens) const {
  const auto it = roots_.find(adapter);
  if (it == roots_.end()) return 0;
  int64_t count = 0;
  for (const Node* node = it->second.get(); tokens.size() >= kTokens; tokens = tokens.subspan(kTokens), ++count) {
    node = find(node, tokens.first(kTokens));
    if (node == nullptr || node->users == 0) break;
  }
  return count;
}

void PrefixTree::clear() {
  while (evict()) {
  }
  LATHE_CHECK(pages_ == 0, pages_, " pages are in use");
}

}  // namespace lathe::infer
