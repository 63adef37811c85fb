// The operations of src/ops written down a second time, slowly, in float64: the truth that kernels are tested against.
// Matrices are row-major vectors; an absent operand is an empty vector.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace lathe::ref {

using Values = std::vector<double>;
using Indices = std::vector<int32_t>;

// op(a) (m, k) times op(b) (k, n); transposed operands are stored (k, m) and (n, k).
Values matmul(const Values& a, bool ta, const Values& b, bool tb, int64_t m, int64_t k, int64_t n);
// x (rows, in), w (out, in), bias (out) or empty.
Values linear(const Values& x, const Values& w, const Values& bias, int64_t rows, int64_t in, int64_t out);
Values embedding(const Values& table, const Indices& ids, int64_t columns);
Values rms_norm(const Values& x, const Values& weight, int64_t columns, double eps, double scale);
Values layer_norm(const Values& x, const Values& weight, const Values& bias, int64_t columns, double eps);
// y1 = x1 cos + direction x2 sin, y2 = x2 cos - direction x1 sin on the halves of each head.
Values rope(const Values& x, const Values& cosine, const Values& sine, const Indices& positions, int64_t heads, int64_t head_dim,
            int direction);

double sigmoid(double x);
double relu_squared(double x);
double gelu(double x);
double gelu_tanh(double x);
double silu(double x);
Values map(const Values& x, const std::function<double(double)>& f);
Values swiglu(const Values& gate, const Values& up);
Values mix(const Values& a, double alpha, const Values& b, double beta);
Values softcap(const Values& x, double cap);
// v, e (rows, heads * width), gate (rows, heads).
Values value_gate(const Values& v, const Values& e, const Values& gate, int64_t width, double scale);
// x (batch * T, columns), w (taps); previous (batch, columns) or empty.
Values smear(const Values& x, const Values& w, double lambda, const Values& previous, int64_t batch, int64_t columns);

struct AttentionSize {
  int64_t batch = 1, queries = 0, keys = 0, heads = 1, kv_heads = 1, head_dim = 0;
  int64_t window = -1;  // keys before its own that a query sees; < 0 = all
  double scale = 0;
  double softcap = 0;   // on the scores; 0 = none
};
// q (B * queries, H * D), k and v (B * keys, G * D); the queries are the last positions.
Values attention(const Values& q, const Values& k, const Values& v, const AttentionSize& size);

Values log_softmax(const Values& x, int64_t columns);
// nll (rows): 0 where the target is negative. x (rows, columns), w (>= vocab rows, columns).
Values head_loss(const Values& x, const Values& w, const Indices& targets, int64_t columns, int64_t vocab, double cap);

struct AdamwStep {
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;
};
void adamw(Values& p, const Values& g, Values& m, Values& v, const AdamwStep& step);

// Gradient of sum(f(x) * dy) with respect to x by central differences.
Values finite_difference(const std::function<Values(const Values&)>& f, const Values& x, const Values& dy, double step = 1e-5);

}  // namespace lathe::ref
