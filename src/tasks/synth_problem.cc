#include "tasks/synth_problem.h"

namespace lathe::tasks {

bool held_out(std::string_view key) {
  uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a, then a finaliser so that near keys are far apart
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBu;
  return (hash ^ (hash >> 31)) % 10 == 0;
}

}  // namespace lathe::tasks
