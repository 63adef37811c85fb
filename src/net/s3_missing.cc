#include "net/s3.h"

namespace lathe::net {
namespace {
Error missing(const std::string& url) {
  return error_at(url, -1, "this build cannot read s3://; build with -DLATHE_PARQUET=ON, or fetch it with another tool and give its path");
}
}  // namespace

bool s3_available() { return false; }
Result<Attempt> read_s3(const std::string& url, int64_t, const Version&, Receiver&) { return missing(url); }
Result<std::vector<S3Entry>> list_s3(const std::string& url) { return missing(url); }

}  // namespace lathe::net
