#include "model/kv_cache.h"

#include <cstring>

namespace lathe::model {

KvCache::KvCache(const ModelConfig& config, int64_t batch, int64_t capacity, DType dtype) : batch_(batch), capacity_(capacity) {
  require(batch >= 1 && capacity >= 0, "[kv_cache] batch ", batch, ", capacity ", capacity);
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    keys_.push_back(Tensor::zeros({batch, config.n_kv_head, capacity, config.head_width()}, dtype));
    values_.push_back(Tensor::zeros({batch, config.n_kv_head, capacity, config.head_width()}, dtype));
  }
}

int64_t KvCache::bytes() const {
  int64_t sum = 0;
  for (const Tensor& t : keys_) sum += 2 * t.bytes();
  return sum;
}

void KvCache::advance(int64_t positions) {
  require(length_ + positions <= capacity_, "[kv_cache] ", length_ + positions, " positions exceed the capacity of ", capacity_);
  length_ += positions;
}

void KvCache::reset() {
  length_ = 0;
  last_embedding_ = Tensor();
}

void KvCache::copy_prefill(const KvCache& source) {
  require(length_ == 0, "[kv_cache] prefill into a cache that holds ", length_, " positions");
  require(source.batch_ == 1, "[kv_cache] prefill from a cache of ", source.batch_, " rows, one is needed");
  require(keys_.size() == source.keys_.size() && !keys_.empty() && keys_[0].dim(1) == source.keys_[0].dim(1) &&
              keys_[0].dim(3) == source.keys_[0].dim(3) &&
              keys_[0].dtype() == source.keys_[0].dtype(),
          "[kv_cache] prefill from a cache of another model");
  require(capacity_ >= source.length_, "[kv_cache] capacity ", capacity_, " is below the prefill's ", source.length_, " positions");
  for (size_t layer = 0; layer < keys_.size(); ++layer)
    for (const auto& [to, from] : {std::pair{keys_[layer], source.keys_[layer]}, std::pair{values_[layer], source.values_[layer]}}) {
      const int64_t heads = from.dim(1), position = from.dim(3) * dtype_size(from.dtype());
      auto* into = static_cast<std::byte*>(to.raw());
      for (int64_t i = 0; i < batch_ * heads; ++i, into += capacity_ * position)
        std::memcpy(into, static_cast<const std::byte*>(from.raw()) + i % heads * source.capacity_ * position,
                    static_cast<size_t>(source.length_ * position));
    }
  if (source.last_embedding_) {
    const int64_t width = source.last_embedding_.dim(1);
    last_embedding_ = Tensor::empty({batch_, width}, source.last_embedding_.dtype());
    for (int64_t b = 0; b < batch_; ++b) last_embedding_.rows(b, b + 1).copy_from(source.last_embedding_);
  }
  length_ = source.length_;
}

}  // namespace lathe::model
