#include "eval/score_text.h"

#include "core/text.h"

namespace lathe::eval {
namespace {

std::string share_text(int64_t passed, int64_t total) {
  const double percent = total > 0 ? 100 * static_cast<double>(passed) / static_cast<double>(total) : 0;
  return format_text("%lld/%lld (%.2f%%)", static_cast<long long>(passed), static_cast<long long>(total), percent);
}

}  // namespace

std::string live_line(int rank, int64_t passed, int64_t total) { return join_text("Rank ", rank, " | ", share_text(passed, total)); }

std::vector<std::string> final_lines(const TaskScore& score) {
  std::vector<std::string> lines;
  if (score.scoring == tasks::Scoring::kGenerative) lines.push_back(std::string(50, '='));
  lines.push_back("Final: " + share_text(score.correct, score.n));
  lines.push_back(join_text(score.task, " accuracy: ", format_text("%.2f%%", 100 * score.accuracy)));
  if (!score.pass_at_k.empty()) {
    std::string text;
    for (size_t k = 1; k <= score.pass_at_k.size(); k *= 2) text += format_text("%spass@%zu %.4f", text.empty() ? "" : ", ", k, score.pass_at_k[k - 1]);
    lines.push_back(text + " (unbiased)");
  }
  if (score.majority_vote) lines.push_back(format_text("majority vote %.4f", *score.majority_vote));
  if (score.cut > 0) lines.push_back(join_text(score.cut, " of ", score.n, " questions were too long and lost their end"));
  if (score.unfinished > 0) lines.push_back(join_text(score.unfinished, " answers were cut off at the limit of new tokens"));
  return lines;
}

std::string table_head() { return format_text("%-28s %7s   %16s   %7s   %7s   %5s", "task", "right", "95 % interval", "majority", "random", "items"); }

std::string table_line(const TaskScore& score) {
  return format_text("%-28s %5.1f %%   %5.1f to %5.1f %%   %5.1f %%   %5.1f %%   %5lld   %s", score.title.c_str(), 100 * score.accuracy, 100 * score.low,
                     100 * score.high, 100 * score.majority, 100 * score.random, static_cast<long long>(score.n), score.verdict().c_str());
}

std::string table_line(const std::string& title, const std::string& not_run) { return format_text("%-28s not run: %s", title.c_str(), not_run.c_str()); }

}  // namespace lathe::eval
