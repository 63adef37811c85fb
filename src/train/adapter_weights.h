// An adapter as what a run trains: its folder's files stand in the checkpoint (docs/formats/adapter.md).
#pragma once

#include <utility>

#include "model/adapter_file.h"
#include "train/checkpoint.h"

namespace lathe::train {

class AdapterWeights : public Weights {
 public:
  // The adapter is not owned.
  AdapterWeights(model::Adapter& adapter, model::AdapterRecord record) : adapter_(adapter), record_(std::move(record)) {}
  Status save(const fs::path& folder) const override { return model::write_adapter_folder(folder, adapter_, record_); }
  Status load(const fs::path& folder) override {
    LATHE_TRY(const model::AdapterFolder read, model::read_adapter_folder(folder));
    return model::fill_adapter(read, adapter_);
  }
  int64_t bytes() const override { return model::adapter_folder_bytes(adapter_); }

 private:
  model::Adapter& adapter_;
  model::AdapterRecord record_;
};

}  // namespace lathe::train
