# lathe_embed(ROOM FOLDER): compiles the files directly in FOLDER into the library of ROOM, behind src/ROOM/web_files.h.
# The sources are written again at build time when a file changes.
function(lathe_embed room folder)
  if(NOT TARGET lathe_${room} OR NOT EXISTS "${CMAKE_SOURCE_DIR}/src/${room}/web_files.h")
    return()
  endif()
  file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.*")
  set(out "${CMAKE_BINARY_DIR}/generated/${room}/web_files.cc")
  add_custom_command(
    OUTPUT "${out}"
    COMMAND "${CMAKE_COMMAND}" "-DLATHE_EMBED_OUT=${out}" "-DLATHE_EMBED_ROOM=${room}" "-DLATHE_EMBED_FOLDER=${CMAKE_SOURCE_DIR}/${folder}"
            -P "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    DEPENDS ${files} "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    COMMENT "Embedding ${folder}/" VERBATIM)
  target_sources(lathe_${room} PRIVATE "${out}")
endfunction()

# lathe_embed_text(ROOM FILE NAME): compiles one text file (below 60 kB) into the library of ROOM, behind src/ROOM/NAME.h,
# which declares std::string_view NAME(). A changed file is taken in by configuring again, which the build does by itself.
function(lathe_embed_text room file name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${file}")
  file(READ "${CMAKE_SOURCE_DIR}/${file}" content)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/generated/${room}/${name}.cc" @ONLY CONTENT "// Written by cmake/embed.cmake from @file@.
#include \"@room@/@name@.h\"

namespace lathe::@room@ {

std::string_view @name@() { return R\"text(@content@)text\"; }

}  // namespace lathe::@room@
")
  target_sources(lathe_${room} PRIVATE "${CMAKE_BINARY_DIR}/generated/${room}/${name}.cc")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB files "${LATHE_EMBED_FOLDER}/*.*")
  set(arrays "")
  set(entries "")
  foreach(file ${files})
    get_filename_component(name "${file}" NAME)
    string(MAKE_C_IDENTIFIER "${name}" id)
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "constexpr unsigned char k_${id}[] = {${bytes}0};\n")
    string(APPEND entries "      {\"${name}\", text(k_${id}, sizeof k_${id})},\n")
  endforeach()
  file(WRITE "${LATHE_EMBED_OUT}" "#include \"${LATHE_EMBED_ROOM}/web_files.h\"

namespace lathe::${LATHE_EMBED_ROOM} {
namespace {

${arrays}
std::string_view text(const unsigned char* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size - 1}; }

}  // namespace

const std::vector<WebFile>& web_files() {
  static const std::vector<WebFile> files = {
${entries}  };
  return files;
}

}  // namespace lathe::${LATHE_EMBED_ROOM}
")
endif()
