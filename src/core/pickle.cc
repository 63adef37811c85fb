#include "core/pickle.h"

#include <bit>
#include <map>

#include "core/check.h"

namespace lathe {
namespace {

constexpr size_t kMostNodes = size_t{1} << 24;
constexpr size_t kMostName = 256;  // of a module or class: names are copied, so that a few bytes must not stand for many

using Node = Pickle::Node;

// The stack machine of Python's pickle.py, with names and tuples where that one imports and calls.
class Machine {
 public:
  Machine(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  Result<uint32_t> run() {
    while (!stopped_) {
      opcode_at_ = at_;
      if (at_ >= bytes_.size()) return wrong("the file ends before its STOP");
      LATHE_TRY_STATUS(step(static_cast<uint8_t>(bytes_[at_++])));
      if (nodes.size() > kMostNodes) return wrong("more than 16 million values");
    }
    return result_;
  }

  std::vector<Node> nodes;

 private:
  Error wrong(std::string_view what) const { return error_at(path_, static_cast<int64_t>(opcode_at_), what); }

  Result<std::string_view> take(uint64_t count) {
    if (count > bytes_.size() - at_) return wrong("an argument reaches beyond the end of the file");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  Result<uint64_t> take_unsigned(size_t width) {  // little-endian
    LATHE_TRY(const std::string_view raw, take(width));
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= uint64_t{static_cast<uint8_t>(raw[i])} << (8 * i);
    return value;
  }
  Result<std::string_view> take_line() {
    const size_t newline = bytes_.find('\n', at_);
    if (newline == std::string_view::npos) return wrong("a line has no end");
    const std::string_view line = bytes_.substr(at_, newline - at_);
    at_ = newline + 1;
    return line;
  }

  Status push(Node node) {
    stack_.push_back(static_cast<uint32_t>(nodes.size()));
    nodes.push_back(std::move(node));
    return {};
  }
  Status push_int(int64_t value, PickleKind kind = PickleKind::kInt) {
    return push({kind, value, static_cast<double>(value), {}, {}});
  }
  Status push_text(PickleKind kind, size_t width) {
    LATHE_TRY(const uint64_t length, take_unsigned(width));
    LATHE_TRY(const std::string_view text, take(length));
    return push({kind, 0, 0, std::string(text), {}});
  }
  Result<std::vector<uint32_t>> pop(size_t count) {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() < floor + count) return wrong("the stack is empty");
    std::vector<uint32_t> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }
  Result<std::vector<uint32_t>> pop_to_mark() {
    if (marks_.empty()) return wrong("there is no MARK");
    std::vector<uint32_t> values(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }
  Status push_tuple(Result<std::vector<uint32_t>> items) {
    if (!items.ok()) return items.error();
    return push({PickleKind::kTuple, 0, 0, {}, std::move(items).value()});
  }
  Status push_object(PickleKind kind, size_t count) {
    LATHE_TRY(std::vector<uint32_t> items, pop(count));
    return push({kind, 0, 0, {}, std::move(items)});
  }
  // Adds items to the container below them.
  Status extend(PickleKind kind, Result<std::vector<uint32_t>> items) {
    if (!items.ok()) return items.error();
    if (stack_.empty() || nodes[stack_.back()].kind != kind) return wrong("no container of the right kind to add to");
    if (kind == PickleKind::kDict && items.value().size() % 2 != 0) return wrong("a key has no value");
    std::vector<uint32_t>& held = nodes[stack_.back()].items;
    held.insert(held.end(), items.value().begin(), items.value().end());
    return {};
  }
  Status put(uint64_t slot) {
    if (stack_.empty()) return wrong("the stack is empty");
    memo_[slot] = stack_.back();
    return {};
  }
  Status put_at(size_t width) {
    LATHE_TRY(const uint64_t slot, take_unsigned(width));
    return put(slot);
  }
  Status get(size_t width) {
    LATHE_TRY(const uint64_t slot, take_unsigned(width));
    const auto where = memo_.find(slot);
    if (where == memo_.end()) return wrong("nothing was stored under this number");
    stack_.push_back(where->second);
    return {};
  }
  Status integer(size_t width) {
    LATHE_TRY(const uint64_t raw, take_unsigned(width));
    if (width == 4) return push_int(static_cast<int32_t>(raw));
    return push_int(static_cast<int64_t>(raw));
  }
  Status long_integer() {
    LATHE_TRY(const uint64_t width, take_unsigned(1));
    if (width > 8) return wrong("an integer of more than 64 bits");
    LATHE_TRY(uint64_t raw, take_unsigned(width));
    if (width > 0 && width < 8 && (raw >> (8 * width - 1) & 1) != 0) raw |= ~uint64_t{0} << (8 * width);
    return push_int(static_cast<int64_t>(raw));
  }
  Status floating() {  // big-endian
    LATHE_TRY(const std::string_view raw, take(8));
    uint64_t bits = 0;
    for (const char byte : raw) bits = bits << 8 | static_cast<uint8_t>(byte);
    return push({PickleKind::kDouble, 0, std::bit_cast<double>(bits), {}, {}});
  }
  Status global_line() {
    LATHE_TRY(const std::string_view module, take_line());
    LATHE_TRY(const std::string_view name, take_line());
    return push({PickleKind::kGlobal, 0, 0, join_text(module, " ", name), {}});
  }
  Status global_from_stack() {
    LATHE_TRY(const std::vector<uint32_t> names, pop(2));
    if (nodes[names[0]].kind != PickleKind::kString || nodes[names[1]].kind != PickleKind::kString)
      return wrong("a class needs two names");
    if (nodes[names[0]].text.size() > kMostName || nodes[names[1]].text.size() > kMostName) return wrong("a class has a name of more than 256 bytes");
    return push({PickleKind::kGlobal, 0, 0, nodes[names[0]].text + " " + nodes[names[1]].text, {}});
  }
  // An OrderedDict, as PyTorch writes weights: called without arguments it is an empty dict that is filled later.
  Status reduce() {
    LATHE_TRY(std::vector<uint32_t> items, pop(2));
    const Node &function = nodes[items[0]], &arguments = nodes[items[1]];
    if (function.kind == PickleKind::kGlobal && function.text == "collections OrderedDict" && arguments.kind == PickleKind::kTuple &&
        arguments.items.empty())
      return push({PickleKind::kDict, 0, 0, {}, {}});
    return push({PickleKind::kObject, 0, 0, {}, std::move(items)});
  }
  Status build() {
    LATHE_TRY(const std::vector<uint32_t> state, pop(1));
    if (!stack_.empty() && nodes[stack_.back()].kind == PickleKind::kDict) return {};  // attributes of an OrderedDict
    if (stack_.empty() || nodes[stack_.back()].kind != PickleKind::kObject) return wrong("no object to give a state");
    nodes[stack_.back()].items.resize(2);
    nodes[stack_.back()].items.push_back(state[0]);
    return {};
  }
  Status stop() {
    LATHE_TRY(const std::vector<uint32_t> last, pop(1));
    if (!stack_.empty() || !marks_.empty()) return wrong("values are left over at the end");
    result_ = last[0];
    stopped_ = true;
    return {};
  }
  Status drop(size_t count) {
    const auto values = pop(count);
    return values.ok() ? Status{} : values.error();
  }
  Status skip(size_t count) {
    const auto skipped = take(count);
    return skipped.ok() ? Status{} : skipped.error();
  }

  Status step(uint8_t opcode) {
    switch (opcode) {
      case 0x80:
        return skip(1);  // PROTO
      case 0x95:
        return skip(8);  // FRAME
      case '.':
        return stop();  // STOP
      case '(':
        return marks_.push_back(stack_.size()), Status{};  // MARK
      case '0':
        return drop(1);  // POP
      case 'N':
        return push({});  // NONE
      case 0x88:
        return push_int(1, PickleKind::kBool);  // NEWTRUE
      case 0x89:
        return push_int(0, PickleKind::kBool);  // NEWFALSE
      case 'J':
        return integer(4);  // BININT
      case 'K':
        return integer(1);  // BININT1
      case 'M':
        return integer(2);  // BININT2
      case 0x8A:
        return long_integer();  // LONG1
      case 'G':
        return floating();  // BINFLOAT
      case 0x8C:
        return push_text(PickleKind::kString, 1);  // SHORT_BINUNICODE
      case 'X':
        return push_text(PickleKind::kString, 4);  // BINUNICODE
      case 0x8D:
        return push_text(PickleKind::kString, 8);  // BINUNICODE8
      case 'C':
        return push_text(PickleKind::kBytes, 1);  // SHORT_BINBYTES
      case 'B':
        return push_text(PickleKind::kBytes, 4);  // BINBYTES
      case 0x8E:
        return push_text(PickleKind::kBytes, 8);  // BINBYTES8
      case ')':
        return push({PickleKind::kTuple, 0, 0, {}, {}});  // EMPTY_TUPLE
      case ']':
        return push({PickleKind::kList, 0, 0, {}, {}});  // EMPTY_LIST
      case '}':
        return push({PickleKind::kDict, 0, 0, {}, {}});  // EMPTY_DICT
      case 't':
        return push_tuple(pop_to_mark());  // TUPLE
      case 0x85:
        return push_tuple(pop(1));  // TUPLE1
      case 0x86:
        return push_tuple(pop(2));  // TUPLE2
      case 0x87:
        return push_tuple(pop(3));  // TUPLE3
      case 'a':
        return extend(PickleKind::kList, pop(1));  // APPEND
      case 'e':
        return extend(PickleKind::kList, pop_to_mark());  // APPENDS
      case 's':
        return extend(PickleKind::kDict, pop(2));  // SETITEM
      case 'u':
        return extend(PickleKind::kDict, pop_to_mark());  // SETITEMS
      case 0x94:
        return put(memo_.size());  // MEMOIZE
      case 'q':
        return put_at(1);  // BINPUT
      case 'r':
        return put_at(4);  // LONG_BINPUT
      case 'h':
        return get(1);  // BINGET
      case 'j':
        return get(4);  // LONG_BINGET
      case 'c':
        return global_line();  // GLOBAL
      case 0x93:
        return global_from_stack();  // STACK_GLOBAL
      case 'R':
        return reduce();  // REDUCE
      case 0x81:
        return push_object(PickleKind::kObject, 2);  // NEWOBJ
      case 'Q':
        return push_object(PickleKind::kPersistent, 1);  // BINPERSID
      case 'b':
        return build();  // BUILD
      default:
        return wrong(format_text("opcode 0x%02x is not one that data files use", opcode));
    }
  }

  std::string_view bytes_;
  const std::string& path_;
  size_t at_ = 0, opcode_at_ = 0;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, uint32_t> memo_;
  uint32_t result_ = 0;
  bool stopped_ = false;
};

}  // namespace

Result<Pickle> Pickle::parse(std::string_view bytes, const std::string& path) {
  Machine machine(bytes, path);
  Pickle pickle;
  LATHE_TRY(pickle.root_, machine.run());
  pickle.nodes_ = std::move(machine.nodes);
  return pickle;
}

PickleKind PickleValue::kind() const { return pickle_->nodes_[node_].kind; }
int64_t PickleValue::integer() const { return pickle_->nodes_[node_].integer; }
double PickleValue::number() const { return pickle_->nodes_[node_].number; }
const std::string& PickleValue::text() const { return pickle_->nodes_[node_].text; }
size_t PickleValue::size() const { return pickle_->nodes_[node_].items.size(); }
PickleValue PickleValue::at(size_t item) const { return {pickle_, pickle_->nodes_[node_].items.at(item)}; }

int64_t PickleValue::find(std::string_view key) const {
  if (kind() != PickleKind::kDict) return -1;
  for (size_t i = 0; i < size(); i += 2)
    if (at(i).kind() == PickleKind::kString && at(i).text() == key) return static_cast<int64_t>(i + 1);
  return -1;
}
bool PickleValue::has(std::string_view key) const { return find(key) >= 0; }
PickleValue PickleValue::at(std::string_view key) const {
  const int64_t item = find(key);
  require(item >= 0, "[pickle] no key ", key);
  return at(static_cast<size_t>(item));
}

}  // namespace lathe
