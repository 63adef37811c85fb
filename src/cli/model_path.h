// A model by a path, whatever made it: a checkpoint of this program, or what train/open_model.h reads.
#pragma once

#include "train/load_model.h"

namespace lathe::cli {

// <base>/<stage's folder>/TAG[/step_N] and the lab's checkpoint folders are this program's; the latter need tokenizer_dir, their
// adapters are merged. Everything else is open_model's.
Result<train::LoadedModel> load_model_at(const fs::path& path, const std::string& tokenizer_dir, DType dtype);

}  // namespace lathe::cli
