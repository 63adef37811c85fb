#include "core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <chrono>
#include <ctime>
#include <memory>

#include "core/log_record.h"

namespace lathe {
namespace {

struct LevelFace {
  const char* name;
  const char* colour;
  spdlog::level::level_enum level;
};
constexpr std::array<LevelFace, 6> kLevels = {{{"DEBUG", "\x1b[1;36m", spdlog::level::debug},
                                               {"INFO", "\x1b[1;32m", spdlog::level::info},
                                               {"WARNING", "\x1b[1;33m", spdlog::level::warn},
                                               {"ERROR", "\x1b[1;31m", spdlog::level::err},
                                               {"CRITICAL", "\x1b[1;35m", spdlog::level::critical},
                                               {"OFF", "", spdlog::level::off}}};

// Level names and colours are ours (row C-17.1), so the line is put together here and the sinks only write it.
struct Sinks {
  std::shared_ptr<spdlog::logger> terminal;
  std::shared_ptr<spdlog::logger> file;
  bool colours = isatty(STDERR_FILENO) != 0;
  Sinks() {
    terminal = std::make_shared<spdlog::logger>("lathe", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    prepare(*terminal);
  }
  std::atomic<bool> json = false;
  void prepare(spdlog::logger& logger) const {
    logger.set_pattern(json ? "%v" : "%Y-%m-%d %H:%M:%S - %v");
    logger.flush_on(spdlog::level::trace);
  }
};

Sinks& sinks() {
  static Sinks instance;
  return instance;
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (size_t i = 0; i < kLevels.size(); ++i)
    if (upper == kLevels[i].name) return static_cast<LogLevel>(i);
  return error("unknown log level \"", name, "\"; use DEBUG, INFO, WARNING or ERROR");
}

void set_log_level(LogLevel level) {
  sinks().terminal->set_level(kLevels[static_cast<size_t>(level)].level);
  if (sinks().file) sinks().file->set_level(kLevels[static_cast<size_t>(level)].level);
}

Status set_log_file(const std::string& path) {
  try {
    sinks().file = std::make_shared<spdlog::logger>("file", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& e) {
    return error_at(path, -1, "cannot open the log file: ", e.what());
  }
  sinks().prepare(*sinks().file);
  sinks().file->set_level(sinks().terminal->level());
  return {};
}

std::string emphasised(const std::string& text) {
  constexpr std::array<std::string_view, 4> kUnits = {"GB", "MB", "%", "docs"};
  const auto is_digit = [&](size_t i) { return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0; };
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const bool shard = text.compare(i, 6, "Shard ") == 0 && is_digit(i + 6);
    if (!shard && !(is_digit(i) && (i == 0 || !is_digit(i - 1)))) {
      out += text[i++];
      continue;
    }
    size_t end = shard ? i + 6 : i;
    while (is_digit(end) || (!shard && (text[end] == '.' || text[end] == ',') && is_digit(end + 1))) ++end;
    const size_t unit = end < text.size() && text[end] == ' ' ? end + 1 : end;
    bool bold = shard;
    for (const std::string_view word : kUnits)
      if (!shard && text.compare(unit, word.size(), word) == 0) {
        end = unit + word.size();
        bold = true;
        break;
      }
    out += shard ? "\x1b[1;32m" : bold ? "\x1b[1m" : "";
    out += text.substr(i, end - i);
    out += bold ? "\x1b[0m" : "";
    i = end;
  }
  return out;
}

namespace {

std::string json_line(const LevelFace& face, std::string_view module, const std::string& text, const Json& fields) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::string level = face.name;
  std::transform(level.begin(), level.end(), level.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  Json line = Json::object();
  line["time"] = join_text(date, format_text(".%03dZ", static_cast<int>(since % 1000)));
  line["level"] = level;
  line["module"] = module;
  line["message"] = repair_utf8(text);
  if (fields.is_object())
    for (const auto& [key, value] : fields.as_object()) line[key] = value;
  return line.dump();
}

}  // namespace

void set_log_format(LogFormat format) {
  sinks().json = format == LogFormat::kJson;
  sinks().prepare(*sinks().terminal);
  if (sinks().file) sinks().prepare(*sinks().file);
}

void log_text(LogLevel level, std::string_view module, const std::string& text) { log_record(level, module, text, {}); }

void log_record(LogLevel level, std::string_view module, const std::string& text, const Json& fields) {
  const LevelFace& face = kLevels[static_cast<size_t>(level)];
  if (sinks().json) {
    const std::string record = json_line(face, module, text, fields);
    sinks().terminal->log(face.level, record);
    if (sinks().file) sinks().file->log(face.level, record);
    return;
  }
  const auto line = [&](bool colours) {
    return join_text(module, " - ", colours ? face.colour : "", face.name, colours ? "\x1b[0m" : "", " - ",
                     colours && level == LogLevel::kInfo ? emphasised(text) : text);
  };
  sinks().terminal->log(face.level, line(sinks().colours));
  if (sinks().file) sinks().file->log(face.level, line(false));
}

}  // namespace lathe
