// manifest.json: what a stage read, with which settings, and what it wrote, by SHA-256; the next stage verifies it before
// it does work (rows L-1.12, L-1.13, L-4.14). Every output folder of every verb holds one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe {

inline constexpr const char* kManifestFile = "manifest.json";

struct FileRecord {
  std::string path;  // of outputs: relative to the manifest's folder
  int64_t bytes = 0;
  std::string sha256;  // 64 lower-case hex digits
  friend bool operator==(const FileRecord&, const FileRecord&) = default;
};

// Size and hash of the file at `path`, recorded under `name` (empty: as `path`).
Result<FileRecord> record_file(const fs::path& path, std::string name = "");

struct Manifest {
  std::string kind;              // of the stage: "corpus", "tokenizer", "packed", ...
  Json settings;                 // all resolved settings
  std::string config_sha256;     // config_hash() of those settings that decide the result
  int64_t seed = 0;
  std::string tokenizer_sha256;  // empty: no tokenizer was used
  std::vector<FileRecord> inputs, outputs;
  Json counts = Json::object();
  Json details = Json::object();  // the stage's own keys; they stand at the top level of the file
  std::string started, ended;     // local time
  double seconds = 0;

  Json to_json() const;
};

// SHA-256 over the settings with their keys sorted at every depth: equal for equal settings.
std::string config_hash(const Json& settings);

// Writes <folder>/manifest.json, whole or not at all.
Status write_manifest(const fs::path& folder, const Manifest& manifest);

// From a manifest file, or the folder that holds it. Errors: absent (`remedy` names the command that makes it), not a
// manifest, another kind (empty `kind`: any), a schema newer than this program.
Result<Manifest> read_manifest(const fs::path& file_or_folder, const std::string& kind, const std::string& remedy);

// Sizes and SHA-256 of all outputs below `folder`, computed anew on all threads. The error names the file and what is
// wrong: absent, shorter, longer, changed.
Status verify_outputs(const fs::path& folder, const Manifest& manifest, const std::string& remedy);

// verify_outputs for a folder that may hold a manifest: ok when it has none.
Status verify_recorded(const fs::path& folder, const std::string& remedy);

}  // namespace lathe
