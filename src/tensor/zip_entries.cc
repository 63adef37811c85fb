#include "tensor/zip_entries.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace lathe {
namespace {

constexpr uint64_t kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20, kEntryBytes = 46, kLocalBytes = 30;
constexpr uint32_t kEndMark = 0x06054b50, kEnd64Mark = 0x06064b50, kLocatorMark = 0x07064b50, kEntryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr uint32_t kElsewhere32 = 0xFFFFFFFF;  // the number stands in a Zip64 field
constexpr uint16_t kZip64Field = 1;

class Archive {
 public:
  Archive(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  template <class... Parts>
  Error wrong(uint64_t at, const Parts&... parts) const { return error_at(path_, static_cast<int64_t>(at), parts...); }
  uint64_t size() const { return bytes_.size(); }
  bool has(uint64_t at, uint64_t count) const { return at <= size() && count <= size() - at; }
  // The range must be there.
  template <class T>
  T number(uint64_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  std::string_view view(uint64_t at, uint64_t count) const { return bytes_.substr(at, count); }

 private:
  std::string_view bytes_;
  const std::string& path_;
};

struct Directory {
  uint64_t offset = 0, bytes = 0, entries = 0;
};

Result<Directory> find_directory(const Archive& zip) {
  if (zip.size() < kEndBytes) return zip.wrong(0, "is too short for a zip archive");
  // A comment of up to 65535 bytes may follow the end record.
  const uint64_t last = zip.size() - kEndBytes, first = last > 0xFFFF ? last - 0xFFFF : 0;
  std::optional<uint64_t> end;
  for (uint64_t at = last + 1; at-- > first && !end;)
    if (zip.number<uint32_t>(at) == kEndMark && zip.number<uint16_t>(at + 20) <= zip.size() - at - kEndBytes) end = at;
  if (!end) return zip.wrong(0, "has no end record of a zip archive: it is truncated, or no file of torch.save (1.6 or newer)");
  Directory out{zip.number<uint32_t>(*end + 16), zip.number<uint32_t>(*end + 12), zip.number<uint16_t>(*end + 10)};
  if (zip.number<uint16_t>(*end + 4) != 0 && zip.number<uint16_t>(*end + 4) != 0xFFFF) return zip.wrong(*end, "is one of several volumes");
  const bool elsewhere = out.offset == kElsewhere32 || out.bytes == kElsewhere32 || out.entries == 0xFFFF;
  if (elsewhere && *end >= kLocatorBytes && zip.number<uint32_t>(*end - kLocatorBytes) == kLocatorMark) {
    const auto at = zip.number<uint64_t>(*end - kLocatorBytes + 8);
    if (!zip.has(at, kEnd64Bytes) || zip.number<uint32_t>(at) != kEnd64Mark) return zip.wrong(*end, "has a damaged Zip64 end record");
    out = {zip.number<uint64_t>(at + 48), zip.number<uint64_t>(at + 40), zip.number<uint64_t>(at + 32)};
  }
  if (!zip.has(out.offset, out.bytes)) return zip.wrong(*end, "its list of ", out.bytes, " bytes at ", out.offset, " reaches beyond the file");
  if (out.entries > out.bytes / kEntryBytes) return zip.wrong(*end, "its list of ", out.bytes, " bytes cannot hold ", out.entries, " entries");
  return out;
}

struct Entry {
  uint64_t packed = 0, size = 0, local = 0;
};

// Replaces the numbers that the entry leaves to its Zip64 field.
Status read_zip64(const Archive& zip, uint64_t at, uint64_t bytes, Entry& entry) {
  const uint64_t end = at + bytes;
  while (end - at >= 4) {
    const auto field = zip.number<uint16_t>(at), length = zip.number<uint16_t>(at + 2);
    if (length > end - at - 4) return zip.wrong(at, "an extra field of an entry reaches beyond it");
    if (field == kZip64Field) {
      uint64_t from = at + 4;
      for (uint64_t* value : {&entry.size, &entry.packed, &entry.local}) {
        if (*value != kElsewhere32) continue;
        if (at + 4 + length - from < 8) return zip.wrong(at, "a Zip64 field is too short");
        *value = zip.number<uint64_t>(from);
        from += 8;
      }
      return {};
    }
    at += 4 + uint64_t{length};
  }
  return {};
}

}  // namespace

Result<std::map<std::string, std::string_view>> stored_zip_entries(std::string_view archive, const std::string& path) {
  const Archive zip(archive, path);
  LATHE_TRY(const Directory directory, find_directory(zip));
  std::map<std::string, std::string_view> out;
  uint64_t at = directory.offset;
  const uint64_t end = directory.offset + directory.bytes;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (end - at < kEntryBytes || zip.number<uint32_t>(at) != kEntryMark) return zip.wrong(at, "entry ", i, " of the list is damaged");
    const auto flags = zip.number<uint16_t>(at + 8), method = zip.number<uint16_t>(at + 10);
    Entry entry{zip.number<uint32_t>(at + 20), zip.number<uint32_t>(at + 24), zip.number<uint32_t>(at + 42)};
    const uint64_t name_bytes = zip.number<uint16_t>(at + 28), extra = zip.number<uint16_t>(at + 30), comment = zip.number<uint16_t>(at + 32);
    if (name_bytes + extra + comment > end - at - kEntryBytes) return zip.wrong(at, "entry ", i, " of the list reaches beyond it");
    const std::string name(zip.view(at + kEntryBytes, name_bytes));
    LATHE_TRY_STATUS(read_zip64(zip, at + kEntryBytes + name_bytes, extra, entry));
    if ((flags & 1) != 0 || method != 0 || entry.packed != entry.size)
      return zip.wrong(at, "entry \"", name, "\" is compressed or encrypted, which torch.save does not do");
    if (!zip.has(entry.local, kLocalBytes) || zip.number<uint32_t>(entry.local) != kLocalMark)
      return zip.wrong(at, "entry \"", name, "\" begins at ", entry.local, ", where there is none");
    const uint64_t data = entry.local + kLocalBytes + zip.number<uint16_t>(entry.local + 26) + zip.number<uint16_t>(entry.local + 28);
    if (!zip.has(data, entry.size)) return zip.wrong(at, "entry \"", name, "\" of ", entry.size, " bytes reaches beyond the file: it is truncated or damaged");
    if (!out.emplace(name, zip.view(data, entry.size)).second) return zip.wrong(at, "entry \"", name, "\" occurs twice");
    at += kEntryBytes + name_bytes + extra + comment;
  }
  return out;
}

}  // namespace lathe
