#include "tensor/torch_file.h"

#include <cstring>
#include <map>

#include "core/pickle.h"
#include "tensor/zip_entries.h"

namespace lathe {
namespace {

constexpr std::string_view kPickle = "/data.pkl";
constexpr size_t kMostKey = 64;  // of a storage's name, a number

struct StorageType {
  const char* name;
  DType dtype;
};
constexpr StorageType kStorages[] = {
    {"torch FloatStorage", DType::kFloat32}, {"torch BFloat16Storage", DType::kBFloat16}, {"torch HalfStorage", DType::kFloat16},
    {"torch DoubleStorage", DType::kFloat64}, {"torch LongStorage", DType::kInt64},       {"torch IntStorage", DType::kInt32},
    {"torch ByteStorage", DType::kUInt8},
};

class Reader {
 public:
  Reader(std::string path, std::string prefix, const std::map<std::string, std::string_view>& entries, int64_t file_bytes)
      : path_(std::move(path)), prefix_(std::move(prefix)), entries_(entries), copies_left_(file_bytes) {}

  // Nothing of a tensor's kind: false. `object` may hide a tensor in a Parameter.
  static bool is_tensor(const PickleValue& value) { return rebuilds(value, "torch._utils _rebuild_tensor_v2") || is_parameter(value); }

  Result<Tensor> tensor(const std::string& name, PickleValue value) {
    if (is_parameter(value)) value = value.at(1).at(size_t{0});
    if (!rebuilds(value, "torch._utils _rebuild_tensor_v2")) return wrong(name, "is a parameter of no known tensor");
    const PickleValue arguments = value.at(1);
    if (arguments.size() < 4) return wrong(name, "is rebuilt from too few values");
    const PickleValue id = arguments.at(size_t{0}), offset = arguments.at(1), size = arguments.at(2), stride = arguments.at(3);
    if (id.kind() != PickleKind::kPersistent || offset.kind() != PickleKind::kInt || size.kind() != PickleKind::kTuple ||
        stride.kind() != PickleKind::kTuple || size.size() != stride.size())
      return wrong(name, "is rebuilt from values of other kinds than PyTorch's");
    LATHE_TRY(const Storage storage, storage_of(name, id.at(size_t{0})));
    return view(name, storage, offset.integer(), size, stride);
  }

 private:
  struct Storage {
    std::string_view bytes;
    DType dtype;
    int64_t elements;
  };

  template <class... Parts>
  Error wrong(const std::string& name, const Parts&... parts) const { return error_at(path_, -1, "tensor \"", name, "\" ", parts...); }
  static bool rebuilds(const PickleValue& value, std::string_view function) {
    return value.kind() == PickleKind::kObject && value.size() >= 2 && value.at(size_t{0}).kind() == PickleKind::kGlobal &&
           value.at(size_t{0}).text() == function && value.at(1).kind() == PickleKind::kTuple;
  }
  static bool is_parameter(const PickleValue& value) {
    return rebuilds(value, "torch._utils _rebuild_parameter") && value.at(1).size() >= 1;
  }

  // ("storage", its class, its key, the device it was on, its number of elements)
  Result<Storage> storage_of(const std::string& name, const PickleValue& id) const {
    if (id.kind() != PickleKind::kTuple || id.size() != 5 || id.at(size_t{0}).text() != "storage" || id.at(1).kind() != PickleKind::kGlobal ||
        id.at(2).kind() != PickleKind::kString || id.at(2).text().size() > kMostKey || id.at(4).kind() != PickleKind::kInt)
      return wrong(name, "names its storage in an unknown way");
    const StorageType* type = nullptr;
    for (const StorageType& known : kStorages)
      if (id.at(1).text() == known.name) type = &known;
    if (type == nullptr) return wrong(name, "is of ", id.at(1).text(), ", which is not read");
    const auto entry = entries_.find(prefix_ + "/data/" + id.at(2).text());
    if (entry == entries_.end()) return wrong(name, "has its elements in storage ", id.at(2).text(), ", which is missing");
    const auto held = static_cast<int64_t>(entry->second.size()) / dtype_size(type->dtype);
    if (id.at(4).integer() < 0 || id.at(4).integer() > held)
      return wrong(name, "has a storage of ", id.at(4).integer(), " elements, the file holds ", held, ": it is truncated or damaged");
    return Storage{entry->second, type->dtype, held};
  }

