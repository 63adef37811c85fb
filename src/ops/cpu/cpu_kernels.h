// The CPU's kernels, by the names and with the arguments of ops/kernels.h. One file per op in this folder.
#pragma once

#include "ops/kernels.h"

namespace lathe::ops::cpu {

using T = const Tensor&;
void matmul(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate);
void library_matmul(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate);  // by oneDNN alone
void quantized_product(T x, const QuantizedMatrix& w, T y);
void add_bias(T y, T bias);
void bias_backward(T dy, T dbias);
void low_rank(T input, T w, T x, T a, T b, float scale, T h, T y);
void low_rank_backward(T dy, T w, T a, T b, float scale, T dh, T dx);
void scale_columns(T x, T factors, T y);
void scale_columns_backward(T dy, T x, T dfactors);
void adapted_row_norms(T w, T product, float scale, T norms);
void gather_columns(T x, T columns, T y);
void dequantize(const QuantizedMatrix& w, T y);
void embedding(T table, T ids, T y);
void embedding_backward(T dy, T ids, T dtable);
void rms_norm(T x, T weight, float weight_offset, float eps, float scale, T y, T inv_rms);
void rms_norm_backward(T dy, T x, T weight, float weight_offset, float scale, T inv_rms, T dx, T dweight);
void layer_norm(T x, T weight, T bias, float eps, T y, T mean, T inv_std);
void layer_norm_backward(T dy, T x, T weight, T mean, T inv_std, T dx, T dweight, T dbias);
void rope(T x, T cosine, T sine, T positions, int64_t heads, int direction, T y);
void attention(T q, T k, T v, const AttentionShape& shape, T y, T log_sum_exp);
void attention_backward(T dy, T q, T k, T v, T y, const AttentionShape& shape, T log_sum_exp, T dq, T dk, T dv);
void attention_cached(T q, T k_cache, T v_cache, T lengths, const AttentionShape& shape, T y);
void append_to_cache(T x, T cache, T starts);
void attention_paged(T q, const PagedTensor& keys, const PagedTensor& values, const PagedSequences& sequences, const AttentionShape& shape, T y);
void append_to_pages(T x, const PagedTensor& pages, T slots);
void activation(T x, Activation kind, T y);
void activation_backward(T dy, T x, Activation kind, T dx);
void gated(T gate, T up, Activation kind, T y);
void gated_backward(T dy, T gate, T up, Activation kind, T dgate, T dup);
void add(T a, T b, T y);
void scaled(T x, float factor, T y);
void mix(T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T y);
void mix_backward(T dy, T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T da, T db, T dalpha, T dbeta);
void first_columns(T x, T y);
void first_columns_backward(T dy, T dx);
void gather_rows(T x, T rows, T y);
void cast(T x, T y);
void softcap(T logits, float cap);
void value_gate(T v, T e, T gate, float scale, T y);
void value_gate_backward(T dy, T e, T gate, float scale, T de, T dgate);
void smear(T x, T w, T lambda, T previous, T first_keys, int64_t batch, T y, T gate);
void smear_backward(T dy, T x, T w, T lambda, T first_keys, int64_t batch, T gate, T dx, T dw, T dlambda);
void dropout(T x, float rate, DropoutKey key, T y);
void softmax_loss(T logits, T targets, T factor, const HeadLossOptions& options, T nll, T dlogits, T smoothed);
void adamw(T p, T g, T m, T v, const AdamwStep& step, float grad_scale, T compute);
void adamw8(T p, T g, const Moments8& moments, const AdamwStep& step, float grad_scale, T compute);
void lion(T p, T g, T m, const LionStep& step, float grad_scale, T compute);
double sum_of_squares(T x);
void scale(T x, float factor);
void muon_nesterov(T grad, float scale, float mu, T momentum, T u);
void row_sums_of_squares(T x, T sums);
void column_sums_of_squares(T x, T sums);
void divide(T x, float divisor);
void scale_rows(T x, T factors);
void scaled_copy(T x, float factor, T y);
void transpose(T x, T y);
void mirror(T block, T a);
void muon_polynomial(T a, T aa, float b, float c);
void muon_combine(T x, float a, T y);
void muon_apply(T x, T factors, const MuonUpdate& update, T p, T compute);

}  // namespace lathe::ops::cpu
