# A Python wheel is a zip file: fetch a pinned one, check its hash, unpack it under the build folder.
# Used only for the C++ libraries inside; no Python is needed at run time. Version and hash stand in tools/deps.
function(lathe_wheel name out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tools/deps")
  file(STRINGS "${CMAKE_SOURCE_DIR}/tools/deps" pin REGEX "^wheel +${name} ")
  string(REGEX REPLACE " +" ";" pin "${pin}")
  list(GET pin 2 version)
  list(GET pin 3 sha256)
  set(dir "${CMAKE_BINARY_DIR}/_wheels/${name}-${version}")
  if(NOT EXISTS "${dir}/.ok")
    find_program(LATHE_PYTHON NAMES python3 REQUIRED)
    file(WRITE "${dir}.txt" "${name}==${version} --hash=sha256:${sha256}\n")
    # The Python tag is fixed: only C++ files are used, so the machine's own Python does not matter.
    execute_process(
      COMMAND "${LATHE_PYTHON}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all:
              --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none
              --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --platform any
              --require-hashes -r "${dir}.txt" -d "${dir}.dl"
      RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "could not get the wheel ${name} ${version} (pip's message stands above; pip is installed by "
                          "tools/deps --install); -DLATHE_PARQUET=OFF builds without Parquet")
    endif()
    file(GLOB wheel "${dir}.dl/*.whl")
    file(ARCHIVE_EXTRACT INPUT "${wheel}" DESTINATION "${dir}")
    file(REMOVE_RECURSE "${dir}.dl")
    file(TOUCH "${dir}/.ok")
  endif()
  set(${out} "${dir}" PARENT_SCOPE)
endfunction()
