// Any bytes into the parser of requests: it ends in a request or a refusal, never elsewhere, and what it says does not depend on how the
// bytes were cut into pieces.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/text.h"
#include "serve/request_parser.h"

namespace {

using lathe::serve::ParsedRequest;
using lathe::serve::RequestParser;

constexpr int64_t kHeaderBytes = 2048, kBodyBytes = 4096;

// What the bytes were read as, one line for each request and the refusal.
std::vector<std::string> read_all(std::string_view bytes, uint8_t piece) {
  std::vector<std::string> said;
  RequestParser parser(kHeaderBytes, kBodyBytes);
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece == 0 ? bytes.size() : piece);
    const size_t used = parser.put(part);
    if (used > part.size()) std::abort();
    bytes.remove_prefix(used);
    parser.take_expectation();
    if (parser.state() == RequestParser::State::kBad) {
      if (parser.status() < 400 || parser.detail().empty()) std::abort();
      said.push_back("refused");  // a piece may show an error before another one that the whole shows first
      return said;
    }
    if (parser.state() == RequestParser::State::kDone) {
      const ParsedRequest parsed = parser.take();
      const auto& request = parsed.request;
      if (request.path.empty() || lathe::first_invalid_utf8(request.path) >= 0) std::abort();
      if (static_cast<int64_t>(request.body.size()) > kBodyBytes) std::abort();
      request.query_value("q");
      static_cast<void>(lathe::parse_json(request.body));
      std::string line = lathe::join_text(request.method, " ", request.path, " ", request.query, " ", request.host, " ", parsed.keep_alive, parsed.is_head,
                                          parsed.chunked_answers, " ", request.body);
      for (const auto& [name, value] : request.headers) line += "\n" + name + "=" + value;
      said.push_back(line);
    } else if (used != part.size()) {
      std::abort();  // it neither went on nor ended
    }
  }
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (read_all(bytes, 0) != read_all(bytes, static_cast<uint8_t>(1 + data[0] % 97))) std::abort();
  return 0;
}
