#include "eval/provenance.h"

#include "core/manifest.h"
#include "eval/inspect.h"
#include "eval/results.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

namespace fs = std::filesystem;

// raw file -> corpus -> packed -> checkpoint -> evaluation -> report, as the stages record it.
class Chain : public ::testing::Test {
 protected:
  fs::path base() const { return folder_.path() / "base"; }
  void file(const fs::path& name, const std::string& text) { check(write_file_atomic(base() / name, text)); }
  void stage(const std::string& folder, const std::string& kind, const std::vector<std::string>& outputs, const std::vector<std::string>& inputs) {
    Manifest manifest;
    manifest.kind = kind;
    manifest.settings = Json::object();
    manifest.config_sha256 = config_hash(manifest.settings);
    for (const std::string& name : outputs) manifest.outputs.push_back(take(record_file(base() / folder / name, name)));
    for (const std::string& name : inputs)
      manifest.inputs.push_back(take(record_file(base() / name, (base() / name).lexically_relative(base() / folder).generic_string())));
    check(write_manifest(base() / folder, manifest));
  }
  void SetUp() override {
    file("raw/a.txt", "raw text");
    stage("raw", "download", {"a.txt"}, {});
    file("corpus/shard.jsonl", "{}\n");
    stage("corpus", "corpus", {"shard.jsonl"}, {"raw/manifest.json", "raw/a.txt"});
    file("packed/train.bin", "tokens");
    stage("packed", "packed", {"train.bin"}, {"corpus/manifest.json"});
    file("base_checkpoints/d4/step_10/model.safetensors", "weights");
    file("base_checkpoints/d4/step_10/meta.json", "{\"step\": 10}");
    stage("base_checkpoints/d4/step_10", "checkpoint", {"model.safetensors", "meta.json"}, {"packed/manifest.json"});
    file("eval_results/d4/base/sums.jsonl", "{\"index\": 0}\n");
    const Json about(Json::Object{{"source", "base"}, {"tag", "d4"}, {"step", 10},
                                  {"weights_sha256", Json(Json::Array{take(record_file(base() / "base_checkpoints/d4/step_10/model.safetensors")).sha256})}});
    const Json figure(Json::Object{{"accuracy", 0.5}, {"answers", "sums.jsonl"}});
    const std::vector<std::pair<std::string, Json>> figures = {{"sums", figure}};
    check(eval::update_summary(base() / "eval_results/d4/base", about, "tasks", figures));
    file("report/report.json", "{}");
    stage("report", "report", {"report.json"}, {"eval_results/d4/base/summary.json", "base_checkpoints/d4/step_10/manifest.json"});
  }
  // "folder: path state" of every link that is not as recorded, and of every record that cannot be read.
  std::vector<std::string> faults(const fs::path& root) {
    const eval::Provenance chain = take(eval::verify_provenance(root));
    std::vector<std::string> out;
    for (const eval::ProvenanceNode& node : chain.nodes) {
      if (!node.problem.empty()) out.push_back(node.name + ": unreadable");
      for (const eval::ProvenanceLink& link : node.links)
        if (link.state == eval::LinkState::kChanged || link.state == eval::LinkState::kMissing)
          out.push_back(node.name + ": " + link.path + " " + eval::state_name(link.state));
    }
    EXPECT_EQ(chain.is_whole(), out.empty());
    return out;
  }
  TemporaryFolder folder_;
};

TEST_F(Chain, AWholeChainIsOkFromRawFileToReport) {
  const eval::Provenance chain = take(eval::verify_provenance(base()));
  ASSERT_EQ(chain.nodes.size(), 6u);
  const std::vector<std::string> order = {"download", "corpus", "packed", "checkpoint", "evaluation", "report"};
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(chain.nodes[i].kind, order[i]);
  EXPECT_TRUE(faults(base()).empty());
  EXPECT_EQ(chain.counts()[static_cast<size_t>(eval::LinkState::kOk)], 14);
  EXPECT_EQ(chain.counts()[static_cast<size_t>(eval::LinkState::kNotRecorded)], 1) << "the evaluation has no tokenizer on record";
}

