#include "train/preference_watch.h"

#include <algorithm>

#include "core/text.h"

namespace lathe::train {

std::vector<std::string> PreferenceWatch::observe(int64_t step, double absolute_margin, double chosen_ratio) {
  std::vector<std::string> warnings;
  margin_ += absolute_margin;
  ratio_ += chosen_ratio;
  if (++steps_ < kWindow) return warnings;
  const double margin = margin_ / static_cast<double>(steps_);
  means_.push_back(ratio_ / static_cast<double>(steps_));
  margin_ = ratio_ = 0;
  steps_ = 0;
  if (std::ssize(means_) > kFalling + 1) means_.erase(means_.begin());
  if (!still_ && step + 1 >= kPatience && margin < kNoMargin) {
    still_ = true;
    warnings.push_back(format_text(
        "the margin is still 0 after %lld steps (mean |margin| %.1e): the model does not move. A fresh adapter "
        "needs a higher learning rate than full fine-tuning; config/dpo/training/dpo_tiny_lora.json has one that was "
        "tried",
        static_cast<long long>(step + 1), margin));
  }
  const bool down = std::ssize(means_) == kFalling + 1 && std::is_sorted(means_.rbegin(), means_.rend()) &&
                    means_.front() - means_.back() > kFallen;
  if (!falling_ && down) {
    falling_ = true;
    warnings.push_back(format_text(
        "the log-probability of the chosen answers falls steadily: %.2f nats below the reference after %lld steps, "
        "%.2f "
        "before. The model makes both answers unlikely; a higher beta or a lower learning rate keeps it nearer",
        -means_.back(), static_cast<long long>(step + 1), -means_.front()));
  }
  return warnings;
}

Json PreferenceWatch::state() const {
  Json out = Json::object();
  out["margin"] = margin_;
  out["ratio"] = ratio_;
  out["steps"] = steps_;
  out["means"] = Json::array();
  for (const double mean : means_) out["means"].push_back(mean);
  out["still"] = still_;
  out["falling"] = falling_;
  return out;
}

Status PreferenceWatch::restore(const Json& state) {
  const Json* means = state.find("means");
  if (means == nullptr || !means->is_array()) return error("the state of the preference run has no \"means\"");
  PreferenceWatch read;
  for (const Json& mean : means->as_array()) {
    if (!mean.is_number()) return error("\"means\" holds something else than numbers");
    read.means_.push_back(mean.as_double());
  }
  read.margin_ = state.get_double("margin", 0);
  read.ratio_ = state.get_double("ratio", 0);
  read.steps_ = state.get_int("steps", 0);
  read.still_ = state.get_bool("still", false);
  read.falling_ = state.get_bool("falling", false);
  *this = read;
  return {};
}

}  // namespace lathe::train
