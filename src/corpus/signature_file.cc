#include "corpus/signature_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "core/check.h"
#include "core/sha256.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

static_assert(std::endian::native == std::endian::little, "the file form is that of little-endian memory");

struct RecordHead {
  uint64_t document = 0, exact_first = 0, exact_second = 0;
  int64_t shingles = 0;
};

struct Header {
  std::array<char, 8> magic = {'l', 'a', 't', 'h', 'e', 's', 'i', 'g'};
  uint32_t format = kSignatureFormat, minhash = kMinHashVersion;
  uint32_t permutations = 0, shingle_size = 0, words = kHashVersion, zero = 0;
  std::array<uint8_t, 32> sha{};
};

struct Trailer {
  std::array<char, 8> magic = {'l', 'a', 't', 'h', 's', 'e', 'n', 'd'};
  int64_t documents = 0;
  uint64_t checksum = 0, zero = 0;
  std::array<uint8_t, 32> sha{};
};
static_assert(sizeof(RecordHead) == 32 && sizeof(Header) == 64 && sizeof(Trailer) == 64);

constexpr size_t kHashedBytes = 32;  // of a header or trailer, before its own SHA-256
constexpr int64_t kScanBytes = 1 << 20;

int64_t record_size(const MinHashSettings& settings) {
  return static_cast<int64_t>(sizeof(RecordHead)) + 4 * settings.permutations;
}

Header make_header(const MinHashSettings& settings) {
  Header header;
  header.permutations = static_cast<uint32_t>(settings.permutations);
  header.shingle_size = static_cast<uint32_t>(settings.shingle_size);
  Sha256 sha;
  sha.update(&header, kHashedBytes);
  header.sha = sha.digest();
  return header;
}

Trailer make_trailer(const Header& header, int64_t documents, uint64_t checksum) {
  Trailer trailer;
  trailer.documents = documents;
  trailer.checksum = checksum;
  Sha256 sha;
  sha.update(&header, sizeof header);
  sha.update(&trailer, kHashedBytes);
  trailer.sha = sha.digest();
  return trailer;
}

// Every step is a bijection of the sum, so a change in one word always shows. Records are whole words of 8 bytes.
uint64_t add_to_checksum(uint64_t sum, const char* bytes, size_t count) {
  for (size_t i = 0; i < count; i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    sum = (sum ^ word) * kNgramBase;
    sum ^= sum >> 32;
  }
  return sum;
}

RecordHead head_of(const char* record) {
  RecordHead head;
  std::memcpy(&head, record, sizeof head);
  return head;
}

}  // namespace

void SignatureBlock::add(uint64_t document, std::string_view normalised) {
  const MinHashSettings& settings = hasher_->settings();
  std::array<uint32_t, kMaxPermutations> signature;
  const auto entries = static_cast<size_t>(settings.permutations);
  const ExactHash exact = exact_hash(normalised);
  const int64_t shingles = hasher_->sign(normalised, {signature.data(), entries});
  const RecordHead head{document, exact.first, exact.second, shingles};
  const size_t at = bytes_.size();
  bytes_.resize(at + sizeof head + 4 * entries);
  std::memcpy(bytes_.data() + at, &head, sizeof head);
  std::memcpy(bytes_.data() + at + sizeof head, signature.data(), 4 * entries);
  ++documents_;
}

struct SignatureWriter::State {
  State(AtomicFileWriter opened, MinHashSettings chosen, fs::path name)
      : file(std::move(opened)), settings(chosen), path(std::move(name)) {}

  std::mutex mutex;
  AtomicFileWriter file;
  MinHashSettings settings;
  fs::path path;
  std::map<int64_t, SignatureBlock> early;
  int64_t next = 0, documents = 0;
  std::optional<uint64_t> last_document;
  uint64_t checksum = 0;
  std::optional<Error> failed;  // after it nothing more is written

  Status write(const SignatureBlock& block) {
    const auto step = static_cast<size_t>(record_size(settings));
    for (size_t at = 0; at < block.bytes_.size(); at += step) {
      const uint64_t document = head_of(block.bytes_.data() + at).document;
      require(!last_document || document > *last_document, "[signatures] document ", document, " after ",
              last_document.value_or(0));
      last_document = document;
    }
    checksum = add_to_checksum(checksum, block.bytes_.data(), block.bytes_.size());
    documents += block.documents_;
    return file.write(block.bytes_.data(), block.bytes_.size());
  }
};

SignatureWriter::SignatureWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SignatureWriter::SignatureWriter(SignatureWriter&&) noexcept = default;
SignatureWriter::~SignatureWriter() = default;

Result<SignatureWriter> SignatureWriter::open(const fs::path& path, MinHashSettings settings) {
  LATHE_TRY(AtomicFileWriter file, AtomicFileWriter::open(path));
  const Header header = make_header(settings);
  LATHE_TRY_STATUS(file.write(&header, sizeof header));
  return SignatureWriter(std::make_unique<State>(std::move(file), settings, path));
}

Status SignatureWriter::write_block(int64_t number, SignatureBlock block) {
  State& state = *state_;
  require(block.hasher_->settings() == state.settings, "[signatures] block of other MinHash settings");
  const std::lock_guard lock(state.mutex);
  require(number >= state.next, "[signatures] block ", number, " was written before");
  const bool fresh = state.early.emplace(number, std::move(block)).second;
  require(fresh, "[signatures] block ", number, " came twice");
  for (auto ready = state.early.begin(); ready != state.early.end() && ready->first == state.next;) {
    if (state.failed) return *state.failed;
    if (const Status status = state.write(ready->second); !status.ok()) {
      state.failed = status.error();
      return status;
    }
    ready = state.early.erase(ready);
    ++state.next;
  }
  return {};
}

