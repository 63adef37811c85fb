// The scales of K-quants: searched so that the weighted squared error of the rounded values is least, for a row of candidate
// scales around the obvious one; for the codes that a candidate gives, the best scale is a least-squares fit. The weights
// favour large values, as llama.cpp's quantiser does when it has no importance matrix.
#pragma once

namespace lathe {

struct StepAndOffset {
  float step = 0, offset = 0;  // x ~ step * code - offset, both >= 0, 0 <= code <= 15
};

StepAndOffset search_step_and_offset(const float* values);  // 32 of them
float search_step(const float* values);                     // 16 of them: x ~ step * code, -32 <= code <= 31; 0: all are as good as 0

}  // namespace lathe
