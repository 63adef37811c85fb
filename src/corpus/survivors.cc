#include "corpus/survivors.h"

#include <array>
#include <bit>
#include <cstring>

#include "core/check.h"
#include "core/sha256.h"

namespace lathe::corpus {
namespace {

struct Header {
  std::array<char, 8> magic = {'l', 'a', 't', 'h', 'k', 'e', 'e', 'p'};
  uint32_t version = 1, zero = 0;
  int64_t documents = 0;
  std::array<char, 64> fingerprint{};
};
static_assert(sizeof(Header) == 88);

std::string_view bytes_of(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

size_t words_for(int64_t documents) { return static_cast<size_t>((documents + 63) / 64); }

}  // namespace

Survivors::Survivors(int64_t documents) : documents_(documents), words_(words_for(documents)) {}

int64_t Survivors::count() const {
  int64_t kept = 0;
  for (const uint64_t word : words_) kept += std::popcount(word);
  return kept;
}

Status Survivors::broadcast(dist::Communicator& job) {
  return job.broadcast(words_.data(), std::ssize(words_), dist::ElementType::kInt64, 0);
}

Status Survivors::save(const fs::path& path, const std::string& fingerprint) const {
  Header header;
  require(fingerprint.size() == header.fingerprint.size(), "[survivors] fingerprint of ", fingerprint.size(),
          " digits");
  header.documents = documents_;
  std::memcpy(header.fingerprint.data(), fingerprint.data(), fingerprint.size());
  const std::string_view bits(reinterpret_cast<const char*>(words_.data()), 8 * words_.size());
  Sha256 sha;
  sha.update(bytes_of(header));
  sha.update(bits);
  LATHE_TRY(AtomicFileWriter file, AtomicFileWriter::open(path));
  LATHE_TRY_STATUS(file.write(bytes_of(header)));
  LATHE_TRY_STATUS(file.write(bits));
  LATHE_TRY_STATUS(file.write(bytes_of(sha.digest())));
  return file.commit();
}

Result<Survivors> Survivors::load(const fs::path& path, const std::string& fingerprint) {
  LATHE_TRY(const MappedFile file, MappedFile::open(path));
  const std::string_view bytes = file.view();
  Header header;
  const Header expected;
  const auto broken = [&](const char* what) {
    return error_at(path.string(), -1, what, "; remove it and start the step again");
  };
  if (bytes.size() < sizeof header) return broken("a file of surviving documents was cut short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != expected.magic || header.version != expected.version)
    return broken("is not a file of surviving documents of this version");
  const size_t most = (bytes.size() - sizeof header) / 8;
  if (header.documents < 0 || static_cast<uint64_t>(header.documents) > 64 * most ||
      bytes.size() != sizeof header + 8 * words_for(header.documents) + 32)
    return broken("a file of surviving documents has the wrong length");
  Sha256 sha;
  sha.update(bytes.substr(0, bytes.size() - 32));
  if (bytes_of(sha.digest()) != bytes.substr(bytes.size() - 32))
    return broken("a file of surviving documents was changed since it was written");
  if (fingerprint != std::string_view(header.fingerprint.data(), header.fingerprint.size()))
    return broken("the surviving documents of other sources or settings");
  Survivors survivors(header.documents);
  std::memcpy(survivors.words_.data(), bytes.data() + sizeof header, 8 * survivors.words_.size());
  return survivors;
}

}  // namespace lathe::corpus
