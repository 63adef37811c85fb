#include "net/source.h"

#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/environment.h"
#include "core/json.h"
#include "core/text.h"
#include "net/s3.h"

namespace lathe::net {
namespace {

constexpr int64_t kMostPages = 10'000;
constexpr std::string_view kHub = "hf://";

std::string file_url(const HubAddress& hub, const std::string& path) {
  return join_text(hub_endpoint(), "/datasets/", hub.repository, "/resolve/", percent_encode_path(hub.revision), "/", percent_encode_path(path));
}

bool has_pattern(const std::string& text) { return text.find_first_of("*?[") != text.npos; }

// The address behind rel="next" of a Link header (RFC 8288); empty when there is none.
std::string next_page(const HttpReply& reply) {
  for (const auto& [name, value] : reply.headers) {
    if (name != "link") continue;
    for (const std::string& link : split_text(value, ',')) {
      const size_t begin = link.find('<'), end = link.find('>');
      if (begin != link.npos && end != link.npos && begin < end && link.find("rel=\"next\"", end) != link.npos)
        return link.substr(begin + 1, end - begin - 1);
    }
  }
  return "";
}

Result<HttpText> ask_patiently(const std::string& url, const FetchOptions& options) {
  HttpRequest request;
  request.url = url;
  request.headers = hub_headers(url);
  request.stall_seconds = options.stall_seconds;
  double seconds = options.first_wait;
  for (int attempt = 1;; ++attempt, seconds *= 2) {
    LATHE_TRY(HttpText text, http_text(request));
    if (!worth_retrying(text.reply) || attempt >= options.attempts) return text;
    const double wait = std::min(std::max(seconds, retry_after(text.reply)), options.longest_wait);
    options.sleep ? options.sleep(wait) : std::this_thread::sleep_for(std::chrono::duration<double>(wait));
  }
}

// Adds the files of one page.
Status read_page(const Json& page, const std::string& url, const HubAddress& hub, std::vector<SourceFile>& files) {
  if (!page.is_array()) return error_at(url, -1, "the hub's answer is no list of files");
  for (const Json& entry : page.as_array()) {
    const Json* path = entry.find("path");
    const Json* type = entry.find("type");
    if (path == nullptr || !path->is_string() || type == nullptr || !type->is_string()) return error_at(url, -1, "an entry of the hub's list has no path or type");
    if (type->as_string() != "file") continue;
    if (!is_safe_name(path->as_string())) return error_at(url, -1, "the hub lists a file that would leave the folder: ", path->as_string());
    SourceFile file{file_url(hub, path->as_string()), path->as_string(), -1, ""};
    if (const Json* bytes = entry.find("size"); bytes != nullptr && bytes->is_int()) file.bytes = bytes->as_int();
    if (const Json* large = entry.find("lfs"); large != nullptr && large->is_object()) {
      const Json* hash = large->find("oid");
      if (hash != nullptr && hash->is_string() && hash->as_string().size() == 64) file.sha256 = hash->as_string();
      if (const Json* bytes = large->find("size"); bytes != nullptr && bytes->is_int()) file.bytes = bytes->as_int();
    }
    files.push_back(std::move(file));
  }
  return {};
}

struct HubListing {
  bool found = true;
  std::vector<SourceFile> files;
};

Result<HubListing> list_hub(const HubAddress& hub, const std::string& folder, const FetchOptions& options) {
  HubListing out;
  std::string url = join_text(hub_endpoint(), "/api/datasets/", hub.repository, "/tree/", percent_encode_path(hub.revision),
                              folder.empty() ? "" : "/" + percent_encode_path(folder), "?recursive=true");
  for (int64_t page = 0; !url.empty(); ++page) {
    if (page == kMostPages) return error_at(url, -1, "the hub's list does not end");
    LATHE_TRY(const HttpText text, ask_patiently(url, options));
    if (text.reply.broken.empty() && text.reply.status == 404) {
      out.found = false;
      return out;
    }
    if (!text.reply.broken.empty() || text.reply.status != 200)
      return error_at(url, -1, "the list of files was not given: ", describe(text.reply),
                      text.reply.status == 401 || text.reply.status == 403 ? "; a set that needs consent is read with the token in HF_TOKEN" : "");
    LATHE_TRY(const Json json, parse_json(text.body, url));
    LATHE_TRY_STATUS(read_page(json, url, hub, out.files));
    const std::string next = next_page(text.reply);
    url = next.starts_with("/") ? hub_endpoint() + next : next;
  }
  return out;
}

Result<std::vector<SourceFile>> list_hub_address(const std::string& address, const FetchOptions& options) {
  LATHE_TRY(const HubAddress hub, parse_hub_address(address));
  const auto absent = [&] { return error_at(address, -1, "the hub has no such set, revision, file or folder (", hub_endpoint(), ")"); };
  if (has_pattern(hub.path)) {
    const size_t slash = hub.path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : hub.path.substr(0, slash);
    if (has_pattern(folder)) return error_at(address, -1, "* and ? may stand in the last part only");
    LATHE_TRY(HubListing listing, list_hub(hub, folder, options));
    std::erase_if(listing.files, [&](const SourceFile& file) { return !hub.means(file.name); });
    if (listing.files.empty()) return absent();
    return std::move(listing.files);
  }
  const bool looks_like_a_file = !hub.folder && fs::path(hub.path).has_extension();
  if (!looks_like_a_file) {
    LATHE_TRY(HubListing listing, list_hub(hub, hub.path, options));
    if (listing.found && !listing.files.empty()) return std::move(listing.files);
    if (hub.folder) return absent();
  }
  return std::vector<SourceFile>{{file_url(hub, hub.path), hub.path, -1, ""}};
}

Result<std::vector<SourceFile>> list_s3_address(const std::string& address) {
  const size_t slash = address.rfind('/');
  const std::string last = address.substr(slash + 1), folder = address.substr(0, slash + 1);
  if (!last.empty() && !has_pattern(last)) return std::vector<SourceFile>{{address, last, -1, ""}};
  LATHE_TRY(const std::vector<S3Entry> entries, list_s3(folder));
  std::vector<SourceFile> files;
  for (const S3Entry& entry : entries) {
    if (!last.empty() && fnmatch(last.c_str(), entry.key.c_str(), FNM_PATHNAME) != 0) continue;
    if (!is_safe_name(entry.key)) return error_at(address, -1, "an object's name would leave the folder: ", entry.key);
    files.push_back({folder + entry.key, entry.key, entry.bytes, ""});
  }
  if (files.empty()) return error_at(address, -1, "no such objects");
  return files;
}

Result<std::vector<SourceFile>> list_local(const std::string& address) {
  const fs::path path = local_path(address);
  std::error_code code;
  if (!fs::is_directory(path, code)) return std::vector<SourceFile>{{address, path.filename().string(), -1, ""}};
  LATHE_TRY(const std::vector<fs::path> found, list_files(path, {""}, true));
  std::vector<SourceFile> files;
  for (const fs::path& file : found) files.push_back({file.string(), file.lexically_relative(path).generic_string(), -1, ""});
  if (files.empty()) return error_at(path.string(), -1, "the folder holds no files");
  return files;
}

}  // namespace

bool is_hub(const std::string& address) { return address.starts_with(kHub); }

Result<HubAddress> parse_hub_address(const std::string& address) {
  std::string rest = address.substr(kHub.size());
  const auto wrong = [&] { return error_at(address, -1, "is not of the form hf://datasets/ORG/NAME/PATH[@REVISION]"); };
  if (rest.starts_with("datasets/")) rest.erase(0, 9);
  else if (rest.starts_with("dataset/")) rest.erase(0, 8);
  else return wrong();
  HubAddress out;
  std::vector<std::string> parts = split_text(rest, '/');
  for (std::string& part : parts) {  // the first @ ends a name; a revision has no slash
    const size_t at = part.find('@');
    if (at == part.npos) continue;
    out.revision = part.substr(at + 1);
    part.resize(at);
    if (out.revision.empty()) return wrong();
  }
  if (parts.size() < 2 || parts[0].empty() || parts[1].empty()) return wrong();
  out.repository = parts[0] + "/" + parts[1];
  for (size_t i = 2; i < parts.size(); ++i)
    if (!parts[i].empty()) out.path += (out.path.empty() ? "" : "/") + parts[i];
  out.folder = out.path.empty() || parts.back().empty();
  if ((!out.path.empty() && !is_safe_name(out.path)) || !is_safe_name(out.repository)) return wrong();
  return out;
}

bool HubAddress::means(const std::string& name) const {
  if (path.empty()) return true;
  if (has_pattern(path)) return fnmatch(path.c_str(), name.c_str(), FNM_PATHNAME) == 0;
  return (!folder && name == path) || name.starts_with(path + "/");
}

bool is_safe_name(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.back() == '/') return false;
  for (const char c : name)
    if (c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  for (const std::string& part : split_text(name, '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return true;
}

std::string hub_endpoint() {
  std::string endpoint = environment("HF_ENDPOINT", "https://huggingface.co");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

Headers hub_headers(const std::string& url) {
  const std::string token = environment("HF_TOKEN");
  if (token.empty() || !url.starts_with(hub_endpoint() + "/")) return {};
  return {{"Authorization", "Bearer " + token}};
}

Result<std::vector<SourceFile>> list_source(const std::string& address, const FetchOptions& options) {
  Result<std::vector<SourceFile>> files = error(address);
  if (is_hub(address)) {
    files = list_hub_address(address, options);
  } else if (is_s3(address)) {
    files = list_s3_address(address);
  } else if (is_http(address)) {
    const std::string path = address.substr(0, address.find_first_of("?#"));
    const std::string name = path.substr(path.rfind('/') + 1);
    if (path.find('/', address.find("://") + 3) == path.npos || !is_safe_name(name))
      return error_at(address, -1, "does not end in the name of a file");
    files = std::vector<SourceFile>{{address, name, -1, ""}};
  } else {
    files = list_local(address);
  }
  if (files.ok()) std::sort(files.value().begin(), files.value().end(), [](const SourceFile& a, const SourceFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace lathe::net
