#include "train/lab_course.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/log.h"
#include "core/text.h"
#include "train/retention.h"

namespace lathe::train {
namespace {

constexpr const char* kFinal = "final";
constexpr double kSameShare = 1e-12;

// What differs between a checkpoint's last phase and the request: a key with both values.
struct Difference {
  std::string key, then, now;
};

std::optional<Difference> object_difference(const Json& then, const Json& now) {
  for (const auto& [key, value] : now.as_object()) {
    const Json* before = then.find(key);
    if (before == nullptr || !(*before == value)) return Difference{key, before == nullptr ? "absent" : before->dump(), value.dump()};
  }
  for (const auto& [key, value] : then.as_object())
    if (!now.contains(key)) return Difference{key, value.dump(), "absent"};
  return std::nullopt;
}

std::optional<Difference> source_difference(const std::vector<LabSource>& then, const std::vector<LabSource>& now) {
  const auto list = [](const std::vector<LabSource>& sources, const auto& text) {
    std::string out;
    for (const LabSource& s : sources) out += (out.empty() ? "" : " ") + text(s);
    return out;
  };
  const auto same_set = [](const LabSource& a, const LabSource& b) { return a.id == b.id; };
  if (!std::equal(then.begin(), then.end(), now.begin(), now.end(), same_set)) {
    const auto path = [](const LabSource& s) { return s.path + " (manifest " + s.id.substr(0, 12) + ")"; };
    return Difference{"data_dirs", list(then, path), list(now, path)};
  }
  const auto same_share = [](const LabSource& a, const LabSource& b) { return std::fabs(a.share - b.share) <= kSameShare; };
  if (!std::equal(then.begin(), then.end(), now.begin(), now.end(), same_share)) {
    const auto share = [](const LabSource& s) { return shortest_double(s.share); };
    return Difference{"data_weights", list(then, share), list(now, share)};
  }
  return std::nullopt;
}

std::optional<Difference> difference(const LabCheckpoint& checkpoint, const CourseRequest& r) {
  const LabPhase& phase = checkpoint.record.phases.back();
  if (auto found = source_difference(phase.sources, r.sources)) return found;
  return object_difference(phase.settings, r.settings);
}

Error differs(const LabCheckpoint& checkpoint, const Difference& d, const std::string& ways_out) {
  return error_at(d.key, -1, "is ", d.now, ", the checkpoint ", checkpoint.folder.string(), " was made with ", d.then, "; ", ways_out);
}

Status require_fixed(const LabCheckpoint& checkpoint, const CourseRequest& r) {
  if (const auto d = object_difference(checkpoint.record.fixed, r.fixed))
    return differs(checkpoint, *d, "this may not change from phase to phase; take another --output_dir for another model");
  return {};
}

fs::path real_path(const fs::path& path) {
  std::error_code code;
  const fs::path out = fs::weakly_canonical(fs::absolute(path, code), code);
  return code ? path : out;
}

// All that stand in `run` and are whole, ascending, and a warning for each that is not.
Result<std::vector<LabCheckpoint>> whole_checkpoints(const fs::path& run, std::vector<std::string>& warnings) {
  std::vector<LabCheckpoint> all;
  std::error_code code;
  if (!fs::exists(run, code)) return all;
  for (const auto& entry : fs::directory_iterator(run, code)) {
    if (!entry.path().filename().string().starts_with("step_")) continue;
    Result<LabCheckpoint> read = read_lab_checkpoint(entry.path());
    if (!read.ok()) {
      warnings.push_back(entry.path().string() + " is skipped: " + read.error().to_string());
    } else if (checkpoint_folder(run, read.value().meta.step) != entry.path()) {
      warnings.push_back(join_text(entry.path().string(), " is skipped: it holds step ", read.value().meta.step));
    } else {
      all.push_back(std::move(read.value()));
    }
  }
  if (code) return error_at(run.string(), -1, "cannot list the checkpoints: ", code.message());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.meta.step < b.meta.step; });
  return all;
}

