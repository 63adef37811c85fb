// Python's pickle format read as plain data (protocols 2 to 5, the opcodes that data files use). Nothing is imported,
// called or built: a class or function stays its name, an object its class, arguments and state; an OrderedDict is a dict. Safe on hostile
// input: no recursion, bounded memory, every offset checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace lathe {

enum class PickleKind {
  kNone,
  kBool,
  kInt,
  kDouble,
  kString,
  kBytes,
  kList,
  kTuple,
  kDict,        // items: key, value, key, value, ...
  kGlobal,      // text: "module name"
  kObject,      // items: class or function, arguments[, state]
  kPersistent,  // items: the id of something that is stored elsewhere
};

class Pickle;

// One value of a Pickle, which must outlive it. Values may be shared, and may contain themselves.
class PickleValue {
 public:
  PickleKind kind() const;
  int64_t integer() const;          // of kInt and kBool, else 0
  double number() const;            // of kDouble, kInt and kBool, else 0
  const std::string& text() const;  // of kString, kBytes and kGlobal, else empty
  size_t size() const;              // items of containers and objects
  PickleValue at(size_t item) const;
  bool has(std::string_view key) const;        // a dict with this string key
  PickleValue at(std::string_view key) const;  // throws when has(key) is false

 private:
  friend class Pickle;
  PickleValue(const Pickle* pickle, uint32_t node) : pickle_(pickle), node_(node) {}
  int64_t find(std::string_view key) const;
  const Pickle* pickle_;
  uint32_t node_;
};

class Pickle {
 public:
  // `path` is only for messages; errors carry the byte offset of the opcode.
  static Result<Pickle> parse(std::string_view bytes, const std::string& path);
  PickleValue root() const { return {this, root_}; }

  struct Node {
    PickleKind kind = PickleKind::kNone;
    int64_t integer = 0;
    double number = 0;
    std::string text;
    std::vector<uint32_t> items;
  };

 private:
  friend class PickleValue;
  std::vector<Node> nodes_;
  uint32_t root_ = 0;
};

}  // namespace lathe
