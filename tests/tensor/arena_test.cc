#include "tensor/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "core/rng.h"

namespace lathe {
namespace {

TEST(Arena, BlocksAreAlignedAndApart) {
  Arena arena;
  arena.reserve(1 << 16);
  const auto a = arena.allocate(1), b = arena.allocate(65), c = arena.allocate(64);
  for (const auto& block : {a, b, c}) EXPECT_EQ(reinterpret_cast<uintptr_t>(block.data) % Arena::kAlignment, 0u);
  EXPECT_EQ(a.bytes, 64);
  EXPECT_EQ(b.bytes, 128);
  EXPECT_EQ(b.data - a.data, 64);
  EXPECT_EQ(c.data - b.data, 128);
  EXPECT_EQ(arena.bytes_in_use(), 256);
  EXPECT_EQ(arena.growths(), 0);
}

TEST(Arena, TakesTheSmallestHoleThatFitsAndMergesNeighbours) {
  Arena arena;
  arena.reserve(1 << 16);
  std::vector<Arena::Block> blocks;
  for (const int64_t bytes : {256, 64, 128, 64, 64}) blocks.push_back(arena.allocate(bytes));
  arena.release(blocks[0]);
  arena.release(blocks[2]);
  EXPECT_EQ(arena.allocate(100).offset, blocks[2].offset);  // 128 fits better than 256
  EXPECT_EQ(arena.allocate(100).offset, blocks[0].offset);
  arena.release(blocks[3]);
  arena.release(blocks[4]);                                 // merges with the hole before and the rest behind
  EXPECT_EQ(arena.allocate(4096).offset, blocks[3].offset);
}

// What the meta device measures is what the same requests need: offsets, peak and in-use agree at every step.
TEST(Arena, SameRequestsGiveTheSameOffsetsOnEveryDevice) {
  const auto run = [](Arena& arena) {
    Rng rng(3, "arena");
    std::vector<Arena::Block> held;
    std::vector<int64_t> trace;
    for (int i = 0; i < 2000; ++i) {
      if (!held.empty() && rng.chance(0.5)) {
        const size_t pick = rng.below(held.size());
        arena.release(held[pick]);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(pick));
      } else {
        held.push_back(arena.allocate(static_cast<int64_t>(rng.below(5000))));
        trace.push_back(held.back().offset);
      }
      trace.push_back(arena.bytes_in_use());
    }
    for (const auto& block : held) arena.release(block);
    return trace;
  };
  Arena meta(Device::kMeta);
  const auto rehearsal = run(meta);
  Arena real;
  real.reserve(meta.peak_bytes());
  EXPECT_EQ(run(real), rehearsal);
  EXPECT_EQ(real.growths(), 0);
  EXPECT_EQ(real.peak_bytes(), meta.peak_bytes());
  EXPECT_EQ(real.bytes_in_use(), 0);
  // All is one hole again: a second round gives the same places.
  EXPECT_EQ(run(real), rehearsal);
  EXPECT_EQ(real.growths(), 0);
}

// Blocks that are held at the same time never share a byte.
TEST(Arena, HeldBlocksKeepTheirContents) {
  Arena arena;
  Rng rng(4, "arena");
  struct Held {
    Arena::Block block;
    int mark;
  };
  std::vector<Held> held;
  for (int i = 0; i < 3000; ++i) {
    if (held.size() > 20) {
      const size_t pick = rng.below(held.size());
      for (int64_t b = 0; b < held[pick].block.bytes; ++b) ASSERT_EQ(std::to_integer<int>(held[pick].block.data[b]), held[pick].mark);
      arena.release(held[pick].block);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(pick));
    } else {
      const auto block = arena.allocate(static_cast<int64_t>(rng.below(3000)));
      held.push_back({block, i % 251});
      std::memset(block.data, i % 251, static_cast<size_t>(block.bytes));
    }
  }
  for (const Held& one : held) arena.release(one.block);
  EXPECT_EQ(arena.bytes_in_use(), 0);
}

TEST(Arena, GrowsWhenTheReserveWasTooSmallAndSaysSo) {
  Arena arena;
  arena.reserve(4096);
  const auto first = arena.allocate(4096);
  EXPECT_EQ(arena.growths(), 0);
  const auto second = arena.allocate(5 << 20);
  EXPECT_EQ(arena.growths(), 1);
  std::memset(second.data, 1, 5 << 20);
  EXPECT_GE(arena.peak_bytes(), 4096 + (5 << 20));
  arena.release(first);
  arena.release(second);
}

TEST(Arena, RefusesToReserveWhileInUse) {
  Arena arena;
  const auto block = arena.allocate(10);
  EXPECT_THROW(arena.reserve(4096), std::invalid_argument);
  arena.release(block);
}

}  // namespace
}  // namespace lathe