LabPhase new_phase(const CourseRequest& r, int64_t from_step, std::string from) {
  LabPhase phase;
  phase.from_step = from_step;
  phase.from = std::move(from);
  phase.settings = r.settings;
  phase.sources = r.sources;
  return phase;
}

class Planner {
 public:
  explicit Planner(const CourseRequest& request) : r_(request) {}

  Result<Course> plan() {
    LATHE_TRY(all_, whole_checkpoints(r_.run, course_.warnings));
    std::error_code code;
    if (fs::exists(r_.run / kFinal, code))
      if (Result<LabCheckpoint> read = read_lab_checkpoint(r_.run / kFinal); read.ok() && read.value().finished) final_ = std::move(read.value());
    LATHE_TRY_STATUS(r_.resume_from.empty() ? automatic() : named());
    return std::move(course_);
  }

 private:
  void fresh() {
    course_.start = CourseStart::kFresh;
    course_.record.fixed = r_.fixed;
    course_.record.phases = {new_phase(r_, 0, "")};
    course_.lines.push_back("Starting at step 0 in " + r_.run.string());
  }

  void exact(const LabCheckpoint& from) {
    course_.start = CourseStart::kExact;
    course_.from = from.folder;
    course_.step = from.meta.step;
    course_.record = from.record;
    course_.lines.push_back(join_text("Going on from ", from.folder.string(), " at step ", from.meta.step));
    const Json* horizon = from.meta.user_config.find("max_steps");
    if (horizon != nullptr && horizon->is_int() && horizon->as_int() != r_.max_steps)
      course_.lines.push_back(join_text("max_steps is now ", r_.max_steps, ", was ", horizon->as_int(), ": the rest of the schedule follows the new value"));
  }

  void finished(const LabCheckpoint& at) {
    course_.start = CourseStart::kFinished;
    course_.from = at.folder;
    course_.step = at.meta.step;
    course_.record = at.record;
    course_.lines.push_back(join_text("Already done: ", at.folder.string(), " holds step ", at.meta.step, " of ", r_.last_step,
                                      "; a larger max_steps goes on from it"));
  }

  // Row L-5.41. A horizon that shrank is a difference.
  Status horizon(const LabCheckpoint& at, const std::string& ways_out) const {
    const Json* before = at.meta.user_config.find("max_steps");
    if (before != nullptr && before->is_int() && r_.max_steps < before->as_int())
      return differs(at, {"max_steps", std::to_string(before->as_int()), std::to_string(r_.max_steps)}, ways_out);
    return {};
  }

  bool is_finished(const LabCheckpoint& latest) const {
    if (final_ && final_->meta.step >= r_.last_step) return true;
    return r_.last_step < r_.max_steps && latest.meta.step >= r_.last_step;  // a phase that has no `final`
  }

  Status automatic() {
    if (final_ && (all_.empty() || all_.back().meta.step < final_->meta.step)) all_.push_back(*final_);
    if (all_.empty() || r_.force) {
      fresh();
      course_.later_aside = r_.force;
      return {};
    }
    const LabCheckpoint& latest = all_.back();
    const std::string ways_out = "for a new phase say --resume_from_checkpoint " + latest.folder.string() + ", for a new run take another --output_dir";
    LATHE_TRY_STATUS(require_fixed(latest, r_));
    if (const auto d = difference(latest, r_)) return differs(latest, *d, ways_out);
    LATHE_TRY_STATUS(horizon(latest, ways_out));
    if (is_finished(latest)) {
      finished(final_ && final_->meta.step >= r_.last_step ? *final_ : latest);
      return {};
    }
    exact(latest);
    return {};
  }

