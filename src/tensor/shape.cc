#include "tensor/shape.h"

#include "core/check.h"

namespace lathe {

Shape::Shape(std::initializer_list<int64_t> dims) {
  for (const int64_t dim : dims) append(dim);
}

void Shape::append(int64_t dim) {
  require(rank_ < kMaxRank && dim >= 0, "[shape] dimension ", dim, " at rank ", rank_);
  dims_[static_cast<size_t>(rank_++)] = dim;
}

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int i = 0; i < rank_; ++i)
    require(!__builtin_mul_overflow(product, dims_[static_cast<size_t>(i)], &product), "[shape] ", *this, " overflows");
  return product;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
  return out << ')';
}

}  // namespace lathe
