# Run at build time: writes OUTPUT with the commit and the build type, and touches it only when they changed.
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=* WORKING_DIRECTORY "${SOURCE_DIR}"
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT commit)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#pragma once
// Written by cmake/build_commit.cmake.
inline constexpr const char* kBuildCommit = \"${commit}\";
inline constexpr const char* kBuildType = \"${BUILD_TYPE}\";
")
