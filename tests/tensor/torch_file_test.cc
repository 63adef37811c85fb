// Files of torch.save: those of tests/golden/torch were written by PyTorch 2.15.0 (make.py there).
#include "tensor/torch_file.h"

#include <cstring>

#include "tensor/zip_entries.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

fs::path sample(const char* name) { return fs::path(LATHE_SOURCE_DIR) / "tests/golden/torch" / name; }

const Tensor& find(const TorchFile& file, const std::string& name) {
  for (const auto& [key, tensor] : file.tensors)
    if (key == name) return tensor;
  throw std::runtime_error("no " + name);
}

float value(const std::string& name, int64_t i) { return static_cast<float>((i * 7 + static_cast<int64_t>(name.size())) % 31 - 15) / 16; }

// C-6.1
TEST(TorchFile, TensorsOfEveryKindAreTheValuesThatWereSaved) {
  const TorchFile file = take(read_torch_file(sample("odd.pt")));
  EXPECT_EQ(file.tensors.size(), 14u);
  EXPECT_EQ(file.others, std::vector<std::string>{"steps"});
  for (const auto& [name, shape, dtype] : {std::tuple{"float", Shape{3, 5}, DType::kFloat32}, {"bfloat", Shape{4, 2}, DType::kBFloat16},
                                           {"half", Shape{7}, DType::kFloat16}, {"double", Shape{2, 2}, DType::kFloat64},
                                           {"base", Shape{6, 4}, DType::kFloat32}, {"parameter", Shape{2, 3}, DType::kFloat32}}) {
    const Tensor& tensor = find(file, name);
    EXPECT_EQ(tensor.shape(), shape) << name;
    ASSERT_EQ(tensor.dtype(), dtype) << name;
    const Tensor numbers = dtype == DType::kFloat32 ? tensor : tensor.to(DType::kFloat32);
    for (int64_t i = 0; i < numbers.elements(); ++i) EXPECT_EQ(numbers.data<float>()[i], value(name, i)) << name << " " << i;
  }
  EXPECT_EQ(find(file, "long").data<int64_t>()[1], -(int64_t{1} << 40));
  EXPECT_EQ(find(file, "int").data<int32_t>()[2], 3);
  EXPECT_EQ(find(file, "byte").data<uint8_t>()[1], 255);
  EXPECT_EQ(find(file, "scalar").rank(), 0);
  EXPECT_EQ(find(file, "scalar").data<float>()[0], 0.5f);
  EXPECT_EQ(find(file, "empty").shape(), (Shape{0, 3}));
}

TEST(TorchFile, ViewsOfOneStorageHaveTheirOwnElements) {
  const TorchFile file = take(read_torch_file(sample("odd.pt")));
  const Tensor &transposed = find(file, "transposed"), &rows = find(file, "rows"), &columns = find(file, "columns");
  ASSERT_EQ(transposed.shape(), (Shape{4, 6}));
  ASSERT_EQ(rows.shape(), (Shape{3, 4}));
  ASSERT_EQ(columns.shape(), (Shape{6, 2}));
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t j = 0; j < 4; ++j) {
      const float expected = value("base", i * 4 + j);
      EXPECT_EQ(transposed.data<float>()[j * 6 + i], expected);
      if (i >= 2 && i < 5) {
        EXPECT_EQ(rows.data<float>()[(i - 2) * 4 + j], expected);
      }
      if (j >= 1 && j < 3) {
        EXPECT_EQ(columns.data<float>()[i * 2 + j - 1], expected);
      }
    }
  // What lies in order is not copied.
  EXPECT_EQ(static_cast<const char*>(rows.raw()) - static_cast<const char*>(find(file, "base").raw()), 2 * 4 * 4);
}

// The sample with one replacement in its bytes.
Result<TorchFile> read_changed(const std::string& from, const std::string& to) {
  static const TemporaryFolder folder;
  std::string bytes = take(read_file(sample("odd.pt")));
  const size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos);
  bytes.replace(at, from.size(), to);
  LATHE_TRY_STATUS(write_file_atomic(folder.path() / "x.pt", bytes));
  return read_torch_file(folder.path() / "x.pt");
}

// Extents, strides and offsets of the file are bounded by the storage before they are used.
TEST(TrapS9, SizesFromATorchFileAreBoundedBeforeUse) {
  using namespace std::string_literals;
  // (3, 5) with strides (5, 1) of a storage of 15 elements, in pickle: K\x03K\x05\x86 ... K\x05K\x01\x86.
  EXPECT_FALSE(read_changed("K\x03K\x05\x86"s, "K\xffK\x05\x86"s).ok());
  EXPECT_FALSE(read_changed("K\x05K\x01\x86"s, "K\xffK\x01\x86"s).ok());
  const auto error = read_changed("K\x03K\x05\x86"s, "K\x03K\x06\x86"s);
  ASSERT_FALSE(error.ok());
  EXPECT_NE(error.error().message.find("\"float\""), std::string::npos);
  EXPECT_NE(error.error().message.find("storage of 15"), std::string::npos);
  EXPECT_FALSE(read_changed("FloatStorage", "BlahStorage ").ok());
}

// Row C-6.1's reader executes nothing: another function in the pickle stays a name.
TEST(TorchFile, OtherFunctionsAreNotTensors) {
  const auto file = read_changed("torch._utils\n_rebuild_tensor_v2", "posix_utils.\n_rebuild_tensor_v2");
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.error().message.find("parameter of no known tensor"), std::string::npos);
}

TEST(ZipEntries, DamageIsAnErrorWithTheFile) {
  const std::string whole = take(read_file(sample("odd.pt")));
  EXPECT_GT(take(stored_zip_entries(whole, "x")).size(), 10u);
  for (const size_t size : {size_t{0}, size_t{4}, size_t{21}, whole.size() / 2, whole.size() - 1})
    EXPECT_FALSE(stored_zip_entries(std::string_view(whole).substr(0, size), "x").ok()) << size;
  EXPECT_NE(stored_zip_entries("PK", "x.pt").error().to_string().find("x.pt"), std::string::npos);
  std::string packed = whole;
  packed[packed.rfind("PK\x01\x02") + 10] = 8;
  EXPECT_NE(stored_zip_entries(packed, "x").error().message.find("compressed"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
