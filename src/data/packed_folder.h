// A packed data set: the shards of one split of a folder that `lathe pack` wrote, behind its manifest (rows L-4.11,
// L-4.14, L-4.15, L-5.29, L-5.30; traps T1, S9). Memory does not grow with the data: tokens are read through the maps.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "data/corpus.h"
#include "data/packed_file.h"
#include "data/sequence_set.h"

namespace lathe::data {

inline constexpr const char* kPackedKind = "packed";
inline constexpr const char* kFinalManifestFile =
    "final_manifest.json";  // the origin's name, a byte-equal copy (row L-4.14)

// True when the folder's manifest says that it holds packed tokens.
bool is_packed_folder(const fs::path& folder);

// One split of one folder. Immutable.
class PackedSet : public SequenceSet {
 public:
  const std::string& name() const override { return name_; }
  int64_t size() const override { return sequences_; }
  int64_t sequence_length() const override { return sequence_length_; }
  void read(int64_t index, std::span<int32_t> ids) const override;
  int64_t padding(int64_t index) const override { return index + 1 == sequences_ ? padding_ : 0; }
  void document_starts(int64_t index, std::vector<int32_t>& positions) const override;
  const std::vector<PackedFile>& shards() const { return shards_; }

 private:
  friend class PackedFolder;
  const PackedFile& shard_of(int64_t index, int64_t& within) const;
  std::string name_;
  std::vector<PackedFile> shards_;
  std::vector<int64_t> first_;  // number of each shard's first sequence
  int64_t sequences_ = 0, sequence_length_ = 0, padding_ = 0;
};

class PackedFolder {
 public:
  // Reads manifest.json or final_manifest.json (both must agree), recomputes the SHA-256 of every shard, opens the
  // shards and compares each with the manifest. Errors name the shard and the byte from which it differs.
  static Result<PackedFolder> open(const fs::path& folder);

  const fs::path& path() const { return path_; }
  const std::string& tokenizer_hash() const { return tokenizer_hash_; }
  int64_t vocab_size() const { return vocab_size_; }
  int64_t sequence_length() const { return sequence_length_; }
  bool mask_across_documents() const { return mask_across_documents_; }  // the data set's wish (row L-4.8)
  const Manifest& manifest() const { return manifest_; }
  // Null where the split is empty.
  std::shared_ptr<const PackedSet> split(Split split) const { return split == Split::kTrain ? train_ : validation_; }

 private:
  Status open_split(Split split);
  fs::path path_;
  std::string tokenizer_hash_;
  int64_t vocab_size_ = 0, sequence_length_ = 0;
  bool mask_across_documents_ = false;
  Manifest manifest_;
  std::shared_ptr<const PackedSet> train_, validation_;
};

// All folders must be of one tokenizer and one sequence length; `tokenizer_hash` is what they are compared with when it
// is not empty. The error lists path, hash and creation of every folder and the command for the odd one (row L-3.20).
Status check_same_tokenizer(const std::vector<PackedFolder>& folders, const std::string& tokenizer_hash,
                            const std::string& tokenizer_path);

}  // namespace lathe::data
