// The buffer of both packers: items with a length, kept in order of arrival. It gives the longest item that fits, or
// the shortest of all; among equals the one that came first (C-1.23 to 1.25, C-8.8). Ordered by (length, arrival), so
// each operation is logarithmic where a scan would visit every item.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/check.h"

namespace lathe::data {

template <class Item>
class BestFitBuffer {
 public:
  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  void clear() { items_.clear(); }

  void add(int64_t length, Item item) { items_.emplace(Key{length, arrivals_++}, std::move(item)); }

  // Takes the longest item of length <= space (first of equals). False: none fits.
  bool take_longest(int64_t space, Item& item) {
    auto above = items_.lower_bound(Key{space + 1, 0});
    if (above == items_.begin()) return false;
    const int64_t length = std::prev(above)->first.first;
    take(items_.lower_bound(Key{length, 0}), item);
    return true;
  }

  // Takes the shortest item (first of equals).
  void take_shortest(Item& item) {
    LATHE_CHECK(!items_.empty(), "the buffer is empty");
    take(items_.begin(), item);
  }

  // The items in order of arrival.
  std::vector<const Item*> in_order() const {
    std::vector<std::pair<int64_t, const Item*>> ordered;
    ordered.reserve(items_.size());
    for (const auto& [key, item] : items_) ordered.emplace_back(key.second, &item);
    std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<const Item*> items;
    items.reserve(ordered.size());
    for (const auto& [arrival, item] : ordered) items.push_back(item);
    return items;
  }

 private:
  using Key = std::pair<int64_t, int64_t>;  // length, arrival
  using Iterator = typename std::map<Key, Item>::iterator;
  void take(Iterator it, Item& item) {
    item = std::move(it->second);
    items_.erase(it);
  }

  std::map<Key, Item> items_;
  int64_t arrivals_ = 0;
};

}  // namespace lathe::data
