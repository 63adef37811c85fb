#include "tests/ref/ops_ref.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe::ref {
namespace {

size_t at(int64_t index) { return static_cast<size_t>(index); }
int64_t count(const Values& x) { return static_cast<int64_t>(x.size()); }

}  // namespace

Values matmul(const Values& a, bool ta, const Values& b, bool tb, int64_t m, int64_t k, int64_t n) {
  Values c(at(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double total = 0;
      for (int64_t p = 0; p < k; ++p) total += a[at(ta ? p * m + i : i * k + p)] * b[at(tb ? j * k + p : p * n + j)];
      c[at(i * n + j)] = total;
    }
  return c;
}

Values linear(const Values& x, const Values& w, const Values& bias, int64_t rows, int64_t in, int64_t out) {
  Values y = matmul(x, false, w, true, rows, in, out);
  if (!bias.empty())
    for (size_t i = 0; i < y.size(); ++i) y[i] += bias[i % at(out)];
  return y;
}

Values embedding(const Values& table, const Indices& ids, int64_t columns) {
  Values y;
  for (const int32_t id : ids)
    for (int64_t c = 0; c < columns; ++c) y.push_back(table[at(id * columns + c)]);
  return y;
}

Values rms_norm(const Values& x, const Values& weight, int64_t columns, double eps, double scale) {
  Values y(x.size());
  for (int64_t row = 0; row < count(x); row += columns) {
    double squares = 0;
    for (int64_t c = 0; c < columns; ++c) squares += x[at(row + c)] * x[at(row + c)];
    const double rms = std::sqrt(squares / static_cast<double>(columns) + eps);
    for (int64_t c = 0; c < columns; ++c) y[at(row + c)] = scale * x[at(row + c)] / rms * (weight.empty() ? 1 : weight[at(c)]);
  }
  return y;
}

Values layer_norm(const Values& x, const Values& weight, const Values& bias, int64_t columns, double eps) {
  Values y(x.size());
  const auto n = static_cast<double>(columns);
  for (int64_t row = 0; row < count(x); row += columns) {
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < columns; ++c) mean += x[at(row + c)] / n;
    for (int64_t c = 0; c < columns; ++c) variance += (x[at(row + c)] - mean) * (x[at(row + c)] - mean) / n;
    for (int64_t c = 0; c < columns; ++c)
      y[at(row + c)] = (x[at(row + c)] - mean) / std::sqrt(variance + eps) * weight[at(c)] + (bias.empty() ? 0 : bias[at(c)]);
  }
  return y;
}

Values rope(const Values& x, const Values& cosine, const Values& sine, const Indices& positions, int64_t heads, int64_t head_dim,
            int direction) {
  Values y(x.size());
  const int64_t half = head_dim / 2;
  for (size_t n = 0; n < positions.size(); ++n)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < half; ++i) {
        const double c = cosine[at(positions[n] * half + i)], s = sine[at(positions[n] * half + i)];
        const size_t first = at((static_cast<int64_t>(n) * heads + h) * head_dim + i), second = first + at(half);
        y[first] = x[first] * c + direction * x[second] * s;
        y[second] = x[second] * c - direction * x[first] * s;
      }
  return y;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double relu_squared(double x) { return x > 0 ? x * x : 0; }
double gelu(double x) { return x * 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double gelu_tanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x))); }
double silu(double x) { return x * sigmoid(x); }

Values map(const Values& x, const std::function<double(double)>& f) {
  Values y(x.size());
  std::transform(x.begin(), x.end(), y.begin(), f);
  return y;
}

