#include <cstring>

#include "core/check.h"
#include "dist/arguments.h"

namespace lathe::dist {
namespace {

void copy(const void* input, void* output, int64_t count, ElementType type) {
  if (count > 0 && input != output) std::memcpy(output, input, static_cast<size_t>(count * element_bytes(type)));
}

class SingleProcess : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  Status all_reduce(void* data, int64_t count, ElementType type, Reduction reduction) override {
    check_buffer("all_reduce", data, count);
    check_reduction("all_reduce", type, reduction);
    return {};
  }
  Status reduce_scatter(const void* input, void* output, int64_t count, ElementType type,
                        Reduction reduction) override {
    check_buffer("reduce_scatter", input, count);
    check_buffer("reduce_scatter", output, count);
    check_reduction("reduce_scatter", type, reduction);
    copy(input, output, count, type);
    return {};
  }
  Status all_gather(const void* input, void* output, int64_t count, ElementType type) override {
    check_buffer("all_gather", input, count);
    check_buffer("all_gather", output, count);
    copy(input, output, count, type);
    return {};
  }
  Status broadcast(void* data, int64_t count, ElementType, int root) override {
    check_buffer("broadcast", data, count);
    check_root(root, 1);
    return {};
  }
  Status all_to_all(const void* input, std::span<const int64_t> counts, ElementType type, std::vector<std::byte>& output,
                    std::vector<int64_t>& received) override {
    check_counts(input, counts, 1);
    output.resize(static_cast<size_t>(counts[0] * element_bytes(type)));
    copy(input, output.data(), counts[0], type);
    received.assign(1, counts[0]);
    return {};
  }
  Status barrier() override { return {}; }
};

}  // namespace

int64_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::kFloat64:
    case ElementType::kInt64:
      return 8;
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kBFloat16:
      return 2;
    case ElementType::kUInt8:
      return 1;
  }
  LATHE_CHECK(false, "unknown element type");
  return 0;
}

std::unique_ptr<Communicator> single_process() { return std::make_unique<SingleProcess>(); }

}  // namespace lathe::dist
