// A download in the making: "<path>.part" with the bytes so far and "<path>.part.json" with what they are the beginning of
// (address, ETag, Last-Modified, size, hash), so that a later process goes on where a killed one stopped. commit() renames
// the whole file into place. One thread; the caller holds the file's lock. Rows L-2.9, C-1.7, C-1.13.
#pragma once

#include <functional>
#include <string>

#include "core/sha256.h"
#include "net/origin.h"

namespace lathe::net {

class PartFile : public Receiver {
 public:
  using OnBytes = std::function<void(int64_t done, int64_t total)>;

  // Takes up what stands beside `path` when it belongs to `url` and a change of it would be noticed (by a validator, or
  // because the final hash is known); else begins at 0.
  static Result<PartFile> open(const fs::path& path, const std::string& url, bool hash_is_known, OnBytes on_bytes);
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile() override;  // the parts stay

  int64_t bytes() const { return bytes_; }
  const Version& version() const { return version_; }

  Status begin(int64_t offset, const Version& version) override;
  Status write(std::string_view part) override;

  Status discard();                 // back to no bytes of no version
  Result<std::string> hex_digest(); // SHA-256 of all bytes so far
  Status commit();                  // to `path`, durable; nothing of the parts remains

 private:
  PartFile() = default;
  Status take_up(bool hash_is_known);
  Status write_state() const;
  Error failed(const char* what) const;

  fs::path path_, part_, state_;
  std::string url_;
  OnBytes on_bytes_;
  int fd_ = -1;
  int64_t bytes_ = 0;
  int64_t hashed_ = 0;  // bytes that hash_ has seen; below bytes_ after a take-up
  Sha256 hash_;
  Version version_;
};

}  // namespace lathe::net
