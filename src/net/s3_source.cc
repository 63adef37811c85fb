#include <arrow/buffer.h>
#include <arrow/filesystem/s3fs.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <mutex>

#include "core/environment.h"
#include "core/signals.h"
#include "net/s3.h"

namespace lathe::net {
namespace {

namespace s3 = arrow::fs;
constexpr int64_t kBlockBytes = int64_t{8} << 20;
constexpr int64_t kAttemptsOfOneRead = 2;  // fetch.cc tries again by itself
constexpr double kConnectSeconds = 10, kReadSeconds = 30;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Arrow asks to be closed before the process ends, while the objects it keeps for its clients still live: the first client is
// made here, so that they are older than this object and die after it.
struct S3Library {
  arrow::Status started = arrow::Status::OK();
  S3Library() {
    s3::S3GlobalOptions options = s3::S3GlobalOptions::Defaults();
    options.log_level = s3::S3LogLevel::Off;  // failures come back as messages
    started = s3::InitializeS3(options);
    s3::S3Options first = s3::S3Options::Anonymous();
    first.region = "us-east-1";
    if (started.ok()) started = s3::S3FileSystem::Make(first).status();
  }
  ~S3Library() { static_cast<void>(s3::EnsureS3Finalized()); }
};

bool has_credentials() {
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"})
    if (!environment(name).empty()) return true;
  std::error_code code;
  return fs::exists(fs::path(environment("HOME", "/")) / ".aws" / "credentials", code);
}

// "s3://bucket/key" -> "bucket/key".
std::string path_of(const std::string& url) { return url.substr(std::string_view("s3://").size()); }

arrow::Result<std::shared_ptr<s3::S3FileSystem>> connect(const std::string& url) {
  static S3Library library;
  ARROW_RETURN_NOT_OK(library.started);
  s3::S3Options options = has_credentials() ? s3::S3Options::Defaults() : s3::S3Options::Anonymous();
  options.connect_timeout = kConnectSeconds;
  options.request_timeout = kReadSeconds;
  options.retry_strategy = s3::S3RetryStrategy::GetAwsDefaultRetryStrategy(kAttemptsOfOneRead);
  std::string endpoint = environment("AWS_ENDPOINT_URL_S3", environment("AWS_ENDPOINT_URL"));
  if (const size_t scheme = endpoint.find("://"); scheme != endpoint.npos) {
    options.scheme = endpoint.substr(0, scheme);
    endpoint.erase(0, scheme + 3);
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  options.endpoint_override = endpoint;
  options.region = environment("AWS_REGION", environment("AWS_DEFAULT_REGION"));
  if (options.region.empty()) {
    if (endpoint.empty()) {
      const std::string path = path_of(url);
      ARROW_ASSIGN_OR_RAISE(options.region, s3::ResolveS3BucketRegion(path.substr(0, path.find('/'))));
    } else {
      options.region = "us-east-1";
    }
  }
  if (const std::string proxy = environment("https_proxy"); !proxy.empty() && endpoint.empty()) {
    ARROW_ASSIGN_OR_RAISE(options.proxy_options, s3::S3ProxyOptions::FromUri(proxy));
  }
  return s3::S3FileSystem::Make(options);
}

Attempt failed(const arrow::Status& status) {
  if (status.IsInvalid() || status.IsKeyError()) return {Outcome::kRefused, first_line(status.message()), 0};
  const std::string text = first_line(status.message());
  for (const char* final : {"NO_SUCH_BUCKET", "NO_SUCH_KEY", "ACCESS_DENIED", "RESOURCE_NOT_FOUND", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH",
                            "does not exist", "HTTP status 403", "HTTP status 404", "Not a regular file"})
    if (text.find(final) != text.npos) return {Outcome::kRefused, text, 0};
  return {Outcome::kBroken, text, 0};
}

arrow::Result<Version> version_of(arrow::io::RandomAccessFile& file) {
  Version version;
  ARROW_ASSIGN_OR_RAISE(version.bytes, file.GetSize());
  ARROW_ASSIGN_OR_RAISE(const auto facts, file.ReadMetadata());
  if (facts) {
    version.etag = facts->Get("ETag").ValueOr("");
    version.last_modified = facts->Get("Last-Modified").ValueOr("");
  }
  return version;
}

}  // namespace

bool s3_available() { return true; }

Result<Attempt> read_s3(const std::string& url, int64_t offset, const Version& expected, Receiver& receiver) {
  const auto system = connect(url);
  if (!system.ok()) return failed(system.status());
  const auto open = [&] { return (*system)->OpenInputFile(path_of(url)); };
  const auto file = open();
  if (!file.ok()) return failed(file.status());
  const auto version = version_of(**file);
  if (!version.ok()) return failed(version.status());
  if (offset > 0 && (!same_content(*version, expected) || offset > version->bytes)) return Attempt{Outcome::kChanged, "the object has changed", 0};

  LATHE_TRY_STATUS(receiver.begin(offset, *version));
  for (int64_t at = offset; at < version->bytes;) {
    if (StopSignals::requested()) return Attempt{Outcome::kStopped, "stopped by a signal", 0};
    const auto block = (*file)->ReadAt(at, std::min(kBlockBytes, version->bytes - at));
    if (!block.ok()) return failed(block.status());
    const arrow::Buffer& bytes = **block;
    if (bytes.size() == 0) return Attempt{Outcome::kBroken, "the object ended early", 0};
    LATHE_TRY_STATUS(receiver.write({reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(bytes.size())}));
    at += bytes.size();
  }
  // Each block was a request of its own: the object may have been replaced between two of them.
  const auto again = open();
  if (!again.ok()) return failed(again.status());
  const auto after = version_of(**again);
  if (!after.ok()) return failed(after.status());
  if (!same_content(*version, *after)) return Attempt{Outcome::kChanged, "the object has changed while it was read", 0};
  return Attempt{};
}

Result<std::vector<S3Entry>> list_s3(const std::string& url) {
  const auto system = connect(url);
  if (!system.ok()) return error_at(url, -1, first_line(system.status().message()));
  s3::FileSelector selector;
  selector.base_dir = path_of(url);
  while (selector.base_dir.ends_with('/')) selector.base_dir.pop_back();
  selector.recursive = true;
  const auto found = (*system)->GetFileInfo(selector);
  if (!found.ok()) return error_at(url, -1, first_line(found.status().message()));
  std::vector<S3Entry> entries;
  for (const s3::FileInfo& info : *found)
    if (info.IsFile()) entries.push_back({info.path().substr(selector.base_dir.size() + 1), info.size()});
  std::sort(entries.begin(), entries.end(), [](const S3Entry& a, const S3Entry& b) { return a.key < b.key; });
  return entries;
}

}  // namespace lathe::net
