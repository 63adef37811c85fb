// Attention in float64, one query at a time, straight from the definition: the truth that the kernels are held to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace lathe::ref {

using Doubles = std::vector<double>;

struct AttentionCase {
  int64_t batch, queries, heads, kv_heads, head_dim, window;
  int64_t keys;  // of a sequence, the queries are its last positions
  double scale;
  double softcap = 0;

  double capped(double score) const { return softcap > 0 ? softcap * std::tanh(score / softcap) : score; }
};

struct AttentionResult {
  Doubles y, log_sum_exp;
};

// q (B, Tq, H, D), k and v (B, Tk, G, D); y (B, Tq, H, D), log_sum_exp (B, H, Tq).
inline AttentionResult attention(const Doubles& q, const Doubles& k, const Doubles& v, const AttentionCase& c) {
  AttentionResult result{Doubles(q.size(), 0.0), Doubles(static_cast<size_t>(c.batch * c.heads * c.queries), 0.0)};
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t h = 0; h < c.heads; ++h)
      for (int64_t i = 0; i < c.queries; ++i) {
        const int64_t position = c.keys - c.queries + i,
                      first = c.window < 0 ? 0 : std::max<int64_t>(0, position - c.window);
        const int64_t query = ((b * c.queries + i) * c.heads + h) * c.head_dim;
        const auto key = [&](int64_t j) {
          return ((b * c.keys + j) * c.kv_heads + h / (c.heads / c.kv_heads)) * c.head_dim;
        };
        Doubles score;
        double max = -HUGE_VAL, sum = 0;
        for (int64_t j = first; j <= position; ++j) {
          double dot = 0;
          for (int64_t d = 0; d < c.head_dim; ++d)
            dot += q[static_cast<size_t>(query + d)] * k[static_cast<size_t>(key(j) + d)];
          score.push_back(c.capped(c.scale * dot));
          max = std::max(max, score.back());
        }
        for (const double s : score) sum += std::exp(s - max);
        for (int64_t j = first; j <= position; ++j) {
          const double p = std::exp(score[static_cast<size_t>(j - first)] - max) / sum;
          for (int64_t d = 0; d < c.head_dim; ++d)
            result.y[static_cast<size_t>(query + d)] += p * v[static_cast<size_t>(key(j) + d)];
        }
        result.log_sum_exp[static_cast<size_t>((b * c.heads + h) * c.queries + i)] = max + std::log(sum);
      }
  return result;
}

struct AttentionGradient {
  Doubles dq, dk, dv;
};

// Gradients of sum(dy * y).
inline AttentionGradient attention_gradient(const Doubles& dy, const Doubles& q, const Doubles& k, const Doubles& v,
                                            const AttentionCase& c) {
  const AttentionResult forward = attention(q, k, v, c);
  AttentionGradient result{Doubles(q.size(), 0.0), Doubles(k.size(), 0.0), Doubles(v.size(), 0.0)};
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t h = 0; h < c.heads; ++h)
      for (int64_t i = 0; i < c.queries; ++i) {
        const int64_t position = c.keys - c.queries + i,
                      first = c.window < 0 ? 0 : std::max<int64_t>(0, position - c.window);
        const auto query = static_cast<size_t>(((b * c.queries + i) * c.heads + h) * c.head_dim);
        const auto width = static_cast<size_t>(c.head_dim);
        double delta = 0;
        for (size_t d = 0; d < width; ++d) delta += dy[query + d] * forward.y[query + d];
        for (int64_t j = first; j <= position; ++j) {
          const auto key =
              static_cast<size_t>(((b * c.keys + j) * c.kv_heads + h / (c.heads / c.kv_heads)) * c.head_dim);
          double dot = 0, dp = 0;
          for (size_t d = 0; d < width; ++d) dot += q[query + d] * k[key + d], dp += dy[query + d] * v[key + d];
          const double capped = c.capped(c.scale * dot), slope = c.softcap > 0 ? 1 - (capped / c.softcap) * (capped / c.softcap) : 1;
          const double p =
              std::exp(capped - forward.log_sum_exp[static_cast<size_t>((b * c.heads + h) * c.queries + i)]);
          const double ds = p * (dp - delta) * c.scale * slope;
          for (size_t d = 0; d < width; ++d) {
            result.dq[query + d] += ds * k[key + d];
            result.dk[key + d] += ds * q[query + d];
            result.dv[key + d] += p * dy[query + d];
          }
        }
      }
  return result;
}

}  // namespace lathe::ref