  Result<Tensor> view(const std::string& name, const Storage& storage, int64_t offset, const PickleValue& size, const PickleValue& stride) {
    const size_t rank = size.size();
    if (rank > Shape::kMaxRank) return wrong(name, "has ", rank, " dimensions; at most 4 are known");
    Shape shape;
    int64_t elements = 1, last = offset, dense = 1;
    bool contiguous = true;
    std::vector<int64_t> strides(rank);
    for (size_t i = rank; i-- > 0;) {
      const int64_t extent = size.at(i).integer(), step = stride.at(i).integer();
      if (size.at(i).kind() != PickleKind::kInt || stride.at(i).kind() != PickleKind::kInt || extent < 0 || step < 0)
        return wrong(name, "has a size or stride that is no number from 0");
      int64_t reach = 0;
      if (__builtin_mul_overflow(elements, extent, &elements) || (extent > 0 && __builtin_mul_overflow(extent - 1, step, &reach)) ||
          __builtin_add_overflow(last, reach, &last))
        return wrong(name, "has a size that overflows");
      contiguous = contiguous && (extent <= 1 || step == dense);
      // More than there are: the checks below refuse it.
      if (extent > 0 && (__builtin_mul_overflow(dense, extent, &dense) || dense > storage.elements)) dense = storage.elements + 1;
      strides[i] = step;
    }
    for (size_t i = 0; i < rank; ++i) shape.append(size.at(i).integer());
    if (offset < 0 || (elements > 0 && last >= storage.elements) || elements > storage.elements)
      return wrong(name, "of ", elements, " elements reaches to element ", last, " of a storage of ", storage.elements);
    const int64_t width = dtype_size(storage.dtype);
    const char* from = storage.bytes.data() + (elements > 0 ? offset * width : 0);
    if (contiguous && reinterpret_cast<uintptr_t>(from) % static_cast<uintptr_t>(width) == 0)
      return Tensor::borrow(const_cast<char*>(from), shape, storage.dtype);
    // Many names may show the same storage: their copies together stay within the file's size.
    copies_left_ -= elements * width;
    if (copies_left_ < 0) return wrong(name, "and others show the same elements too often");
    return gathered(from, shape, strides, storage.dtype);
  }

  static Tensor gathered(const char* from, const Shape& shape, const std::vector<int64_t>& strides, DType dtype) {
    const Tensor out = Tensor::empty(shape, dtype);
    const int64_t width = dtype_size(dtype);
    auto* to = static_cast<char*>(out.raw());
    std::vector<int64_t> index(strides.size());
    for (int64_t i = 0; i < out.elements(); ++i) {
      int64_t at = 0;
      for (size_t k = 0; k < strides.size(); ++k) at += index[k] * strides[k];
      std::memcpy(to + i * width, from + at * width, static_cast<size_t>(width));
      for (size_t k = strides.size(); k-- > 0 && ++index[k] == shape[static_cast<int>(k)];) index[k] = 0;
    }
    return out;
  }

  std::string path_, prefix_;
  const std::map<std::string, std::string_view>& entries_;
  int64_t copies_left_;
};

}  // namespace

Result<TorchFile> read_torch_file(const fs::path& path) {
  TorchFile out;
  LATHE_TRY(out.file, MappedFile::open(path));
  const std::string name = path.string();
  LATHE_TRY(const auto entries, stored_zip_entries(out.file.view(), name));
  std::string prefix;
  std::string_view bytes;
  for (const auto& [entry, content] : entries)
    if (entry.ends_with(kPickle) && entry.find('/') == entry.size() - kPickle.size()) {
      if (!prefix.empty()) return error_at(name, -1, "has two pickles, ", prefix, " and ", entry);
      prefix = entry.substr(0, entry.size() - kPickle.size());
      bytes = content;
    }
  if (prefix.empty()) return error_at(name, -1, "holds no NAME/data.pkl: it was not written by torch.save");
  if (const auto order = entries.find(prefix + "/byteorder"); order != entries.end() && order->second != "little")
    return error_at(name, -1, "holds big-endian numbers, which are not read");
  LATHE_TRY(const Pickle pickle, Pickle::parse(bytes, name + " (" + prefix + std::string(kPickle) + ")"));
  const PickleValue root = pickle.root();
  if (root.kind() != PickleKind::kDict) return error_at(name, -1, "holds no dict of tensors");
  Reader reader(name, prefix, entries, out.file.size());
  std::map<std::string, bool> seen;
  for (size_t i = 0; i + 1 < root.size(); i += 2) {
    if (root.at(i).kind() != PickleKind::kString) return error_at(name, -1, "key ", i / 2, " of its dict is no text");
    const std::string& key = root.at(i).text();
    if (!seen.emplace(key, true).second) return error_at(name, -1, "key \"", key, "\" occurs twice");
    if (!Reader::is_tensor(root.at(i + 1))) {
      out.others.push_back(key);
      continue;
    }
    LATHE_TRY(Tensor tensor, reader.tensor(key, root.at(i + 1)));
    out.tensors.emplace_back(key, std::move(tensor));
  }
  return out;
}

}  // namespace lathe
