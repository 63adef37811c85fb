#include "tensor/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "core/json.h"

namespace lathe {
namespace {

constexpr int64_t kMaxHeader = 100 << 20;

const char* format_name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "F32";
    case DType::kBFloat16: return "BF16";
    case DType::kInt32: return "I32";
    case DType::kUInt8: return "U8";
    case DType::kFloat64: return "F64";
    case DType::kInt64: return "I64";
    case DType::kFloat16: return "F16";
  }
  return "?";
}

Result<Tensor> read_entry(const std::string& path, const std::string& name, const Json& entry, std::string_view data,
                          int64_t data_start) {
  const auto bad = [&](const std::string& what) { return error_at(path, data_start, "tensor \"", name, "\": ", what); };
  const Json* dtype_text = entry.find("dtype");
  const Json* dims = entry.find("shape");
  const Json* offsets = entry.find("data_offsets");
  if (!dtype_text || !dtype_text->is_string() || !dims || !dims->is_array() || !offsets || !offsets->is_array() || offsets->size() != 2)
    return bad("needs dtype, shape and two data_offsets");
  const Result<DType> known = parse_dtype(dtype_text->as_string());
  if (!known.ok()) return bad(known.error().message);
  const DType dtype = known.value();
  if (dims->size() > Shape::kMaxRank) return bad("more than 4 dimensions");
  Shape shape;
  int64_t bytes = dtype_size(dtype);
  for (const Json& dim : dims->as_array()) {
    if (!dim.is_int() || dim.as_int() < 0) return bad("a dimension is not a whole number >= 0");
    if (__builtin_mul_overflow(bytes, dim.as_int(), &bytes)) return bad("its size overflows");
    shape.append(dim.as_int());
  }
  if (!offsets->at(0).is_int() || !offsets->at(1).is_int()) return bad("data_offsets are not whole numbers");
  const int64_t begin = offsets->at(0).as_int(), end = offsets->at(1).as_int();
  if (begin < 0 || end < begin || end > static_cast<int64_t>(data.size()))
    return error_at(path, data_start, "tensor \"", name, "\" ends at data byte ", end, " but the file holds ", data.size(),
                    ": the file is truncated or damaged");
  if (end - begin != bytes) return bad(join_text("its shape needs ", bytes, " bytes, data_offsets give ", end - begin));
  return Tensor::borrow(const_cast<char*>(data.data()) + begin, shape, dtype);
}

// No two tensors share bytes, as the format has it: a short header must not stand for many copies of the data.
Status check_overlaps(const std::vector<std::pair<std::string, Tensor>>& tensors, const char* file, const std::string& path) {
  const auto begin = [](const auto* entry) { return static_cast<const char*>(entry->second.raw()); };
  std::vector<const std::pair<std::string, Tensor>*> in_order;
  for (const auto& entry : tensors)
    if (entry.second.bytes() > 0) in_order.push_back(&entry);
  std::sort(in_order.begin(), in_order.end(), [&](const auto* a, const auto* b) { return begin(a) < begin(b); });
  for (size_t i = 1; i < in_order.size(); ++i)
    if (begin(in_order[i]) < begin(in_order[i - 1]) + in_order[i - 1]->second.bytes())
      return error_at(path, begin(in_order[i]) - file, "tensors \"", in_order[i - 1]->first, "\" and \"", in_order[i]->first, "\" overlap");
  return {};
}

}  // namespace

const Tensor* SafetensorsFile::find(std::string_view name) const {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return &tensor;
  return nullptr;
}

Result<SafetensorsFile> read_safetensors(const fs::path& path) {
  SafetensorsFile out;
  LATHE_TRY(out.file, MappedFile::open(path));
  const std::string_view all = out.file.view();
  if (all.size() < 8) return error_at(path.string(), 0, "too short for a safetensors file (", all.size(), " bytes)");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, all.data(), 8);
  if (header_bytes > kMaxHeader || header_bytes > all.size() - 8)
    return error_at(path.string(), 0, "header length ", header_bytes, " does not fit the file of ", all.size(),
                    " bytes: the file is truncated or not safetensors");
  LATHE_TRY(const Json header, parse_json(all.substr(8, header_bytes), path.string()));
  if (!header.is_object()) return error_at(path.string(), 8, "the header is not a JSON object");
  const std::string_view data = all.substr(8 + header_bytes);
  for (const auto& [name, entry] : header.as_object()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) return error_at(path.string(), 8, "__metadata__ is not an object");
      for (const auto& [key, value] : entry.as_object())
        if (value.is_string()) out.metadata[key] = value.as_string();
      continue;
    }
    LATHE_TRY(Tensor tensor, read_entry(path.string(), name, entry, data, static_cast<int64_t>(8 + header_bytes)));
    out.tensors.emplace_back(name, std::move(tensor));
  }
  LATHE_TRY_STATUS(check_overlaps(out.tensors, all.data(), path.string()));
  // Foreign files may pack a float behind an odd number of bytes; such a tensor is copied to aligned memory.
  for (auto& [name, tensor] : out.tensors)
    if (reinterpret_cast<uintptr_t>(tensor.raw()) % static_cast<uintptr_t>(dtype_size(tensor.dtype())) != 0) tensor = tensor.clone();
  return out;
}

Status write_safetensors(const fs::path& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                         const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) {
    Json entries = Json::object();
    for (const auto& [key, value] : metadata) entries[key] = value;
    header["__metadata__"] = std::move(entries);
  }
  std::set<std::string> names;
  int64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    require(names.insert(name).second, "[safetensors] two tensors are named ", name);
    Json shape = Json::array();
    for (int i = 0; i < tensor.rank(); ++i) shape.push_back(tensor.dim(i));
    Json entry = Json::object();
    entry["dtype"] = format_name(tensor.dtype());
    entry["shape"] = std::move(shape);
    entry["data_offsets"] = Json(Json::Array{Json(offset), Json(offset + tensor.bytes())});
    header.as_object().emplace_back(name, std::move(entry));
    offset += tensor.bytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data starts on 8 bytes
  LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(path));
  const uint64_t header_bytes = text.size();
  LATHE_TRY_STATUS(writer.write(&header_bytes, 8));
  LATHE_TRY_STATUS(writer.write(text));
  for (const auto& [name, tensor] : tensors) LATHE_TRY_STATUS(writer.write(tensor.raw(), static_cast<size_t>(tensor.bytes())));
  return writer.commit();
}

}  // namespace lathe
