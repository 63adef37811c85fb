// Range requests held together by If-Range: a server whose file has changed answers with the whole new file.
#include <charconv>
#include <optional>

#include "core/text.h"
#include "net/origin.h"

namespace lathe::net {
namespace {

struct ContentRange {
  int64_t first = -1;   // -1: "*", the range could not be given
  int64_t total = -1;   // -1: unknown
};

// "bytes 100-199/200", "bytes */200" (RFC 9110, 14.4).
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(std::string_view("bytes ").size());
  const size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  ContentRange out;
  if (const std::string_view total = text.substr(slash + 1); total != "*")
    if (std::from_chars(total.data(), total.data() + total.size(), out.total).ec != std::errc() || out.total < 0) return std::nullopt;
  if (const std::string_view range = text.substr(0, slash); range != "*")
    if (std::from_chars(range.data(), range.data() + range.size(), out.first).ec != std::errc() || out.first < 0) return std::nullopt;
  return out;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

Version version_of(const HttpReply& reply, int64_t total) {
  Version version;
  for (const auto& [name, value] : reply.headers) {
    if (name == "etag" && !value.starts_with("W/")) version.etag = value;
    if (name == "last-modified") version.last_modified = value;
  }
  version.bytes = total;
  // A Hugging Face hub names the file's own size and, for large files, its SHA-256 in the response that redirects.
  std::string linked = reply.header("x-linked-etag");
  std::erase(linked, '"');
  if (is_sha256(linked)) version.sha256 = linked;
  if (const std::string size = reply.header("x-linked-size"); !size.empty())
    std::from_chars(size.data(), size.data() + size.size(), version.bytes);
  return version;
}

class HttpRead {
 public:
  HttpRead(int64_t offset, const Version& expected, Receiver& receiver) : offset_(offset), expected_(expected), receiver_(receiver) {}

  // Sets what to do with the body, once.
  Status decide(const HttpReply& reply) {
    if (decided_) return {};
    decided_ = true;
    if (reply.status == 200) {
      begun_ = true;
      return receiver_.begin(0, version_of(reply, reply.content_length()));
    }
    const std::optional<ContentRange> range = parse_content_range(reply.header("content-range"));
    if (reply.status == 206) {
      if (!range || range->first != offset_) return stop(Outcome::kBroken, "another part of the file was sent than was asked for");
      const Version version = version_of(reply, range->total);
      if (offset_ > 0 && !same_content(version, expected_)) return stop(Outcome::kChanged, "the file has changed at its origin");
      begun_ = true;
      return receiver_.begin(offset_, version);
    }
    if (reply.status == 416 && offset_ > 0) {  // nothing is left to send, or the file became shorter
      if (range && range->total == offset_ && same_content(version_of(reply, range->total), expected_)) {
        nothing_left_ = true;
        return {};
      }
      return stop(Outcome::kChanged, "the file has changed at its origin");
    }
    return {};  // an error's page
  }

  Status part(const HttpReply& reply, std::string_view bytes) {
    LATHE_TRY_STATUS(decide(reply));
    return begun_ ? receiver_.write(bytes) : Status();
  }

  const std::optional<Attempt>& stopped() const { return stopped_; }
  bool begun() const { return begun_; }
  bool nothing_left() const { return nothing_left_; }

 private:
  Status stop(Outcome outcome, std::string reason) {
    stopped_ = Attempt{outcome, std::move(reason), 0};
    return error("the transfer is ended here");
  }

  int64_t offset_;
  const Version& expected_;
  Receiver& receiver_;
  bool decided_ = false, begun_ = false, nothing_left_ = false;
  std::optional<Attempt> stopped_;
};

Attempt refused(const HttpReply& reply) {
  Attempt attempt{Outcome::kRefused, describe(reply), 0};
  if (reply.status == 401 || reply.status == 403) attempt.reason += "; a set that needs consent is read with the token in HF_TOKEN";
  return attempt;
}

}  // namespace

Result<Attempt> read_http(const std::string& url, int64_t offset, const Version& expected, const OriginOptions& options, Receiver& receiver) {
  HttpRequest request;
  request.url = url;
  request.headers = options.headers;
  request.stall_seconds = options.stall_seconds;
  if (offset > 0) {
    request.first_byte = offset;
    const std::string& validator = expected.etag.empty() ? expected.last_modified : expected.etag;
    if (!validator.empty()) request.headers.emplace_back("If-Range", validator);
  }
  HttpRead read(offset, expected, receiver);
  const Result<HttpReply> result = http_request(request, [&](const HttpReply& reply, std::string_view bytes) { return read.part(reply, bytes); });
  if (read.stopped()) return *read.stopped();
  if (!result.ok()) return result.error();
  const HttpReply& reply = result.value();
  if (reply.stopped) return Attempt{Outcome::kStopped, reply.broken, 0};
  if (!reply.broken.empty()) return Attempt{worth_retrying(reply) ? Outcome::kBroken : Outcome::kRefused, reply.broken, 0};
  if (const Status empty_body = read.decide(reply); !empty_body.ok()) {
    if (read.stopped()) return *read.stopped();
    return empty_body.error();
  }
  if (read.begun() || read.nothing_left()) return Attempt{};
  if (worth_retrying(reply)) return Attempt{Outcome::kBroken, describe(reply), retry_after(reply)};
  return refused(reply);
}

}  // namespace lathe::net
