#include "cli/export_gguf.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/log.h"
#include "model/gguf_model.h"
#include "train/open_gguf.h"

namespace lathe::cli {
namespace {

constexpr const char *kFileType = "general.file_type", *kQuantization = "general.quantization_version";

// llama.cpp's number for the kind of file.
uint32_t file_type(BlockType type) {
  switch (type) {
    case BlockType::kF16: return 1;
    case BlockType::kQ4_0: return 2;
    case BlockType::kQ8_0: return 7;
    case BlockType::kQ4_K: return 14;
    case BlockType::kQ6_K: return 18;
    case BlockType::kBF16: return 32;
    default: return 0;
  }
}

void add_file_keys(std::vector<std::pair<std::string, GgufValue>>& metadata, BlockType type) {
  metadata.emplace_back(kFileType, GgufValue::of_uint32(file_type(type)));
  metadata.emplace_back(kQuantization, GgufValue::of_uint32(2));
}

// "blk.3.attn_q.weight" -> "attn_q"
std::string kind_of(const std::string& name) {
  std::string kind = name.substr(0, name.rfind('.'));
  if (kind.starts_with("blk.")) kind = kind.substr(kind.find('.', 4) + 1);
  return kind;
}

struct Sum {
  std::string type;
  int64_t bytes = 0, values = 0;
  double squared_error = 0, squared_values = 0;
  void add(const GgufWritten& one) {
    const std::string name = block_code(one.type).name;
    if (type.find(name) == std::string::npos) type += (type.empty() ? "" : "+") + name;
    bytes += one.bytes;
    values += one.values;
    squared_error += one.squared_error;
    squared_values += one.squared_values;
  }
  Json error() const { return squared_values > 0 ? Json(std::sqrt(squared_error / squared_values)) : Json(); }
  double bits() const { return values > 0 ? 8 * static_cast<double>(bytes) / static_cast<double>(values) : 0; }
  std::string line(const std::string& kind) const {
    const std::string error_text = squared_values > 0 ? format_text("%.5f", std::sqrt(squared_error / squared_values)) : "copied";
    return format_text("%-14s %-10s %14s bytes  %6.3f bits a value  error %s", kind.c_str(), type.c_str(), with_thousands(bytes).c_str(), bits(), error_text.c_str());
  }
};

}  // namespace

Result<std::vector<GgufWritten>> export_gguf(const train::LoadedModel& loaded, const fs::path& path, BlockType type) {
  auto content = model::gguf_content(*loaded.model, loaded.tag, type);
  if (!content.ok()) return error_at(loaded.run.string(), -1, "cannot be written as GGUF: ", content.error().message);
  auto vocabulary = tokenizer::tokenizer_to_gguf(loaded.tokenizer, loaded.model->config().padded_vocab());
  if (!vocabulary.ok()) return error_at(loaded.run.string(), -1, "its tokenizer cannot be written into GGUF: ", vocabulary.error().message);
  for (const std::string& remark : vocabulary.value().remarks) log_warning("gguf", remark);
  auto& metadata = content.value().metadata;
  add_file_keys(metadata, type);
  for (auto& key : train::gguf_vocabulary_keys(vocabulary.value())) metadata.push_back(std::move(key));
  return write_gguf(path, metadata, content.value().tensors);
}

Result<std::vector<GgufWritten>> convert_gguf(const fs::path& from, const fs::path& to, BlockType type) {
  LATHE_TRY(const GgufFile file, read_gguf(from));
  std::vector<std::pair<std::string, GgufValue>> metadata;
  for (const auto& [key, value] : file.metadata)
    if (key != "general.alignment" && key != kFileType && key != kQuantization) metadata.emplace_back(key, value);
  add_file_keys(metadata, type);
  const bool tied = file.find_tensor("output.weight") == nullptr;
  std::vector<GgufSource> sources;
  for (const GgufTensor& tensor : file.tensors) {
    GgufSource source{tensor.name, tensor.extents, model::stored_type(tensor.name, tensor.extents, type, tied), nullptr, nullptr};
    if (source.type == tensor.type || tensor.extents.size() < 2) {
      source.type = tensor.type;
      source.raw = tensor.data;
    } else {
      // Pieces that are asked for begin and end with whole blocks of the new type, not always of the old one.
      source.read = [&tensor](int64_t begin, std::span<float> out) {
        const BlockCode& block = block_code(tensor.type);
        const auto n = static_cast<int64_t>(out.size());
        const int64_t first = begin / block.values, last = (begin + n + block.values - 1) / block.values;
        std::vector<float> values(static_cast<size_t>((last - first) * block.values));
        decode_blocks(tensor.type, tensor.data + first * block.bytes, values);
        std::copy_n(values.begin() + (begin - first * block.values), n, out.begin());
      };
    }
    sources.push_back(std::move(source));
  }
  return write_gguf(to, metadata, sources);
}

Json print_written(Context& context, const fs::path& path, const std::vector<GgufWritten>& written) {
  std::map<std::string, Sum> kinds;
  Sum all;
  for (const GgufWritten& one : written) {
    kinds[kind_of(one.name)].add(one);
    all.add(one);
  }
  Json by_kind = Json::object();
  for (const auto& [kind, sum] : kinds) {
    context.print(sum.line(kind));
    Json figures = Json::object();
    figures["type"] = sum.type;
    figures["bytes"] = sum.bytes;
    figures["bits_per_value"] = sum.bits();
    figures["error"] = sum.error();
    by_kind[kind] = std::move(figures);
  }
  context.print(all.line("all"));
  std::error_code code;
  const auto bytes = static_cast<int64_t>(fs::file_size(path, code));
  context.print("wrote ", path.string(), ": ", with_thousands(bytes), " bytes, ", written.size(), " tensors");
  Json out = Json::object();
  out["file"] = path.string();
  out["bytes"] = bytes;
  out["tensors"] = static_cast<int64_t>(written.size());
  out["bits_per_value"] = all.bits();
  out["error"] = all.error();
  out["kinds"] = std::move(by_kind);
  return out;
}

}  // namespace lathe::cli