  // Whether `later` went through what is asked for now: a phase that began at `from`, with these settings and data.
  bool descends(const LabCheckpoint& later, const LabCheckpoint& from, bool phase) const {
    if (difference(later, r_)) return false;
    const LabPhase& last = later.record.phases.back();
    if (!phase) return last.from_step == from.record.phases.back().from_step;
    if (last.from_step != from.meta.step) return false;
    // Not by its path: a run that was moved or copied is still the same course.
    LabRecord before = later.record;
    before.phases.pop_back();
    return before.to_json() == from.record.to_json();
  }

  // A folder of checkpoints instead of one, or the folder without the model's name: the error names the right one (as row L-15.11).
  Status require_checkpoint() const {
    std::error_code code;
    fs::path given = r_.resume_from;
    if (!given.has_filename()) given = given.parent_path();
    if (fs::exists(given / "meta.json", code)) return {};
    const fs::path inside = r_.run / given.filename();
    if (fs::exists(inside / "meta.json", code)) return error_at(r_.resume_from, -1, "is no checkpoint, but ", inside.string(), " is one; give that");
    if (!all_.empty() && real_path(given) == real_path(r_.run))
      return error_at(r_.resume_from, -1, "is the folder of the run; give one of its checkpoints, the last is ", all_.back().folder.string());
    return {};
  }

  Status named() {
    LATHE_TRY_STATUS(require_checkpoint());
    LATHE_TRY(const LabCheckpoint from, read_lab_checkpoint(r_.resume_from));
    LATHE_TRY_STATUS(require_fixed(from, r_));
    const auto d = difference(from, r_);
    const bool phase = d.has_value();
    if (!phase) LATHE_TRY_STATUS(horizon(from, "take another --output_dir for a shorter run"));
    if (from.meta.step >= r_.last_step && phase)
      return error_at("max_steps", -1, "is ", r_.last_step, ", ", from.folder.string(), " is already at step ", from.meta.step,
                      "; max_steps counts the steps of all phases");
    if (!r_.force && final_ && final_->meta.step >= r_.last_step && descends(*final_, from, phase)) {
      finished(*final_);
      return {};
    }
    LATHE_TRY_STATUS(later_ones(from, phase));
    exact(from);
    if (!phase) {
      if (from.meta.step >= r_.last_step && is_finished(from)) finished(from);
      return {};
    }
    course_.start = CourseStart::kPhase;
    LabPhase next = new_phase(r_, from.meta.step, real_path(from.folder).string());
    next.before = from.consumed();
    course_.record.phases.push_back(std::move(next));
    course_.lines = {join_text("Phase ", course_.record.phases.size(), " begins: weights, optimizer and step ", from.meta.step, " of ", from.folder.string(),
                               ", new order of the data (", d->key, " was ", d->then, ", is ", d->now, ")")};
    return {};
  }

  // Row L-5.61.
  Status later_ones(const LabCheckpoint& from, bool phase) {
    const LabCheckpoint* later = nullptr;
    const bool inside = real_path(from.folder).parent_path() == real_path(r_.run);
    for (const LabCheckpoint& c : all_)
      if (c.meta.step > from.meta.step || (!inside && c.meta.step == from.meta.step)) later = &c;
    if (later == nullptr && final_ && final_->meta.step > from.meta.step) later = &*final_;
    if (later == nullptr) return {};
    course_.later_aside = true;
    if (r_.force) return {};
    if (descends(*later, from, phase))
      return error_at(from.folder.string(), -1, "the run has gone on from it to ", later->folder.string(),
                      ": drop --resume_from_checkpoint to go on there, or start over with --force (the later ones are moved aside, not deleted)");
    return error_at(from.folder.string(), -1, "later checkpoints of another course stand in the output folder, the last is ", later->folder.string(),
                    ": take another --output_dir, or --force (the later ones are moved aside, not deleted)");
  }

  const CourseRequest& r_;
  Course course_;
  std::vector<LabCheckpoint> all_;
  std::optional<LabCheckpoint> final_;
};

