#include "net/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "core/json.h"

namespace lathe::net {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

fs::path beside(const fs::path& path, const char* ending) {
  fs::path out = path;
  out += ending;
  return out;
}

}  // namespace

Error PartFile::failed(const char* what) const {
  const int reason = errno;
  return error_at(part_.string(), -1, "cannot ", what, ": ", std::strerror(reason),
                  reason == ENOSPC || reason == EDQUOT ? "; make room, then run the same command again: it goes on here" : "");
}

Result<PartFile> PartFile::open(const fs::path& path, const std::string& url, bool hash_is_known, OnBytes on_bytes) {
  PartFile file;
  file.path_ = path;
  file.part_ = beside(path, ".part");
  file.state_ = beside(path, ".part.json");
  file.url_ = url;
  file.on_bytes_ = std::move(on_bytes);
  file.fd_ = ::open(file.part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file.fd_ < 0) return file.failed("write");
  LATHE_TRY_STATUS(file.take_up(hash_is_known));
  return file;
}

PartFile::PartFile(PartFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      state_(std::move(other.state_)),
      url_(std::move(other.url_)),
      on_bytes_(std::move(other.on_bytes_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      hashed_(other.hashed_),
      hash_(other.hash_),
      version_(std::move(other.version_)) {}

PartFile::~PartFile() {
  if (fd_ >= 0) close(fd_);
}

Status PartFile::take_up(bool hash_is_known) {
  struct stat facts {};
  if (fstat(fd_, &facts) != 0) return failed("read");
  const auto state = read_json(state_);  // a damaged one counts as none
  if (facts.st_size > 0 && state.ok() && state.value().is_object() && state.value().contains("url")) {
    const Json& saved = state.value();
    Version version;
    const auto text = [&](const char* key) {
      const Json* value = saved.find(key);
      return value != nullptr && value->is_string() ? value->as_string() : std::string();
    };
    version.etag = text("etag");
    version.last_modified = text("last_modified");
    version.sha256 = text("sha256");
    if (const Json* bytes = saved.find("bytes"); bytes != nullptr && bytes->is_int()) version.bytes = bytes->as_int();
    const bool fits = version.bytes < 0 || facts.st_size <= version.bytes;
    if (text("url") == url_ && fits && (hash_is_known || has_validator(version))) {
      bytes_ = facts.st_size;
      version_ = version;
      return {};
    }
  }
  return discard();
}

Status PartFile::discard() {
  if (ftruncate(fd_, 0) != 0) return failed("empty");
  bytes_ = hashed_ = 0;
  hash_ = Sha256();
  version_ = Version();
  return {};
}

Status PartFile::write_state() const {
  Json state = Json::object();
  state["url"] = url_;
  state["etag"] = version_.etag;
  state["last_modified"] = version_.last_modified;
  state["bytes"] = version_.bytes;
  state["sha256"] = version_.sha256;
  return write_json_atomic(state_, state);
}

Status PartFile::begin(int64_t offset, const Version& version) {
  if (offset == 0) LATHE_TRY_STATUS(discard());  // before the state: bytes are never taken for those of another version
  if (version.bytes > 0) {
    LATHE_TRY(const int64_t free_bytes, free_disk_bytes(part_.parent_path().empty() ? fs::path(".") : part_.parent_path()));
    if (free_bytes < version.bytes - bytes_)
      return error_at(path_.string(), -1, "needs ", with_thousands(version.bytes - bytes_), " bytes more, the disk has ", with_thousands(free_bytes),
                      " free; make room, or choose another folder");
  }
  const bool known = offset > 0;
  version_ = version;
  if (!known) LATHE_TRY_STATUS(write_state());
  if (on_bytes_) on_bytes_(bytes_, version_.bytes);
  return {};
}

Status PartFile::write(std::string_view part) {
  const bool hash_follows = hashed_ == bytes_;
  for (size_t written = 0; written < part.size();) {
    const ssize_t count = pwrite(fd_, part.data() + written, part.size() - written, bytes_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("write");
    if (hash_follows) {
      hash_.update(part.data() + written, static_cast<size_t>(count));
      hashed_ += count;
    }
    written += static_cast<size_t>(count);
    bytes_ += count;
  }
  if (on_bytes_) on_bytes_(bytes_, version_.bytes);
  return {};
}

Result<std::string> PartFile::hex_digest() {
  std::vector<char> block(kBlockBytes);
  while (hashed_ < bytes_) {
    const ssize_t count = pread(fd_, block.data(), std::min<size_t>(block.size(), static_cast<size_t>(bytes_ - hashed_)), hashed_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed("read");
    hash_.update(block.data(), static_cast<size_t>(count));
    hashed_ += count;
  }
  Sha256 copy = hash_;
  return copy.hex_digest();
}

Status PartFile::commit() {
  if (fsync(fd_) != 0) return failed("write");
  std::error_code code;
  fs::rename(part_, path_, code);
  if (code) return error_at(path_.string(), -1, "cannot be put into place: ", code.message());
  fs::remove(state_, code);
  return sync_folder(path_.parent_path().empty() ? fs::path(".") : path_.parent_path());
}

}  // namespace lathe::net
