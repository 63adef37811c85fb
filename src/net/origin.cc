#include "net/origin.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <cerrno>
#include <memory>
#include <vector>

#include "core/signals.h"
#include "net/s3.h"

namespace lathe::net {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

bool differ(const std::string& a, const std::string& b) { return !a.empty() && !b.empty() && a != b; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool same_content(const Version& a, const Version& b) {
  if (!a.sha256.empty() && !b.sha256.empty()) return a.sha256 == b.sha256;
  if (a.bytes >= 0 && b.bytes >= 0 && a.bytes != b.bytes) return false;
  return !differ(a.etag, b.etag) && !differ(a.last_modified, b.last_modified);
}

bool has_validator(const Version& version) {
  return !version.etag.empty() || !version.last_modified.empty() || !version.sha256.empty();
}

bool is_http(std::string_view url) { return url.starts_with("http://") || url.starts_with("https://"); }
bool is_s3(std::string_view url) { return url.starts_with("s3://"); }

fs::path local_path(const std::string& url) {
  constexpr std::string_view kScheme = "file://";
  if (!url.starts_with(kScheme)) return url;
  std::string rest = url.substr(kScheme.size()), path;
  if (rest.starts_with("localhost/")) rest.erase(0, std::string_view("localhost").size());
  for (size_t i = 0; i < rest.size(); ++i) {
    const bool coded = rest[i] == '%' && i + 2 < rest.size() && hex_digit(rest[i + 1]) >= 0 && hex_digit(rest[i + 2]) >= 0;
    path += coded ? static_cast<char>(hex_digit(rest[i + 1]) * 16 + hex_digit(rest[i + 2])) : rest[i];
    if (coded) i += 2;
  }
  return path;
}

Result<Attempt> read_local(const fs::path& path, int64_t offset, const Version& expected, Receiver& receiver) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return Attempt{Outcome::kRefused, path.string() + ": " + std::strerror(errno), 0};
  if (!S_ISREG(facts.st_mode)) return Attempt{Outcome::kRefused, path.string() + " is no file", 0};
  Version version;
  version.bytes = facts.st_size;
  version.last_modified = join_text(facts.st_mtim.tv_sec, ".", facts.st_mtim.tv_nsec);
  if (offset > 0 && (!same_content(version, expected) || offset > version.bytes)) return Attempt{Outcome::kChanged, "the file has changed", 0};
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file || fseeko(file.get(), offset, SEEK_SET) != 0) return Attempt{Outcome::kRefused, path.string() + ": " + std::strerror(errno), 0};
  LATHE_TRY_STATUS(receiver.begin(offset, version));
  std::vector<char> block(kBlockBytes);
  for (;;) {
    if (StopSignals::requested()) return Attempt{Outcome::kStopped, "stopped by a signal", 0};
    const size_t bytes = std::fread(block.data(), 1, block.size(), file.get());
    if (bytes == 0) break;
    LATHE_TRY_STATUS(receiver.write({block.data(), bytes}));
  }
  if (std::ferror(file.get()) != 0) return Attempt{Outcome::kBroken, path.string() + " cannot be read", 0};
  return Attempt{};
}

Result<Attempt> read_origin(const std::string& url, int64_t offset, const Version& expected, const OriginOptions& options, Receiver& receiver) {
  if (is_http(url)) return read_http(url, offset, expected, options, receiver);
  if (is_s3(url)) return read_s3(url, offset, expected, receiver);
  const size_t scheme = url.find("://");
  if (scheme != url.npos && !url.starts_with("file://"))
    return error_at(url, -1, "lathe does not know ", url.substr(0, scheme), "://; it takes https://, http://, s3://, hf://, file:// and paths");
  return read_local(local_path(url), offset, expected, receiver);
}

}  // namespace lathe::net
