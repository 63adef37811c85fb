#include "eval/provenance.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "core/manifest.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "core/text.h"
#include "eval/provenance_records.h"
#include "eval/stage_folders.h"
#include "tokenizer/tokenizer.h"

namespace lathe::eval {
namespace {

constexpr size_t kShownFiles = 4;  // more whole files of one stage are counted, not listed

// From raw data to reports.
int order_of(const ProvenanceNode& node) {
  static const std::vector<std::string> kinds = {"download", "repackage", "synth", "corpus", "tokenizer", "spm", "packed", "dpo", "sft"};
  const auto known = std::find(kinds.begin(), kinds.end(), node.kind);
  if (known != kinds.end()) return static_cast<int>(known - kinds.begin());
  if (node.kind == "adapter") return 60;
  if (node.kind == "evaluation") return 70;
  if (node.kind == "report") return 80;
  if (node.kind != "checkpoint") return 40;
  int place = 50;
  for (const StageFolder& stage : kStageFolders) {
    if (node.folder.string().find(stage.folder) != std::string::npos) return place;
    ++place;
  }
  return 49;
}

std::string short_hash(const std::string& hash) { return hash.substr(0, 12); }

std::string line_of(const ProvenanceLink& link) {
  std::string out = join_text(link.is_input ? "from " : "", link.path, ": ", state_name(link.state));
  if (link.state == LinkState::kChanged)
    out += join_text(", recorded ", short_hash(link.recorded), ", is ", link.found.empty() ? "unreadable" : short_hash(link.found));
  if (link.state == LinkState::kOk) out += "  " + short_hash(link.recorded);
  return out;
}

std::vector<std::string> node_lines(const ProvenanceNode& node) {
  std::vector<std::string> rows;
  if (!node.problem.empty()) rows.push_back("changed: " + node.problem);
  size_t whole = 0;
  for (const ProvenanceLink& link : node.links) whole += !link.is_input && link.state == LinkState::kOk ? 1 : 0;
  if (whole > kShownFiles) rows.push_back(join_text(whole, " files: ok"));
  for (const ProvenanceLink& link : node.links)
    if (link.is_input || link.state != LinkState::kOk || whole <= kShownFiles) rows.push_back(line_of(link));
  std::vector<std::string> out = {node.kind + "  " + node.name};
  for (size_t i = 0; i < rows.size(); ++i) out.push_back((i + 1 < rows.size() ? "  \u251c\u2500 " : "  \u2514\u2500 ") + rows[i]);
  return out;
}

void judge(ProvenanceLink& link, const std::map<fs::path, std::string>& hashes) {
  if (link.recorded.empty()) return;
  link.state = LinkState::kMissing;
  if (link.file.empty()) return;
  if (link.is_tokenizer) {
    const Result<tokenizer::Tokenizer> loaded = tokenizer::Tokenizer::load(link.file);
    link.found = loaded.ok() ? loaded.value().hash() : "";
  } else {
    link.found = hashes.at(link.file);
  }
  link.state = link.found == link.recorded ? LinkState::kOk : LinkState::kChanged;
}

}  // namespace

const char* state_name(LinkState state) {
  switch (state) {
    case LinkState::kOk: return "ok";
    case LinkState::kChanged: return "changed";
    case LinkState::kMissing: return "missing";
    case LinkState::kNotRecorded: break;
  }
  return "not recorded";
}

std::array<int64_t, 4> Provenance::counts() const {
  std::array<int64_t, 4> out{};
  for (const ProvenanceNode& node : nodes) {
    if (!node.problem.empty()) ++out[static_cast<size_t>(LinkState::kChanged)];
    for (const ProvenanceLink& link : node.links) ++out[static_cast<size_t>(link.state)];
  }
  return out;
}

bool Provenance::is_whole() const {
  const auto counted = counts();
  return counted[static_cast<size_t>(LinkState::kChanged)] == 0 && counted[static_cast<size_t>(LinkState::kMissing)] == 0;
}

std::vector<std::string> Provenance::lines() const {
  std::vector<std::string> out;
  for (const ProvenanceNode& node : nodes)
    for (std::string& line : node_lines(node)) out.push_back(std::move(line));
  const auto n = counts();
  out.push_back(join_text(n[0] + n[1] + n[2] + n[3], " links: ", n[0], " ok, ", n[1], " changed, ", n[2], " missing, ", n[3], " not recorded"));
  return out;
}

Json Provenance::to_json() const {
  Json list = Json::array();
  for (const ProvenanceNode& node : nodes) {
    Json links = Json::array();
    for (const ProvenanceLink& link : node.links)
      links.push_back(Json(Json::Object{{"path", link.path}, {"input", link.is_input}, {"sha256", link.recorded}, {"state", state_name(link.state)}}));
    Json entry = Json(Json::Object{{"kind", node.kind}, {"folder", node.name}, {"links", std::move(links)}});
    if (!node.problem.empty()) entry["problem"] = node.problem;
    list.push_back(std::move(entry));
  }
  return list;
}

Result<Provenance> collect_provenance(const fs::path& given) {
  std::error_code code;
  if (!fs::exists(given, code)) return error_at(given.string(), -1, "no such file or folder");
  Provenance out;
  out.root = fs::weakly_canonical(given, code);
  std::deque<fs::path> waiting;
  if (fs::is_directory(out.root, code)) {
    LATHE_TRY(const std::vector<fs::path> records, records_below(out.root));
    waiting.assign(records.begin(), records.end());
  } else if (is_record(out.root)) {
    waiting.push_back(out.root);
  } else if (const fs::path beside = out.root.parent_path() / kManifestFile; fs::exists(beside, code)) {
    waiting.push_back(beside);
  }
  std::set<fs::path> known;
  for (; !waiting.empty(); waiting.pop_front()) {
    const fs::path record = waiting.front();
    if (!known.insert(record).second) continue;
    ProvenanceNode node = read_record(record);
    for (const ProvenanceLink& link : node.links)
      if (link.is_input && !link.file.empty() && is_record(link.file)) waiting.push_back(fs::weakly_canonical(link.file, code));
    const fs::path name = node.folder.lexically_relative(fs::is_directory(out.root, code) ? out.root : out.root.parent_path());
    for (ProvenanceLink& link : node.links)  // a path of the record's own folder says little here
      if (link.is_input && !link.file.empty())
        if (const fs::path near = link.file.lexically_relative(out.root); !near.empty() && *near.begin() != "..") link.path = near.generic_string();
    node.name = name.empty() || *name.begin() == ".." ? node.folder.string() : name.generic_string();
    out.nodes.push_back(std::move(node));
  }
  std::stable_sort(out.nodes.begin(), out.nodes.end(), [](const ProvenanceNode& a, const ProvenanceNode& b) {
    return std::pair(order_of(a), a.name) < std::pair(order_of(b), b.name);
  });
  return out;
}

Result<Provenance> verify_provenance(const fs::path& root) {
  LATHE_TRY(Provenance out, collect_provenance(root));
  std::map<fs::path, std::string> hashes;
  for (const ProvenanceNode& node : out.nodes)
    for (const ProvenanceLink& link : node.links)
      if (!link.file.empty() && !link.recorded.empty() && !link.is_tokenizer) hashes[link.file] = "";
  std::vector<std::pair<const fs::path*, std::string*>> work;
  for (auto& [path, hash] : hashes) work.emplace_back(&path, &hash);
  parallel_for(static_cast<int64_t>(work.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto& [path, hash] = work[static_cast<size_t>(i)];
      if (Result<std::string> made = sha256_file(*path); made.ok()) *hash = std::move(made.value());
    }
  });
  for (ProvenanceNode& node : out.nodes)
    for (ProvenanceLink& link : node.links) judge(link, hashes);
  return out;
}

}  // namespace lathe::eval
