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

// An address of the kind hf://datasets/ORG/NAME/PATH[@REVISION].
struct HubAddress {
  std::string repository;  // "openai/gsm8k"
  std::string revision = "main";
  std::string path;        // below the repository, no slash at either end; the last part may hold * and ?
  bool folder = false;     // was written with a slash at the end, or is the whole repository

  // Whether the repository's file `name` is meant; a path without a slash at its end may be a file or a folder.
  bool means(const std::string& name) const;
};
bool is_hub(const std::string& address);
Result<HubAddress> parse_hub_address(const std::string& address);

std::string hub_endpoint();
Headers hub_headers(const std::string& url);  // the token, when `url` is the hub's

// A path that stays below the folder it is joined to: relative, no "..", no backslash, no control characters.
bool is_safe_name(const std::string& name);

}  // namespace lathe::net
