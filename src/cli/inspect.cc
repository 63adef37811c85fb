// lathe inspect: what a file or folder is, and whether the chain of hashes below it is whole.
#include "cli/verbs.h"
#include "eval/inspect.h"
#include "eval/provenance.h"

namespace lathe::cli {
namespace {

class InspectVerb : public Verb {
 public:
  VerbInfo info() const override {
    return {"inspect", "move", "what a file or folder is and was made from: shapes, hashes, settings", "lathe inspect --verify ~/.cache/lathe/speedrun", "PATH", 1, 1};
  }
  void describe(SettingsTable& table) override {
    table.add("verify", &verify_, "every recorded hash at and below PATH, and of what it was made from, computed anew; status 1 when a file is changed or missing");
    table.add("all", &all_, "every tensor and file, not the first 24");
  }
  Result<Exit> run(Context& context) override;

 private:
  bool verify_ = false, all_ = false;
};

Result<Exit> InspectVerb::run(Context& context) {
  const fs::path path = context.operands()[0];
  if (!verify_) {
    LATHE_TRY(const Json facts, eval::inspect(path));
    context.print(trim_text(eval::inspect_text(facts, all_)));
    return context.finish(facts);
  }
  LATHE_TRY(const eval::Provenance chain, eval::verify_provenance(path));
  if (chain.nodes.empty()) return error_at(path.string(), -1, "nothing here has recorded hashes (no manifest.json, summary.json or adapter's record)");
  for (const std::string& line : chain.lines()) context.print(line);
  const auto counts = chain.counts();
  Json figures = Json::object();
  for (const eval::LinkState state : {eval::LinkState::kOk, eval::LinkState::kChanged, eval::LinkState::kMissing, eval::LinkState::kNotRecorded})
    figures[eval::state_name(state)] = counts[static_cast<size_t>(state)];
  figures["stages"] = chain.to_json();
  return context.finish(figures, chain.is_whole() ? Exit::kDone : Exit::kBadInput);
}

}  // namespace

std::unique_ptr<Verb> make_inspect() { return std::make_unique<InspectVerb>(); }

}  // namespace lathe::cli
