#include "tensor/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "core/check.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr const char* kAlignmentKey = "general.alignment";
constexpr int64_t kDefaultAlignment = 32, kMostAlignment = 1 << 20;
constexpr int kMostNesting = 4;   // arrays in arrays
constexpr int64_t kLeastEntry = 8 + 1 + 4 + 1;        // length, key, kind, value
constexpr int64_t kLeastTensor = 8 + 1 + 4 + 8 + 4 + 8;
constexpr int64_t kMostKey = 65535;

int64_t scalar_bytes(GgufKind kind) {
  switch (kind) {
    case GgufKind::kUint8:
    case GgufKind::kInt8:
    case GgufKind::kBool: return 1;
    case GgufKind::kUint16:
    case GgufKind::kInt16: return 2;
    case GgufKind::kUint32:
    case GgufKind::kInt32:
    case GgufKind::kFloat32: return 4;
    case GgufKind::kUint64:
    case GgufKind::kInt64:
    case GgufKind::kFloat64: return 8;
    case GgufKind::kString:
    case GgufKind::kArray: return 0;
  }
  return 0;
}

bool is_integer(GgufKind kind) {
  return scalar_bytes(kind) > 0 && kind != GgufKind::kBool && kind != GgufKind::kFloat32 && kind != GgufKind::kFloat64;
}

template <class T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_text(std::string& bytes, std::string_view text) {
  append(bytes, uint64_t{text.size()});
  bytes += text;
}