Values swiglu(const Values& gate, const Values& up) {
  Values y(gate.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = silu(gate[i]) * up[i];
  return y;
}

Values mix(const Values& a, double alpha, const Values& b, double beta) {
  Values y(a.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = alpha * a[i] + beta * b[i];
  return y;
}

Values softcap(const Values& x, double cap) {
  return map(x, [cap](double z) { return cap * std::tanh(z / cap); });
}

Values value_gate(const Values& v, const Values& e, const Values& gate, int64_t width, double scale) {
  Values y(v.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = v[i] + scale * sigmoid(gate[i / at(width)]) * e[i];
  return y;
}

Values smear(const Values& x, const Values& w, double lambda, const Values& previous, int64_t batch, int64_t columns) {
  Values y = x;
  const int64_t rows = count(x) / columns, length = rows / batch;
  for (int64_t n = 0; n < rows; ++n) {
    if (n % length == 0 && previous.empty()) continue;
    double z = 0;
    for (size_t k = 0; k < w.size(); ++k) z += w[k] * x[at(n * columns) + k];
    for (int64_t c = 0; c < columns; ++c) {
      const double before = n % length == 0 ? previous[at(n / length * columns + c)] : x[at((n - 1) * columns + c)];
      y[at(n * columns + c)] += lambda * sigmoid(z) * before;
    }
  }
  return y;
}

Values attention(const Values& q, const Values& k, const Values& v, const AttentionSize& s) {
  Values y(q.size());
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t t = 0; t < s.queries; ++t)
      for (int64_t h = 0; h < s.heads; ++h) {
        const int64_t position = s.keys - s.queries + t, group = h / (s.heads / s.kv_heads);
        const int64_t first = s.window < 0 ? 0 : std::max<int64_t>(0, position - s.window);
        const auto key_at = [&](int64_t j, int64_t d) { return at(((b * s.keys + j) * s.kv_heads + group) * s.head_dim + d); };
        const int64_t query = ((b * s.queries + t) * s.heads + h) * s.head_dim;
        Values scores;
        for (int64_t j = first; j <= position; ++j) {
          double dot = 0;
          for (int64_t d = 0; d < s.head_dim; ++d) dot += q[at(query + d)] * k[key_at(j, d)];
          dot *= s.scale;
          scores.push_back(s.softcap > 0 ? s.softcap * std::tanh(dot / s.softcap) : dot);
        }
        const Values logs = log_softmax(scores, count(scores));
        for (int64_t j = first; j <= position; ++j)
          for (int64_t d = 0; d < s.head_dim; ++d) y[at(query + d)] += std::exp(logs[at(j - first)]) * v[key_at(j, d)];
      }
  return y;
}

Values log_softmax(const Values& x, int64_t columns) {
  Values y(x.size());
  for (int64_t row = 0; row < count(x); row += columns) {
    const double largest = *std::max_element(x.begin() + row, x.begin() + row + columns);
    double total = 0;
    for (int64_t c = 0; c < columns; ++c) total += std::exp(x[at(row + c)] - largest);
    for (int64_t c = 0; c < columns; ++c) y[at(row + c)] = x[at(row + c)] - largest - std::log(total);
  }
  return y;
}

Values head_loss(const Values& x, const Values& w, const Indices& targets, int64_t columns, int64_t vocab, double cap) {
  const auto rows = static_cast<int64_t>(targets.size());
  Values logits = matmul(x, false, w, true, rows, columns, vocab);
  if (cap > 0) logits = softcap(logits, cap);
  const Values logs = log_softmax(logits, vocab);
  Values nll(targets.size(), 0.0);
  for (int64_t n = 0; n < rows; ++n)
    if (targets[at(n)] >= 0) nll[at(n)] = -logs[at(n * vocab + targets[at(n)])];
  return nll;
}

void adamw(Values& p, const Values& g, Values& m, Values& v, const AdamwStep& s) {
  const auto t = static_cast<double>(s.step);
  for (size_t i = 0; i < p.size(); ++i) {
    p[i] *= 1 - s.lr * s.weight_decay;
    m[i] = s.beta1 * m[i] + (1 - s.beta1) * g[i];
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * g[i] * g[i];
    p[i] -= s.lr * (m[i] / (1 - std::pow(s.beta1, t))) / (std::sqrt(v[i] / (1 - std::pow(s.beta2, t))) + s.eps);
  }
}

Values finite_difference(const std::function<Values(const Values&)>& f, const Values& x, const Values& dy, double step) {
  Values gradient(x.size()), moved = x;
  for (size_t i = 0; i < x.size(); ++i) {
    moved[i] = x[i] + step;
    const Values up = f(moved);
    moved[i] = x[i] - step;
    const Values down = f(moved);
    moved[i] = x[i];
    for (size_t j = 0; j < dy.size(); ++j) gradient[i] += (up[j] - down[j]) * dy[j] / (2 * step);
  }
  return gradient;
}

}  // namespace lathe::ref
