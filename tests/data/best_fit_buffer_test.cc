#include "data/best_fit_buffer.h"

#include <gtest/gtest.h>

#include "core/rng.h"

namespace lathe::data {
namespace {

struct Item {
  int64_t length = 0;
  int64_t name = -1;
};

// The rule as written: a scan in buffer order, strict comparison keeps the first of equals.
class ScannedBuffer {
 public:
  void add(Item item) { items_.push_back(item); }
  Item take_longest(int64_t space) {
    int64_t best = -1;
    for (size_t i = 0; i < items_.size(); ++i)
      if (items_[i].length <= space && (best < 0 || items_[i].length > items_[static_cast<size_t>(best)].length))
        best = static_cast<int64_t>(i);
    return best < 0 ? Item{} : take(static_cast<size_t>(best));
  }
  Item take_shortest() {
    size_t best = 0;
    for (size_t i = 1; i < items_.size(); ++i)
      if (items_[i].length < items_[best].length) best = i;
    return take(best);
  }
  const std::vector<Item>& items() const { return items_; }

 private:
  Item take(size_t i) {
    const Item item = items_[i];
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
    return item;
  }
  std::vector<Item> items_;
};

// C-1.23, C-1.24, C-1.25
TEST(BestFitBuffer, ChoosesWhatAScanInBufferOrderChooses) {
  Rng rng(7, "test");
  BestFitBuffer<Item> buffer;
  ScannedBuffer scanned;
  int64_t name = 0, fitted = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    if (buffer.size() == 0 || rng.chance(0.5)) {
      const Item item{1 + static_cast<int64_t>(rng.below(12)), name++};
      buffer.add(item.length, item);
      scanned.add(item);
      continue;
    }
    Item chosen;
    if (rng.chance(0.3)) {
      buffer.take_shortest(chosen);
      ASSERT_EQ(chosen.name, scanned.take_shortest().name);
      continue;
    }
    const auto space = static_cast<int64_t>(rng.below(14));
    const bool fits = buffer.take_longest(space, chosen);
    const Item expected = scanned.take_longest(space);
    ASSERT_EQ(fits, expected.name >= 0);
    ASSERT_EQ(chosen.name, expected.name);
    ++(fits ? fitted : refused);
  }
  EXPECT_GT(fitted, 1000);
  EXPECT_GT(refused, 100);
  const auto order = buffer.in_order();
  ASSERT_EQ(order.size(), scanned.items().size());
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i]->name, scanned.items()[i].name);
}

}  // namespace
}  // namespace lathe::data
