// A queue with turns: clients that wait come one after the other, each with the oldest of what it has there; so who sends much waits
// for himself. Bounded in all and for each client (trap S3).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lathe::infer {

// One thread.
template <class T>
class FairQueue {
 public:
  FairQueue(int64_t most, int64_t most_per_client) : most_(most), most_per_client_(most_per_client) {}

  int64_t size() const { return size_; }
  bool has_room(const std::string& client) const {
    if (size_ >= most_) return false;
    const auto it = waiting_.find(client);
    return it == waiting_.end() || static_cast<int64_t>(it->second.size()) < most_per_client_;
  }
  // Whether there was room.
  bool push(const std::string& client, T item) {
    if (!has_room(client)) return false;
    std::deque<T>& own = waiting_[client];
    if (own.empty()) turns_.push_back(client);
    own.push_back(std::move(item));
    ++size_;
    return true;
  }
  // Whose turn it is; the queue must not be empty.
  T& front() { return waiting_.find(turns_.front())->second.front(); }
  T pop() {
    const std::string client = std::move(turns_.front());
    turns_.pop_front();
    const auto it = waiting_.find(client);
    T item = std::move(it->second.front());
    it->second.pop_front();
    --size_;
    if (it->second.empty())
      waiting_.erase(it);
    else
      turns_.push_back(client);
    return item;
  }
  // Takes out what `leaves` says, in no particular order.
  template <class Leaves>
  std::vector<T> take_if(Leaves leaves) {
    std::vector<T> taken;
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      std::deque<T> stay;
      for (T& item : it->second) {
        if (leaves(item))
          taken.push_back(std::move(item));
        else
          stay.push_back(std::move(item));
      }
      it->second = std::move(stay);
      if (it->second.empty()) {
        std::erase(turns_, it->first);
        it = waiting_.erase(it);
      } else {
        ++it;
      }
    }
    size_ -= static_cast<int64_t>(taken.size());
    return taken;
  }

 private:
  const int64_t most_, most_per_client_;
  int64_t size_ = 0;
  std::map<std::string, std::deque<T>> waiting_;  // none is empty
  std::deque<std::string> turns_;                 // clients in waiting_, each once
};

}  // namespace lathe::infer
