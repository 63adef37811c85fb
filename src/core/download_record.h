// The name of lathe download's manifest where manifest.json is not free: in the base folder, or beside a file of that name.
#pragma once

namespace lathe {

inline constexpr const char* kDownloadsFile = "downloads.json";

}  // namespace lathe
