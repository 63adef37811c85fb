#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>

namespace lathe::model {

KvCache::KvCache(const ModelConfig& config, int64_t batch, int64_t capacity, DType dtype) : batch_(batch), capacity_(capacity), lengths_(static_cast<size_t>(std::max<int64_t>(batch, 0)), 0) {
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

int64_t KvCache::length() const {
  return lengths_.empty() ? 0 : *std::max_element(lengths_.begin(), lengths_.end());
}

void KvCache::advance(int64_t positions) {
  require(length() + positions <= capacity_, "[kv_cache] ", length() + positions, " positions exceed the capacity of ", capacity_);
  for (int64_t& length : lengths_) length += positions;
}

void KvCache::reset() {
  std::fill(lengths_.begin(), lengths_.end(), 0);
  last_embedding_ = Tensor();
}

void KvCache::require_same_model(const KvCache& source) const {
  require(keys_.size() == source.keys_.size() && !keys_.empty() && keys_[0].dim(1) == source.keys_[0].dim(1) &&
              keys_[0].dim(3) == source.keys_[0].dim(3) && keys_[0].dtype() == source.keys_[0].dtype(),
          "[kv_cache] rows from a cache of another model");
}

void KvCache::copy_prefill(const KvCache& source) {
  require(length() == 0, "[kv_cache] prefill into a cache that holds ", length(), " positions");
  require(source.batch_ == 1, "[kv_cache] prefill from a cache of ", source.batch_, " rows, one is needed");
  for (int64_t row = 0; row < batch_; ++row) set_row(row, source, 0);
}

void KvCache::set_row(int64_t to, const KvCache& source, int64_t from) {
  require_same_model(source);
  require(to >= 0 && to < batch_ && from >= 0 && from < source.batch_, "[kv_cache] row ", from, " of ", source.batch_, " to row ", to, " of ", batch_);
  const int64_t length = source.length(from);
  require(capacity_ >= length, "[kv_cache] capacity ", capacity_, " is below the prefill's ", length, " positions");
  const int64_t heads = keys_[0].dim(1), position = keys_[0].dim(3) * dtype_size(keys_[0].dtype());
  const auto copy = [&](const Tensor& into, const Tensor& out_of) {
    auto* target = static_cast<std::byte*>(into.raw()) + to * heads * capacity_ * position;
    const auto* begin = static_cast<const std::byte*>(out_of.raw()) + from * heads * source.capacity_ * position;
    for (int64_t head = 0; head < heads; ++head)
      std::memcpy(target + head * capacity_ * position, begin + head * source.capacity_ * position, static_cast<size_t>(length * position));
  };
  for (size_t layer = 0; layer < keys_.size(); ++layer) {
    copy(keys_[layer], source.keys_[layer]);
    copy(values_[layer], source.values_[layer]);
  }
  if (source.last_embedding_) {
    if (!last_embedding_) last_embedding_ = Tensor::zeros({batch_, source.last_embedding_.dim(1)}, source.last_embedding_.dtype());
    last_embedding_.rows(to, to + 1).copy_from(source.last_embedding_.rows(from, from + 1));
  }
  lengths_[static_cast<size_t>(to)] = length;
}

void KvCache::keep_rows(const std::vector<int64_t>& rows) {
  require(!rows.empty() && rows.front() >= 0 && rows.back() < batch_, "[kv_cache] rows to keep of ", batch_);
  const auto kept = static_cast<int64_t>(rows.size());
  // Rows only move towards the front, one by one, so none is written before it was read.
  const auto pack = [&](Tensor& tensor) {
    const size_t bytes = static_cast<size_t>(tensor.bytes() / tensor.dim(0));
    auto* data = static_cast<std::byte*>(tensor.raw());
    for (size_t i = 0; i < rows.size(); ++i) {
      require(i == 0 || rows[i] > rows[i - 1], "[kv_cache] rows to keep must ascend");
      std::memmove(data + i * bytes, data + static_cast<size_t>(rows[i]) * bytes, bytes);
    }
    tensor = tensor.rows(0, kept);
  };
  for (Tensor& keys : keys_) pack(keys);
  for (Tensor& values : values_) pack(values);
  if (last_embedding_) pack(last_embedding_);
  for (size_t i = 0; i < rows.size(); ++i) lengths_[i] = lengths_[static_cast<size_t>(rows[i])];
  lengths_.resize(rows.size());
  batch_ = kept;
}

}  // namespace lathe::model
