#include "sandbox/seccomp_filter.h"

namespace lathe::sandbox {

bool has_seccomp_library() { return false; }

Result<SeccompFilter> make_seccomp_filter() {
  return error("this build has no libseccomp; mend: tools/deps --install, then configure and build again");
}

}  // namespace lathe::sandbox
