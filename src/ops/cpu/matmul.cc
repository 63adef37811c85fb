// Matrix products by oneDNN, but for those of few rows. One primitive per (shape, layout, dtypes, accumulate), kept in a cache of the
// thread: making one costs a JIT compilation (once in the process: the library keeps the code), running one does not. Called
// from inside a parallel_for a product runs on the thread that asks. oneDNN's blocked kernel sums each output element over k upwards in fixed
// blocks, whatever M, N and the number of threads (checked by tests/ops/matmul_test.cc on this machine's ISA).
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/machine.h"
#include "core/parallel.h"
#include "ops/cpu/blocked_product.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/few_rows.h"

namespace lathe::ops::cpu {
namespace {

using dnnl::memory;

struct Key {
  int64_t m, k, n;
  bool ta, tb, accumulate;
  DType in, out;
  auto tie() const { return std::tie(m, k, n, ta, tb, accumulate, in, out); }
  bool operator<(const Key& other) const { return tie() < other.tie(); }
};

memory::data_type dnnl_type(DType dtype) {
  return dtype == DType::kBFloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

// A primitive with its memory objects; only the pointers change from call to call.
struct Product {
  dnnl::matmul primitive;
  memory a, b, c;
  std::unordered_map<int, memory> arguments;
  uint64_t used = 0;  // number of the call that used it last
};

// The library, held to the instruction set that the other kernels are held to.
const dnnl::engine& shared_engine() {
  static const bool limited = [] {
    if (max_isa() < cpu_isa()) dnnl::set_max_cpu_isa(max_isa() == Isa::kAvx512 ? dnnl::cpu_isa::avx512_core : dnnl::cpu_isa::avx2);
    return true;
  }();
  static const dnnl::engine engine{dnnl::engine::kind::cpu, limited ? size_t{0} : size_t{1}};
  return engine;
}

// Of one thread: a primitive runs where it was made, and its memory objects are one call's. A server meets every number of rows up to
// its budget, and a primitive takes some 100 KB: the one unused for longest goes when there are as many as the library keeps itself.
struct Products {
  static constexpr size_t kMost = 1024;
  dnnl::stream stream{shared_engine()};
  std::map<Key, Product> products;
  uint64_t calls = 0;

  Product& get(const Key& key);
};

// Does the library multiply in one order of summation here? It does in its blocked kernels, which begin with AVX-512, for
// bf16 with the instruction that multiplies it; its other products choose the order by M and N, or refuse bf16.
bool library_keeps_order(DType dtype) { return max_isa() >= (dtype == DType::kBFloat16 ? Isa::kAvx512Bf16 : Isa::kAvx512); }

Product make_product(const dnnl::engine& engine, const Key& key) {
  const auto tag = [](bool transposed) { return transposed ? memory::format_tag::ba : memory::format_tag::ab; };
  const memory::desc a({key.m, key.k}, dnnl_type(key.in), tag(key.ta));
  const memory::desc b({key.k, key.n}, dnnl_type(key.in), tag(key.tb));
  const memory::desc c({key.m, key.n}, dnnl_type(key.out), memory::format_tag::ab);
  dnnl::primitive_attr attributes;
  if (key.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine);
  Product product{dnnl::matmul(description), memory(a, engine, nullptr), memory(b, engine, nullptr),
                  memory(c, engine, nullptr), {}};
  product.arguments = {{DNNL_ARG_SRC, product.a}, {DNNL_ARG_WEIGHTS, product.b}, {DNNL_ARG_DST, product.c}};
  return product;
}

Product& Products::get(const Key& key) {
  auto found = products.find(key);
  if (found == products.end()) {
    if (products.size() >= kMost)
      products.erase(std::min_element(products.begin(), products.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    found = products.emplace(key, make_product(shared_engine(), key)).first;
  }
  found->second.used = ++calls;
  return found->second;
}

}  // namespace

void library_matmul(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate) {
  const Key key{c.dim(0), ta == Transpose::kYes ? a.dim(0) : a.dim(1), c.dim(1), ta == Transpose::kYes, tb == Transpose::kYes,
                accumulate, a.dtype(), c.dtype()};
  if (key.m == 0 || key.n == 0) return;
  if (key.k == 0) {
    if (!accumulate) c.fill_zero();
    return;
  }
  if (!library_keeps_order(a.dtype())) return blocked_product(a, ta, b, tb, c, accumulate);
  static thread_local Products own;
  if (const int threads = num_threads(); omp_get_max_threads() != threads) omp_set_num_threads(threads);
  Product& product = own.get(key);
  product.a.set_data_handle(a.raw());
  product.b.set_data_handle(b.raw());
  product.c.set_data_handle(c.raw());
  product.primitive.execute(own.stream, product.arguments);
  own.stream.wait();
}

void matmul(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate) {
  const bool few = ta == Transpose::kNo && tb == Transpose::kYes && !accumulate && c.dim(0) <= kMostFewRows;
  if (few && c.elements() > 0 && a.dim(1) > 0 && few_rows_product(a, b, c)) return;
  library_matmul(a, ta, b, tb, c, accumulate);
}

}  // namespace lathe::ops::cpu
