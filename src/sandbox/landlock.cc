#include "sandbox/landlock.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace lathe::sandbox {
namespace {

// linux/landlock.h
constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr int kRulePathBeneath = 1;
constexpr uint32_t kAskVersion = 1;
constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3, kRemoveDir = 1 << 4, kRemoveFile = 1 << 5,
                   kMakeChar = 1 << 6, kMakeDir = 1 << 7, kMakeReg = 1 << 8, kMakeSock = 1 << 9, kMakeFifo = 1 << 10,
                   kMakeBlock = 1 << 11, kMakeSym = 1 << 12, kRefer = 1 << 13, kTruncate = 1 << 14, kIoctlDev = 1 << 15;
constexpr uint64_t kBindTcp = 1, kConnectTcp = 2;
constexpr uint64_t kScopeAbstractSocket = 1, kScopeSignal = 2;

struct RulesetAttributes {
  uint64_t handled_access_fs = 0, handled_access_net = 0, scoped = 0;
};
struct [[gnu::packed]] PathBeneath {
  uint64_t allowed_access = 0;
  int32_t parent_fd = -1;
};

uint64_t file_rights(int abi) {
  uint64_t rights = kExecute | kWriteFile | kReadFile | kReadDir | kRemoveDir | kRemoveFile | kMakeChar | kMakeDir | kMakeReg | kMakeSock |
                    kMakeFifo | kMakeBlock | kMakeSym;
  if (abi >= 2) rights |= kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDev;
  return rights;
}

bool allow(int ruleset, const char* path, uint64_t rights) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return false;
  PathBeneath rule;
  rule.allowed_access = rights;
  rule.parent_fd = fd;
  const bool ok = syscall(kAddRule, ruleset, kRulePathBeneath, &rule, 0) == 0;
  close(fd);
  return ok;
}

}  // namespace

int landlock_abi() {
  const long abi = syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

bool confine_with_landlock(int abi, const std::vector<std::string>& executables, const char* work) {
  RulesetAttributes attributes;
  attributes.handled_access_fs = file_rights(abi);
  attributes.handled_access_net = kBindTcp | kConnectTcp;
  attributes.scoped = kScopeAbstractSocket | kScopeSignal;
  const size_t size = abi >= 6 ? sizeof attributes : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
  const int ruleset = static_cast<int>(syscall(kCreateRuleset, &attributes, size, 0));
  if (ruleset < 0) return false;
  const uint64_t known = file_rights(abi);
  bool ok = allow(ruleset, "/", kReadFile | kReadDir);
  ok = ok && allow(ruleset, "/dev/null", (kReadFile | kWriteFile | kTruncate) & known);
  ok = ok && allow(ruleset, work,
                   (kReadFile | kReadDir | kWriteFile | kRemoveDir | kRemoveFile | kMakeDir | kMakeReg | kMakeSym | kRefer | kTruncate) & known);
  for (const std::string& path : executables) ok = ok && allow(ruleset, path.c_str(), kExecute | kReadFile);
  ok = ok && syscall(kRestrictSelf, ruleset, 0) == 0;
  close(ruleset);
  return ok;
}

}  // namespace lathe::sandbox
