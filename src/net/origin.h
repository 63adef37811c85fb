// Where bytes come from: http(s)://, s3://BUCKET/KEY, file:// or a path. One call is one attempt to read a file from some
// offset on; what to do about failures is decided in fetch.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/result.h"
#include "net/http.h"

namespace lathe::net {

// What is known of a file's content at its origin; empty or -1 = unknown.
struct Version {
  std::string etag;  // strong ones only
  std::string last_modified;
  int64_t bytes = -1;
  std::string sha256;
};
// False when anything that both know differs. Equal hashes outweigh the rest.
bool same_content(const Version& a, const Version& b);
// Is there anything by which a change would be noticed.
bool has_validator(const Version& version);

class Receiver {
 public:
  virtual ~Receiver() = default;
  // The bytes of `version` from `offset` on follow; offset is the one asked for, or 0. At most once per attempt.
  virtual Status begin(int64_t offset, const Version& version) = 0;
  virtual Status write(std::string_view part) = 0;
};

enum class Outcome {
  kWhole,    // the origin has given everything to the end
  kBroken,   // it may work later
  kChanged,  // what stands at the origin is not what the earlier bytes came from: start again
  kRefused,  // it will not work by trying again
  kStopped,  // a stop signal came
};
struct Attempt {
  Outcome outcome = Outcome::kWhole;
  std::string reason;
  double wait = 0;  // seconds that the origin asks for
};

struct OriginOptions {
  Headers headers;  // of HTTP requests; not sent to another host that the origin redirects to
  double stall_seconds = 30;
};

// `expected`: the version that the bytes before `offset` belong to. Errors are the receiver's own (a full disk).
Result<Attempt> read_origin(const std::string& url, int64_t offset, const Version& expected, const OriginOptions& options, Receiver& receiver);

Result<Attempt> read_http(const std::string& url, int64_t offset, const Version& expected, const OriginOptions& options, Receiver& receiver);
Result<Attempt> read_local(const fs::path& path, int64_t offset, const Version& expected, Receiver& receiver);

bool is_http(std::string_view url);
bool is_s3(std::string_view url);
fs::path local_path(const std::string& url);  // of file:// addresses and plain paths

}  // namespace lathe::net
