#include "cli/scaling_run.h"

#include <fstream>
#include <sstream>

#include "cli/run.h"
#include "core/log.h"
#include "tokenizer/tokenizer.h"
#include "train/checkpoint.h"

namespace lathe::cli {
namespace {

// Every line to the log and to the terminal; the trainer's figures, its one line of JSON, are kept.
class LineTee : public std::streambuf {
 public:
  LineTee(std::ostream& log, Context& context) : log_(log), context_(context) {}
  const std::string& figures() const { return figures_; }

 protected:
  int overflow(int c) override {
    if (c == traits_type::eof()) return 0;
    if (c == '\n') take();
    else line_ += static_cast<char>(c);
    return c;
  }
  int sync() override { return 0; }

 private:
  void take() {
    log_ << line_ << '\n' << std::flush;
    if (line_.starts_with("{\"")) figures_ = line_;
    else context_.print(line_);
    line_.clear();
  }
  std::ostream& log_;
  Context& context_;
  std::string line_, figures_;
};

}  // namespace

Result<Json> tokenizer_hash(const fs::path& path) {
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(path));
  return Json(tokenizer.hash());
}

Result<MemberResult> train_member(Context& context, const Member& member) {
  MemberResult result;
  result.log = member.folder / (member.tag + "_train.log");
  const fs::path run = member.base / "base_checkpoints" / member.tag, config = member.folder / (member.tag + "_config.json");
  std::error_code code;
  const bool begun = fs::exists(result.log, code);
  if (!begun) {
    LATHE_TRY(const std::vector<int64_t> steps, train::checkpoint_steps(run));
    if (!steps.empty())
      return error_at(run.string(), -1, "holds checkpoints of another experiment with the same tag; move the folder away, or take another --base-dir");
  }
  LATHE_TRY_STATUS(write_json_atomic(config, member.config));

  std::ofstream log(result.log, std::ios::app);
  if (!log) return error_at(result.log.string(), -1, "cannot be written");
  LineTee tee(log, context);
  std::ostream out(&tee);
  std::ostringstream err;
  const CommonOptions& common = context.common();
  std::vector<std::string> words = {"train", "--config", config.string(), "--tag", member.tag, "--base-dir", member.base.string(), "--json", "--resume",
                                    "--log-level", common.log_level, "--log-file", result.log.string(), "--threads", std::to_string(common.threads)};
  if (common.quiet) words.push_back("--quiet");
  result.exit = run_words(make_verbs(), words, out, err);
  if (!common.log_file.empty()) LATHE_TRY_STATUS(set_log_file(common.log_file));
  if (!err.str().empty()) {
    log << err.str() << std::flush;
    log_error("scaling", trim_text(err.str()));
  }
  if (result.exit != Exit::kDone) return result;
  LATHE_TRY(result.figures, parse_json(tee.figures(), result.log.string()));
  LATHE_TRY_STATUS(write_json_atomic(member.folder / (member.tag + ".json"), result.figures));
  return result;
}

}  // namespace lathe::cli
