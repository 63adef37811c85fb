// Causal scaled dot-product attention with grouped heads and a sliding window, never materialising T x T scores.
// Queries are computed against key blocks of 64 at absolute positions, in ascending order, with a running maximum and
// sum (online softmax: Milakov & Gimelshein 2018, Dao et al. 2022), all in float32. So a query's result has the same
// bits alone, in a prefill and in training (decision 17). A query at position p sees keys max(0, p - window) .. p
// (window + 1 keys, row C-3.18); window < 0 means all. Query head h uses key/value head h / (H / G) (row C-3.19).
// Documents packed into one sequence are kept apart by first_keys (row L-7.15).
#pragma once

#include "ops/context.h"
#include "ops/dropout.h"

namespace lathe::ops {

struct AttentionShape {
  int64_t batch = 1;        // B sequences
  int64_t queries = 0;      // Tq queries of each sequence; they are its last positions
  int64_t heads = 0;        // H
  int64_t kv_heads = 0;     // G, divides H
  int64_t head_dim = 0;     // D, even, at most 256
  int64_t window = -1;
  float scale = 0;          // usually 1 / sqrt(D)
  // (B*Tq) int32, not with a cache: the first key that each query may see, a position in its sequence, 0 <= first <=
  // query, never falling within a sequence. Empty: 0.
  Tensor first_keys{};
  // Training without a cache: each attention weight is dropped at this rate (the others divided by 1 - rate), by bits that
  // depend on (dropout_key, sequence, head, query, key) alone, so the backward pass draws them again.
  float dropout = 0;
  DropoutKey dropout_key{};
  // Scaled scores become softcap * tanh(score / softcap) before the softmax (Gemma 2, arXiv:2408.00118); 0 = none.
  float softcap = 0;
};

// Throws "[attention] ..." unless the sizes and factors are possible.
void check_attention_shape(const AttentionShape& shape);

struct AttentionSaved {
  Tensor log_sum_exp;  // (B, H, Tq) float32
};

// Training and prefill without a cache: q (B*T, H*D), k and v (B*T, G*D), rows ordered (b, t). Returns (B*T, H*D).
Tensor attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape, AttentionSaved* saved);
void attention_backward(Context& ctx, const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y,
                        const AttentionShape& shape, const AttentionSaved& saved, const Tensor& dq, const Tensor& dk, const Tensor& dv);

// With a cache: q (B*Tq, H*D); k_cache, v_cache (B, G, capacity, D) of q's dtype; lengths[b] = number of keys of row b
// in the cache, the queries included (they are positions lengths[b] - Tq ...). Returns (B*Tq, H*D).
Tensor attention_cached(Context& ctx, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache, const Tensor& lengths,
                        const AttentionShape& shape);

}  // namespace lathe::ops
