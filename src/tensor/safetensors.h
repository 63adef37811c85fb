// The safetensors container (header length, JSON header, data). Every size and offset is checked before use; a damaged
// file gives an error with path and offset. docs/formats/checkpoint.md.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "tensor/tensor.h"

namespace lathe {

struct SafetensorsFile {
  // Names in file order. Tensors are views of the memory map `file` (read-only: copy before writing).
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;
  MappedFile file;
  const Tensor* find(std::string_view name) const;
};

Result<SafetensorsFile> read_safetensors(const fs::path& path);

// Atomic (temporary name, sync, rename). Names must be distinct.
Status write_safetensors(const fs::path& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                         const std::map<std::string, std::string>& metadata = {});

}  // namespace lathe
