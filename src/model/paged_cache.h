// Keys and values of many sequences in pages of 64 positions, as attention visits them. Which pages a sequence has, and who shares
// one, is the caller's bookkeeping (infer/page_pool.h); here is only the memory.
#pragma once

#include <span>
#include <vector>

#include "model/config.h"
#include "ops/paged_attention.h"

namespace lathe::model {

enum class KvFormat {
  kActivation,  // the activation dtype: the bits of a forward pass are those of KvCache and of a pass without a cache
  kInt8,        // codes of 8 bits with one float32 scale for each position and head; half the memory of bf16
};

// One thread.
class PagedCache {
 public:
  static constexpr int64_t kPositions = 64;  // of a page

  PagedCache() = default;
  // Memory from the system, touched when it is written.
  PagedCache(const ModelConfig& config, int64_t pages, DType activation, KvFormat format = KvFormat::kActivation);

  int64_t pages() const { return pages_; }
  KvFormat format() const { return format_; }
  int64_t bytes() const;
  static int64_t bytes_per_page(const ModelConfig& config, DType activation, KvFormat format);
  // (pages, G, 64, D) of the activation dtype, or uint8 whose bytes are int8 codes.
  const Tensor& keys(int64_t layer) const { return keys_[static_cast<size_t>(layer)].data; }
  const Tensor& values(int64_t layer) const { return values_[static_cast<size_t>(layer)].data; }
  // (pages, G, 64) float32; empty tensors for kActivation.
  const Tensor& key_scales(int64_t layer) const { return keys_[static_cast<size_t>(layer)].scales; }
  const Tensor& value_scales(int64_t layer) const { return values_[static_cast<size_t>(layer)].scales; }
  // Both of them, for ops/paged_attention.h.
  const ops::PagedTensor& paged_keys(int64_t layer) const { return keys_[static_cast<size_t>(layer)]; }
  const ops::PagedTensor& paged_values(int64_t layer) const { return values_[static_cast<size_t>(layer)]; }
  // All layers of a page, whole.
  void copy_page(int64_t to, int64_t from);

 private:
  int64_t pages_ = 0;
  KvFormat format_ = KvFormat::kActivation;
  std::vector<ops::PagedTensor> keys_, values_;
};

// New tokens of one sequence in a step over many: positions start .. start + ids.size() - 1.
struct PagedRow {
  std::span<const int32_t> ids;    // at least one
  int64_t start = 0;               // positions that its pages hold already
  int32_t previous = -1;           // the token at start - 1 (the newest state's smear needs it); -1 where start is 0
  std::span<const int32_t> pages;  // numbers of its pages, enough for start + ids.size() positions
  int64_t wanted = 1;              // logits of the last so many of ids, 0 .. ids.size()
  int32_t adapter = -1;            // which of the model's adapters is on for this row; -1: none
};

// A forward pass over rows of many sequences, whose pages get the new keys and values.
struct PagedStep {
  std::span<const PagedRow> rows;
  PagedCache* cache = nullptr;
};

}  // namespace lathe::model
