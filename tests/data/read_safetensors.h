// Integer tensors of a safetensors file, for golden batches. Throws on a file that is not one.
#pragma once

#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/ref/testing.h"

namespace lathe::testing {

struct IntTensor {
  std::vector<int64_t> shape;
  std::vector<int32_t> values;
};

inline std::map<std::string, IntTensor> read_int_tensors(const std::filesystem::path& path) {
  const std::string bytes = take(read_file(path));
  uint64_t header_bytes = 0;
  if (bytes.size() < 8) throw std::runtime_error("no header");
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > bytes.size() - 8) throw std::runtime_error("header longer than the file");
  const std::string_view data = std::string_view(bytes).substr(8 + header_bytes);
  std::map<std::string, IntTensor> tensors;
  const Json header = take(parse_json(std::string_view(bytes).substr(8, header_bytes)));
  for (const auto& [name, entry] : header.as_object()) {
    if (name == "__metadata__") continue;
    if (entry.at("dtype").as_string() != "I32") throw std::runtime_error(name + " is not I32");
    IntTensor tensor;
    size_t count = 1;
    for (const Json& n : entry.at("shape").as_array()) {
      tensor.shape.push_back(n.as_int());
      count *= static_cast<size_t>(n.as_int());
    }
    const auto begin = static_cast<size_t>(entry.at("data_offsets").at(0).as_int());
    const auto end = static_cast<size_t>(entry.at("data_offsets").at(1).as_int());
    if (begin > end || end > data.size() || end - begin != 4 * count) throw std::runtime_error(name + ": bad offsets");
    tensor.values.resize(count);
    std::memcpy(tensor.values.data(), data.data() + begin, 4 * count);
    tensors[name] = std::move(tensor);
  }
  return tensors;
}

}  // namespace lathe::testing
