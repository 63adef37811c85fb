#include "model/effective_weights.h"

#include <algorithm>
#include <cmath>

#include "autograd/low_rank.h"
#include "core/parallel.h"

namespace lathe::model {

void add_adapters(const autograd::Parameter& parameter, const Tensor& weights) {
  const int64_t columns = weights.dim(1);
  parallel_for(weights.dim(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* w = weights.data<float>() + row * columns;
      const float* magnitude = nullptr;
      for (const autograd::LowRank* low : parameter.adapters) {
        if (!low->enabled) continue;
        const int64_t rank = low->a->value.dim(0);
        for (int64_t k = 0; k < rank; ++k) {
          const float factor = low->scale * low->b->value.data<float>()[row * rank + k];
          const float* a = low->a->value.data<float>() + k * columns;
          for (int64_t c = 0; c < columns; ++c) w[c] += factor * a[c];
        }
        if (low->magnitude != nullptr) magnitude = low->magnitude->value.data<float>() + row;
      }
      if (magnitude == nullptr) continue;
      double squares = 0;
      for (int64_t c = 0; c < columns; ++c) squares += static_cast<double>(w[c]) * static_cast<double>(w[c]);
      const float factor = squares > 0 ? *magnitude / static_cast<float>(std::sqrt(squares)) : 0.0f;
      for (int64_t c = 0; c < columns; ++c) w[c] *= factor;
    }
  });
  for (const autograd::TrainedRows* trained : parameter.trained_rows)
    for (int64_t i = 0; i < trained->ids.dim(0) && trained->enabled; ++i)
      std::copy_n(trained->rows->value.data<float>() + i * columns, columns, weights.data<float>() + trained->ids.data<int32_t>()[i] * columns);
}

}  // namespace lathe::model