// All files of a checkpoint folder under another name; shared where the file system can.
Status link_files(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::remove_all(to, code);
  LATHE_TRY_STATUS(make_folders(to));
  for (const auto& entry : fs::directory_iterator(from, code)) {
    const fs::path name = entry.path().filename();
    if (name == kKeepFile) continue;
    std::error_code linked, copied;
    fs::create_hard_link(entry.path(), to / name, linked);
    if (linked) fs::copy_file(entry.path(), to / name, copied);
    if (copied) return error_at((to / name).string(), -1, "cannot be written: ", copied.message());
  }
  if (code) return error_at(from.string(), -1, "cannot be read: ", code.message());
  return sync_folder(to);
}

Status put_in_place(const fs::path& work, const fs::path& place) {
  std::error_code code;
  const fs::path old = place.parent_path() / (".old_" + place.filename().string());
  fs::remove_all(old, code);
  if (fs::exists(place, code)) fs::rename(place, old, code);
  fs::rename(work, place, code);
  if (code) return error_at(place.string(), -1, "cannot be put in place: ", code.message());
  fs::remove_all(old, code);
  return sync_folder(place.parent_path());
}

Status move_aside(const fs::path& run, int64_t after) {
  std::error_code code;
  std::vector<fs::path> moved;
  LATHE_TRY(const std::vector<int64_t> steps, checkpoint_steps(run));
  for (const int64_t step : steps)
    if (step > after) moved.push_back(checkpoint_folder(run, step));
  if (fs::exists(run / kFinal, code)) moved.push_back(run / kFinal);
  if (moved.empty()) return {};
  int64_t n = 1;
  while (fs::exists(run / join_text("aside_", n), code)) ++n;
  const fs::path aside = run / join_text("aside_", n);
  LATHE_TRY_STATUS(make_folders(aside));
  for (const fs::path& folder : moved) {
    fs::rename(folder, aside / folder.filename(), code);
    if (code) return error_at(folder.string(), -1, "cannot be moved aside: ", code.message());
    log_warning("checkpoint", folder.string(), " is moved to ", (aside / folder.filename()).string());
  }
  return {};
}

}  // namespace

Result<Course> plan_course(const CourseRequest& request) { return Planner(request).plan(); }

Status prepare_course(const Course& course, const fs::path& run) {
  if (course.start == CourseStart::kFinished) return {};
  LATHE_TRY_STATUS(make_folders(run));
  std::error_code code;
  const bool inside = course.step >= 0 && real_path(course.from) == real_path(checkpoint_folder(run, course.step));
  if (course.later_aside) LATHE_TRY_STATUS(move_aside(run, inside ? course.step : -1));
  if (course.step < 0) return {};
  if (!inside) {
    const fs::path work = run / ".taking_over";
    LATHE_TRY_STATUS(link_files(course.from, work));
    LATHE_TRY_STATUS(put_in_place(work, checkpoint_folder(run, course.step)));
  }
  if (course.start != CourseStart::kPhase) return {};
  LATHE_TRY_STATUS(keep_checkpoint(checkpoint_folder(run, course.step), "a phase began here"));
  if (inside) return {};
  // A source that cannot be marked (another's folder, read-only) is not ours to remove either.
  if (const Status kept = keep_checkpoint(course.from, "a phase began here"); !kept.ok()) log_debug("checkpoint", kept.error().to_string());
  return {};
}

Status write_final(const fs::path& run, int64_t step) {
  const fs::path work = run / ".saving_final";
  LATHE_TRY_STATUS(link_files(checkpoint_folder(run, step), work));
  LATHE_TRY(Json meta, read_json(work / "meta.json"));
  meta[kFinishedKey] = true;
  LATHE_TRY_STATUS(write_json_atomic(work / "meta.json", meta));
  LATHE_TRY_STATUS(refresh_manifest(work));
  return put_in_place(work, run / kFinal);
}

}  // namespace lathe::train