// Of a scalar of an integer kind.
std::optional<int64_t> integer_at(GgufKind kind, const char* bytes) {
  switch (kind) {
    case GgufKind::kUint8: return load<uint8_t>(bytes);
    case GgufKind::kInt8: return load<int8_t>(bytes);
    case GgufKind::kUint16: return load<uint16_t>(bytes);
    case GgufKind::kInt16: return load<int16_t>(bytes);
    case GgufKind::kUint32: return load<uint32_t>(bytes);
    case GgufKind::kInt32: return load<int32_t>(bytes);
    case GgufKind::kInt64: return load<int64_t>(bytes);
    case GgufKind::kUint64: {
      const auto value = load<uint64_t>(bytes);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default: return std::nullopt;
  }
}

std::optional<double> number_at(GgufKind kind, const char* bytes) {
  if (kind == GgufKind::kFloat32) return load<float>(bytes);
  if (kind == GgufKind::kFloat64) return load<double>(bytes);
  const std::optional<int64_t> integer = integer_at(kind, bytes);
  if (!integer) return std::nullopt;
  return static_cast<double>(*integer);
}

// The file from front to back; nothing is taken that is not there.
class Reader {
 public:
  Reader(const MappedFile& file, std::string path) : bytes_(file.view()), path_(std::move(path)) {}

  template <class... Parts>
  Error wrong(const Parts&... parts) const { return error_at(path_, static_cast<int64_t>(at_), parts...); }
  int64_t left() const { return static_cast<int64_t>(bytes_.size() - at_); }
  int64_t at() const { return static_cast<int64_t>(at_); }

  Result<std::string_view> take(uint64_t count, const char* what) {
    if (count > bytes_.size() - at_)
      return wrong(what, " needs ", count, " bytes, the file has ", left(), " left: it is truncated or damaged");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  template <class T>
  Result<T> number(const char* what) {
    LATHE_TRY(const std::string_view raw, take(sizeof(T), what));
    return load<T>(raw.data());
  }
  Result<std::string_view> text(const char* what) {
    LATHE_TRY(const auto length, number<uint64_t>(what));
    return take(length, what);
  }
  Result<std::string> name(const char* what) {
    LATHE_TRY(const std::string_view text_view, text(what));
    if (text_view.empty() || text_view.size() > kMostKey) return wrong(what, " has ", text_view.size(), " bytes, 1 to ", kMostKey, " are allowed");
    if (first_invalid_utf8(text_view) >= 0) return wrong(what, " is not valid UTF-8");
    return std::string(text_view);
  }
  Result<GgufKind> kind() {
    LATHE_TRY(const auto number_of_kind, number<uint32_t>("a value's kind"));
    if (number_of_kind > static_cast<uint32_t>(GgufKind::kFloat64)) return wrong("kind ", number_of_kind, " of a value is not known");
    return static_cast<GgufKind>(number_of_kind);
  }

  // Passes over one value; its bytes.
  Result<std::string_view> value(GgufKind kind) {
    const size_t begin = at_;
    LATHE_TRY_STATUS(skip(kind, 0));
    return bytes_.substr(begin, at_ - begin);
  }

 private:
  Status skip(GgufKind kind, int depth) {
    if (const int64_t bytes = scalar_bytes(kind); bytes > 0) {
      LATHE_TRY(const std::string_view raw, take(static_cast<uint64_t>(bytes), "a value"));
      if (kind == GgufKind::kBool && static_cast<uint8_t>(raw[0]) > 1) return wrong("a bool is neither 0 nor 1");
      return {};
    }
    if (kind == GgufKind::kString) {
      const auto skipped = text("a text");
      return skipped.ok() ? Status() : skipped.error();
    }
    if (depth == kMostNesting) return wrong("arrays are nested more than ", kMostNesting, " deep");
    LATHE_TRY(const GgufKind element, this->kind());
    LATHE_TRY(const auto count, number<uint64_t>("an array's length"));
    // The least that an element takes bounds the count before anything is multiplied.
    const int64_t least = element == GgufKind::kString ? 8 : element == GgufKind::kArray ? 12 : scalar_bytes(element);
    if (count > static_cast<uint64_t>(left() / least))
      return wrong("an array of ", count, " values needs more bytes than the ", left(), " that are left: the file is truncated or damaged");
    if (scalar_bytes(element) > 0 && element != GgufKind::kBool) {
      const auto skipped = take(count * static_cast<uint64_t>(least), "an array");
      return skipped.ok() ? Status() : skipped.error();
    }
    for (uint64_t i = 0; i < count; ++i) LATHE_TRY_STATUS(skip(element, depth + 1));
    return {};
  }

  std::string_view bytes_;
  std::string path_;
  size_t at_ = 0;
};

struct Entry {
  GgufTensor tensor;
  uint64_t offset = 0;
};

Result<Entry> read_tensor(Reader& reader, int64_t alignment) {
  Entry entry;
  GgufTensor& tensor = entry.tensor;
  LATHE_TRY(tensor.name, reader.name("a tensor's name"));
  LATHE_TRY(const auto rank, reader.number<uint32_t>("a tensor's rank"));
  if (rank < 1 || rank > Shape::kMaxRank) return reader.wrong("tensor \"", tensor.name, "\" has ", rank, " dimensions; 1 to 4 are known");
  int64_t elements = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    LATHE_TRY(const auto extent, reader.number<uint64_t>("a tensor's extent"));
    if (extent < 1 || extent > static_cast<uint64_t>(INT64_MAX) || __builtin_mul_overflow(elements, static_cast<int64_t>(extent), &elements))
      return reader.wrong("tensor \"", tensor.name, "\": extent ", extent, " is 0, or the size overflows");
    tensor.extents.push_back(static_cast<int64_t>(extent));
  }
  LATHE_TRY(const auto type, reader.number<uint32_t>("a tensor's type"));
  const BlockCode* code = find_block_code(type);
  if (code == nullptr) return reader.wrong("tensor \"", tensor.name, "\" has the type ", type, "; known are ", known_block_names());
  tensor.type = code->type;
  if (tensor.extents[0] % code->values != 0)
    return reader.wrong("tensor \"", tensor.name, "\": rows of ", tensor.extents[0], " values are no whole blocks of ", code->values);
  if (__builtin_mul_overflow(elements / code->values, code->bytes, &tensor.bytes)) return reader.wrong("tensor \"", tensor.name, "\": its size overflows");
  LATHE_TRY(entry.offset, reader.number<uint64_t>("a tensor's offset"));
  if (entry.offset % static_cast<uint64_t>(alignment) != 0)
    return reader.wrong("tensor \"", tensor.name, "\" stands at ", entry.offset, ", no multiple of the alignment ", alignment);
  return entry;
}

// Tensors lie within the data and not over one another: their sizes together are bounded by the file.
Status place(std::vector<Entry>& entries, std::string_view all, uint64_t data_begin, const std::string& path) {
  const uint64_t data_bytes = all.size() > data_begin ? all.size() - data_begin : 0;
  std::vector<const Entry*> by_offset;
  for (Entry& entry : entries) {
    const auto bytes = static_cast<uint64_t>(entry.tensor.bytes);
    if (entry.offset > data_bytes || bytes > data_bytes - entry.offset)
      return error_at(path, static_cast<int64_t>(data_begin), "tensor \"", entry.tensor.name, "\" takes ", bytes, " bytes at ", entry.offset,
                      ", the data has ", data_bytes, ": the file is truncated or damaged");
    entry.tensor.data = reinterpret_cast<const std::byte*>(all.data()) + data_begin + entry.offset;
    by_offset.push_back(&entry);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const Entry* a, const Entry* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < by_offset.size(); ++i)
    if (by_offset[i]->offset < by_offset[i - 1]->offset + static_cast<uint64_t>(by_offset[i - 1]->tensor.bytes))
      return error_at(path, static_cast<int64_t>(data_begin + by_offset[i]->offset), "tensors \"", by_offset[i - 1]->tensor.name, "\" and \"",
                      by_offset[i]->tensor.name, "\" overlap");
  return {};
}

Result<int64_t> alignment_of(const GgufFile& out, const Reader& reader) {
  const GgufValue* value = out.find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  const int64_t alignment = value->integer().value_or(0);
  if (alignment < 1 || alignment > kMostAlignment || !std::has_single_bit(static_cast<uint64_t>(alignment)))
    return reader.wrong("\"", kAlignmentKey, "\" must be a power of two from 1 to ", kMostAlignment);
  return alignment;
}

Status read_metadata(Reader& reader, uint64_t count, GgufFile& out) {
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < count; ++i) {
    LATHE_TRY(std::string key, reader.name("a key"));
    LATHE_TRY(const GgufKind kind, reader.kind());
    LATHE_TRY(const std::string_view bytes, reader.value(kind));
    if (!seen.insert(key).second) return reader.wrong("key \"", key, "\" occurs twice");
    out.metadata.emplace_back(std::move(key), GgufValue(kind, std::string(bytes)));
  }
  return {};
}

}  // namespace

