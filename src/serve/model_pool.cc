#include "serve/model_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "core/check.h"
#include "core/log.h"
#include "core/text.h"

namespace lathe::serve {

struct ModelPool::Impl {
  using Found = std::function<void(Lookup)>;
  struct Place {  // of an entry without a base
    std::shared_ptr<ServedModel> model;
    uint64_t last_use = 0;
    std::vector<std::pair<size_t, Found>> waiting;  // entries of this model and who asked for them
    bool is_wanted = false;                         // in `wanted`
  };

  explicit Impl(int64_t most) : most_loaded(most) {}

  size_t place_of(size_t entry) const {
    if (entries[entry].base.empty()) return entry;
    return find_entry(entries[entry].base);
  }
  size_t find_entry(std::string_view name) const {
    size_t i = 0;
    while (i < entries.size() && entries[i].name != name) ++i;
    return i;
  }
  void want(size_t place) {
    if (std::exchange(places[place].is_wanted, true)) return;
    wanted.push_back(place);
    changed.notify_all();
  }
  Lookup target(size_t entry, size_t place) { return {{places[place].model, entries[entry].adapter}, Failure::kUnknown, ""}; }

  void run();
  bool make_room(std::unique_lock<std::mutex>& lock);
  void load(size_t place, std::unique_lock<std::mutex>& lock);
  void answer(size_t place, const std::string& message, std::unique_lock<std::mutex>& lock);

  const int64_t most_loaded;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<ModelEntry> entries;
  std::vector<Place> places;  // beside the entries
  std::deque<size_t> wanted;  // places, in the order in which they were asked for
  uint64_t uses = 0;
  bool first_was_loaded = false, stopping = false;
  std::string why;
  std::thread thread;
};

void ModelPool::Impl::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || !wanted.empty(); });
    if (stopping) return;
    const size_t place = wanted.front();
    wanted.pop_front();
    if (make_room(lock)) load(place, lock);
    else answer(place, join_text("there is no place for the model ", entries[place].name, ": ", most_loaded, " are loaded and in use; try again later"), lock);
  }
}

// Throws out the model that was idle for longest, if need be. Returns with the lock, which it gives up in between.
bool ModelPool::Impl::make_room(std::unique_lock<std::mutex>& lock) {
  Place* oldest = nullptr;
  int64_t loaded = 0;
  for (Place& place : places) {
    if (!place.model) continue;
    ++loaded;
    // Targets are given away under the lock alone: what nobody else holds now stays so.
    const bool idle = place.model.use_count() == 1 && (!place.model->worker || place.model->worker->idle());
    if (idle && (oldest == nullptr || place.last_use < oldest->last_use)) oldest = &place;
  }
  if (loaded < most_loaded) return true;
  if (oldest == nullptr) return false;
  std::shared_ptr<ServedModel> out = std::exchange(oldest->model, nullptr);
  lock.unlock();
  log_info("serve", "model ", out->name, " makes room for another");
  out.reset();  // its memory is free before the next one takes any
  lock.lock();
  return true;
}

void ModelPool::Impl::load(size_t place, std::unique_lock<std::mutex>& lock) {
  const auto make = entries[place].load;
  const std::string name = entries[place].name;
  lock.unlock();
  Result<std::shared_ptr<ServedModel>> made = error("nothing was loaded");
  try {
    made = make();
  } catch (const std::exception& e) {
    made = error(e.what());
  }
  if (made.ok() && !made.value()) made = error("nothing was loaded");
  if (made.ok()) log_info("serve", "model ", name, " is ready on ", made.value()->device, " after ", format_text("%.3f", made.value()->load_seconds), " s");
  else log_error("serve", "model ", name, ": ", made.error().to_string());
  lock.lock();
  if (made.ok()) {
    places[place].model = std::move(made).value();
    places[place].last_use = ++uses;
    if (place == place_of(0)) first_was_loaded = true;
  }
  // The reason names files of this machine: it goes to the log, not to those who ask.
  answer(place, made.ok() ? "" : join_text("the model ", name, " could not be loaded; the server's log says why"), lock);
}

