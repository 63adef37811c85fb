// Adapter folders (docs/formats/adapter.md): adapter_config.json and adapter_model.safetensors as PEFT reads and writes them, and
// beside them our record, which says what the adapter belongs to, and the trained token rows, which PEFT's form has no place for.
// Rows L-7.22, L-7.25.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "model/adapter.h"
#include "tensor/safetensors.h"

namespace lathe::model {

// A file that an adapter rests on.
struct AdapterGround {
  std::string path;    // absolute
  std::string sha256;
};

struct AdapterRecord {
  AdapterGround base;                    // the base's model.safetensors
  std::vector<AdapterGround> below;      // adapters between the base and this one, in order: their adapter_model.safetensors
  int weight_bits = 16;                  // of the base's linear layers while the adapter was trained: 16, 8 or 4
  std::string tokenizer_hash, chat_template;

  Json to_json() const;
  static Result<AdapterRecord> from_json(const Json& json, const std::string& path);
};

// All files of a folder, checked; the tensors are maps of the files.
struct AdapterFolder {
  fs::path path;
  AdapterConfig config;
  AdapterRecord record;    // empty paths in a folder of another program
  bool has_record = false;
  SafetensorsFile tensors, rows;
};

inline constexpr const char* kAdapterConfigName = "adapter_config.json";
inline constexpr const char* kAdapterTensorsName = "adapter_model.safetensors";
inline constexpr const char* kAdapterRecordName = "lathe_adapter.json";
inline constexpr const char* kAdapterRowsName = "token_rows.safetensors";

// Writes the files, each under a temporary name first; the folder must exist.
Status write_adapter_folder(const fs::path& folder, const Adapter& adapter, const AdapterRecord& record);
// What it will take, for the check of free space.
int64_t adapter_folder_bytes(const Adapter& adapter);

// Errors name the file and the key or tensor. What a config asks for that is not known here is refused by name.
Result<AdapterFolder> read_adapter_folder(const fs::path& folder);
// The values into an adapter of the same form: a missing or extra tensor, another shape or dtype is an error that names the tensor,
// and nothing has changed then.
Status fill_adapter(const AdapterFolder& folder, Adapter& adapter);
// Both, on a frozen model.
Result<std::unique_ptr<Adapter>> load_adapter(Transformer& model, const fs::path& folder, bool trainable);

}  // namespace lathe::model
