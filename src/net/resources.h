// The files that have a name: what `lathe download NAME` brings and where it belongs below the base folder.
// Rows C-1.2, C-1.4 to C-1.6, C-1.14 to C-1.17.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/fetch.h"

namespace lathe::net {

struct Resource {
  std::string name, help;
};
const std::vector<Resource>& resources();

inline constexpr int64_t kFineWebShards = 1823;

// Shards that -n asks for: -1 all, 0 and other negative numbers none (row C-1.6).
int64_t fineweb_shards(int64_t num_files);

// Training shards that `tokens` need, by the rule of 250 million characters a shard and 4.8 characters a token; `kept` is the
// share of the text that the loader trains on: 0.65 for best-fit rows that are cropped at T = 2048, 1 for the others
// (row C-1.19). One more, the last one, is validation (row C-1.10).
int64_t fineweb_shards_for(double tokens, double kept);

struct PlanOptions {
  int64_t num_files = -1;   // of fineweb
  // An address or folder that holds the same files, instead of the resource's own; for hf:// addresses a copy of the
  // repository, its paths those of the hub.
  std::string from;
  std::string output_dir;   // instead of the resource's place below the base folder
  std::string sha256;       // of a single file
};

struct DownloadPlan {
  std::string what;
  fs::path folder;                   // of the files and of `manifest`
  fs::path manifest;                 // <folder>/manifest.json; downloads.json in the base folder and where the files have one
  std::vector<FetchRequest> files;
  std::string listing;               // the address whose files were listed; empty: none had to be
  fs::path unpack_to;                // not empty: files[0] is a zip archive whose folder of that name belongs there
};

// `what`: a resource's name, or any address of net/source.h. Listings ask the network, unless `fetch.offline`: then the last
// listing is taken from the manifest. An unknown word is an error that names the nearest resource.
Result<DownloadPlan> plan_download(const std::string& what, const fs::path& base, const PlanOptions& options, const FetchOptions& fetch);

// Unpacks plan.files[0] when plan.unpack_to is absent: into a temporary sibling, then renamed.
Status unpack(const DownloadPlan& plan);

}  // namespace lathe::net
