// Keys and values of the positions already seen, for every layer (row C-10.4), in the activation dtype.
#pragma once

#include <vector>

#include "model/config.h"
#include "tensor/tensor.h"

namespace lathe::model {

class KvCache {
 public:
  KvCache() = default;
  // Memory from the system: 2 * n_layer * batch * capacity * G * D elements.
  KvCache(const ModelConfig& config, int64_t batch, int64_t capacity, DType dtype);

  int64_t batch() const { return batch_; }
  int64_t capacity() const { return capacity_; }
  // Positions held: of a row, and of the longest row. Rows differ once set_row() has put prompts of several lengths in.
  int64_t length(int64_t row) const { return lengths_[static_cast<size_t>(row)]; }
  int64_t length() const;
  int64_t bytes() const;
  const Tensor& keys(int64_t layer) const { return keys_[static_cast<size_t>(layer)]; }      // (B, G, capacity, D)
  const Tensor& values(int64_t layer) const { return values_[static_cast<size_t>(layer)]; }
  // The newest state's smear needs the last position's embedding of every row (row C-3.40): (B, C).
  const Tensor& last_embedding() const { return last_embedding_; }
  void set_last_embedding(Tensor x) { last_embedding_ = std::move(x); }

  void advance(int64_t positions);             // of every row, after the last layer of a forward pass
  void reset();                                // forgets all positions (and the last embedding)
  // Copies the one row of `source` to every row (row C-10.2). Asserts of row C-10.5: this cache empty, same shape,
  // enough capacity.
  void copy_prefill(const KvCache& source);
  // Row `to` becomes row `from` of another cache of the same model, whatever it held.
  void set_row(int64_t to, const KvCache& source, int64_t from);
  // Keeps these rows (ascending) and drops the others; row i is then the i-th of them.
  void keep_rows(const std::vector<int64_t>& rows);

 private:
  void require_same_model(const KvCache& source) const;

  int64_t batch_ = 0, capacity_ = 0;
  std::vector<int64_t> lengths_;
  std::vector<Tensor> keys_, values_;
  Tensor last_embedding_;
};

}  // namespace lathe::model
