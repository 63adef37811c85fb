// An adapter as the weights of a checkpoint: the step folder holds the adapter's folder (model/adapter_file.h) beside the optimizer
// and the metadata, and nothing of the frozen base. Rows L-7.23, L-7.25; trap R8: loading touches the adapter's tensors alone, so a
// resumed run trains what the first one trained.
#pragma once

#include "model/adapter_file.h"
#include "train/checkpoint.h"

namespace lathe::train {

class AdapterWeights : public Weights {
 public:
  // adapter is not owned. record says what it rests on; a checkpoint that rests on something else is refused.
  AdapterWeights(model::Adapter& adapter, model::AdapterRecord record) : adapter_(adapter), record_(std::move(record)) {}
  Status save(const fs::path& folder) const override { return model::write_adapter_folder(folder, adapter_, record_); }
  Status load(const fs::path& folder) override;
  int64_t bytes() const override { return model::adapter_folder_bytes(adapter_); }
  const model::AdapterRecord& record() const { return record_; }

 private:
  model::Adapter& adapter_;
  model::AdapterRecord record_;
};

// The file that a record names, looked for at its path and then, when the folders were moved together, below `base`. Its SHA-256 must
// be the recorded one.
Result<fs::path> find_ground(const model::AdapterGround& ground, const fs::path& base);

// A file as something that an adapter rests on.
Result<model::AdapterGround> ground_of(const fs::path& file);

}  // namespace lathe::train
