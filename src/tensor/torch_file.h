// Tensors of a file of torch.save (1.6 or newer: a zip archive with a pickle and the storages). Nothing is executed: the pickle is
// read as data, and the names of PyTorch's own functions that rebuild tensors are all that is understood; any other object beside
// them is passed over (row C-6.1). Every size, offset and stride is bounded by its storage before use.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "tensor/tensor.h"

namespace lathe {

struct TorchFile {
  // Of the dict that was saved, in its order: what is a tensor. Views of the memory map (read-only: copy before writing) where the
  // elements lie one after another, else copies, which together are never larger than the file.
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::vector<std::string> others;  // keys whose values are no tensors
  MappedFile file;
};

// float32, bfloat16, float16, float64, int64, int32, uint8 of at most four dimensions; others are errors that name the tensor.
Result<TorchFile> read_torch_file(const fs::path& path);

}  // namespace lathe
