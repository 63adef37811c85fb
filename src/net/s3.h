// s3:// through Apache Arrow's S3 file system: s3_source.cc; s3_missing.cc answers in builds without it.
// Credentials, region and endpoint are those of the environment that the AWS tools know (AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL, the profile files); without any, public buckets only.
#pragma once

#include <string>
#include <vector>

#include "net/origin.h"

namespace lathe::net {

bool s3_available();

// One attempt, as read_origin.
Result<Attempt> read_s3(const std::string& url, int64_t offset, const Version& expected, Receiver& receiver);

struct S3Entry {
  std::string key;  // below the folder, "sub/name.jsonl"
  int64_t bytes = 0;
};
// All objects below s3://BUCKET/FOLDER/, sorted by key.
Result<std::vector<S3Entry>> list_s3(const std::string& url);

}  // namespace lathe::net
