# A Python wheel is a zip file: fetch a pinned one, check its hash, unpack it under the build folder.
# Used only for the C++ libraries inside; no Python is needed at run time.
function(lathe_wheel name version sha256 out)
  set(dir "${CMAKE_BINARY_DIR}/_wheels/${name}-${version}")
  if(NOT EXISTS "${dir}/.ok")
    find_program(LATHE_PYTHON NAMES python3 REQUIRED)
    file(WRITE "${dir}.txt" "${name}==${version} --hash=sha256:${sha256}\n")
    execute_process(
      COMMAND "${LATHE_PYTHON}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all:
              --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none
              --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --platform any
              --require-hashes -r "${dir}.txt" -d "${dir}.dl"
      RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "could not get the wheel ${name} ${version}; -DLATHE_PARQUET=OFF builds without Parquet")
    endif()
    file(GLOB wheel "${dir}.dl/*.whl")
    file(ARCHIVE_EXTRACT INPUT "${wheel}" DESTINATION "${dir}")
    file(REMOVE_RECURSE "${dir}.dl")
    file(TOUCH "${dir}/.ok")
  endif()
  set(${out} "${dir}" PARENT_SCOPE)
endfunction()
