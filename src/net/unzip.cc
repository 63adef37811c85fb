#include "net/unzip.h"

#include <zlib.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "net/source.h"

namespace lathe::net {
namespace {

constexpr uint32_t kEndMark = 0x06054b50, kCentralMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr int64_t kEndBytes = 22, kCentralBytes = 46, kLocalBytes = 30, kMostComment = 65535;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr size_t kBlockBytes = size_t{1} << 18;

struct Entry {
  std::string name;
  uint16_t method = 0;
  uint32_t crc = 0;
  int64_t packed = 0, unpacked = 0, at = 0;  // `at`: of the local header
};

class Archive {
 public:
  Archive(const fs::path& path, std::string_view bytes) : path_(path.string()), bytes_(bytes) {}

  Result<std::vector<Entry>> entries(const UnzipLimits& limits) const {
    const int64_t end = find_end();
    if (end < 0) return wrong(-1, "is no zip archive, or is cut short");
    const int64_t count = number<uint16_t>(end + 10), size = number<uint32_t>(end + 12), begin = number<uint32_t>(end + 16);
    if (number<uint16_t>(end + 4) != 0 || number<uint16_t>(end + 6) != 0) return wrong(end, "has several volumes");
    if (count == 0xffff || size == 0xffffffff || begin == 0xffffffff) return wrong(end, "is a Zip64 archive, which is not read");
    if (count > limits.entries) return wrong(end, "has ", count, " entries, ", limits.entries, " are allowed");
    if (begin + size > end) return wrong(end, "its directory does not fit");
    std::vector<Entry> out;
    std::set<std::string> names;
    int64_t at = begin, total = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (at + kCentralBytes > begin + size || number<uint32_t>(at) != kCentralMark) return wrong(at, "its directory is damaged");
      Entry entry;
      const auto flags = number<uint16_t>(at + 8);
      entry.method = number<uint16_t>(at + 10);
      entry.crc = number<uint32_t>(at + 16);
      entry.packed = number<uint32_t>(at + 20);
      entry.unpacked = number<uint32_t>(at + 24);
      entry.at = number<uint32_t>(at + 42);
      const int64_t name_bytes = number<uint16_t>(at + 28), extra = number<uint16_t>(at + 30), comment = number<uint16_t>(at + 32);
      const uint32_t mode = number<uint32_t>(at + 38) >> 16;
      if (at + kCentralBytes + name_bytes + extra + comment > begin + size) return wrong(at, "its directory is damaged");
      entry.name = bytes_.substr(static_cast<size_t>(at + kCentralBytes), static_cast<size_t>(name_bytes));
      at += kCentralBytes + name_bytes + extra + comment;

      const bool folder = entry.name.ends_with('/');
      if (folder) entry.name.pop_back();
      if (!is_safe_name(entry.name)) return wrong(at, "names a file outside of the folder: ", entry.name);
      if ((mode & 0170000) == 0120000) return wrong(at, "holds a link: ", entry.name);
      if (!names.insert(entry.name).second) return wrong(at, "holds ", entry.name, " twice");
      if (folder) continue;
      if ((flags & 1) != 0) return wrong(at, entry.name, " is encrypted");
      if (entry.method != kStored && entry.method != kDeflated) return wrong(at, entry.name, " is packed by method ", entry.method, ", which is not read");
      if (entry.packed == 0xffffffff || entry.unpacked == 0xffffffff || entry.at == 0xffffffff) return wrong(at, "is a Zip64 archive, which is not read");
      total += entry.unpacked;
      if (total > limits.bytes) return wrong(at, "unpacks to more than ", limits.bytes, " bytes");
      out.push_back(std::move(entry));
    }
    LATHE_TRY_STATUS(check_overlaps(out, begin));
    return out;
  }

