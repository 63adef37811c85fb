// Connected components whose root is their smallest member (row L-2.23). 8 bytes a member. One thread at a time.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

namespace lathe::corpus {

class UnionFind {
 public:
  explicit UnionFind(uint64_t members) : parent_(members) { std::iota(parent_.begin(), parent_.end(), uint64_t{0}); }

  uint64_t find(uint64_t member) {
    while (parent_[member] != member) member = parent_[member] = parent_[parent_[member]];
    return member;
  }
  void unite(uint64_t a, uint64_t b) {
    a = find(a), b = find(b);
    parent_[a < b ? b : a] = a < b ? a : b;
  }

 private:
  std::vector<uint64_t> parent_;  // never larger than the member
};

}  // namespace lathe::corpus