const char* gguf_kind_name(GgufKind kind) {
  constexpr const char* kNames[] = {"uint8",   "int8", "uint16", "int16", "uint32", "int32", "float32",
                                    "bool", "string", "array",  "uint64", "int64",  "float64"};
  return kNames[static_cast<size_t>(kind)];
}

GgufValue GgufValue::of_uint32(uint32_t value) {
  std::string bytes;
  append(bytes, value);
  return {GgufKind::kUint32, std::move(bytes)};
}
GgufValue GgufValue::of_float32(float value) {
  std::string bytes;
  append(bytes, value);
  return {GgufKind::kFloat32, std::move(bytes)};
}
GgufValue GgufValue::of_bool(bool value) { return {GgufKind::kBool, std::string(1, value ? '\1' : '\0')}; }
GgufValue GgufValue::of_text(std::string_view text) {
  std::string bytes;
  append_text(bytes, text);
  return {GgufKind::kString, std::move(bytes)};
}

namespace {
template <class T, class Append>
GgufValue array_of(GgufKind kind, const std::vector<T>& values, const Append& append_one) {
  std::string bytes;
  append(bytes, static_cast<uint32_t>(kind));
  append(bytes, uint64_t{values.size()});
  for (const T& value : values) append_one(bytes, value);
  return {GgufKind::kArray, std::move(bytes)};
}
}  // namespace

GgufValue GgufValue::of_texts(const std::vector<std::string>& texts) { return array_of(GgufKind::kString, texts, append_text); }
GgufValue GgufValue::of_floats(const std::vector<float>& values) { return array_of(GgufKind::kFloat32, values, append<float>); }
GgufValue GgufValue::of_ints(const std::vector<int32_t>& values) { return array_of(GgufKind::kInt32, values, append<int32_t>); }

std::optional<int64_t> GgufValue::integer() const { return is_integer(kind_) ? integer_at(kind_, bytes_.data()) : std::nullopt; }
std::optional<double> GgufValue::number() const {
  return scalar_bytes(kind_) > 0 && kind_ != GgufKind::kBool ? number_at(kind_, bytes_.data()) : std::nullopt;
}
std::optional<bool> GgufValue::boolean() const {
  if (kind_ != GgufKind::kBool) return std::nullopt;
  return bytes_[0] != 0;
}
std::optional<std::string_view> GgufValue::text() const {
  if (kind_ != GgufKind::kString) return std::nullopt;
  return std::string_view(bytes_).substr(8);
}

