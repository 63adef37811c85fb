#include "tensor/arena.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/check.h"
#include "core/parallel.h"

namespace lathe {
namespace {

int64_t round_up(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }
constexpr int64_t kPage = 4096, kHugePage = 2 << 20;
constexpr int64_t kMetaSlab = int64_t{1} << 50;  // the meta device never runs out

}  // namespace

Arena::Arena(Device device) : device_(device) {
  holes_.reserve(4096);
  if (device == Device::kMeta) add_slab(kMetaSlab);
}

Arena::~Arena() {
  for (const Slab& slab : slabs_) std::free(slab.data);
}

void Arena::add_slab(int64_t bytes) {
  Slab slab;
  slab.bytes = bytes;
  if (device_ != Device::kMeta) {
    slab.bytes = round_up(bytes, bytes >= kHugePage ? kHugePage : kPage);
    slab.data = static_cast<std::byte*>(std::aligned_alloc(static_cast<size_t>(bytes >= kHugePage ? kHugePage : kPage), static_cast<size_t>(slab.bytes)));
    if (slab.data == nullptr) throw std::bad_alloc();
  }
  slabs_.push_back(slab);
  holes_.push_back({static_cast<int32_t>(slabs_.size()) - 1, 0, slab.bytes});
}

void Arena::reserve(int64_t bytes) {
  require(in_use_ == 0 && slabs_.empty(), "[arena] reserve() on an arena that is in use");
  if (bytes <= 0) return;
  add_slab(bytes);
  // Touched by all threads, so that with several memory nodes the pages are spread over them.
  const Slab& slab = slabs_.back();
  parallel_for(slab.bytes, kHugePage, [&](int64_t begin, int64_t end) { std::memset(slab.data + begin, 0, static_cast<size_t>(end - begin)); });
}

Arena::Block Arena::allocate(int64_t bytes) {
  bytes = round_up(std::max<int64_t>(bytes, 1), kAlignment);
  // A hole that reaches the end of its slab is the last resort: so the choice does not depend on the slab's size, and a
  // slab of the measured peak serves the same requests with the same offsets.
  const auto at_end = [&](const Hole& hole) { return hole.offset + hole.bytes == slabs_[static_cast<size_t>(hole.slab)].bytes; };
  auto best = holes_.end();
  for (auto it = holes_.begin(); it != holes_.end(); ++it) {
    if (it->bytes < bytes) continue;
    if (best == holes_.end() || at_end(*best) > at_end(*it) || (at_end(*best) == at_end(*it) && it->bytes < best->bytes)) best = it;
  }
  if (best == holes_.end()) {
    add_slab(std::max<int64_t>(bytes, kHugePage));
    ++growths_;
    best = holes_.end() - 1;
  }
  const Slab& slab = slabs_[static_cast<size_t>(best->slab)];
  Block block{slab.data ? slab.data + best->offset : nullptr, best->offset, bytes, best->slab};
  best->offset += bytes;
  best->bytes -= bytes;
  if (best->bytes == 0) holes_.erase(best);
  in_use_ += bytes;
  int64_t base = 0;
  for (int32_t i = 0; i < block.slab; ++i) base += slabs_[static_cast<size_t>(i)].bytes;
  peak_ = std::max(peak_, base + block.offset + bytes);
  return block;
}

void Arena::release(const Block& block) {
  in_use_ -= block.bytes;
  LATHE_CHECK(in_use_ >= 0, "arena released more than it gave");
  const auto after = std::lower_bound(holes_.begin(), holes_.end(), block, [](const Hole& hole, const Block& b) {
    return hole.slab != b.slab ? hole.slab < b.slab : hole.offset < b.offset;
  });
  const bool joins_after = after != holes_.end() && after->slab == block.slab && after->offset == block.offset + block.bytes;
  const bool joins_before = after != holes_.begin() && (after - 1)->slab == block.slab &&
                            (after - 1)->offset + (after - 1)->bytes == block.offset;
  if (joins_before && joins_after) {
    (after - 1)->bytes += block.bytes + after->bytes;
    holes_.erase(after);
  } else if (joins_before) {
    (after - 1)->bytes += block.bytes;
  } else if (joins_after) {
    after->offset = block.offset;
    after->bytes += block.bytes;
  } else {
    holes_.insert(after, {block.slab, block.offset, block.bytes});
  }
}

void Arena::reset_peak() { peak_ = in_use_; }

}  // namespace lathe
