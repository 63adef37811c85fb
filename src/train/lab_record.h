// What a run of the lab's programs has been through: its phases, the data of each, what was drawn from them. Every checkpoint holds
// it, so that a later phase, another folder or another stage knows where the weights come from (rows L-5.34, L-5.38, L-5.55).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"
#include "train/checkpoint.h"

namespace lathe::train {

// One data set of a phase.
struct LabSource {
  std::string path;
  std::string id;       // SHA-256 of its manifest: the same set elsewhere is the same set
  double share = 0;     // of the mix, all of a phase sum to 1
  int64_t tokens = 0;   // of its training part
};

struct LabPhase {
  int64_t from_step = 0;
  std::string from;                      // the checkpoint it started from; empty: initial weights
  Json settings;                         // those that decide the course (row L-5.62 names the others)
  std::vector<LabSource> sources;
  std::map<std::string, int64_t> before; // tokens drawn by the earlier phases, by id
};

struct LabRecord {
  Json fixed;                            // what no phase may change: architecture, tokenizer, sequence length
  std::vector<LabPhase> phases;          // the last one is under way

  Json to_json() const;
  static Result<LabRecord> from_json(const Json& json, const std::string& path);
};

// Keys in checkpoints' metadata: the record among the settings, tokens drawn per source among the data position.
inline constexpr const char* kLabRecordKey = "resume_record";
inline constexpr const char* kConsumedKey = "consumed";
inline constexpr const char* kFinishedKey = "finished";  // of meta.json in `final`

struct LabCheckpoint {
  fs::path folder;
  CheckpointMeta meta;
  LabRecord record;
  bool finished = false;
  // Tokens drawn from each source up to here, by id.
  std::map<std::string, int64_t> consumed() const;
};

// A whole checkpoint of these programs: metadata and every tensor file are read and checked.
Result<LabCheckpoint> read_lab_checkpoint(const fs::path& folder);

// The trained share of the data: in total over all sets that were ever used, and of each set of the phase (row L-5.53).
struct EquivalentEpochs {
  double total = 0;
  std::vector<std::pair<std::string, double>> sources;
  std::string line() const;
};
EquivalentEpochs equivalent_epochs(const LabRecord& record, const std::map<std::string, int64_t>& consumed);

// Adds what the phase under way drew, in the order of its sources, to what the earlier ones did.
std::map<std::string, int64_t> total_consumed(const LabPhase& phase, const std::vector<int64_t>& drawn);

// Row L-5.57: perplexity that rose `patience` times in a row while the data have been seen more than once. Empty: no warning.
class PerplexityWatch {
 public:
  explicit PerplexityWatch(int64_t patience) : patience_(patience) {}
  std::string add(double perplexity, double epochs);

 private:
  int64_t patience_, rises_ = 0;
  double last_ = -1;
};

}  // namespace lathe::train