  Status extract(const Entry& entry, const fs::path& target) const {
    LATHE_TRY(const int64_t begin, data_of(entry));
    LATHE_TRY(auto file, AtomicFileWriter::open(target));
    const std::string_view packed = bytes_.substr(static_cast<size_t>(begin), static_cast<size_t>(entry.packed));
    uint32_t crc = 0;
    const auto take = [&](const char* data, size_t bytes) -> Status {
      crc = static_cast<uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(data), bytes));
      return file.write(data, bytes);
    };
    if (entry.method == kStored) {
      if (entry.packed != entry.unpacked) return wrong(entry.at, entry.name, " has two sizes");
      LATHE_TRY_STATUS(take(packed.data(), packed.size()));
    } else {
      LATHE_TRY_STATUS(inflate_all(entry, packed, take));
    }
    if (crc != entry.crc) return wrong(entry.at, entry.name, " is damaged: its CRC-32 is another");
    return file.commit();
  }

 private:
  template <class... Parts>
  Error wrong(int64_t offset, const Parts&... parts) const {
    return error_at(path_, offset, parts...);
  }

  // Little-endian; the caller has checked that it fits.
  template <class T>
  T number(int64_t at) const {
    T out = 0;
    for (size_t i = 0; i < sizeof(T); ++i) out = static_cast<T>(out | static_cast<T>(static_cast<T>(static_cast<uint8_t>(bytes_[static_cast<size_t>(at) + i])) << (8 * i)));
    return out;
  }

  int64_t find_end() const {
    const auto size = static_cast<int64_t>(bytes_.size());
    for (int64_t at = size - kEndBytes; at >= std::max<int64_t>(0, size - kEndBytes - kMostComment); --at)
      if (number<uint32_t>(at) == kEndMark && at + kEndBytes + number<uint16_t>(at + 20) == size) return at;
    return -1;
  }

  // Offset of the packed bytes, which lie before `limit`.
  Result<int64_t> data_of(const Entry& entry) const {
    const auto size = static_cast<int64_t>(bytes_.size());
    if (entry.at + kLocalBytes > size || number<uint32_t>(entry.at) != kLocalMark) return wrong(entry.at, entry.name, " is not where the directory says");
    const int64_t begin = entry.at + kLocalBytes + number<uint16_t>(entry.at + 26) + number<uint16_t>(entry.at + 28);
    if (begin + entry.packed > size) return wrong(entry.at, entry.name, " is cut short");
    return begin;
  }

  Status check_overlaps(const std::vector<Entry>& entries, int64_t limit) const {
    std::vector<std::pair<int64_t, int64_t>> spans;
    for (const Entry& entry : entries) {
      LATHE_TRY(const int64_t begin, data_of(entry));
      spans.emplace_back(entry.at, begin + entry.packed);
    }
    std::sort(spans.begin(), spans.end());
    for (size_t i = 0; i < spans.size(); ++i)
      if (spans[i].second > (i + 1 < spans.size() ? spans[i + 1].first : limit)) return wrong(spans[i].first, "its entries overlap");
    return {};
  }

  template <class Take>
  Status inflate_all(const Entry& entry, std::string_view packed, Take&& take) const {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return error("zlib could not start");
    struct End {
      z_stream* stream;
      ~End() { inflateEnd(stream); }
    } end{&stream};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());  // below 4 GiB by the format
    std::vector<char> block(kBlockBytes);
    int64_t total = 0;
    for (int state = Z_OK; state != Z_STREAM_END;) {
      stream.next_out = reinterpret_cast<Bytef*>(block.data());
      stream.avail_out = static_cast<uInt>(block.size());
      state = inflate(&stream, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END) return wrong(entry.at, entry.name, " is damaged");
      const size_t bytes = block.size() - stream.avail_out;
      total += static_cast<int64_t>(bytes);
      if (total > entry.unpacked) return wrong(entry.at, entry.name, " is longer than it says");
      LATHE_TRY_STATUS(take(block.data(), bytes));
    }
    if (total != entry.unpacked || stream.avail_in != 0) return wrong(entry.at, entry.name, " is not as long as it says");
    return {};
  }

  std::string path_;
  std::string_view bytes_;
};

}  // namespace

Result<std::vector<std::string>> unzip(const fs::path& archive, const fs::path& folder, UnzipLimits limits) {
  LATHE_TRY(const MappedFile file, MappedFile::open(archive));
  const Archive zip(archive, file.view());
  LATHE_TRY(const std::vector<Entry> entries, zip.entries(limits));
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    LATHE_TRY_STATUS(zip.extract(entry, folder / entry.name));
    names.push_back(entry.name);
  }
  return names;
}

}  // namespace lathe::net
