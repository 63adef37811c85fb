// Attention of many sequences over keys and values that lie in pages of 64 positions (Kwon et al. 2023, arXiv:2309.06180). A page is a
// block of keys as attention visits it (ops/attention.h), so with pages of the activation dtype a query has the bits it has without
// pages. Pages of codes hold int8 numbers and one float32 scale for each position and head; a block is decoded before it is used, that of
// the new tokens too, so the bits do not depend on how a sequence was divided into calls.
#pragma once

#include "ops/attention.h"

namespace lathe::ops {

inline constexpr int64_t kPagePositions = 64;

// Keys or values of one layer.
struct PagedTensor {
  Tensor data;    // (pages, G, 64, D) of the activation dtype, or uint8 whose bytes are the codes as int8
  Tensor scales;  // (pages, G, 64) float32 for codes, else empty
};

// R sequences with new tokens; all int32.
struct PagedSequences {
  Tensor first_queries;  // (R + 1) from 0 up: the queries of sequence r are first_queries[r] .. first_queries[r + 1] - 1, at least one
  Tensor lengths;        // (R) keys of each, the queries included, which are the last ones
  Tensor first_pages;    // (R + 1) from 0 up, into `pages`
  Tensor pages;          // numbers of the pages of each sequence in order, enough for its length
};

// x (N, G*D) of an activation dtype: row n goes to place slots[n] % 64 of page slots[n] / 64; slots (N) int32. As codes:
// scale = largest magnitude of a head / 127, code = x / scale rounded; what is not finite makes its head NaN.
void append_to_pages(Context& ctx, const Tensor& x, const PagedTensor& pages, const Tensor& slots);

// q (N, H*D). Of `shape` heads, kv_heads, head_dim, window, scale and softcap count. Returns (N, H*D).
Tensor attention_paged(Context& ctx, const Tensor& q, const PagedTensor& keys, const PagedTensor& values, const PagedSequences& sequences,
                       const AttentionShape& shape);

}  // namespace lathe::ops
