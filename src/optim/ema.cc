#include "optim/ema.h"

#include <algorithm>

#include "core/check.h"
#include "core/parallel.h"

namespace lathe::optim {
namespace {

constexpr int64_t kTaskElements = 1 << 15;
constexpr const char* kPrefix = "ema.";

void refresh_compute(const Parameter& p) {
  if (!p.compute || p.compute.raw() == p.value.raw()) return;
  const float* from = p.value.data<float>();
  bf16* to = p.compute.data<bf16>();
  parallel_for(p.value.elements(), kTaskElements, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = bf16(from[i]);
  });
}

}  // namespace

Ema::Ema(std::vector<Parameter*> parameters, double decay) : parameters_(std::move(parameters)), decay_(static_cast<float>(decay)) {
  require(decay >= 0 && decay < 1, "[ema] decay must be at least 0 and below 1, got ", decay);
  for (const Parameter* p : parameters_) {
    require(p->value.device() == Device::kCpu, "[ema] runs on the CPU only");
    averages_.push_back(Tensor::empty(p->value.shape(), DType::kFloat32));
  }
}

void Ema::update() {
  require(!swapped_, "[ema] update while the averages are swapped in");
  for (size_t k = 0; k < parameters_.size(); ++k) {
    if (updates_ == 0) {
      averages_[k].copy_from(parameters_[k]->value);
      continue;
    }
    const float* w = parameters_[k]->value.data<float>();
    float* e = averages_[k].data<float>();
    const float keep = decay_, take = 1.0f - decay_;
    parallel_for(averages_[k].elements(), kTaskElements, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) e[i] = keep * e[i] + take * w[i];
    });
  }
  ++updates_;
}

void Ema::swap() {
  require(started(), "[ema] there is no average before the first update");
  for (size_t k = 0; k < parameters_.size(); ++k) {
    float* w = parameters_[k]->value.data<float>();
    float* e = averages_[k].data<float>();
    parallel_for(averages_[k].elements(), kTaskElements,
                 [=](int64_t begin, int64_t end) { std::swap_ranges(w + begin, w + end, e + begin); });
    refresh_compute(*parameters_[k]);
  }
  swapped_ = !swapped_;
}

std::vector<std::pair<std::string, Tensor>> Ema::state_tensors() const {
  require(!swapped_, "[ema] state asked for while the averages are swapped in");
  std::vector<std::pair<std::string, Tensor>> tensors;
  if (started())
    for (size_t k = 0; k < parameters_.size(); ++k) tensors.emplace_back(kPrefix + parameters_[k]->name, averages_[k]);
  return tensors;
}

Status Ema::load(const std::vector<std::pair<std::string, Tensor>>& tensors, int64_t updates) {
  require(!swapped_, "[ema] load while the averages are swapped in");
  if (updates < 0) return error("the number of averaged updates is negative: ", updates);
  std::vector<const Tensor*> found;
  if (updates > 0)
    for (size_t k = 0; k < parameters_.size(); ++k) {
      const std::string name = kPrefix + parameters_[k]->name;
      const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
      if (at == tensors.end()) return error("the checkpoint has no average ", name);
      const Tensor& tensor = at->second;
      if (tensor.shape() != averages_[k].shape() || tensor.dtype() != DType::kFloat32)
        return error(name, " is ", tensor.shape(), " ", dtype_name(tensor.dtype()), ", expected ", averages_[k].shape(), " fp32");
      found.push_back(&tensor);
    }
  for (size_t k = 0; k < found.size(); ++k) averages_[k].copy_from(*found[k]);
  updates_ = updates;
  return {};
}

}  // namespace lathe::optim
