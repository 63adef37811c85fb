// Exponential moving average of weights, in float32.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "optim/groups.h"

namespace lathe::optim {

class Ema {
 public:
  // Throws "[ema] ..." unless 0 <= decay < 1. The parameters must outlive this and keep their order.
  Ema(std::vector<Parameter*> parameters, double decay);

  // The first update copies the weights, later ones average: e = decay e + (1 - decay) w.
  void update();
  bool started() const { return updates_ > 0; }  // until then the live weights are the ones to use
  int64_t updates() const { return updates_; }

  // Exchanges the averages with the live weights (and refreshes the compute copies); calling it again brings them back, bit
  // for bit. Nothing may train or update() in between. Throws before the first update.
  void swap();
  bool swapped() const { return swapped_; }

  // For checkpoints: "ema.<parameter>", sharing memory. Empty before the first update.
  std::vector<std::pair<std::string, Tensor>> state_tensors() const;
  // Takes all "ema.*" of `tensors` over, or nothing and says what is missing or has another shape.
  Status load(const std::vector<std::pair<std::string, Tensor>>& tensors, int64_t updates);

 private:
  std::vector<Parameter*> parameters_;
  std::vector<Tensor> averages_;
  float decay_;
  int64_t updates_ = 0;
  bool swapped_ = false;
};

}  // namespace lathe::optim