GgufKind GgufValue::element_kind() const {
  require(kind_ == GgufKind::kArray, "[gguf] element_kind of a value that is no array");
  return static_cast<GgufKind>(load<uint32_t>(bytes_.data()));
}
int64_t GgufValue::size() const { return kind_ == GgufKind::kArray ? static_cast<int64_t>(load<uint64_t>(bytes_.data() + 4)) : 0; }

std::optional<std::vector<std::string_view>> GgufValue::texts() const {
  if (kind_ != GgufKind::kArray || element_kind() != GgufKind::kString) return std::nullopt;
  std::vector<std::string_view> out;
  out.reserve(static_cast<size_t>(size()));
  for (size_t at = 12; at < bytes_.size();) {
    const auto length = load<uint64_t>(bytes_.data() + at);
    out.push_back(std::string_view(bytes_).substr(at + 8, length));
    at += 8 + length;
  }
  return out;
}

std::optional<std::vector<int64_t>> GgufValue::integers() const {
  if (kind_ != GgufKind::kArray || !is_integer(element_kind())) return std::nullopt;
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(size()));
  const auto step = static_cast<size_t>(scalar_bytes(element_kind()));
  for (size_t at = 12; at < bytes_.size(); at += step) {
    const std::optional<int64_t> value = integer_at(element_kind(), bytes_.data() + at);
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

std::optional<std::vector<double>> GgufValue::numbers() const {
  if (kind_ != GgufKind::kArray || scalar_bytes(element_kind()) == 0 || element_kind() == GgufKind::kBool) return std::nullopt;
  std::vector<double> out;
  out.reserve(static_cast<size_t>(size()));
  const auto step = static_cast<size_t>(scalar_bytes(element_kind()));
  for (size_t at = 12; at < bytes_.size(); at += step) {
    const std::optional<double> value = number_at(element_kind(), bytes_.data() + at);
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

int64_t GgufTensor::elements() const {
  int64_t n = 1;
  for (const int64_t extent : extents) n *= extent;
  return n;
}

Shape GgufTensor::shape() const {
  Shape shape;
  for (size_t i = extents.size(); i-- > 0;) shape.append(extents[i]);
  return shape;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  for (const auto& [name, value] : metadata)
    if (name == key) return &value;
  return nullptr;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  for (const GgufTensor& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

Result<GgufFile> read_gguf(const fs::path& path) {
  GgufFile out;
  LATHE_TRY(out.file, MappedFile::open(path));
  Reader reader(out.file, path.string());
  LATHE_TRY(const std::string_view magic, reader.take(4, "the magic"));
  if (magic != kMagic) return error_at(path.string(), 0, "is no GGUF file");
  LATHE_TRY(out.version, reader.number<uint32_t>("the version"));
  if (out.version != 2 && out.version != 3)
    return error_at(path.string(), 4, out.version >= 1u << 24 ? "is a big-endian GGUF file, which is not read" : "has a version that is not read",
                    "; 2 and 3, little-endian, are");
  LATHE_TRY(const auto tensors, reader.number<uint64_t>("the number of tensors"));
  LATHE_TRY(const auto entries, reader.number<uint64_t>("the number of keys"));
  if (tensors > static_cast<uint64_t>(reader.left() / kLeastTensor) || entries > static_cast<uint64_t>(reader.left() / kLeastEntry))
    return reader.wrong(tensors, " tensors and ", entries, " keys do not fit the file's ", out.file.size(), " bytes: it is truncated or damaged");
  LATHE_TRY_STATUS(read_metadata(reader, entries, out));
  LATHE_TRY(const int64_t alignment, alignment_of(out, reader));
  std::vector<Entry> table;
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < tensors; ++i) {
    LATHE_TRY(Entry entry, read_tensor(reader, alignment));
    if (!seen.insert(entry.tensor.name).second) return reader.wrong("tensor \"", entry.tensor.name, "\" occurs twice");
    table.push_back(std::move(entry));
  }
  const uint64_t data_begin = static_cast<uint64_t>((reader.at() + alignment - 1) / alignment * alignment);
  LATHE_TRY_STATUS(place(table, out.file.view(), data_begin, path.string()));
  for (Entry& entry : table) out.tensors.push_back(std::move(entry.tensor));
  return out;
}

}  // namespace lathe
