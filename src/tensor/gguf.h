// The GGUF container, versions 2 and 3, little-endian: typed metadata, a table of tensors, their data. Every count, size and
// offset is bounded by the file before anything is reserved or read (trap S9): what a reader keeps is never more than a small
// multiple of the file. docs/formats/gguf.md.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tensor/block_codes.h"
#include "tensor/shape.h"

namespace lathe {

// The numbers are those of the file format.
enum class GgufKind : uint32_t {
  kUint8, kInt8, kUint16, kInt16, kUint32, kInt32, kFloat32, kBool, kString, kArray, kUint64, kInt64, kFloat64
};
const char* gguf_kind_name(GgufKind kind);  // "uint8", ..., "array"

// One value of the metadata, as the bytes of the file: copying it is exact.
class GgufValue {
 public:
  static GgufValue of_uint32(uint32_t value);
  static GgufValue of_float32(float value);
  static GgufValue of_bool(bool value);
  static GgufValue of_text(std::string_view text);
  static GgufValue of_texts(const std::vector<std::string>& texts);
  static GgufValue of_floats(const std::vector<float>& values);
  static GgufValue of_ints(const std::vector<int32_t>& values);
  // bytes: of a value that was checked (gguf.cc's reader).
  GgufValue(GgufKind kind, std::string bytes) : kind_(kind), bytes_(std::move(bytes)) {}

  GgufKind kind() const { return kind_; }
  const std::string& bytes() const { return bytes_; }
  // Nothing when the value is of another kind (or does not fit: a uint64 above 2^63).
  std::optional<int64_t> integer() const;        // any integer kind
  std::optional<double> number() const;          // any integer or float kind
  std::optional<bool> boolean() const;
  std::optional<std::string_view> text() const;  // lives as long as this value
  // Of arrays; views live as long as this value.
  GgufKind element_kind() const;
  int64_t size() const;  // 0 of what is no array
  std::optional<std::vector<std::string_view>> texts() const;
  std::optional<std::vector<int64_t>> integers() const;
  std::optional<std::vector<double>> numbers() const;

 private:
  GgufKind kind_;
  std::string bytes_;
};

struct GgufTensor {
  std::string name;
  std::vector<int64_t> extents;  // as the file has them: the fastest first, at most four
  BlockType type = BlockType::kF32;
  const std::byte* data = nullptr;  // in the memory map
  int64_t bytes = 0;
  int64_t elements() const;
  Shape shape() const;  // the slowest first, as in class Tensor
};

struct GgufFile {
  uint32_t version = 3;
  std::vector<std::pair<std::string, GgufValue>> metadata;  // in file order
  std::vector<GgufTensor> tensors;
  MappedFile file;
  const GgufValue* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view name) const;
};

Result<GgufFile> read_gguf(const fs::path& path);

// What a written tensor is made of: float32 values in the order of the file, or its bytes as they stand in another file.
struct GgufSource {
  std::string name;
  std::vector<int64_t> extents;  // the fastest first
  BlockType type = BlockType::kF32;
  std::function<void(int64_t begin, std::span<float> out)> read;  // values [begin, begin + size); called by many threads
  const std::byte* raw = nullptr;                                 // instead of read: bytes already in `type`
};

// What writing did to one tensor.
struct GgufWritten {
  std::string name;
  BlockType type = BlockType::kF32;
  int64_t values = 0, bytes = 0;
  double squared_error = 0, squared_values = 0;  // sums over the values; 0 and 0 where raw bytes were copied
};

// Version 3, aligned to 32 bytes; atomic. The sums do not depend on the number of threads. Wrong use (a name twice or of 64
// bytes and more, which llama.cpp refuses, rows that are no whole blocks) throws.
Result<std::vector<GgufWritten>> write_gguf(const fs::path& path, const std::vector<std::pair<std::string, GgufValue>>& metadata,
                                            const std::vector<GgufSource>& tensors);

}  // namespace lathe
