// The chain of hashes from raw files to a report: every record that a stage left behind (manifest.json, lathe_adapter.json, the
// summary of an evaluation) with the files it names, and whether they are what was recorded. docs/models.md, "Inspect and verify".
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"

namespace lathe::eval {

enum class LinkState { kOk, kChanged, kMissing, kNotRecorded };
const char* state_name(LinkState state);  // "ok", "changed", "missing", "not recorded"

struct ProvenanceLink {
  bool is_input = false;  // what the stage was made from; else a file of its own
  std::string path;       // as recorded
  fs::path file;          // where it is; empty: found nowhere
  std::string recorded;   // SHA-256; empty: not recorded
  bool is_tokenizer = false;  // `recorded` is the hash of a tokenizer's content, not of a file
  LinkState state = LinkState::kNotRecorded;
  std::string found;  // SHA-256 of the file as it is now
};

struct ProvenanceNode {
  std::string kind;     // "corpus", "tokenizer", "packed", "checkpoint", "adapter", "evaluation", "report", ...
  std::string name;     // of its folder, relative to the root where it lies below
  fs::path folder;
  std::string problem;  // the record itself cannot be read; it then counts as changed
  std::vector<ProvenanceLink> links;
};

struct Provenance {
  fs::path root;
  std::vector<ProvenanceNode> nodes;  // raw data first, reports last
  std::array<int64_t, 4> counts() const;  // links by LinkState
  bool is_whole() const;                  // none changed, none missing
  std::vector<std::string> lines() const;  // a tree for people, the counts at the end
  Json to_json() const;
};

// Records at and below `root`, and those that they were made from, wherever they lie. Nothing is hashed: all states are kNotRecorded.
// An error only when root is not there.
Result<Provenance> collect_provenance(const fs::path& root);

// With every file hashed anew, on all threads.
Result<Provenance> verify_provenance(const fs::path& root);

}  // namespace lathe::eval
