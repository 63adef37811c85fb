// The files of web/, compiled into the library by cmake/embed.cmake.
#pragma once

#include <string_view>
#include <vector>

namespace lathe::serve {

struct WebFile {
  std::string_view name;  // "app.js"
  std::string_view bytes;
};
const std::vector<WebFile>& web_files();

}  // namespace lathe::serve