Result<int64_t> SignatureWriter::commit() {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.failed) return *state.failed;
  if (!state.early.empty()) return error_at(state.path.string(), -1, "block ", state.next, " is missing");
  const Trailer trailer = make_trailer(make_header(state.settings), state.documents, state.checksum);
  LATHE_TRY_STATUS(state.file.write(&trailer, sizeof trailer));
  LATHE_TRY_STATUS(state.file.commit());
  return state.documents;
}

int64_t SignatureReader::record_bytes() const { return record_size(settings_); }

Result<SignatureReader> SignatureReader::open(const fs::path& path, MinHashSettings settings) {
  LATHE_TRY(InputFile opened, InputFile::open(path));
  SignatureReader reader(std::move(opened), settings);
  const InputFile& file = reader.file_;
  const auto wrong = [&](int64_t offset, const auto&... what) {
    return error_at(path.string(), offset, what..., "; make the signatures of this source again");
  };
  constexpr auto kEnds = static_cast<int64_t>(sizeof(Header) + sizeof(Trailer));
  if (file.size() < kEnds) return wrong(file.size(), "a signature file of ", file.size(), " bytes was cut short");
  Header header;
  LATHE_TRY_STATUS(file.read_at(0, &header, sizeof header));
  const Header expected = make_header(settings);
  if (header.magic != expected.magic) return wrong(0, "is not a signature file");
  if (std::memcmp(&header, &expected, sizeof header) != 0)
    return wrong(8, "signatures of format ", header.format, ".", header.minhash, ".", header.words, " with ",
                 header.permutations, " permutations of ", header.shingle_size, " words, needed are format ",
                 expected.format, ".", expected.minhash, ".", expected.words, " with ", expected.permutations,
                 " permutations of ", expected.shingle_size, " words");
  Trailer trailer;
  const int64_t trailer_at = file.size() - static_cast<int64_t>(sizeof trailer);
  LATHE_TRY_STATUS(file.read_at(trailer_at, &trailer, sizeof trailer));
  const Trailer fitting = make_trailer(header, trailer.documents, trailer.checksum);
  if (std::memcmp(&trailer, &fitting, sizeof trailer) != 0)
    return wrong(trailer_at, "a signature file without its end was cut short or changed");
  const int64_t records = file.size() - kEnds;
  if (records % reader.record_bytes() != 0 || records / reader.record_bytes() != trailer.documents)
    return wrong(trailer_at, "a signature file of ", trailer.documents, " documents has ", records,
                 " bytes of records");
  reader.documents_ = trailer.documents;
  reader.checksum_ = trailer.checksum;
  reader.hash_ = sha256_hex({reinterpret_cast<const char*>(&trailer), sizeof trailer});
  return reader;
}

Status SignatureReader::scan(const std::function<Status(int64_t, const SignatureView&)>& visit) const {
  const int64_t step = record_bytes(), room = kScanBytes / step;
  std::vector<char> buffer;
  std::vector<uint32_t> signature(static_cast<size_t>(settings_.permutations));
  uint64_t sum = 0;
  for (int64_t first = 0; first < documents_; first += room) {
    buffer.resize(static_cast<size_t>(std::min(room, documents_ - first) * step));
    const auto offset = static_cast<int64_t>(sizeof(Header)) + first * step;
    LATHE_TRY_STATUS(file_.read_at(offset, buffer.data(), buffer.size()));
    sum = add_to_checksum(sum, buffer.data(), buffer.size());
    int64_t index = first;
    for (const char* at = buffer.data(); at < buffer.data() + buffer.size(); at += step, ++index) {
      const RecordHead head = head_of(at);
      std::memcpy(signature.data(), at + sizeof head, 4 * signature.size());
      LATHE_TRY_STATUS(visit(index, {head.document, {head.exact_first, head.exact_second}, head.shingles, signature}));
    }
  }
  if (sum != checksum_)
    return error_at(file_.path().string(), -1,
                    "records were changed since they were written; make the signatures of this source again");
  return {};
}

Result<SignatureView> SignatureReader::read(int64_t index, std::vector<uint32_t>& buffer) const {
  require(index >= 0 && index < documents_, "[signatures] record ", index, " of ", documents_);
  std::array<char, sizeof(RecordHead) + 4 * kMaxPermutations> bytes;
  const int64_t step = record_bytes();
  LATHE_TRY_STATUS(
      file_.read_at(static_cast<int64_t>(sizeof(Header)) + index * step, bytes.data(), static_cast<size_t>(step)));
  const RecordHead head = head_of(bytes.data());
  buffer.resize(static_cast<size_t>(settings_.permutations));
  std::memcpy(buffer.data(), bytes.data() + sizeof head, 4 * buffer.size());
  return SignatureView{head.document, {head.exact_first, head.exact_second}, head.shingles, buffer};
}

Result<ExactHash> SignatureReader::read_exact(int64_t index) const {
  require(index >= 0 && index < documents_, "[signatures] record ", index, " of ", documents_);
  RecordHead head;
  LATHE_TRY_STATUS(file_.read_at(static_cast<int64_t>(sizeof(Header)) + index * record_bytes(), &head, sizeof head));
  return ExactHash{head.exact_first, head.exact_second};
}

}  // namespace lathe::corpus
