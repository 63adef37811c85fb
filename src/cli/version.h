// What `lathe --version` says.
#pragma once

#include <string>

namespace lathe::cli {

std::string version_text();  // version, commit, compiler, CPU and its features, devices
std::string banner();        // the lines at the start of a training run

}  // namespace lathe::cli
