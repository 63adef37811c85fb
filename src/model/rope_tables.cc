#include "model/rope_tables.h"

#include <cmath>
#include <numbers>

#include "core/parallel.h"

namespace lathe::model {

std::vector<float> rope_inverse_frequencies(const ModelConfig& config, double base, const RopeScaling& s) {
  const int64_t d = config.head_width();
  std::vector<float> out(static_cast<size_t>(d / 2));
  for (int64_t j = 0; j < d / 2; ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(d);
    const float power = static_cast<float>(std::pow(base, static_cast<double>(exponent)));
    float inverse = 1.0f / power;
    if (s.factor > 0 && s.stretch == RopeStretch::kLinear) {
      inverse = inverse / static_cast<float>(s.factor);
    } else if (s.factor > 0) {
      // Long wavelengths are stretched by `factor`, short ones kept, the band between interpolated.
      const double length = static_cast<double>(s.original_length);
      const double wavelength = 2 * std::numbers::pi / static_cast<double>(inverse);
      if (wavelength > length / s.low_freq_factor) {
        inverse = inverse / static_cast<float>(s.factor);
      } else if (wavelength >= length / s.high_freq_factor) {
        const double smooth = (length / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
        inverse = static_cast<float>((1 - smooth) * static_cast<double>(inverse) / s.factor + smooth * static_cast<double>(inverse));
      }
    }
    out[static_cast<size_t>(j)] = inverse;
  }
  return out;
}

RopeTables make_rope_tables(const ModelConfig& config, double base, const RopeScaling& scaling) {
  const std::vector<float> frequencies = rope_inverse_frequencies(config, base, scaling);
  const int64_t half = static_cast<int64_t>(frequencies.size()), length = config.table_length();
  const RopeTables tables{Tensor::empty({length, half}, DType::kFloat32), Tensor::empty({length, half}, DType::kFloat32)};
  float *c = tables.cosine.data<float>(), *s = tables.sine.data<float>();
  const auto rounded = [&](double value) {
    const float single = static_cast<float>(value);
    return config.rope_bf16_tables ? round_to_bf16(single) : single;
  };
  parallel_for(length, 64, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t j = 0; j < half; ++j) {
        const float angle = static_cast<float>(t) * frequencies[static_cast<size_t>(j)];
        c[t * half + j] = rounded(std::cos(static_cast<double>(angle)));
        s[t * half + j] = rounded(std::sin(static_cast<double>(angle)));
      }
  });
  return tables;
}

}  // namespace lathe::model
