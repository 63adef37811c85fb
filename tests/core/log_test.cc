#include "core/log.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <regex>

namespace lathe {
namespace {

// What a child process writes to standard error, read while the child is still alive: it waits to be released.
// `terminal`: its standard error is a pseudo terminal, else a pipe.
std::string stderr_of_living_child(bool terminal, const std::function<void()>& body, size_t lines) {
  int reader = -1, writer = -1, pipes[2], release[2];
  EXPECT_EQ(pipe(release), 0);
  if (terminal) {
    EXPECT_EQ(openpty(&reader, &writer, nullptr, nullptr, nullptr), 0);
  } else {
    EXPECT_EQ(pipe(pipes), 0);
    reader = pipes[0];
    writer = pipes[1];
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(writer, STDERR_FILENO);
    body();
    char byte = 0;
    [[maybe_unused]] const ssize_t ignored = read(release[0], &byte, 1);  // nothing is flushed by leaving
    _exit(0);
  }
  std::string text;
  while (static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) < lines) {
    char buffer[4096];
    const ssize_t count = read(reader, buffer, sizeof buffer);
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  EXPECT_EQ(write(release[1], "x", 1), 1);
  waitpid(child, nullptr, 0);
  for (const int file : {reader, writer, release[0], release[1]}) close(file);
  return text;
}

void three_lines() {
  log_info("data", "Shard 3: 1,024 docs, 12.5 MB");
  log_warning("train", "late");
  log_error("train", "lost");
}

// L-15.6
TEST(Log, EveryLineReachesAPipeAtOnce) {
  const std::string text = stderr_of_living_child(false, three_lines, 3);
  EXPECT_TRUE(std::regex_match(text, std::regex("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d - data - INFO - Shard 3: 1,024 docs, 12.5 MB\\n"
                                                "[-0-9: ]+ - train - WARNING - late\\n[-0-9: ]+ - train - ERROR - lost\\n")))
      << text;
}

// L-15.18
TEST(Log, ColoursOnlyOnATerminal) {
  EXPECT_EQ(stderr_of_living_child(false, three_lines, 3).find('\x1b'), std::string::npos);
  EXPECT_NE(stderr_of_living_child(true, three_lines, 3).find('\x1b'), std::string::npos);
}

// C-17.1
TEST(Log, LevelsAndFiguresHaveTheirColoursOnATerminal) {
  const std::string text = stderr_of_living_child(true, three_lines, 3);
  for (const char* part : {" - data - \x1b[1;32mINFO\x1b[0m - \x1b[1;32mShard 3\x1b[0m: \x1b[1m1,024 docs\x1b[0m, \x1b[1m12.5 MB\x1b[0m",
                           " - train - \x1b[1;33mWARNING\x1b[0m - late", " - train - \x1b[1;31mERROR\x1b[0m - lost"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_EQ(emphasised("step 12 of 30, 40%"), "step 12 of 30, \x1b[1m40%\x1b[0m");
  EXPECT_EQ(emphasised("Shards 7"), "Shards 7");
  EXPECT_EQ(emphasised("1.5GB. 2"), "\x1b[1m1.5GB\x1b[0m. 2");
}

}  // namespace
}  // namespace lathe
