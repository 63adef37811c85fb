#include "net/resources.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/check.h"
#include "core/download_record.h"
#include "core/environment.h"
#include "core/manifest.h"
#include "core/text.h"
#include "net/file_lock.h"
#include "net/source.h"
#include "net/unzip.h"

namespace lathe::net {
namespace {

constexpr const char* kFineWeb = "karpathy/fineweb-edu-100b-shuffle";
constexpr const char* kBucket = "https://karpathy-public.s3.us-west-2.amazonaws.com/";
constexpr const char* kWords = "https://raw.githubusercontent.com/dwyl/english-words/refs/heads/master/words_alpha.txt";
constexpr const char* kBundleFolder = "eval_bundle";
constexpr const char* kWikiText = "ggml-org/ci";
constexpr const char* kWikiTextArchive = "wikitext-2-raw-v1.zip";
constexpr const char* kWikiTextFolder = "wikitext-2-raw";
constexpr const char* kWikiTextHash = "ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11";

// Sets that are read from a hub: their Parquet files, as the hub names them.
struct HostedSet {
  const char* name;
  const char* repository;
  const char* help;
};
constexpr HostedSet kHostedSets[] = {
    {"smol-smoltalk", "HuggingFaceTB/smol-smoltalk", "conversations (train, test)"},
    {"mmlu", "cais/mmlu", "multiple choice over 57 subjects (all, auxiliary_train)"},
    {"arc", "allenai/ai2_arc", "grade-school science questions (ARC-Easy, ARC-Challenge)"},
    {"gsm8k", "openai/gsm8k", "word sums with worked answers (main, socratic)"},
    {"humaneval", "openai/openai_humaneval", "programming problems with tests"},
};

const HostedSet* find_hosted(const std::string& name) {
  for (const HostedSet& set : kHostedSets)
    if (name == set.name) return &set;
  return nullptr;
}

std::string joined(const std::string& from, const std::string& name) { return from.ends_with('/') ? from + name : from + "/" + name; }

Result<std::vector<SourceFile>> listing_of_manifest(const fs::path& manifest, const std::string& address) {
  const auto missing = [&] {
    return error_at(address, -1, "was never listed here (", manifest.string(), "), and --offline forbids to ask for its files; run the same command once without --offline");
  };
  const auto json = read_json(manifest);
  if (!json.ok()) return missing();
  const Json* listings = json.value().find("listings");
  const Json* files = listings != nullptr ? listings->find(address) : nullptr;
  if (files == nullptr || !files->is_array()) return missing();
  std::vector<SourceFile> out;
  for (const Json& file : files->as_array()) {
    SourceFile entry;
    for (const auto& [key, member] : {std::pair{"url", &entry.url}, std::pair{"name", &entry.name}, std::pair{"sha256", &entry.sha256}})
      if (const Json* value = file.find(key); value != nullptr && value->is_string()) *member = value->as_string();
    if (const Json* bytes = file.find("bytes"); bytes != nullptr && bytes->is_int()) entry.bytes = bytes->as_int();
    if (!is_safe_name(entry.name)) return error_at(manifest.string(), -1, "its listing of ", address, " names a file outside of the folder");
    out.push_back(std::move(entry));
  }
  return out;
}

// Only where the list of files has to be asked for: a single file's address says everything.
bool needs_listing(const std::string& address) { return is_hub(address) || is_s3(address); }

using Wanted = std::function<bool(const std::string& name)>;

Status add_listed(DownloadPlan& plan, const std::string& address, const Wanted& wanted, const std::string& what, const FetchOptions& fetch) {
  Result<std::vector<SourceFile>> files =
      fetch.offline && needs_listing(address) ? listing_of_manifest(plan.manifest, address) : list_source(address, fetch);
  if (!files.ok()) return files.error();
  plan.listing = address;
  for (SourceFile& file : files.value()) {
    if (!wanted(file.name)) continue;
    plan.files.push_back({file.url, plan.folder / file.name, file.bytes, file.sha256, hub_headers(file.url)});
    if (file.name == kManifestFile) plan.manifest = plan.folder / kDownloadsFile;
  }
  if (plan.files.empty()) return error_at(address, -1, "holds no ", what);
  return {};
}

// Two addresses may end in the same name: the second would find the first one's file and take it for its own.
Status check_clashes(const DownloadPlan& plan) {
  const auto manifest = read_json(plan.manifest);
  const Json* listings = manifest.ok() ? manifest.value().find("listings") : nullptr;
  if (listings == nullptr || !listings->is_object()) return {};
  for (const auto& [address, files] : listings->as_object()) {
    if (!files.is_array()) continue;
    for (const Json& file : files.as_array()) {
      const Json* name = file.find("name");
      const Json* url = file.find("url");
      if (name == nullptr || !name->is_string() || url == nullptr || !url->is_string()) continue;
      for (const FetchRequest& request : plan.files)
        if (request.path == plan.folder / name->as_string() && request.url != url->as_string() && fs::exists(request.path))
          return error_at(request.path.string(), -1, "came from ", url->as_string(), "; give another --output-dir for ", request.url);
    }
  }
  return {};
}

void add_file(DownloadPlan& plan, const std::string& url, const std::string& name) {
  plan.files.push_back({url, plan.folder / name, -1, "", hub_headers(url)});
}

}  // namespace

const std::vector<Resource>& resources() {
  static const std::vector<Resource> list = [] {
    std::vector<Resource> out = {{"fineweb", "FineWeb-Edu, shuffled: 1823 shards of about 100 MB, to base_data/ (-n takes the first ones)"},
                                 {"eval-bundle", "the evaluation bundle of CORE, unpacked to eval_bundle/"},
                                 {"wikitext2", "WikiText-2, the raw form that perplexity is measured on, unpacked to wikitext-2-raw/"},
                                 {"identity", "identity conversations, to identity_conversations.jsonl"},
                                 {"words", "370,105 English words, to words_alpha.txt"}};
    for (const HostedSet& set : kHostedSets) out.push_back({set.name, join_text(set.help, ", to hosted/", set.name, "/")});
    return out;
  }();
  return list;
}

int64_t fineweb_shards(int64_t num_files) {
  if (num_files == -1) return kFineWebShards;
  return std::clamp<int64_t>(num_files, 0, kFineWebShards);
}

int64_t fineweb_shards_for(double tokens, double kept) {
  constexpr double kCharactersPerToken = 4.8, kCharactersPerShard = 250e6;
  require(tokens >= 0 && kept > 0 && kept <= 1, "[fineweb_shards_for] tokens must not be negative, kept lies in (0, 1]");
  return static_cast<int64_t>(std::ceil(tokens * kCharactersPerToken / kept / kCharactersPerShard - 1e-9));
}

Result<DownloadPlan> plan_download(const std::string& what, const fs::path& base, const PlanOptions& options, const FetchOptions& fetch) {
  DownloadPlan plan;
  plan.what = what;
  const auto place = [&](const fs::path& own) {
    plan.folder = options.output_dir.empty() ? own : fs::path(options.output_dir);
    std::error_code code;
    const bool taken = plan.folder == base || fs::exists(plan.folder / kDownloadsFile, code);
    plan.manifest = plan.folder / (taken ? kDownloadsFile : kManifestFile);
  };
  const auto from = [&](const std::string& own) { return options.from.empty() ? own : options.from; };

  if (what == "fineweb") {
    place(base / "base_data");
    const std::string site = from(join_text(hub_endpoint(), "/datasets/", kFineWeb, "/resolve/main"));
    for (int64_t i = 0; i < fineweb_shards(options.num_files); ++i) {
      const std::string name = format_text("shard_%05lld.parquet", static_cast<long long>(i));
      add_file(plan, joined(site, name), name);
    }
  } else if (what == "eval-bundle") {
    place(base);
    add_file(plan, joined(from(kBucket), "eval_bundle.zip"), "eval_bundle.zip");
    plan.unpack_to = plan.folder / kBundleFolder;
    std::error_code code;
    if (fs::is_directory(plan.unpack_to, code)) plan.files.clear();
  } else if (what == "wikitext2") {
    place(base);
    add_file(plan, joined(from(join_text(hub_endpoint(), "/datasets/", kWikiText, "/resolve/main")), kWikiTextArchive), kWikiTextArchive);
    plan.files.back().sha256 = kWikiTextHash;
    plan.unpack_to = plan.folder / kWikiTextFolder;
    std::error_code code;
    if (fs::is_directory(plan.unpack_to, code)) plan.files.clear();
  } else if (what == "identity") {
    place(base);
    add_file(plan, joined(from(kBucket), "identity_conversations.jsonl"), "identity_conversations.jsonl");
  } else if (what == "words") {
    place(base);
    add_file(plan, options.from.empty() ? kWords : joined(options.from, "words_alpha.txt"), "words_alpha.txt");
  } else if (const HostedSet* set = find_hosted(what)) {
    place(base / "hosted" / what);
    LATHE_TRY_STATUS(add_listed(plan, from(join_text("hf://datasets/", set->repository, "/")), [](const std::string& name) { return name.ends_with(".parquet"); }, ".parquet file", fetch));
  } else if (is_hub(what)) {
    LATHE_TRY(const HubAddress hub, parse_hub_address(what));
    place(hub_downloads(base, hub.repository, hub.revision));
    LATHE_TRY_STATUS(add_listed(plan, from(what), [&](const std::string& name) { return hub.means(name); }, join_text("file ", hub.path), fetch));
    LATHE_TRY_STATUS(check_clashes(plan));
  } else if (what.find("://") != what.npos || what.find('/') != what.npos || fs::exists(what)) {
    if (!options.from.empty()) return error("--from is for names and hf:// addresses: ", what, " is an address itself");
    place(base / "downloads");
    LATHE_TRY_STATUS(add_listed(plan, what, [](const std::string&) { return true; }, "file", fetch));
    LATHE_TRY_STATUS(check_clashes(plan));
  } else {
    std::vector<std::string> names;
    std::string list;
    for (const Resource& resource : resources()) {
      names.push_back(resource.name);
      list += (list.empty() ? "" : ", ") + resource.name;
    }
    const std::string near = nearest_word(what, names);
    return error("\"", what, "\" is neither an address nor one of ", list, near.empty() ? "" : "; did you mean \"" + near + "\"?");
  }
  if (!options.sha256.empty()) {
    if (plan.files.size() != 1) return error("--sha256 is for a single file; ", what, " has ", plan.files.size());
    std::string hash = options.sha256;
    for (char& c : hash)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != hash.npos) return error("--sha256 must be 64 hexadecimal digits, got ", options.sha256);
    plan.files[0].sha256 = hash;
  }
  return plan;
}

Status unpack(const DownloadPlan& plan) {
  LATHE_TRY(const FileLock lock, FileLock::acquire(plan.unpack_to));
  std::error_code code;
  if (fs::is_directory(plan.unpack_to, code)) return {};
  fs::path work = plan.unpack_to;
  work += ".partial";
  fs::remove_all(work, code);  // of a run that was killed
  LATHE_TRY_STATUS(make_folders(work));
  require(!plan.files.empty(), "[unpack] the plan has no archive");
  const fs::path archive = plan.files.front().path;
  if (const auto names = unzip(archive, work); !names.ok()) {
    fs::remove_all(work, code);
    return names.error();
  }
  // The archive holds the folder itself, as a rule.
  const fs::path inner = fs::is_directory(work / plan.unpack_to.filename(), code) ? work / plan.unpack_to.filename() : work;
  fs::rename(inner, plan.unpack_to, code);
  if (code) return error_at(plan.unpack_to.string(), -1, "cannot be put into place: ", code.message());
  fs::remove_all(work, code);
  return {};
}

}  // namespace lathe::net
