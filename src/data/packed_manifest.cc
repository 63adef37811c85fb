#include "data/packed_manifest.h"

#include <optional>

#include "core/parallel.h"
#include "data/block_sums.h"
#include "data/packed_folder.h"

namespace lathe::data {
namespace {

struct Output {
  FileRecord record;
  Json sums;
  std::optional<Error> error;
};

Output make_output(const fs::path& folder, const std::string& name) {
  Output output;
  Result<FileRecord> record = record_file(folder / name, name);
  Result<Json> sums = block_sums(folder / name);
  if (!record.ok())
    output.error = record.error();
  else if (!sums.ok())
    output.error = sums.error();
  else
    output.record = std::move(record).value(), output.sums = std::move(sums).value();
  return output;
}

Json separators_json(const Separators& ends) {
  const auto or_null = [](const std::optional<int32_t>& id) { return id ? Json(int64_t{*id}) : Json(); };
  return Json(Json::Object{{"bos_id", or_null(ends.bos)}, {"eos_id", or_null(ends.eos)}});
}

}  // namespace

Json deciding_settings(const PackSettings& settings) {
  Json out(Json::Object{{"sequence_length", settings.sequence_length},
                        {"train_val_split", settings.train_val_split},
                        {"packing_strategy", settings.strategy == PackingStrategy::kBestFit ? "best_fit" : "greedy"},
                        {"tail", settings.tail == TailRule::kPad ? "pad" : "drop"},
                        {"shuffle", settings.shuffle},
                        {"seed", static_cast<int64_t>(settings.seed)},
                        {"add_bos", settings.add_bos},
                        {"mask_across_documents", settings.mask_across_documents},
                        {"shard_size", settings.shard_size}});
  if (settings.strategy == PackingStrategy::kBestFit) out["buffer_size"] = settings.buffer_size;
  return out;
}

Status write_packed_manifest(const fs::path& folder, Manifest manifest, const PackReport& report,
                             const PackSettings& settings, const tokenizer::Tokenizer& tokenizer,
                             const std::string& tokenizer_hash, int64_t estimated_tokens) {
  LATHE_TRY(const Separators ends, separators(tokenizer, settings.add_bos));
  std::vector<std::string> files = report.train.files;
  files.insert(files.end(), report.validation.files.begin(), report.validation.files.end());
  std::vector<Output> outputs(files.size());
  parallel_for(static_cast<int64_t>(files.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      outputs[static_cast<size_t>(i)] = make_output(folder, files[static_cast<size_t>(i)]);
  });
  Json blocks = Json::object();
  manifest.outputs.clear();
  for (Output& output : outputs) {
    if (output.error) return *output.error;
    blocks[output.record.path] = std::move(output.sums);
    manifest.outputs.push_back(std::move(output.record));
  }
  manifest.kind = kPackedKind;
  manifest.seed = static_cast<int64_t>(settings.seed);
  manifest.tokenizer_sha256 = tokenizer_hash;
  const Json counts = report.to_json(estimated_tokens);
  manifest.counts = counts;
  Json& details = manifest.details;
  details["tokenizer_config_hash"] = tokenizer_hash;
  details["vocab_size"] = tokenizer.vocab_size();
  details["token_bytes"] = int64_t{tokenizer.vocab_size() <= kLargestVocabularyOfTwoBytes ? 2 : 4};
  details["sequence_length"] = settings.sequence_length;
  details["mask_across_documents"] = settings.mask_across_documents;
  details["separators"] = separators_json(ends);
  details["splits"] = counts.at("splits");
  details["packing"] = deciding_settings(settings);
  details["blocks"] = std::move(blocks);
  const std::string text = manifest.to_json().dump(2) + "\n";
  LATHE_TRY_STATUS(write_file_atomic(folder / kManifestFile, text));
  return write_file_atomic(folder / kFinalManifestFile, text);
}

}  // namespace lathe::data