void ModelPool::Impl::answer(size_t place, const std::string& message, std::unique_lock<std::mutex>& lock) {
  auto waiting = std::exchange(places[place].waiting, {});
  places[place].is_wanted = false;
  std::vector<std::pair<Found, Lookup>> answers;
  for (auto& [entry, found] : waiting) {
    if (message.empty()) answers.emplace_back(std::move(found), target(entry, place));
    else answers.emplace_back(std::move(found), Lookup{{}, Failure::kUnavailable, message});
  }
  lock.unlock();
  for (auto& [found, lookup] : answers) found(std::move(lookup));
  answers.clear();  // targets must not be held while the lock is waited for: they would look used
  lock.lock();
}

ModelPool::ModelPool(int64_t most_loaded) : impl_(std::make_unique<Impl>(most_loaded)) {
  require(most_loaded >= 1, "[model_pool] at least one model must be loaded, not ", most_loaded);
}

ModelPool::~ModelPool() { stop(); }

void ModelPool::set_entries(std::vector<ModelEntry> entries) {
  const std::lock_guard lock(impl_->mutex);
  require(impl_->entries.empty() && !entries.empty(), "[model_pool] entries are set once, and there is at least one");
  impl_->entries = std::move(entries);
  impl_->places.resize(impl_->entries.size());
  for (size_t i = 0; i < impl_->entries.size(); ++i) {
    const ModelEntry& entry = impl_->entries[i];
    require(impl_->find_entry(entry.name) == i, "[model_pool] two entries are called ", entry.name);
    const size_t place = impl_->place_of(i);
    require(place < impl_->entries.size() && impl_->entries[place].base.empty() && impl_->entries[place].load,
            "[model_pool] entry ", entry.name, " rests on nothing that can be loaded");
  }
  impl_->want(impl_->place_of(0));
  if (!impl_->stopping) impl_->thread = std::thread([this] { impl_->run(); });
}

std::vector<ModelEntry> ModelPool::entries() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<ModelEntry> out = impl_->entries;
  for (ModelEntry& entry : out) entry.load = {};
  return out;
}

void ModelPool::find(std::string_view name, std::function<void(Lookup)> found) {
  Lookup at_once;
  {
    const std::lock_guard lock(impl_->mutex);
    const size_t entry = name.empty() ? 0 : impl_->find_entry(name);
    if (impl_->stopping || impl_->entries.empty()) {
      at_once = {{}, Failure::kUnavailable, impl_->stopping ? impl_->why : "no model is loaded yet"};
    } else if (entry == impl_->entries.size()) {
      at_once = {{}, Failure::kUnknown, join_text("the model \"", name, "\" does not exist; GET /v1/models lists those that do")};
    } else {
      const size_t place = impl_->place_of(entry);
      if (!impl_->places[place].model) {
        impl_->places[place].waiting.emplace_back(entry, std::move(found));
        impl_->want(place);
        return;
      }
      impl_->places[place].last_use = ++impl_->uses;
      at_once = impl_->target(entry, place);
    }
  }
  found(std::move(at_once));
}

PoolState ModelPool::state() const {
  PoolState out;
  const std::lock_guard lock(impl_->mutex);
  out.ready = impl_->first_was_loaded && !impl_->stopping;
  for (const Impl::Place& place : impl_->places)
    if (place.model) out.models.push_back({place.model->name, place.model->worker ? place.model->worker->state() : ModelWorkerState{}, place.model->device, place.model->about});
  return out;
}

void ModelPool::stop(std::string_view why) {
  std::vector<std::pair<size_t, Impl::Found>> waiting;
  std::vector<std::shared_ptr<ServedModel>> models;
  std::thread thread;
  {
    const std::lock_guard lock(impl_->mutex);
    thread.swap(impl_->thread);
    if (!std::exchange(impl_->stopping, true)) impl_->why = why;
    for (Impl::Place& place : impl_->places) {
      for (auto& asked : std::exchange(place.waiting, {})) waiting.push_back(std::move(asked));
      if (place.model) models.push_back(place.model);
    }
    impl_->changed.notify_all();
  }
  for (auto& [entry, found] : waiting) found({{}, Failure::kUnavailable, std::string(why)});
  for (const auto& model : models)
    if (model->worker) model->worker->stop(why);
  if (thread.joinable()) thread.join();  // a load under way is waited for
  // What it brought is not served any more, and nobody else runs here now.
  std::vector<std::shared_ptr<ServedModel>> out;  // they go after the lock
  const std::lock_guard lock(impl_->mutex);
  for (Impl::Place& place : impl_->places)
    if (place.model) out.push_back(std::exchange(place.model, nullptr));
}

}  // namespace lathe::serve