// One bit of each file in turn: the link that records it is named, and no other file's.
TEST_F(Chain, OneChangedBitIsNamedAtEveryLink) {
  for (const char* name : {"raw/a.txt", "corpus/shard.jsonl", "packed/train.bin", "base_checkpoints/d4/step_10/model.safetensors",
                           "base_checkpoints/d4/step_10/meta.json", "eval_results/d4/base/sums.jsonl", "report/report.json"}) {
    const fs::path path = base() / name;
    const std::string before = take(read_file(path));
    std::string damaged = before;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    check(write_file_atomic(path, damaged));
    const std::vector<std::string> found = faults(base());
    ASSERT_FALSE(found.empty()) << name;
    for (const std::string& fault : found) {
      EXPECT_NE(fault.find(path.filename().string()), std::string::npos) << name << " gave " << fault;
      EXPECT_NE(fault.find("changed"), std::string::npos) << fault;
    }
    check(write_file_atomic(path, before));
  }
  EXPECT_TRUE(faults(base()).empty());
}

TEST_F(Chain, AChangedRecordIsNamedByWhatWasMadeFromIt) {
  for (const char* name : {"raw/manifest.json", "corpus/manifest.json", "packed/manifest.json", "base_checkpoints/d4/step_10/manifest.json",
                           "eval_results/d4/base/summary.json"}) {
    const fs::path path = base() / name;
    const std::string before = take(read_file(path));
    check(write_file_atomic(path, before + " "));  // still readable
    EXPECT_EQ(faults(base()).size(), 1u) << name;
    check(write_file_atomic(path, "no json"));
    const std::vector<std::string> found = faults(base());
    EXPECT_GE(found.size(), 2u) << name << ": unreadable, and not what the next stage recorded";
    check(write_file_atomic(path, before));
  }
}

TEST_F(Chain, AMissingFileIsMissingAndAMovedFolderIsNot) {
  fs::remove(base() / "raw/a.txt");
  EXPECT_EQ(faults(base()), (std::vector<std::string>{"raw: a.txt missing", "corpus: ../raw/a.txt missing"}));
  file("raw/a.txt", "raw text");
  fs::rename(base(), folder_.path() / "moved");
  EXPECT_TRUE(faults(folder_.path() / "moved").empty());
  EXPECT_FALSE(eval::verify_provenance(base()).ok());
}

TEST_F(Chain, OneRecordLeadsDownToTheRawFile) {
  const eval::Provenance chain = take(eval::verify_provenance(base() / "report"));
  EXPECT_EQ(chain.nodes.size(), 6u) << "what a report was made from is followed out of its folder";
  EXPECT_EQ(chain.nodes.front().kind, "download");
}

TEST_F(Chain, InspectSaysWhatAFileIs) {
  EXPECT_EQ(take(eval::inspect(base() / "corpus")).at("kind").as_string(), "corpus");
  const Json summary = take(eval::inspect(base() / "eval_results/d4/base"));
  EXPECT_EQ(summary.at("kind").as_string(), "results of an evaluation");
  EXPECT_NE(eval::inspect_text(summary, false).find("accuracy"), std::string::npos);
  EXPECT_EQ(take(eval::inspect(base() / "eval_results/d4/base/sums.jsonl")).at("lines").as_int(), 1);
  EXPECT_EQ(take(eval::inspect(base() / "raw/a.txt")).at("bytes").as_int(), 8);
  EXPECT_EQ(take(eval::inspect(base())).at("kind").as_string(), "base folder");
  const auto damaged = eval::inspect(base() / "base_checkpoints/d4/step_10/model.safetensors");
  ASSERT_FALSE(damaged.ok());
  EXPECT_NE(damaged.error().to_string().find("model.safetensors"), std::string::npos);
  EXPECT_FALSE(eval::inspect(base() / "nothing").ok());
}

}  // namespace
}  // namespace lathe::testing
