// Checkpoints of the chat origin: a folder with model_000123.pt and meta_000123.json (rows C-6.1, C-6.8, C-6.10). The .pt file is read as
// data (tensor/torch_file.h), nothing in it is executed.
#pragma once

#include "tensor/safetensors.h"
#include "train/load_model.h"

namespace lathe::train {

// The largest step of the model_NNNNNN.pt in the folder, by number (row C-6.14); -1: there is none.
int64_t origin_step(const fs::path& folder);

// As open_model (open_model.h) has it. The tokenizer is the one in the folder, in its folder `tokenizer`, or in the base folder that
// the checkpoint stands in (<base>/base_checkpoints/d20: <base>/tokenizer).
Result<LoadedModel> open_origin_checkpoint(const fs::path& folder, DType dtype);

// The origin's configs do not say which state of the architecture they are of; the tensors do: none of value_embeds is the older one
// (row C-6.10), smear_gate.weight, smear_lambda and backout_lambda are the newest's (row C-3.38), some but not all of them is an error.
Status recognise_chat_state(const SafetensorsFile& tensors, const fs::path& file, model::ModelConfig& config);

}  // namespace lathe::train
