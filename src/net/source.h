// What an address stands for: one file, or all files of a folder. Known are https://, http://, s3://BUCKET/KEY,
// hf://datasets/ORG/NAME/PATH (also with @REVISION behind NAME or at the end), file:// and paths. A folder ends in "/" or is
// found to be one; the last part may hold * and ? (fnmatch) on hf:// and s3://. The hub's address is HF_ENDPOINT, else
// https://huggingface.co; its token HF_TOKEN, sent to that host alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/fetch.h"

namespace lathe::net {

struct SourceFile {
  std::string url;     // for read_origin
  std::string name;    // where it belongs below an output folder: "main/test-00000-of-00001.parquet"; never leaves it
  int64_t bytes = -1;  // when the listing says so
  std::string sha256;
};

// Sorted by name. Uses options.attempts, the waits, stall_seconds and sleep for listings.
Result<std::vector<SourceFile>> list_source(const std::string& address, const FetchOptions& options);

std::string hub_endpoint();
Headers hub_headers(const std::string& url);  // the token, when `url` is the hub's

// A path that stays below the folder it is joined to: relative, no "..", no backslash, no control characters.
bool is_safe_name(const std::string& name);

}  // namespace lathe::net
